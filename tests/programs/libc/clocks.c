//# p: 1,2
//# vp: 1,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Clocks: time, gettimeofday, clock_gettime, clock, MPI_Wtime and MPI_Wtick agree with each other and run forward.
#define _GNU_SOURCE
#include "../check.h"
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    double before = MPI_Wtime();
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 200; i++) {
        double now = MPI_Wtime();
        CHECK(now >= before, "MPI_Wtime ran backwards by %g s", before - now);
        before = now;
        int flag;
        MPI_Iprobe(MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    }
    double begin = MPI_Wtime();
    clock_gettime(CLOCK_MONOTONIC, &a);
    usleep(100000);
    MPI_Barrier(MPI_COMM_WORLD);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double measured = MPI_Wtime() - begin, wanted = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    CHECK(measured - wanted < 0.05 && wanted - measured < 0.05, "MPI_Wtime says %.3f s, the clock %.3f s", measured, wanted);
    CHECK(MPI_Wtick() > 0 && MPI_Wtick() < 0.01, "MPI_Wtick is %g", MPI_Wtick());
    struct timeval day;
    gettimeofday(&day, NULL);
    CHECK(labs((long)(time(NULL) - day.tv_sec)) <= 1, "time and gettimeofday differ");
    CHECK(clock() >= 0, "clock");
    return FINISH("clocks");
}
