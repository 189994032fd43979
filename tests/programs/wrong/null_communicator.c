//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Barrier\b/
//# expect-error: /MPI_COMM_NULL/
//# expect-error: /MPI_ERR_COMM/
//# expect-not: still here
//# timeout: 20
// MPI_COMM_NULL where a communicator is needed.
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
    comm = MPI_COMM_NULL;
    MPI_Barrier(comm);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
