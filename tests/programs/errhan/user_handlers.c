//# p: 1,2
//# vp: 1,2,4
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// User error handlers of communicators: called with the communicator and the code, inherited by copies, replaced, freed.
#include "../check.h"

static int calls, last_class;
static MPI_Comm last_comm;

static void handler(MPI_Comm *comm, int *code, ...)
{
    calls++;
    last_comm = *comm;
    MPI_Error_class(*code, &last_class);
}

static void other_handler(MPI_Comm *comm, int *code, ...)
{
    (void)comm;
    (void)code;
    calls += 100;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Errhandler mine, second, got;
    MPI_Comm comm, twin;
    int value = 0;
    MPI_Comm_get_errhandler(MPI_COMM_WORLD, &got);
    CHECK(got == MPI_ERRORS_ARE_FATAL, "the handler of the world is not MPI_ERRORS_ARE_FATAL");
    MPI_Errhandler_free(&got);
    MPI_Comm_create_errhandler(handler, &mine);
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_errhandler(comm, mine);
    int code = MPI_Send(&value, 1, MPI_INT, size + 1, 0, comm);
    CHECK(calls == 1 && last_class == MPI_ERR_RANK && last_comm == comm, "calls %d class %d", calls, last_class);
    CHECK(code != MPI_SUCCESS, "the code is lost when the handler returns");
    MPI_Comm_dup(comm, &twin);
    MPI_Bcast(&value, -3, MPI_INT, 0, twin);
    CHECK(calls == 2 && last_class == MPI_ERR_COUNT && last_comm == twin, "the copy has another handler");
    MPI_Comm_get_errhandler(twin, &got);
    CHECK(got == mine, "MPI_Comm_get_errhandler gives another handler");
    MPI_Errhandler_free(&got);
    MPI_Errhandler_free(&mine); /* lives on while communicators use it */
    CHECK(mine == MPI_ERRHANDLER_NULL, "MPI_Errhandler_free leaves the handle");
    MPI_Send(&value, -1, MPI_INT, 0, 0, comm);
    CHECK_EQ(calls, 3);
    MPI_Comm_create_errhandler(other_handler, &second);
    MPI_Comm_set_errhandler(comm, second);
    MPI_Send(&value, -1, MPI_INT, 0, 0, comm);
    CHECK_EQ(calls, 103);
    MPI_Comm_call_errhandler(comm, MPI_ERR_OTHER);
    CHECK_EQ(calls, 203);
    MPI_Errhandler_free(&second);
    MPI_Comm_free(&comm);
    MPI_Comm_free(&twin);
    return FINISH("user error handlers");
}
