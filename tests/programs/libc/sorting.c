//# p: 1,2
//# vp: 1,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Callbacks from libc into the rank: qsort (with an MPI call inside), qsort_r, bsearch, ftw-like walking, lfind.
#define _GNU_SOURCE
#include "../check.h"
#include <search.h>

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

static int compare_and_yield(const void *a, const void *b, void *counter)
{
    int flag;
    if (++*(int *)counter % 64 == 0)
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    return compare(a, b);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 2000 };
    int numbers[N], calls = 0;
    unsigned state = (unsigned)rank * 77u + 1;
    for (int i = 0; i < N; i++) {
        state = state * 1103515245u + 12345u;
        numbers[i] = (int)(state >> 8) % 10000;
    }
    qsort_r(numbers, N, sizeof *numbers, compare_and_yield, &calls);
    for (int i = 1; i < N; i++)
        CHECK(numbers[i - 1] <= numbers[i], "elements %d and %d are not in order", i - 1, i);
    CHECK(calls >= N - 1, "%d comparisons", calls);
    int key = numbers[N / 3], *found = bsearch(&key, numbers, N, sizeof key, compare);
    CHECK(found && *found == key, "bsearch");
    size_t count = N;
    found = lfind(&key, numbers, &count, sizeof key, compare);
    CHECK(found && *found == key, "lfind");
    return FINISH("sorting");
}
