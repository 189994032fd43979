//# p: 1,2
//# vp: 1,2,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Messages of a rank to itself, in MPI_COMM_WORLD and MPI_COMM_SELF, small and large, posted early and late.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 300000 };
    int *out = malloc(N * sizeof(int)), *in = malloc(N * sizeof(int));
    static const int counts[] = {0, 1, 100, 10000, N};
    for (int which = 0; which < 2; which++) {
        MPI_Comm comm = which ? MPI_COMM_SELF : MPI_COMM_WORLD;
        int me = which ? 0 : rank;
        for (int k = 0; k < 5; k++) {
            int n = counts[k];
            for (int i = 0; i < n; i++)
                out[i] = i + rank;
            MPI_Request requests[2];
            MPI_Status status;
            memset(in, 0, (size_t)n * sizeof(int));
            if (k % 2) {
                MPI_Irecv(in, n, MPI_INT, me, k, comm, &requests[0]);
                MPI_Isend(out, n, MPI_INT, me, k, comm, &requests[1]);
            } else {
                MPI_Isend(out, n, MPI_INT, me, k, comm, &requests[1]);
                MPI_Irecv(in, n, MPI_INT, MPI_ANY_SOURCE, k, comm, &requests[0]);
            }
            MPI_Wait(&requests[0], &status);
            MPI_Wait(&requests[1], MPI_STATUS_IGNORE);
            CHECK_EQ(status.MPI_SOURCE, me);
            for (int i = 0; i < n; i++)
                CHECK_EQ(in[i], i + rank);
        }
    }
    free(out);
    free(in);
    return FINISH("self");
}
