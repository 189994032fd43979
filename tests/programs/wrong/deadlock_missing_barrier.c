//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /MPI_Barrier/
//# expect-error: /rank 2\b.*MPI_Recv\b/
//# timeout: 10
// One rank receives a message that nobody sends while the others are in a barrier.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0;
    if (rank == 2)
        MPI_Recv(&value, 1, MPI_INT, 0, 4711, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
