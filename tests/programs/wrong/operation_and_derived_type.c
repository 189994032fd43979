//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Reduce\b/
//# expect-error: /MPI_SUM/
//# expect-error: /MPI_ERR_OP/
//# expect-not: still here
//# timeout: 20
// A predefined operation on a derived datatype.
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
    int sum[2];
    MPI_Type_contiguous(2, MPI_INT, &type);
    MPI_Type_commit(&type);
    MPI_Reduce(buffer, sum, 1, type, MPI_SUM, 0, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
