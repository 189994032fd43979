//# p: 1,2
//# vp: 1,8
//# isolate: image,none,process
//# lib: lib_functions.c
//# flags: -rdynamic -lm -ldl
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A function has one address inside a rank, taken in the program, in a library, through dlsym or from data.
#define _GNU_SOURCE
#include "../check.h"
#include <dlfcn.h>
#include <math.h>

typedef void (*function)(void);
extern function const functions_table[];
int functions_apply(int (*f)(int), int value);
function functions_of(int which);

int functions_own(int x)
{
    return x + 1;
} /* also defined in the library: the program's wins everywhere */

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int twice(int x)
{
    return 2 * x;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK(functions_of(0) == (function)functions_own, "functions_own has two addresses");
    CHECK(functions_of(1) == (function)memcpy, "memcpy has two addresses");
    CHECK(functions_of(2) == (function)malloc, "malloc has two addresses");
    CHECK(functions_of(3) == (function)MPI_Send, "MPI_Send has two addresses");
    CHECK(functions_table[1] == functions_of(1), "the library's table differs from its code");
    CHECK((function)dlsym(RTLD_DEFAULT, "malloc") == (function)malloc, "dlsym gives another malloc");
    CHECK((function)dlsym(RTLD_DEFAULT, "MPI_Send") == (function)MPI_Send, "dlsym gives another MPI_Send");
    CHECK((function)dlsym(RTLD_DEFAULT, "functions_apply") == (function)functions_apply, "dlsym gives another function");
    CHECK_EQ(functions_apply(twice, rank), 2 * rank);
    CHECK_EQ(functions_apply(functions_own, rank), rank + 1);
    int numbers[64];
    for (int i = 0; i < 64; i++)
        numbers[i] = (i * 37 + rank) % 64;
    MPI_Barrier(MPI_COMM_WORLD);
    qsort(numbers, 64, sizeof *numbers, compare);
    for (int i = 0; i < 64; i++)
        CHECK_EQ(numbers[i], i);
    double (*volatile root)(double) = sqrt;
    CHECK(root(rank * (double)rank) == rank, "sqrt through a pointer");
    return FINISH("function pointers");
}
