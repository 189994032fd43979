//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /MPI_Ssend/
//# timeout: 10
// Two ranks send to each other synchronously, each before it receives.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = rank;
    MPI_Ssend(&value, 1, MPI_INT, 1 - rank, 1, MPI_COMM_WORLD);
    MPI_Recv(&value, 1, MPI_INT, 1 - rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
