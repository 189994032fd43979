//# isolate: image
//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /collective mismatch: rank \d+ is in MPI_Reduce with root \d, 4 bytes/
//# expect-not: still here
//# timeout: 20
// The same of a reduction.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int in[4] = {rank, 1, 2, 3}, out[16] = {0};
    (void)in;
    (void)out;
    MPI_Reduce(in, out, 1, MPI_INT, MPI_SUM, rank == 0 ? 0 : 1, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
