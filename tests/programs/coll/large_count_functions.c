//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The _c functions of the chapter with counts of type MPI_Count and displacements of type MPI_Aint.
#include "communicators.h"

static void largest(void *in, void *inout, MPI_Count *count, MPI_Datatype *type)
{
    (void)type;
    int *x = in, *y = inout;
    for (MPI_Count i = 0; i < *count; i++)
        if (x[i] > y[i])
            y[i] = x[i];
}

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 5 };
    MPI_Comm comm = MPI_COMM_WORLD;
    MPI_Count n = N, *counts = malloc(sizeof *counts * (size_t)size);
    MPI_Aint *places = malloc(sizeof *places * (size_t)size), *byte_places = malloc(sizeof *places * (size_t)size);
    MPI_Datatype *types = malloc(sizeof *types * (size_t)size);
    int *all = malloc(sizeof(int) * N * (size_t)size), *to = malloc(sizeof(int) * N * (size_t)size), mine[N];
    int ranks = size * (size - 1) / 2;
    MPI_Request request;
    for (int r = 0; r < size; r++) {
        counts[r] = N;
        places[r] = r * N;
        byte_places[r] = (MPI_Aint)sizeof(int) * r * N;
        types[r] = MPI_INT;
    }
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
#define BOTH(blocking, starting)                                                                                       \
    do {                                                                                                               \
        for (int i_ = 0; i_ < N * size; i_++) {                                                                        \
            all[i_] = rank * 100 + i_;                                                                                 \
            to[i_] = -1;                                                                                               \
        }                                                                                                              \
        for (int i_ = 0; i_ < N; i_++)                                                                                 \
            mine[i_] = rank * 10 + i_;                                                                                 \
        if (nonblocking) {                                                                                             \
            starting;                                                                                                  \
            complete(&request, 0);                                                                                     \
        } else {                                                                                                       \
            blocking;                                                                                                  \
        }                                                                                                              \
    } while (0)
        BOTH(MPI_Bcast_c(mine, n, MPI_INT, 0, comm), MPI_Ibcast_c(mine, n, MPI_INT, 0, comm, &request));
        CHECK_EQ(mine[4], 4);
        BOTH(MPI_Gather_c(mine, n, MPI_INT, to, n, MPI_INT, 0, comm),
             MPI_Igather_c(mine, n, MPI_INT, to, n, MPI_INT, 0, comm, &request));
        CHECK_EQ(to[N * size - 1], rank == 0 ? (size - 1) * 10 + 4 : -1);
        BOTH(MPI_Gatherv_c(mine, n, MPI_INT, to, counts, places, MPI_INT, 0, comm),
             MPI_Igatherv_c(mine, n, MPI_INT, to, counts, places, MPI_INT, 0, comm, &request));
        CHECK_EQ(to[N * size - 1], rank == 0 ? (size - 1) * 10 + 4 : -1);
        BOTH(MPI_Scatter_c(all, n, MPI_INT, to, n, MPI_INT, 0, comm),
             MPI_Iscatter_c(all, n, MPI_INT, to, n, MPI_INT, 0, comm, &request));
        CHECK_EQ(to[1], rank * N + 1);
        BOTH(MPI_Scatterv_c(all, counts, places, MPI_INT, to, n, MPI_INT, 0, comm),
             MPI_Iscatterv_c(all, counts, places, MPI_INT, to, n, MPI_INT, 0, comm, &request));
        CHECK_EQ(to[1], rank * N + 1);
        BOTH(MPI_Allgather_c(mine, n, MPI_INT, to, n, MPI_INT, comm),
             MPI_Iallgather_c(mine, n, MPI_INT, to, n, MPI_INT, comm, &request));
        CHECK_EQ(to[N * size - 1], (size - 1) * 10 + 4);
        BOTH(MPI_Allgatherv_c(mine, n, MPI_INT, to, counts, places, MPI_INT, comm),
             MPI_Iallgatherv_c(mine, n, MPI_INT, to, counts, places, MPI_INT, comm, &request));
        CHECK_EQ(to[N * size - 1], (size - 1) * 10 + 4);
        BOTH(MPI_Alltoall_c(all, n, MPI_INT, to, n, MPI_INT, comm),
             MPI_Ialltoall_c(all, n, MPI_INT, to, n, MPI_INT, comm, &request));
        CHECK_EQ(to[N * (size - 1) + 2], (size - 1) * 100 + rank * N + 2);
        BOTH(MPI_Alltoallv_c(all, counts, places, MPI_INT, to, counts, places, MPI_INT, comm),
             MPI_Ialltoallv_c(all, counts, places, MPI_INT, to, counts, places, MPI_INT, comm, &request));
        CHECK_EQ(to[N * (size - 1) + 2], (size - 1) * 100 + rank * N + 2);
        BOTH(MPI_Alltoallw_c(all, counts, byte_places, types, to, counts, byte_places, types, comm),
             MPI_Ialltoallw_c(all, counts, byte_places, types, to, counts, byte_places, types, comm, &request));
        CHECK_EQ(to[N * (size - 1) + 2], (size - 1) * 100 + rank * N + 2);
        BOTH(MPI_Reduce_c(mine, to, n, MPI_INT, MPI_SUM, 0, comm),
             MPI_Ireduce_c(mine, to, n, MPI_INT, MPI_SUM, 0, comm, &request));
        CHECK_EQ(to[3], rank == 0 ? ranks * 10 + 3 * size : -1);
        BOTH(MPI_Allreduce_c(mine, to, n, MPI_INT, MPI_SUM, comm),
             MPI_Iallreduce_c(mine, to, n, MPI_INT, MPI_SUM, comm, &request));
        CHECK_EQ(to[3], ranks * 10 + 3 * size);
        BOTH(MPI_Reduce_scatter_c(all, to, counts, MPI_INT, MPI_SUM, comm),
             MPI_Ireduce_scatter_c(all, to, counts, MPI_INT, MPI_SUM, comm, &request));
        CHECK_EQ(to[2], ranks * 100 + size * (rank * N + 2));
        BOTH(MPI_Reduce_scatter_block_c(all, to, n, MPI_INT, MPI_SUM, comm),
             MPI_Ireduce_scatter_block_c(all, to, n, MPI_INT, MPI_SUM, comm, &request));
        CHECK_EQ(to[2], ranks * 100 + size * (rank * N + 2));
        BOTH(MPI_Scan_c(mine, to, n, MPI_INT, MPI_SUM, comm), MPI_Iscan_c(mine, to, n, MPI_INT, MPI_SUM, comm, &request));
        CHECK_EQ(to[1], rank * (rank + 1) / 2 * 10 + rank + 1);
        BOTH(MPI_Exscan_c(mine, to, n, MPI_INT, MPI_SUM, comm), MPI_Iexscan_c(mine, to, n, MPI_INT, MPI_SUM, comm, &request));
        CHECK_EQ(to[1], rank ? rank * (rank - 1) / 2 * 10 + rank : -1);
    }
    int local[2] = {1, 2}, sum[2] = {3, 4};
    MPI_Reduce_local_c(local, sum, 2, MPI_INT, MPI_SUM);
    CHECK(sum[0] == 4 && sum[1] == 6, "MPI_Reduce_local_c");
    MPI_Op op;
    MPI_Op_create_c(largest, 1, &op);
    MPI_Allreduce_c(mine, to, n, MPI_INT, op, comm);
    CHECK_EQ(to[0], (size - 1) * 10);
    MPI_Allreduce(mine, to, N, MPI_INT, op, comm);
    CHECK_EQ(to[4], (size - 1) * 10 + 4);
    MPI_Op_free(&op);
    free(counts);
    free(places);
    free(byte_places);
    free(types);
    free(all);
    free(to);
    return FINISH("large count collectives");
}
