//# isolate: image
//# p: 1,2
//# vp: 1,4
//# exit: 134
//# expect-error: /rank 0\b.*(SIGABRT|abort)/
//# timeout: 20
// abort() in one rank.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0)
        abort();
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
