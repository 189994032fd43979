//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Allreduce\b/
//# expect-error: /MPI_BXOR/
//# expect-error: /MPI_DOUBLE/
//# expect-error: /MPI_ERR_OP/
//# expect-not: still here
//# timeout: 20
// A bitwise operation on floating-point numbers.
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
    double mine = 1, sum;
    MPI_Allreduce(&mine, &sum, 1, MPI_DOUBLE, MPI_BXOR, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
