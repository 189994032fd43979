//# p: 1,2
//# vp: 1,4
//# expect-each: rank {rank} had its alarm
//# timeout: 20
// A rank that only calls MPI acts on its alarm there.
#include "../check.h"
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t rang;

static void handler(int signal)
{
    (void)signal;
    rang = 1;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    signal(SIGALRM, handler);
    alarm(1);
    int flag;
    while (!rang)
        MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    printf("rank %d had its alarm\n", rank);
    MPI_Finalize();
    return 0;
}
