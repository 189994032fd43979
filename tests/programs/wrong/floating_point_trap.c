//# p: 1,2
//# vp: 1,4
//# flags: -lm
//# exit: 136
//# expect-error: /rank 0\b.*(SIGFPE|loating.point|arithmetic)/
//# timeout: 20
// A division by zero with traps enabled.
#define _GNU_SOURCE
#include "../check.h"
#include <fenv.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    volatile double zero = 0;
    if (rank == 0) {
        feenableexcept(FE_DIVBYZERO);
        printf("%f\n", 1 / zero);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
