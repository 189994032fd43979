//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect-each: /^rank {rank} closes its stdout$/
// A rank that closes its stdout in an exit handler, as coreutils programs do, closes nobody else's.
#include "../check.h"
#include <unistd.h>

static void close_stdout(void)
{
    if (fclose(stdout) != 0)
        _exit(99);
}

int main(int argc, char **argv)
{
    atexit(close_stdout);
    START(argc, argv);
    if (rank % 2)
        MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d closes its stdout\n", rank);
    if (rank % 2 == 0)
        MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
