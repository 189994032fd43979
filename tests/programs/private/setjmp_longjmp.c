//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// setjmp in one MPI phase, longjmp after other ranks have run; sigsetjmp too.
#include "../check.h"
#include <setjmp.h>

static jmp_buf environment;
static sigjmp_buf signal_environment;
static volatile int rounds;

static void jump_from_below(int depth, int rank)
{
    volatile char pad[300];
    pad[0] = (char)depth;
    MPI_Barrier(MPI_COMM_WORLD);
    if (depth == 0)
        longjmp(environment, rank + 1);
    if (depth > 0)
        jump_from_below(depth - 1, rank);
    CHECK_EQ(pad[0], 99);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    volatile int value = rank;
    int result = setjmp(environment);
    if (result != 0)
        CHECK_EQ(result, rank + 1);
    CHECK_EQ(value, rank + rounds);
    if (rounds < 10) {
        rounds++;
        value++;
        jump_from_below(5, rank);
    }
    CHECK_EQ(rounds, 10);
    volatile int jumped = 0;
    if (sigsetjmp(signal_environment, 1) == 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        siglongjmp(signal_environment, 1);
    } else {
        jumped = 1;
        MPI_Barrier(MPI_COMM_WORLD);
    }
    CHECK_EQ(jumped, 1);
    return FINISH("setjmp");
}
