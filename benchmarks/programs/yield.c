/* What it costs to let the next rank run: all ranks of one PE (or core) yield in turn.
 *
 *   yield RANKS ns   time for one switch from a rank to the next: wall time / (ranks x yields of each)
 *
 * With AMPI that is AMPI_Yield; with other MPIs sched_yield between processes bound to one core. Run on one PE.
 */
#include "bench.h"
#include <sched.h>

#ifdef AMPI
#define YIELD() AMPI_Yield()
#else
#define YIELD() sched_yield()
#endif

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int each = argc > 1 ? atoi(argv[1]) : 1000000 / size + 1, batches = 12;
    double values[MOST_BATCHES];
    for (int b = 0; b < batches; b++) {
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = now_ns();
        for (int i = 0; i < each; i++)
            YIELD();
        MPI_Barrier(MPI_COMM_WORLD);
        values[b] = (now_ns() - begin) / ((double)each * size);
    }
    if (rank == 0)
        bench_print("yield", size, values, batches, "ns");
    MPI_Finalize();
    return 0;
}
