//# p: 1,2
//# vp: 3
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /rank 2\b.*MPI_Finalize\b/
//# timeout: 10
// A rank receives from one that is in MPI_Finalize already.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0;
    if (rank == 0)
        MPI_Recv(&value, 1, MPI_INT, 2, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
