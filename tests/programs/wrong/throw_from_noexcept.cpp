//# p: 1,2
//# vp: 2
//# exit: 134
//# expect-error: /rank 1\b/
//# timeout: 20
// An exception that leaves a noexcept function calls std::terminate.
#include "../check.h"
#include <string>

static void promise(int rank) noexcept
{
    if (rank == 1)
        throw std::string("broken promise");
}

int main(int argc, char **argv)
{
    START(argc, argv);
    try {
        promise(rank);
    } catch (...) {
        return 0;
    }
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
