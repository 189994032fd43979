//# p: 1,2
//# vp: 1,2,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Predefined attributes of MPI_COMM_WORLD.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    void *value;
    int flag, *number;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &number, &flag);
    CHECK(flag && *number >= 32767, "MPI_TAG_UB");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_WTIME_IS_GLOBAL, &number, &flag);
    CHECK(flag && (*number == 0 || *number == 1), "MPI_WTIME_IS_GLOBAL");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_HOST, &number, &flag);
    CHECK(!flag || *number == MPI_PROC_NULL || (*number >= 0 && *number < size), "MPI_HOST");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_IO, &number, &flag);
    CHECK(flag, "MPI_IO");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_UNIVERSE_SIZE, &number, &flag);
    CHECK(!flag || *number >= size, "MPI_UNIVERSE_SIZE");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_APPNUM, &number, &flag);
    CHECK(!flag || *number == 0, "MPI_APPNUM");
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_LASTUSEDCODE, &number, &flag);
    CHECK(flag && *number >= MPI_ERR_LASTCODE, "MPI_LASTUSEDCODE");
    MPI_Comm copy;
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    MPI_Comm_get_attr(copy, MPI_TAG_UB, &value, &flag);
    CHECK(flag, "MPI_TAG_UB of a copy");
    MPI_Comm_free(&copy);
    return FINISH("predefined attributes");
}
