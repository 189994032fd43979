//# p: 1
//# vp: 8
//# switch: hop,reference
//# compare: mpich
//# expect: sleep: ok on 8 ranks
// Eight ranks that sleep 200 ms one after the other take far less than 1.6 s: a sleeping rank lets others run.
#define _GNU_SOURCE
#include "../check.h"
#include <poll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int kind = 0; kind < 6; kind++) {
        double begin = now();
        struct timespec nap = {0, 200000000};
        struct timeval wait = {0, 200000};
        switch (kind) {
        case 0: usleep(200000); break;
        case 1: nanosleep(&nap, NULL); break;
        case 2: clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL); break;
        case 3: select(0, NULL, NULL, NULL, &wait); break;
        case 4: poll(NULL, 0, 200); break;
        default: CHECK(sleep(1) == 0, "sleep was interrupted"); break;
        }
        double own = now() - begin;
        double wanted = kind < 5 ? 0.2 : 1;
        CHECK(own > wanted * 0.99, "kind %d slept only %.3f s", kind, own);
        MPI_Barrier(MPI_COMM_WORLD);
        double all = now() - begin, longest = 0;
        MPI_Reduce(&all, &longest, 1, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
        CHECK(rank != 0 || longest < wanted + 0.8, "kind %d: %d ranks needed %.3f s for a sleep of %.1f s", kind, size, longest,
              wanted);
    }
    return FINISH("sleep");
}
