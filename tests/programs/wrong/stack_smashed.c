//# p: 1
//# vp: 2
//# flags: -fno-stack-protector -O0 -U_FORTIFY_SOURCE
//# exit: nonzero
//# expect-error: /rank 1\b.*(SIGSEGV|SIGBUS|SIGILL|egmentation fault)/
//# timeout: 20
// A buffer on the stack is overrun far enough to destroy every return address above it: the report is short, but comes.
#include "../check.h"

__attribute__((noinline)) static void overrun(volatile char *from)
{
    for (int i = 0; i < 400; i++)
        from[i] = 0x41;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    char block[16];
    if (rank == 1)
        overrun(block);
    if (rank == 1)
        return 0;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
