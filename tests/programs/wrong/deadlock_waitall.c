//# p: 1,2
//# vp: 2
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# expect-error: /MPI_Waitall/
//# timeout: 10
// A request that is never satisfied among others that are.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = rank, got[2];
    MPI_Request requests[3];
    MPI_Irecv(&got[0], 1, MPI_INT, 1 - rank, 1, MPI_COMM_WORLD, &requests[0]);
    MPI_Irecv(&got[1], 1, MPI_INT, MPI_ANY_SOURCE, 2, MPI_COMM_WORLD, &requests[1]);
    MPI_Isend(&value, 1, MPI_INT, 1 - rank, 1, MPI_COMM_WORLD, &requests[2]);
    MPI_Waitall(3, requests, MPI_STATUSES_IGNORE);
    MPI_Finalize();
    return 0;
}
