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
    counted++;
    ampi_test_yield();
    CHECK(mine == 3 + r && counted == ampi_test_ranks());
    printf("rank %d shared image fine\n", r);
    return 0;
}
