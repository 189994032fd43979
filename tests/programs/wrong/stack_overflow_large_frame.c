//# isolate: image
//# p: 1
//# vp: 2
//# exit: nonzero
//# expect-error: /rank 1\b.*stack/
//# timeout: 20
// One local array larger than the stack, touched first at its far end.
#include "../check.h"

__attribute__((noinline)) static int work(int rank)
{
    volatile char field[24 << 20];
    field[0] = (char)rank;
    for (int i = 4096; i < 24 << 20; i += 4096)
        field[i] = field[i - 4096];
    return field[(24 << 20) - 4096];
}

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 1)
        printf("%d\n", work(rank));
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Finalize();
    return 0;
}
