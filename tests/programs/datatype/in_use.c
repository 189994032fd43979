//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A datatype is freed while messages with it are in flight: they complete.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int partner = rank ^ 1;
    if (partner < size) {
        enum { N = 30000 };
        int *out = malloc(2 * N * sizeof(int)), *in = malloc(2 * N * sizeof(int));
        for (int i = 0; i < 2 * N; i++) {
            out[i] = rank + i;
            in[i] = -1;
        }
        MPI_Datatype type;
        MPI_Request requests[2];
        MPI_Type_vector(N, 1, 2, MPI_INT, &type);
        MPI_Type_commit(&type);
        MPI_Irecv(in, 1, type, partner, 0, MPI_COMM_WORLD, &requests[0]);
        MPI_Isend(out, 1, type, partner, 0, MPI_COMM_WORLD, &requests[1]);
        MPI_Type_free(&type);
        for (int i = 0; i < 100; i++) { /* new types in the place of the old */
            MPI_Datatype other;
            MPI_Type_vector(3, 2, 5, MPI_DOUBLE, &other);
            MPI_Type_commit(&other);
            MPI_Type_free(&other);
        }
        MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < 2 * N; i++)
            CHECK_EQ(in[i], i % 2 ? -1 : partner + i);
        free(out);
        free(in);
    }
    return FINISH("types in use");
}
