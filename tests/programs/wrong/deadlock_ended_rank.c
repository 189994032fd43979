//# p: 1,2
//# vp: 3
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /rank 0\b.*MPI_Recv\b.*rank 2\b.*has ended/
//# timeout: 10
// A rank receives from one that has ended, another waits in a collective.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0;
    if (rank == 0)
        MPI_Recv(&value, 1, MPI_INT, 2, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (rank == 1)
        MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
