/* Time of one collective operation on all ranks, as rank 0 sees it in a row of them.
 *
 *   barrier RANKS us | bcast RANKS us (8 bytes) | bcast-64k | allreduce RANKS us (8 bytes) | allreduce-8k (1024 doubles)
 *   alltoall RANKS us (8 bytes to each) | ibarrier RANKS us (started and waited for)
 */
#include "bench.h"

enum { BARRIER, BCAST, BCAST_64K, ALLREDUCE, ALLREDUCE_8K, ALLTOALL, IBARRIER, KINDS };
static const char *const names[KINDS] = {"barrier", "bcast", "bcast-64k", "allreduce", "allreduce-8k", "alltoall", "ibarrier"};

static void once(int kind, char *in, char *out)
{
    MPI_Request request;
    switch (kind) {
    case BARRIER: MPI_Barrier(MPI_COMM_WORLD); break;
    case BCAST: MPI_Bcast(in, 1, MPI_DOUBLE, 0, MPI_COMM_WORLD); break;
    case BCAST_64K: MPI_Bcast(in, 8192, MPI_DOUBLE, 0, MPI_COMM_WORLD); break;
    case ALLREDUCE: MPI_Allreduce(in, out, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD); break;
    case ALLREDUCE_8K: MPI_Allreduce(in, out, 1024, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD); break;
    case ALLTOALL: MPI_Alltoall(in, 1, MPI_DOUBLE, out, 1, MPI_DOUBLE, MPI_COMM_WORLD); break;
    default:
        MPI_Ibarrier(MPI_COMM_WORLD, &request);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    double budget = (argc > 1 ? atof(argv[1]) : 80) * 1e6; /* ns for each kind */
    size_t room = (size_t)size * 8 > 65536 ? (size_t)size * 8 : 65536;
    char *in = calloc(1, room), *out = calloc(1, room);
    double values[MOST_BATCHES];
    for (int kind = 0; kind < KINDS; kind++) {
        if ((kind == BCAST_64K || kind == ALLREDUCE_8K) && size > 256)
            continue;
        int plan[2];
        once(kind, in, out);
        MPI_Barrier(MPI_COMM_WORLD);
        double begin = now_ns();
        once(kind, in, out);
        once(kind, in, out);
        MPI_Barrier(MPI_COMM_WORLD);
        double estimate = (now_ns() - begin) / 3;
        plan[0] = bench_repeat(estimate, 1e6, 5000);
        plan[1] = bench_repeat(estimate * plan[0], budget, 200);
        if (plan[1] < 5)
            plan[1] = 5;
        MPI_Bcast(plan, 2, MPI_INT, 0, MPI_COMM_WORLD);
        for (int b = 0; b < plan[1]; b++) {
            MPI_Barrier(MPI_COMM_WORLD);
            begin = now_ns();
            for (int i = 0; i < plan[0]; i++)
                once(kind, in, out);
            if (kind == BCAST || kind == BCAST_64K) /* the root of a broadcast does not wait: count until all have it */
                MPI_Barrier(MPI_COMM_WORLD);
            values[b] = (now_ns() - begin) / plan[0] * 1e-3;
        }
        if (rank == 0)
            bench_print(names[kind], size, values, plan[1], "us");
    }
    free(in);
    free(out);
    MPI_Finalize();
    return 0;
}
