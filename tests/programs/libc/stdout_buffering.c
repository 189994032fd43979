//# p: 1,2
//# vp: 1,4,8,64
//# expect-each: /^rank {rank} part one, part two, end$/
// A line printed in parts around switches comes out whole; the last one has no newline and is flushed at exit.
#include "../check.h"

int main(int argc, char **argv)
{
    static char buffer[1 << 14];
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    START(argc, argv);
    printf("rank %d part one", rank);
    MPI_Barrier(MPI_COMM_WORLD);
    printf(", part two");
    MPI_Barrier(MPI_COMM_WORLD);
    printf(", end\n");
    for (int i = 0; i < 20; i++)
        printf("rank %d filler line %d of some length\n", rank, i);
    MPI_Finalize();
    return 0;
}
