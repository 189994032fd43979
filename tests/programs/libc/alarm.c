//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// alarm in every rank: each gets its own SIGALRM in its own handler.
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t rang;

static void ring(int number)
{
    (void)number;
    rang++;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    signal(SIGALRM, ring);
    alarm(1);
    double begin = MPI_Wtime();
    while (!rang && MPI_Wtime() - begin < 15) {
        usleep(10000);
        MPI_Barrier(MPI_COMM_SELF);
    }
    CHECK_EQ(rang, 1);
    CHECK(MPI_Wtime() - begin > 0.9, "the alarm came after %.3f s", MPI_Wtime() - begin);
    MPI_Barrier(MPI_COMM_WORLD);
    alarm(100);
    MPI_Barrier(MPI_COMM_WORLD);
    unsigned left = alarm(0);
    CHECK(left > 90 && left <= 100, "alarm(0) says %u seconds were left", left);
    CHECK_EQ(rang, 1);
    return FINISH("alarm");
}
