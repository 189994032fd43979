//# p: 1,2
//# vp: 1,8
//# expect-each: rank {rank} caught 3 faults
//# quiet: yes
// A rank's own handler for SIGSEGV and SIGFPE goes before ours, sees the address, and may leave with siglongjmp, again and
// again and while other ranks do the same.
#define _GNU_SOURCE
#include "../check.h"
#include <setjmp.h>
#include <signal.h>

static sigjmp_buf before;
static volatile int caught;
static void *volatile address;

static void handler(int signal, siginfo_t *info, void *context)
{
    (void)context;
    caught++;
    address = info->si_addr;
    siglongjmp(before, signal);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGFPE, &action, NULL);
    for (int i = 0; i < 2; i++) {
        MPI_Barrier(MPI_COMM_WORLD);
        volatile int *volatile nowhere = (int *)(0x1230 + 16l * rank);
        if (sigsetjmp(before, 1) == 0)
            *nowhere = 1;
        CHECK(address == (void *)nowhere, "address %p", address);
    }
    volatile int zero = 0, number = 5;
    if (sigsetjmp(before, 1) == 0)
        CHECK(number / zero < 0, "went on");
    MPI_Barrier(MPI_COMM_WORLD);
    printf("rank %d caught %d faults\n", rank, caught);
    MPI_Finalize();
    return 0;
}
