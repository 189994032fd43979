//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Allreduce\b/
//# expect-error: /MPI_IN_PLACE|MPI_ERR_BUFFER|alias/
//# expect-not: still here
//# timeout: 20
// The same send and receive buffer where MPI_IN_PLACE is meant.
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
    MPI_Allreduce(buffer, buffer, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
