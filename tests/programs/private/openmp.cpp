//# p: 1,2
//# vp: 1,2,4
//# flags: -fopenmp
//# env: OMP_NUM_THREADS=2
//# compare: mpich
//# expect: /rank 0: OpenMP sum/
// OpenMP inside ranks: each rank has its own pool of threads, whose globals are the rank's.
#include "../check.h"
#include <omp.h>
#include <vector>

static int global_counter;
static int private_per_thread = 100;
#pragma omp threadprivate(private_per_thread)

int main(int argc, char **argv)
{
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    CHECK(provided >= MPI_THREAD_FUNNELED, "thread level %d", provided);
    CHECK_EQ(omp_get_max_threads(), 2);
    std::vector<double> field(10000, rank + 1.0);
    double sum = 0;
    for (int round = 0; round < 5; round++) {
        double local = 0;
        int team = 0;
#pragma omp parallel reduction(+ : local)
        {
#pragma omp master
            team = omp_get_num_threads();
            private_per_thread += rank;
#pragma omp for schedule(dynamic, 100)
            for (int i = 0; i < 10000; i++)
                local += field[static_cast<size_t>(i)];
#pragma omp atomic
            global_counter++;
#pragma omp critical
            CHECK_EQ(private_per_thread, 100 + rank * (round + 1));
        }
        CHECK_EQ(team, 2);
        CHECK(local == 10000.0 * (rank + 1), "sum of the threads is %f", local);
        MPI_Allreduce(&local, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
        CHECK(sum == 10000.0 * size * (size + 1) / 2, "sum of the ranks is %f", sum);
        CHECK_EQ(global_counter, 2 * (round + 1));
    }
    long tasks = 0;
#pragma omp parallel
#pragma omp single
    for (int i = 0; i < 50; i++) {
#pragma omp task
        {
#pragma omp atomic
            tasks += i;
        }
    }
    CHECK_EQ(tasks, 1225);
    printf("rank %d: OpenMP sum %.0f\n", rank, sum);
    MPI_Finalize();
    return 0;
}
