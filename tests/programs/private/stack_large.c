//# p: 1,2
//# vp: 1,8
//# isolate: image,none
//# run: --stack-size 64M
//# expect: /ok on \d+ ranks/
// 40 MiB of stack when asked for. (A program started by another MPI gets the shell's limit: not compared.)
#include "../check.h"

static long dive(int depth)
{
    volatile char block[1 << 20];
    for (size_t i = 0; i < sizeof block; i += 4096)
        block[i] = (char)depth;
    if (depth == 20)
        MPI_Barrier(MPI_COMM_WORLD);
    long sum = depth > 0 ? dive(depth - 1) : 0;
    return sum + block[4096];
}

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK_EQ(dive(39), 39 * 40 / 2);
    return FINISH("large stack");
}
