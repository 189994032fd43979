//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Isend\b/
//# expect-error: /MPI_ERR_TYPE/
//# expect-not: still here
//# timeout: 20
// A datatype is used after it was freed.
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
    MPI_Type_contiguous(2, MPI_INT, &type);
    MPI_Type_commit(&type);
    MPI_Datatype freed = type;
    MPI_Request request;
    MPI_Type_free(&type);
    MPI_Isend(buffer, 1, freed, rank, 0, MPI_COMM_WORLD, &request);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
