//# p: 1
//# vp: 1
//# launch: direct
//# expect: a program that never calls MPI
// Configure scripts run programs that are linked with the library and call nothing of it.
#include <stdio.h>

int main(void)
{
    printf("a program that never calls MPI\n");
    return 0;
}
