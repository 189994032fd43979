//# p: 1,2
//# vp: 1,4
//# isolate: image
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_Init_thread gives a level of the standard, the one that MPI_Query_thread tells, and MPI_THREAD_FUNNELED at least.
#include "../check.h"

int main(int argc, char **argv)
{
    int provided, query, rank, size;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Query_thread(&query);
    CHECK_EQ(provided, query);
    CHECK(provided >= MPI_THREAD_FUNNELED && provided <= MPI_THREAD_MULTIPLE, "level %d", provided);
    CHECK(MPI_THREAD_SINGLE < MPI_THREAD_FUNNELED && MPI_THREAD_FUNNELED < MPI_THREAD_SERIALIZED &&
              MPI_THREAD_SERIALIZED < MPI_THREAD_MULTIPLE,
          "levels are not in order");
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    (void)rank;
    (void)size;
    return FINISH("thread levels");
}
