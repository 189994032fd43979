//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Send\b/
//# expect-error: /[Cc]ommit/
//# expect-not: still here
//# timeout: 20
// A derived datatype that was not committed.
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
    MPI_Send(buffer, 1, type, rank, 0, MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
