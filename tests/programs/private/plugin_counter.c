/* A plug-in that programs open with dlopen; it uses a symbol of the program and MPI. */
#include <mpi.h>
#include <stdio.h>

static int calls;
int plugin_state = 9;
static __thread int plugin_tls = 4;
extern int host_offset; /* the program is linked with -rdynamic */

__attribute__((constructor)) static void plugin_begin(void)
{
    plugin_state = 100;
}

int plugin_step(int value)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    calls++;
    plugin_tls += value;
    plugin_state += rank;
    MPI_Barrier(MPI_COMM_WORLD);
    return calls * 1000000 + plugin_tls * 1000 + host_offset;
}
