//# p: 1,2
//# vp: 1,2
//# exit: nonzero
//# expect-error: /MPI_Init\b/
//# expect-not: still here
//# timeout: 20
// MPI_Init called twice.
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
    MPI_Init(&argc, &argv);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
