/* --isolate=none: one image for all ranks; constructors run once; stack, heap and thread-locals are per rank. */
#include "test.h"
#include <stdio.h>
static int constructed, counted;
static __thread int mine = 3;
__attribute__((constructor)) static void start(void) { constructed++; }
__attribute__((destructor)) static void finish(void) { printf("destroyed once, counted %d\n", counted); }
int main(void)
{
    int r = ampi_test_rank();
    CHECK(constructed == 1);
    mine += r;
    __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&counted, __ATOMIC_SEQ_CST) < ampi_test_ranks())
        ampi_test_yield();
    CHECK(mine == 3 + r);
    printf("rank %d shared image fine\n", r);
    return 0;
}
