//# p: 1,2
//# vp: 2,4
//# exit: nonzero
//# expect-error: /collective mismatch: rank \d+ is in MPI_Allreduce with \d+ bytes/
//# expect-not: still here
//# timeout: 20
// A reduction to which the members bring vectors of different lengths.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    static int in[5], out[5];
    MPI_Allreduce(in, out, rank == 0 ? 5 : 3, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
