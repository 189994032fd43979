//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /\b8\b/
//# timeout: 10
// The tags differ: the receiver waits for tag 8, the sender has used 7 and is done.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = rank;
    if (rank == 0)
        MPI_Send(&value, 1, MPI_INT, 1, 7, MPI_COMM_WORLD);
    else
        MPI_Recv(&value, 1, MPI_INT, 0, 8, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
