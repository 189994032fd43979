//# p: 1,2
//# vp: 1,8
//# isolate: image,none,process
//# flags: -O2
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Registers that a call must preserve keep their values across a blocking call (x86-64: rbx, rbp, r12-r15).
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
#if defined(__x86_64__)
    for (long round = 0; round < 20; round++) {
        long sum;
        long base = rank * 1000 + round;
        register long a __asm__("rbx") = base + 1;
        register long b __asm__("r12") = base + 2;
        register long c __asm__("r13") = base + 3;
        register long d __asm__("r14") = base + 4;
        register long e __asm__("r15") = base + 5;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
        MPI_Barrier(MPI_COMM_WORLD);
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
        sum = a + b + c + d + e;
        CHECK_EQ(sum, 5 * (rank * 1000 + round) + 15);
    }
#endif
    return FINISH("registers");
}
