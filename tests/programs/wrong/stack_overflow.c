//# isolate: image
//# p: 1,2
//# vp: 1,4
//# switch: hop,reference
//# exit: nonzero
//# expect-error: /rank 0\b.*stack/
//# expect-error: /--stack-size/
//# timeout: 20
// Endless recursion: the message names the rank, the size of its stack and the option that raises it.
#include "../check.h"

__attribute__((noinline)) static int dive(volatile int *depth)
{
    volatile char block[1000];
    block[0] = (char)*depth;
    *depth += 1;
    return *depth < 0 ? 0 : dive(depth) + block[0];
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int depth = 0;
    if (rank == 0)
        printf("%d\n", dive(&depth));
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
