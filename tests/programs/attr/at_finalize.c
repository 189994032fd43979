//# p: 1,2
//# vp: 1,4
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_Finalize deletes the attributes of MPI_COMM_SELF first, in the reverse order of setting, while MPI still works.
#include "../check.h"

static int order;
static int delete(MPI_Comm comm, int keyval, void *value, void *extra)
{
    (void)comm;
    (void)keyval;
    (void)extra;
    int rank, finalized;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Finalized(&finalized);
    CHECK(!finalized, "already finalized");
    CHECK_EQ((int)(size_t)value, 3 - order);
    order++;
    return MPI_SUCCESS;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    for (int i = 1; i <= 3; i++) {
        int key;
        MPI_Comm_create_keyval(MPI_COMM_NULL_COPY_FN, delete, &key, NULL);
        MPI_Comm_set_attr(MPI_COMM_SELF, key, (void *)(size_t)i);
        MPI_Comm_free_keyval(&key);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    CHECK_EQ(order, 3);
    if (rank == 0)
        printf("attributes at finalize: ok on %d ranks\n", size);
    return 0;
}
