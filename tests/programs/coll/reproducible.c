//# p: 1,2
//# vp: 2,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A sum of doubles has the same bits in every rank and in every repetition, whoever comes late.
#include "../check.h"
#include <sched.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 50 };
    double mine[N], first[N], again[N], zero[N];
    for (int i = 0; i < N; i++)
        mine[i] = 1.0 / (rank * 3 + i + 1) * (i % 2 ? 1e10 : 1) - (rank % 3) * 1e-7;
    MPI_Allreduce(mine, first, N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    for (int round = 0; round < 20; round++) {
        int flag;
        for (int i = 0; i < (rank * 7 + round * 3) % 11; i++)
            MPI_Iprobe(MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
        MPI_Allreduce(mine, again, N, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        CHECK(memcmp(first, again, sizeof first) == 0, "repetition %d gives other bits", round);
    }
    memcpy(zero, first, sizeof zero);
    MPI_Bcast(zero, N, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    CHECK(memcmp(first, zero, sizeof first) == 0, "rank 0 has other bits");
    return FINISH("reproducible");
}
