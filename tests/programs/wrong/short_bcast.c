//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /MPI_Bcast: less data was sent than this member expects/
//# expect-not: still here
//# timeout: 20
// A broadcast of less than the others expect.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int in[4] = {rank, 1, 2, 3}, out[16] = {0};
    (void)in;
    (void)out;
    MPI_Bcast(in, rank ? 4 : 2, MPI_INT, 0, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
