//# p: 1,2
//# vp: 2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Standard, synchronous, buffered and ready sends, blocking and nonblocking; a synchronous send completes only when received.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int partner = rank ^ 1, value = rank + 100, got;
    if (partner >= size) {
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Barrier(MPI_COMM_WORLD);
        return FINISH("send modes");
    }
    if (rank % 2 == 0) {
        MPI_Request request;
        int done;
        double begin = MPI_Wtime();
        MPI_Issend(&value, 1, MPI_INT, partner, 1, MPI_COMM_WORLD, &request);
        for (int i = 0; i < 100; i++) {
            MPI_Test(&request, &done, MPI_STATUS_IGNORE);
            CHECK(!done, "a synchronous send completed before its receive was posted");
        }
        MPI_Send(NULL, 0, MPI_BYTE, partner, 2, MPI_COMM_WORLD); /* now the partner receives */
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        MPI_Ssend(&value, 1, MPI_INT, partner, 3, MPI_COMM_WORLD);
        CHECK(MPI_Wtime() >= begin, "clock");
    } else {
        MPI_Recv(NULL, 0, MPI_BYTE, partner, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Recv(&got, 1, MPI_INT, partner, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK_EQ(got, partner + 100);
        MPI_Recv(&got, 1, MPI_INT, partner, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK_EQ(got, partner + 100);
    }
    MPI_Barrier(MPI_COMM_WORLD);

    /* ready sends: the receives are posted before the barrier */
    MPI_Request receives[2], send;
    int ready[2] = {-1, -1};
    MPI_Irecv(&ready[0], 1, MPI_INT, partner, 4, MPI_COMM_WORLD, &receives[0]);
    MPI_Irecv(&ready[1], 1, MPI_INT, partner, 5, MPI_COMM_WORLD, &receives[1]);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Rsend(&value, 1, MPI_INT, partner, 4, MPI_COMM_WORLD);
    MPI_Irsend(&value, 1, MPI_INT, partner, 5, MPI_COMM_WORLD, &send);
    MPI_Wait(&send, MPI_STATUS_IGNORE);
    MPI_Waitall(2, receives, MPI_STATUSES_IGNORE);
    CHECK(ready[0] == partner + 100 && ready[1] == partner + 100, "ready sends gave %d %d", ready[0], ready[1]);

    /* buffered sends: both send before either receives, and the source is overwritten at once */
    enum { N = 5000 };
    int packed, *data = malloc(N * sizeof(int));
    MPI_Pack_size(N, MPI_INT, MPI_COMM_WORLD, &packed);
    int buffer_size = 3 * (packed + MPI_BSEND_OVERHEAD);
    char *buffer = malloc((size_t)buffer_size);
    MPI_Buffer_attach(buffer, buffer_size);
    for (int round = 0; round < 5; round++) {
        for (int m = 0; m < 2; m++) {
            for (int i = 0; i < N; i++)
                data[i] = rank + i * (m + 1) + round;
            if (m == 0) {
                MPI_Bsend(data, N, MPI_INT, partner, 6, MPI_COMM_WORLD);
            } else {
                MPI_Request request;
                MPI_Ibsend(data, N, MPI_INT, partner, 6, MPI_COMM_WORLD, &request);
                MPI_Wait(&request, MPI_STATUS_IGNORE);
            }
            memset(data, 0xff, N * sizeof(int));
        }
        for (int m = 0; m < 2; m++) {
            MPI_Recv(data, N, MPI_INT, partner, 6, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
            for (int i = 0; i < N; i++)
                CHECK_EQ(data[i], partner + i * (m + 1) + round);
        }
        /* room is given back after detach */
        void *detached;
        int detached_size;
        MPI_Buffer_detach(&detached, &detached_size);
        CHECK(detached == buffer && detached_size == buffer_size, "MPI_Buffer_detach gave another buffer");
        MPI_Buffer_attach(buffer, buffer_size);
    }
    void *detached;
    int detached_size;
    MPI_Bsend(&value, 1, MPI_INT, partner, 7, MPI_COMM_WORLD);
    MPI_Recv(&got, 1, MPI_INT, partner, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(got, partner + 100);
    MPI_Buffer_detach(&detached, &detached_size);
    free(buffer);
    free(data);
    return FINISH("send modes");
}
