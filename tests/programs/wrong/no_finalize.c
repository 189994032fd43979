//# p: 1,2
//# vp: 4
//# exit: nonzero
//# expect-error: /rank 1\b/
//# expect-error: /MPI_Finalize/
//# timeout: 20
// A rank returns 0 from main without MPI_Finalize while the others wait.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 1)
        return 0;
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
