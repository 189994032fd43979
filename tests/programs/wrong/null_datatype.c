//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Bcast\b/
//# expect-error: /MPI_DATATYPE_NULL/
//# expect-error: /MPI_ERR_TYPE/
//# expect-not: still here
//# timeout: 20
// MPI_DATATYPE_NULL in a communication.
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
    type = MPI_DATATYPE_NULL;
    MPI_Bcast(buffer, 1, type, 0, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
