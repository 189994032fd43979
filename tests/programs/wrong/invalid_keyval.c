//# p: 1,2
//# vp: 1,2
//# exit: nonzero
//# expect-error: /MPI_Comm_set_attr\b/
//# expect-error: /MPI_ERR_KEYVAL/
//# expect-not: still here
//# timeout: 20
// An attribute with an invalid key.
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
    MPI_Comm_set_attr(MPI_COMM_WORLD, MPI_KEYVAL_INVALID, buffer);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
