/* What the benchmark programs share: a clock, minima and medians of batches, and the lines that the harness reads.
 *
 * A line of output is `name size value unit`; a name that ends in `.median` is the median of the batches, one without
 * the minimum. Everything is measured in batches whose length is chosen so that a batch lasts about a millisecond.
 */
#ifndef BENCH_H
#define BENCH_H

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MOST_BATCHES 400

static inline double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int bench_ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints minimum and median of `count` values. Sorts them. */
static inline void bench_print(const char *name, long size, double *values, int count, const char *unit)
{
    qsort(values, (size_t)count, sizeof *values, bench_ascending);
    printf("%s %ld %.4g %s\n", name, size, values[0], unit);
    printf("%s.median %ld %.4g %s\n", name, size, values[count / 2], unit);
    fflush(stdout);
}

/* The same for rates, of which the largest is the best. */
static inline void bench_print_rate(const char *name, long size, double *values, int count, const char *unit)
{
    qsort(values, (size_t)count, sizeof *values, bench_ascending);
    printf("%s %ld %.4g %s\n", name, size, values[count - 1], unit);
    printf("%s.median %ld %.4g %s\n", name, size, values[count / 2], unit);
    fflush(stdout);
}

/* How often to repeat something that takes `each` ns, so that all of it takes `total` ns; between 1 and `most`. */
static inline int bench_repeat(double each, double total, int most)
{
    double n = total / (each > 1 ? each : 1);
    return n < 1 ? 1 : n > most ? most : (int)n;
}

#endif
