//# p: 1,2
//# vp: 4
//# expect-each: hello from a program without MPI
// ampirun starts a program that never calls MPI_Init: each rank runs it to its end.
#include <stdio.h>

int main(void)
{
    printf("hello from a program without MPI\n");
    return 0;
}
