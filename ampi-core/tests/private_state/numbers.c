/* Random sequences, digits, gamma. */
#define _GNU_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    for (int i = 0; i < 40; i++)
        printf("%d %ld ", rand(), random());
    srand(42);
    for (int i = 0; i < 400; i++)
        printf("%d ", rand());
    char mine[64], tiny[8];
    char *old = initstate(7, mine, sizeof mine);
    printf("\n%ld %ld", random(), random());
    setstate(old);
    printf(" %ld", random());
    char *was = setstate(mine);
    printf(" %d %ld", was == old, random());
    initstate(3, tiny, sizeof tiny);
    printf(" %ld %ld %d\n", random(), random(), initstate(1, tiny, 4) == NULL);
    printf("%f %ld %ld ", drand48(), lrand48(), mrand48());
    srand48(99);
    printf("%f %ld %ld ", drand48(), lrand48(), mrand48());
    unsigned short x[3] = {1, 2, 3}, p[7] = {1, 2, 3, 4, 5, 6, 7};
    printf("%f %ld %ld ", erand48(x), nrand48(x), jrand48(x));
    unsigned short *o = seed48(x);
    printf("%d %d %d %f ", o[0], o[1], o[2], drand48());
    lcong48(p);
    printf("%f\n", drand48());
    for (long n = 0; n < 70; n += 7)
        printf("%s ", l64a(n * n * n * 1000003));
    int point, sign;
    printf("%s ", ecvt(-1234.5678, 6, &point, &sign));
    printf("%d %d %s ", point, sign, fcvt(0.001234, 8, &point, &sign));
    printf("%d %d\n", point, sign);
    double g = lgamma(-0.5);
    printf("%.12f %d ", g, signgam);
    g = lgamma(4.5);
    printf("%.12f %d\n", g, signgam);
    return 0;
}
