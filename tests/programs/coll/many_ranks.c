//# p: 1,2
//# vp: 256,1000
//# isolate: image,none,process
//# timeout: 120
//# expect: /ok on \d+ ranks/
// All kinds of collectives on very many ranks.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    long mine = rank, sum, most;
    long ranks = (long)size * (size - 1) / 2;
    for (int round = 0; round < 5; round++) {
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Allreduce(&mine, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
        CHECK_EQ(sum, ranks);
        MPI_Reduce(&mine, &most, 1, MPI_LONG, MPI_MAX, size / 2, MPI_COMM_WORLD);
        if (rank == size / 2)
            CHECK_EQ(most, size - 1);
        int value = rank == round ? 4711 + round : 0;
        MPI_Bcast(&value, 1, MPI_INT, round, MPI_COMM_WORLD);
        CHECK_EQ(value, 4711 + round);
        MPI_Scan(&mine, &sum, 1, MPI_LONG, MPI_SUM, MPI_COMM_WORLD);
        CHECK_EQ(sum, (long)rank * (rank + 1) / 2);
    }
    int *all = malloc(sizeof(int) * (size_t)size), *to = malloc(sizeof(int) * (size_t)size);
    MPI_Allgather(&rank, 1, MPI_INT, all, 1, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK_EQ(all[r], r);
    for (int r = 0; r < size; r++)
        all[r] = rank * 7 + r;
    MPI_Alltoall(all, 1, MPI_INT, to, 1, MPI_INT, MPI_COMM_WORLD);
    for (int r = 0; r < size; r++)
        CHECK_EQ(to[r], r * 7 + rank);
    MPI_Comm row;
    MPI_Comm_split(MPI_COMM_WORLD, rank / 32, rank, &row);
    int n, row_sum;
    MPI_Comm_size(row, &n);
    MPI_Allreduce(&rank, &row_sum, 1, MPI_INT, MPI_SUM, row);
    int first = rank / 32 * 32;
    CHECK_EQ(row_sum, n * first + n * (n - 1) / 2);
    MPI_Comm_free(&row);
    free(all);
    free(to);
    return FINISH("many ranks");
}
