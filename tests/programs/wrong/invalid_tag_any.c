//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Isend\b/
//# expect-error: /MPI_ERR_TAG/
//# expect-not: still here
//# timeout: 20
// MPI_ANY_TAG in a send.
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
    MPI_Isend(buffer, 1, MPI_INT, rank, MPI_ANY_TAG, MPI_COMM_WORLD, &request);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
