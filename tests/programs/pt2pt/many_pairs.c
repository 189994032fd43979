//# p: 1,2
//# vp: 2,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// All pairs exchange at once, nonblocking, several rounds, random sizes.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { MOST = 600 };
    int *out = malloc((size_t)size * MOST * sizeof(int)), *in = malloc((size_t)size * MOST * sizeof(int));
    MPI_Request *requests = malloc(2 * (size_t)size * sizeof *requests);
    MPI_Status *statuses = malloc(2 * (size_t)size * sizeof *statuses);
    for (int round = 0; round < 5; round++) {
        for (int r = 0; r < size; r++)
            MPI_Irecv(in + r * MOST, MOST, MPI_INT, r, round, MPI_COMM_WORLD, &requests[r]);
        for (int k = 0; k < size; k++) {
            int r = (rank * 7 + k) % size, n = (rank * 131 + r * 17 + round * 29) % MOST;
            for (int i = 0; i < n; i++)
                out[r * MOST + i] = rank + 2 * r + 3 * i;
            MPI_Isend(out + r * MOST, n, MPI_INT, r, round, MPI_COMM_WORLD, &requests[size + k]);
        }
        MPI_Waitall(2 * size, requests, statuses);
        for (int r = 0; r < size; r++) {
            int n = (r * 131 + rank * 17 + round * 29) % MOST, count;
            MPI_Get_count(&statuses[r], MPI_INT, &count);
            CHECK_EQ(count, n);
            for (int i = 0; i < n; i++)
                CHECK_EQ(in[r * MOST + i], r + 2 * rank + 3 * i);
        }
    }
    free(out);
    free(in);
    free(requests);
    free(statuses);
    return FINISH("all pairs");
}
