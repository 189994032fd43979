//# p: 1,2
//# vp: 2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Ranks run far ahead in rooted collectives: ten thousand small broadcasts and reductions with nobody waiting for the slow ones.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int rounds = size > 2 ? 300 : 5000;
    for (int i = 0; i < rounds; i++) {
        int value = rank == 0 ? i : -1, sum = -1;
        MPI_Bcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD);
        CHECK_EQ(value, i);
        MPI_Reduce(&value, &sum, 1, MPI_INT, MPI_SUM, size - 1, MPI_COMM_WORLD);
        if (rank == size - 1)
            CHECK_EQ(sum, i * size);
    }
    return FINISH("mixed speed");
}
