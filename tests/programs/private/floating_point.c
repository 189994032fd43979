//# p: 1,2
//# vp: 1,4,8,64
//# switch: hop,reference
//# isolate: image,none,process
//# flags: -O1 -frounding-math -lm
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The rounding mode, the exception flags and the enabled traps belong to a rank (MXCSR and x87 control word).
#define _GNU_SOURCE
#include "../check.h"
#include <fenv.h>
#include <math.h>

int main(int argc, char **argv)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    START(argc, argv);
    CHECK_EQ(fegetround(), FE_TONEAREST);
    int mode = modes[rank % 4];
    CHECK(fesetround(mode) == 0, "fesetround");
    if (rank % 3 == 1)
        feenableexcept(FE_DIVBYZERO | FE_INVALID);
    int traps = rank % 3 == 1 ? FE_DIVBYZERO | FE_INVALID : 0;
    for (int round = 0; round < 10; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        CHECK_EQ(fegetround(), mode);
        CHECK_EQ(fegetexcept(), traps);
        volatile double three = 3, one = 1;
        double third = one / three;
        double up = nextafter(1.0 / 3, 1);
        volatile long double longs = 1.0L;
        long double long_third = longs / 3;
        (void)up;
        if (mode == FE_UPWARD)
            CHECK(third * 3 > 1 || third > 0.33333333333333331, "1/3 rounded down in mode upward: %.20g", third);
        if (mode == FE_DOWNWARD || mode == FE_TOWARDZERO)
            CHECK(third <= 0.33333333333333331483, "1/3 rounded up: %.20g", third);
        if (mode == FE_UPWARD)
            CHECK(long_third * 3 >= 1, "long double 1/3 rounded down in mode upward");
        feclearexcept(FE_INEXACT);
        if (rank % 2) {
            volatile double inexact = one / three;
            (void)inexact;
        }
        MPI_Barrier(MPI_COMM_WORLD);
        CHECK_EQ(fetestexcept(FE_INEXACT) != 0, rank % 2);
    }
    fedisableexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    return FINISH("floating point");
}
