//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Comm_rank\b.*MPI_Init/
//# expect-not: still here
//# timeout: 20
// An MPI call before MPI_Init.
#include "../check.h"

int main(int argc, char **argv)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    printf("still here\n");
    MPI_Init(&argc, &argv);
    MPI_Finalize();
    return 0;
}
