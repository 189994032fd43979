//# isolate: image
//# p: 1,2
//# vp: 2
//# exit: 139
//# expect-error: /rank 1\b.*(SIGSEGV|egmentation fault).* in MPI_Send\b/
//# expect-error: /hand_over at .*segfault_in_call\.c:\d+/
//# timeout: 20
// A buffer that is not there is given to MPI_Send: the report names the call, and the backtrace who called.
#include "../check.h"

__attribute__((noinline)) static int hand_over(void *buffer)
{
    int code = MPI_Send(buffer, 4, MPI_INT, 0, 0, MPI_COMM_WORLD);
    return code + 1;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int numbers[4] = {0};
    if (rank == 1)
        hand_over((void *)0x123000);
    else
        MPI_Recv(numbers, 4, MPI_INT, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
