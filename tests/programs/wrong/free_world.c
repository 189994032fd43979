//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Comm_free\b/
//# expect-error: /MPI_COMM_WORLD/
//# expect-error: /MPI_ERR_COMM/
//# expect-not: still here
//# timeout: 20
// MPI_COMM_WORLD cannot be freed.
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
    MPI_Comm_free(&comm);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
