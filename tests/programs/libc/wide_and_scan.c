//# p: 1,2
//# vp: 1,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
//# flags: -lm
// Formatted input and output with long double, wide characters, strtod, and the math library, in the middle of switches.
#define _GNU_SOURCE
#include "../check.h"
#include <complex.h>
#include <math.h>
#include <wchar.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    char text[200];
    for (int round = 0; round < 20; round++) {
        long double x = sqrtl(rank + round + 2.0L);
        double complex z = cexp(I * (rank + 1));
        snprintf(text, sizeof text, "%.18Lf %.15g %a", x, creal(z), (double)rank + 0.1);
        MPI_Barrier(MPI_COMM_WORLD);
        long double y;
        double re, hex;
        CHECK(sscanf(text, "%Lf %lf %la", &y, &re, &hex) == 3, "sscanf of \"%s\"", text);
        CHECK(fabsl(x - y) < 1e-15L, "long double through text");
        CHECK(fabs(re - cos(rank + 1)) < 1e-12, "cexp");
        CHECK(hex == (double)rank + 0.1, "hexadecimal double");
    }
    wchar_t wide[50];
    swprintf(wide, 50, L"%ls %d", L"wide", rank);
    CHECK(wcstol(wide + 5, NULL, 10) == rank, "swprintf");
    char *end;
    CHECK(strtod("1e400", &end) == HUGE_VAL, "strtod overflow");
    CHECK_EQ(strtoull("18446744073709551615", NULL, 10) == ~0ull, 1);
    return FINISH("wide and scan");
}
