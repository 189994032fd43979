/* OpenMP: every rank has its own team (a private libgomp) and its own threadprivate variables. */
#include "test.h"
#include <omp.h>
#include <stdio.h>
static int per_thread;
#pragma omp threadprivate(per_thread)
int main(void)
{
    int r = ampi_test_rank();
    long sum = 0, counted = 0;
    for (int k = 0; k < 10; k++) {
#pragma omp parallel for reduction(+ : sum) num_threads(3)
        for (int i = 0; i < 999; i++) { per_thread++; sum += i + r; }
        ampi_test_yield();
    }
#pragma omp parallel reduction(+ : counted) num_threads(3)
    counted += per_thread;
    CHECK(sum == 10L * (498501 + 999 * r) && counted == 9990);
    printf("rank %d openmp fine\n", r);
    return 0;
}
