//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Messages of 8 MiB and more, contiguous and strided, in both directions at once, eager limits crossed.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int partner = rank ^ 1;
    enum { N = 1 << 20 };
    double *out = malloc(N * sizeof(double)), *in = malloc(N * sizeof(double));
    if (partner < size) {
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < N; i++) {
                out[i] = rank + i * 0.25 + round;
                in[i] = -1;
            }
            MPI_Request requests[2];
            MPI_Irecv(in, N, MPI_DOUBLE, partner, 1, MPI_COMM_WORLD, &requests[0]);
            MPI_Isend(out, N, MPI_DOUBLE, partner, 1, MPI_COMM_WORLD, &requests[1]);
            MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
            for (int i = 0; i < N; i++)
                CHECK(in[i] == partner + i * 0.25 + round, "element %d is %f", i, in[i]);
        }
        /* every second element against a contiguous receive */
        MPI_Datatype strided;
        MPI_Type_vector(N / 2, 1, 2, MPI_DOUBLE, &strided);
        MPI_Type_commit(&strided);
        MPI_Status status;
        int count;
        MPI_Sendrecv(out, 1, strided, partner, 2, in, N, MPI_DOUBLE, partner, 2, MPI_COMM_WORLD, &status);
        MPI_Get_count(&status, MPI_DOUBLE, &count);
        CHECK_EQ(count, N / 2);
        for (int i = 0; i < N / 2; i++)
            CHECK(in[i] == partner + i * 0.5 + 2, "element %d is %f", i, in[i]);
        MPI_Type_free(&strided);
        /* sizes around powers of two */
        for (int shift = 3; shift <= 20; shift++)
            for (int n = (1 << shift) - 1; n <= (1 << shift) + 1; n++) {
                memset(in, 0, (size_t)n);
                memset(out, (rank + shift) % 100, (size_t)n);
                MPI_Sendrecv(out, n, MPI_BYTE, partner, 3, in, n, MPI_BYTE, partner, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                CHECK_EQ(((char *)in)[0], (partner + shift) % 100);
                CHECK_EQ(((char *)in)[n - 1], (partner + shift) % 100);
            }
    }
    free(out);
    free(in);
    return FINISH("large");
}
