//# p: 1,2
//# vp: 2,4
//# exit: nonzero
//# expect-error: /MPI_Bcast\b/
//# expect-error: /MPI_ERR_TRUNCATE/
//# expect-not: still here
//# timeout: 20
// MPI_Bcast of a long vector by the root, of which the others want a few bytes.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    static int buffer[1000];
    MPI_Bcast(buffer, rank == 0 ? 1000 : 2, MPI_INT, 0, MPI_COMM_WORLD);
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    MPI_Finalize();
    return 0;
}
