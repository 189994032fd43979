//# p: 1,2
//# vp: 4
//# exit: 134
//# expect-error: /numbers_agree/
//# expect-error: /rank 2\b/
//# timeout: 20
// A failed assert in one rank: its own line and ours.
#undef NDEBUG
#include "../check.h"
#include <assert.h>

int main(int argc, char **argv)
{
    START(argc, argv);
    int numbers_agree = rank != 2;
    assert(numbers_agree);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
