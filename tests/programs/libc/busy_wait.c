//# p: 1,2
//# vp: 2,8
//# expect: /ok on \d+ ranks/
// Busy waiting with sched_yield, MPI_Iprobe, MPI_Test or MPI_Wtime makes progress although all share a PE.
#include "../check.h"
#include <sched.h>

static volatile int *shared_nothing;

int main(int argc, char **argv)
{
    START(argc, argv);
    (void)shared_nothing;
    int right = (rank + 1) % size, left = (rank + size - 1) % size, token = rank, got = -1, done = 0;
    MPI_Request requests[2];

    if (rank != 0) {
        MPI_Irecv(&got, 1, MPI_INT, left, 0, MPI_COMM_WORLD, &requests[0]);
        while (!done)
            MPI_Test(&requests[0], &done, MPI_STATUS_IGNORE);
        MPI_Send(&token, 1, MPI_INT, right, 0, MPI_COMM_WORLD);
    } else {
        MPI_Send(&token, 1, MPI_INT, right, 0, MPI_COMM_WORLD);
        while (!done)
            MPI_Iprobe(left, 0, MPI_COMM_WORLD, &done, MPI_STATUS_IGNORE);
        MPI_Recv(&got, 1, MPI_INT, left, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    CHECK_EQ(got, left);

    MPI_Irecv(&got, 1, MPI_INT, left, 1, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(&token, 1, MPI_INT, right, 1, MPI_COMM_WORLD, &requests[1]);
    done = 0;
    while (!done) {
        sched_yield();
        MPI_Testall(2, requests, &done, MPI_STATUSES_IGNORE);
    }
    CHECK_EQ(got, left);

    MPI_Request barrier;
    MPI_Ibarrier(MPI_COMM_WORLD, &barrier);
    done = 0;
    double begin = MPI_Wtime();
    while (!done) {
        MPI_Test(&barrier, &done, MPI_STATUS_IGNORE);
        CHECK(MPI_Wtime() - begin < 20, "a barrier that is tested makes no progress");
    }
    return FINISH("busy waiting");
}
