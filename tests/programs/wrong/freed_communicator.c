//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Allreduce\b/
//# expect-error: /MPI_ERR_COMM/
//# expect-not: still here
//# timeout: 20
// A communicator is used after it was freed.
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
    MPI_Comm_dup(MPI_COMM_WORLD, &comm);
    MPI_Comm freed = comm;
    MPI_Comm_free(&comm);
    int sum;
    MPI_Allreduce(buffer, &sum, 1, MPI_INT, MPI_SUM, freed);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
