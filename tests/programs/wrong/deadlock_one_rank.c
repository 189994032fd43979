//# p: 1
//# vp: 1
//# exit: nonzero
//# expect-error: /[Dd]eadlock/
//# timeout: 10
// A world of one rank that receives from itself.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 0;
    MPI_Recv(&value, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Finalize();
    return 0;
}
