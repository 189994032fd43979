//# p: 1,2
//# vp: 3
//# switch: hop,reference
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /rank 0\b.*MPI_Recv\b.*rank 2\b/
//# expect-error: /rank 1\b.*MPI_Recv\b.*rank 0\b/
//# expect-error: /rank 2\b.*MPI_Recv\b.*rank 1\b/
//# timeout: 10
// Every rank receives before it sends: the report names who waits in which call for whom.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0, left = (rank + size - 1) % size, right = (rank + 1) % size;
    MPI_Recv(&value, 1, MPI_INT, left, 17, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(&value, 1, MPI_INT, right, 17, MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
