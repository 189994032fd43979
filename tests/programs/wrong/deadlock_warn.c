//# p: 1,2
//# vp: 2
//# run: --deadlock=warn --timeout 2
//# exit: 124
//# expect-error: /[Dd]eadlock/
//# expect-error: /rank 1\b.*MPI_Recv\b.*any rank\b.*any tag/
//# timeout: 10
// With --deadlock=warn the report comes and the job goes on waiting.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0;
    MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
