//# p: 1
//# vp: 1
//# launch: direct
//# expect: direct: ok on 1 ranks
// A program started without the launcher is a world of one rank.
#include "../check.h"

static int global = 5;

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK(rank == 0 && size == 1, "rank %d of %d", rank, size);
    int sum = 0, got = -1;
    MPI_Allreduce(&global, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    CHECK_EQ(sum, 5);
    MPI_Sendrecv(&global, 1, MPI_INT, 0, 0, &got, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(got, 5);
    return FINISH("direct");
}
