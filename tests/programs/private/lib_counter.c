/* A user's shared library with globals, a constructor, a thread-local variable and a function that calls MPI. */
#include <mpi.h>
#include <stdio.h>

int counter_global = 10;
static int counter_static;
__thread int counter_tls = 500;
int *counter_pointer = &counter_global;
static int constructed;
extern int program_variable; /* defined by the program */

__attribute__((constructor)) static void counter_begin(void)
{
    constructed++;
}

__attribute__((destructor)) static void counter_end(void)
{
    printf("library: ended with %d\n", counter_global);
}

int counter_constructed(void)
{
    return constructed;
}

int counter_add(int value)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    counter_global += value;
    counter_static += rank;
    counter_tls++;
    program_variable += 1;
    MPI_Barrier(MPI_COMM_WORLD);
    return counter_static;
}

/* The library's view of addresses that the program compares with its own. */
int *counter_address(void)
{
    return &counter_global;
}

int *counter_tls_address(void)
{
    return &counter_tls;
}

int counter_twice(int value)
{
    return 2 * value;
}

int (*counter_function(void))(int)
{
    return counter_twice;
}

int (*counter_libc_function(void))(const char *)
{
    return puts;
}
