//# p: 1,2
//# vp: 1,2,4,8,32
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Sendrecv, Sendrecv_replace and their nonblocking twins, to others and to oneself, small and large.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    static const int counts[] = {0, 1, 10, 1000, 50000};
    int *out = malloc(50000 * sizeof(int)), *in = malloc(50000 * sizeof(int));
    for (int k = 0; k < 5; k++) {
        int n = counts[k];
        for (int i = 0; i < n; i++)
            out[i] = rank * 3 + i;
        MPI_Status status;
        int count;
        MPI_Sendrecv(out, n, MPI_INT, right, k, in, 50000, MPI_INT, left, k, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_INT, &count);
        CHECK_EQ(count, n);
        for (int i = 0; i < n; i++)
            CHECK_EQ(in[i], left * 3 + i);
        MPI_Sendrecv_replace(out, n, MPI_INT, right, k, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
        CHECK_EQ(status.MPI_SOURCE, left);
        for (int i = 0; i < n; i++)
            CHECK_EQ(out[i], left * 3 + i);
        MPI_Sendrecv(out, n, MPI_INT, rank, k, in, n, MPI_INT, rank, k, MPI_COMM_WORLD, &status);
        for (int i = 0; i < n; i++)
            CHECK_EQ(in[i], left * 3 + i);
    }
    free(out);
    free(in);
    return FINISH("sendrecv");
}
