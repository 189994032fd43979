//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Bcast\b/
//# expect-error: /\b64\b/
//# expect-error: /MPI_ERR_ROOT/
//# expect-not: still here
//# timeout: 20
// A broadcast from a root that does not exist.
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
    MPI_Bcast(buffer, 1, MPI_INT, 64, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
