/* A library that takes addresses of functions of the program, of libc and of MPI. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

typedef void (*function)(void);
int functions_own(int x)
{
    return x - 1000;
}

function const functions_table[] = {(function)functions_own, (function)memcpy, (function)malloc, (function)MPI_Send};

function functions_of(int which)
{
    return functions_table[which];
}

int functions_apply(int (*f)(int), int value)
{
    return f(value);
}
