//# p: 1,2
//# vp: 1,4,16
//# exit: 5
//# expect-error: /MPI_Abort/
//# expect-error: /rank 0\b/
//# expect-error: /\b5\b/
//# expect-not: MPI_Abort returned
//# timeout: 20
// MPI_Abort(MPI_COMM_WORLD, 5): the job's exit code is 5; the call does not return; other ranks end too.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0) {
        MPI_Abort(MPI_COMM_WORLD, 5);
        printf("MPI_Abort returned\n");
    }
    for (;;)
        MPI_Barrier(MPI_COMM_WORLD);
}
