//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Send\b/
//# expect-error: /MPI_ERR_BUFFER/
//# expect-not: still here
//# timeout: 20
// A null buffer with a count that is not zero.
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
    void *volatile nothing = NULL;
    MPI_Send(nothing, 4, MPI_INT, rank, 0, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
