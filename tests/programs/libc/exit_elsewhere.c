//# p: 1,2
//# vp: 1,4,8
//# source: exit_elsewhere_quit.c
//# compare: mpich
//# expect-each: /^rank {rank}: atexit ran$/
// exit is called by a file that does not include mpi.h, after MPI_Finalize: handlers run per rank, in reverse order.
#include "../check.h"

void quit_with(int code);
static int my_rank, ran;

static void last(void)
{
    CHECK_EQ(ran, 2);
    printf("rank %d: atexit ran\n", my_rank);
}
static void middle(void)
{
    CHECK_EQ(ran, 1);
    ran = 2;
}
static void first(void)
{
    CHECK_EQ(ran, 0);
    ran = 1;
    atexit(middle); /* registered while handlers run: comes next */
}

int main(int argc, char **argv)
{
    atexit(last);
    START(argc, argv);
    my_rank = rank;
    atexit(first);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    quit_with(0);
    return 99;
}
