//# p: 1,2
//# vp: 8
//# exit: 139
//# expect-error: /rank 7\b/
//# timeout: 20
// A jump to an address that is not mapped, in the last rank, while the others wait.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == size - 1) {
        void (*volatile nowhere)(void) = (void (*)(void))0x10;
        nowhere();
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
