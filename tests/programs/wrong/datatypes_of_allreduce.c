//# isolate: image
//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /collective mismatch: rank \d+ is in MPI_Allreduce .*datatype/
//# expect-not: still here
//# timeout: 20
// A reduction of different kinds of numbers.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int in[4] = {rank, 1, 2, 3}, out[16] = {0};
    (void)in;
    (void)out;
    MPI_Allreduce(in, out, 1, rank ? MPI_INT : MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
