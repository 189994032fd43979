//# p: 1,2
//# vp: 2
//# exit: 132
//# expect-error: /rank 1\b.*(SIGILL|llegal)/
//# timeout: 20
// __builtin_trap in one rank.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 1)
        __builtin_trap();
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
