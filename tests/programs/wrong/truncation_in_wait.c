//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Waitall\b/
//# expect-error: /MPI_ERR_TRUNCATE|MPI_ERR_IN_STATUS/
//# expect-not: still here
//# timeout: 20
// The same for a nonblocking receive, found in MPI_Waitall.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int buffer[4] = {rank, 2, 3, 4};
    MPI_Datatype type = MPI_INT;
    MPI_Comm comm = MPI_COMM_WORLD;
    (void)buffer;
    (void)type;
    (void)comm;
    MPI_Request requests[2];
    int got[2];
    MPI_Irecv(got, 1, MPI_INT, rank, 5, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(buffer, 4, MPI_INT, rank, 5, MPI_COMM_WORLD, &requests[1]);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
