//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Allreduce\b/
//# expect-error: /MPI_ERR_OP/
//# expect-not: still here
//# timeout: 20
// MPI_OP_NULL in a reduction.
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
    int sum;
    MPI_Allreduce(buffer, &sum, 1, MPI_INT, MPI_OP_NULL, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
