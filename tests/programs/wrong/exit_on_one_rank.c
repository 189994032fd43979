//# p: 1,2
//# vp: 4
//# exit: 3
//# expect-error: /rank 2\b/
//# expect-error: /exit/
//# expect-error: /MPI_Finalize/
//# timeout: 20
// exit(3) on one rank without MPI_Finalize while the others wait for it in a barrier.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 2)
        exit(3);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
