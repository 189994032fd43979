//# p: 1,2
//# vp: 1,2,4
//# switch: hop,reference
//# flags: -fopenmp
//# env: OMP_NUM_THREADS=3
//# compare: mpich
//# expect: /ok on \d+ ranks/
// OpenMP in C with MPI calls by the master between and inside parallel regions.
#include "../check.h"
#include <omp.h>

static int shared_sum;

int main(int argc, char **argv)
{
    int provided, rank, size;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int round = 0; round < 10; round++) {
        int all = 0;
        shared_sum = 0;
#pragma omp parallel
        {
#pragma omp for reduction(+ : shared_sum)
            for (int i = 0; i < 300; i++)
                shared_sum += i + rank;
#pragma omp master
            MPI_Allreduce(&shared_sum, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
#pragma omp barrier
            CHECK_EQ(omp_get_num_threads(), 3);
        }
        CHECK_EQ(all, size * 44850 + 300 * size * (size - 1) / 2);
    }
    return FINISH("funneled OpenMP");
}
