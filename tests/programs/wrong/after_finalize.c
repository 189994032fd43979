//# p: 1,2
//# vp: 1,4
//# exit: nonzero
//# expect-error: /MPI_Barrier\b.*MPI_Finalize/
//# expect-not: still here
//# timeout: 20
// An MPI call after MPI_Finalize.
#include "../check.h"

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Finalize();
    MPI_Barrier(MPI_COMM_WORLD);
    printf("still here\n");
    return 0;
}
