//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /[Dd]eadlock|mismatch/
//# timeout: 10
// Half of the ranks are in a barrier of the world, the others in one of a duplicate.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm twin;
    MPI_Comm_dup(MPI_COMM_WORLD, &twin);
    MPI_Barrier(rank % 2 ? twin : MPI_COMM_WORLD);
    MPI_Barrier(rank % 2 ? MPI_COMM_WORLD : twin);
    MPI_Finalize();
    return 0;
}
