//# p: 1,2
//# vp: 1,2
//# exit: nonzero
//# expect-error: /MPI_Start\b/
//# expect-error: /MPI_ERR_REQUEST/
//# expect-not: still here
//# timeout: 20
// MPI_Start on a request that is not persistent.
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
    MPI_Request request;
    MPI_Irecv(buffer, 1, MPI_INT, rank, 0, MPI_COMM_WORLD, &request);
    MPI_Start(&request);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
