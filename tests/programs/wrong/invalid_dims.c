//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Cart_create\b/
//# expect-error: /MPI_ERR_(DIMS|ARG|TOPOLOGY)/
//# expect-not: still here
//# timeout: 20
// MPI_Cart_create with more places than ranks.
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
    int dims[2] = {100, 100}, periods[2] = {0, 0};
    MPI_Cart_create(MPI_COMM_WORLD, 2, dims, periods, 0, &comm);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
