//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Recv\b/
//# expect-error: /-7\b/
//# expect-error: /MPI_ERR_RANK/
//# expect-not: still here
//# timeout: 20
// A receive from rank -7, which is no constant of MPI.
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
    if (rank == 0)
        MPI_Recv(buffer, 1, MPI_INT, -7, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
