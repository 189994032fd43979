//# p: 1,2
//# vp: 1,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Half a mebibyte of stack in use across switches: recursion, alloca and variable-length arrays keep their contents.
#include "../check.h"
#include <alloca.h>

static int dive(int depth, int rank)
{
    int size = 500 + rank % 13;
    volatile int array[size];
    char *block = alloca(256);
    memset(block, (rank + depth) % 100, 256);
    for (int i = 0; i < size; i++)
        array[i] = rank * depth + i;
    int below = 0;
    if (depth % 25 == 0)
        MPI_Barrier(MPI_COMM_WORLD);
    if (depth > 0)
        below = dive(depth - 1, rank);
    for (int i = 0; i < size; i++)
        CHECK_EQ(array[i], rank * depth + i);
    for (int i = 0; i < 256; i++)
        CHECK_EQ(block[i], (rank + depth) % 100);
    return below + 1;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    for (int round = 0; round < 3; round++)
        CHECK_EQ(dive(200, rank), 201);
    return FINISH("stack");
}
