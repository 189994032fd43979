//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /MPI_Send\b/
//# expect-error: /\b99\b/
//# expect-error: /MPI_COMM_WORLD/
//# expect-error: /MPI_ERR_RANK/
//# expect-not: still here
//# timeout: 20
// A send to a rank that does not exist: function, value, communicator and size are named.
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
    if (rank == 1)
        MPI_Send(buffer, 1, MPI_INT, 99, 0, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
