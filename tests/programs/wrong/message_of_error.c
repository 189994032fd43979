//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /MPI_Send\b/
//# expect-error: /the grid/
//# expect-error: /\b1234\b/
//# expect-not: still here
//# timeout: 20
// A wrong argument names the communicator by the name it was given.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int buffer[4] = {rank, 2, 3, 4};
    MPI_Datatype type = MPI_INT;
    MPI_Comm comm = MPI_COMM_WORLD;
    (void)buffer;
    (void)type;
    (void)comm;
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm_set_name(comm, "the grid");
    MPI_Send(buffer, 1, MPI_INT, 1234, 0, comm);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
