//# isolate: image
//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /collective mismatch: rank \d+ is in MPI_Bcast with root/
//# expect-not: still here
//# timeout: 20
// A broadcast of whose root the members have different ideas.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int in[4] = {rank, 1, 2, 3}, out[16] = {0};
    (void)in;
    (void)out;
    MPI_Bcast(in, 1, MPI_INT, rank % 2, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
