//# p: 1
//# vp: 1,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Local arrays of 600 KiB used from their far end first, as Fortran codes do.
#include "../check.h"

__attribute__((noinline)) static double work(int rank)
{
    volatile double field[75000];
    for (int i = 74999; i >= 0; i--)
        field[i] = rank;
    MPI_Barrier(MPI_COMM_WORLD);
    double sum = 0;
    for (int i = 0; i < 75000; i++)
        sum += field[i];
    return sum;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK(work(rank) == 75000.0 * rank, "sum over a large local array");
    return FINISH("large local array");
}
