//# vp: 1,8
//# expect: disconnect: ok on {vp} ranks
//# compare: mpich
// MPI_Comm_disconnect waits for all members and gives the handle up, with its attributes; nobody has a parent.
#include "../check.h"

static int deleted;

static int gone(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm, (void)keyval, (void)extra;
    deleted += *(int *)value;
    return MPI_SUCCESS;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int keyval, value = 5, out = rank, in = -1, before = (rank + size - 1) % size;
    MPI_Comm parent = MPI_COMM_WORLD, copy;
    MPI_Request request;
    CHECK_EQ(MPI_Comm_get_parent(&parent), MPI_SUCCESS);
    CHECK(parent == MPI_COMM_NULL, "nobody was spawned");

    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, gone, &keyval, NULL);
    MPI_Comm_set_attr(copy, keyval, &value);
    MPI_Irecv(&in, 1, MPI_INT, before, 0, copy, &request);
    MPI_Send(&out, 1, MPI_INT, (rank + 1) % size, 0, copy);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    CHECK_EQ(MPI_Comm_disconnect(&copy), MPI_SUCCESS);
    CHECK(copy == MPI_COMM_NULL, "the handle is given up");
    CHECK_EQ(deleted, 5);
    CHECK_EQ(in, before);
    MPI_Comm_free_keyval(&keyval);
    return FINISH("disconnect");
}
