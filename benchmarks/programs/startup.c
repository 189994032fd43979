/* A small program with globals, for the time to start and end a job (measured around the command) and for the memory
 * that a rank needs.
 *
 *   memory RANKS KiB        memory of the job divided by the number of ranks, after a barrier
 *   init RANKS ms           from the start of main to the end of MPI_Init and a barrier, in rank 0
 */
#include "bench.h"

static int initialized[1000] = {1, 2, 3};
static double table[2000];
int *pointers[100] = {initialized, initialized + 1, initialized + 2};

/* A figure of /proc/self/smaps_rollup in KiB. */
static double kib_of(const char *key)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    double value = 0;
    size_t length = strlen(key);
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            value = atof(line + length + 1);
    if (file)
        fclose(file);
    return value;
}

int main(int argc, char **argv)
{
    double begin = now_ns();
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    initialized[rank % 1000] += rank;
    table[rank % 2000] = *pointers[0];
    MPI_Barrier(MPI_COMM_WORLD);
    double ready = now_ns();
    double memory = 0, all = 0;
#ifdef AMPI
    /* one process for all ranks, or several: the first rank of each counts it */
    int *process, *processes, flag;
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_NUM_PROCESSES, &processes, &flag);
    MPI_Comm_get_attr(MPI_COMM_WORLD, AMPI_MY_PROCESS, &process, &flag);
    int before = -1, mine = *process;
    MPI_Exscan(&mine, &before, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD); /* ranks are placed in blocks */
    if (rank == 0 || before < mine)
        memory = kib_of("Pss");
#else
    memory = kib_of("Pss");
#endif
    MPI_Reduce(&memory, &all, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
    if (rank == 0) {
        printf("memory %d %.4g KiB\n", size, all / size);
        printf("init %d %.4g ms\n", size, (ready - begin) * 1e-6);
        fflush(stdout);
    }
    MPI_Finalize();
    return table[0] < 0;
}
