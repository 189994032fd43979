//# p: 1,2
//# vp: 1,8
//# compare: mpich
//# expect-each: /^rank {rank}: quick$/
//# expect-not: atexit must not run
// _Exit and quick_exit after MPI_Finalize: even ranks use quick_exit with a handler, odd ranks _Exit after a flush.
#define _GNU_SOURCE
#include "../check.h"
#include <unistd.h>

static int my_rank;
static void quick(void)
{
    printf("rank %d: quick\n", my_rank);
    fflush(stdout);
}
static void never(void)
{
    puts("atexit must not run");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    my_rank = rank;
    atexit(never);
    at_quick_exit(quick);
    MPI_Finalize();
    if (rank % 2 == 0)
        quick_exit(0);
    quick();
    _exit(0);
}
