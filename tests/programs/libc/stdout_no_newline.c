//# p: 1
//# vp: 1
//# compare: mpich
//# expect: the end has no newline
// Output without a final newline is flushed when the program ends.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Finalize();
    printf("the end has no newline");
    return 0;
}
