//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /collective mismatch.*(end of MPI|MPI_Finalize)/
//# expect-not: still here
//# timeout: 20
// One rank leaves MPI while the others are in a barrier.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int in[4] = {rank, 1, 2, 3}, out[16] = {0};
    (void)in;
    (void)out;
    if (rank) MPI_Barrier(MPI_COMM_WORLD); else return MPI_Finalize();
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
