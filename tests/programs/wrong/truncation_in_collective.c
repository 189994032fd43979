//# p: 1,2
//# vp: 2,4
//# exit: nonzero
//# expect-error: /MPI_Bcast\b/
//# expect-error: /MPI_ERR_TRUNCATE/
//# expect-not: still here
//# timeout: 20
// MPI_Bcast with a larger count at the root than elsewhere.
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
    MPI_Bcast(buffer, rank == 0 ? 4 : 2, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
