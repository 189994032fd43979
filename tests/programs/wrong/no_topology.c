//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Cart_coords\b/
//# expect-error: /MPI_ERR_TOPOLOGY/
//# expect-not: still here
//# timeout: 20
// MPI_Cart_coords on a communicator without a topology.
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
    MPI_Cart_coords(MPI_COMM_WORLD, 0, 2, buffer);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
