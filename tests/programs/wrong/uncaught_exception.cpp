//# p: 1,2
//# vp: 1,4
//# switch: hop,reference
//# exit: 134
//# expect-error: /nobody catches this/
//# expect-error: /rank 0\b/
//# timeout: 20
// An uncaught C++ exception: what() and the rank are named.
#include "../check.h"
#include <stdexcept>

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 0)
        throw std::runtime_error("nobody catches this");
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
