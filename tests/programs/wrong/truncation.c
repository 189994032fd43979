//# p: 1,2
//# vp: 2,4
//# exit: nonzero
//# expect-error: /MPI_Recv\b/
//# expect-error: /MPI_ERR_TRUNCATE/
//# expect-error: /\b16\b/
//# expect-error: /\b8\b/
//# expect-not: still here
//# timeout: 20
// A message longer than the receive buffer: both lengths, source and tag are named.
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
        MPI_Send(buffer, 4, MPI_INT, 1, 5, MPI_COMM_WORLD);
    if (rank == 1) {
        MPI_Recv(buffer, 2, MPI_INT, 0, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        printf("still here\n");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
