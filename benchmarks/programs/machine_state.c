/* The state of the machine, without any MPI: two threads hand a cache line to and fro. A shared or throttled machine
 * changes this figure by a factor; comparisons are worth nothing without it.
 *
 *   line 0 ns   one transfer of a line between the first two cores that this process may use
 *   spin 0 ns   a fixed piece of work on one core
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Alignas(128) atomic_uint line;
static int cores[2] = {0, 0};

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void bind_to(int core)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(core, &set);
    sched_setaffinity(0, sizeof set, &set);
}

#define ROUNDS 2000
#define BATCHES 100

static void *answer(void *argument)
{
    bind_to(cores[1]);
    for (unsigned i = 0; i < ROUNDS * BATCHES; i++) {
        while (atomic_load_explicit(&line, memory_order_acquire) != 2 * i + 1)
            ;
        atomic_store_explicit(&line, 2 * i + 2, memory_order_release);
    }
    return argument;
}

int main(void)
{
    cpu_set_t allowed;
    int found = 0;
    sched_getaffinity(0, sizeof allowed, &allowed);
    for (int c = 0; c < CPU_SETSIZE && found < 2; c++)
        if (CPU_ISSET(c, &allowed))
            cores[found++] = c;
    double least = 1e30;
    if (found == 2) {
        pthread_t thread;
        pthread_create(&thread, NULL, answer, NULL);
        bind_to(cores[0]);
        unsigned i = 0;
        for (int b = 0; b < BATCHES; b++) {
            double begin = now_ns();
            for (int k = 0; k < ROUNDS; k++, i++) {
                atomic_store_explicit(&line, 2 * i + 1, memory_order_release);
                while (atomic_load_explicit(&line, memory_order_acquire) != 2 * i + 2)
                    ;
            }
            double each = (now_ns() - begin) / (2.0 * ROUNDS);
            least = each < least ? each : least;
        }
        pthread_join(thread, NULL);
        printf("line 0 %.4g ns\n", least);
    }
    double begin = now_ns();
    volatile unsigned x = 1;
    for (int k = 0; k < 1000000; k++)
        x = x * 3 + 1;
    printf("spin 0 %.4g ns\n", (now_ns() - begin) * 1e-6);
    return 0;
}
