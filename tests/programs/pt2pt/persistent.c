//# p: 1,2
//# vp: 2,4,8,32
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Persistent sends of all modes and receives: started many times, the buffer is read at each start.
#include "../check.h"

#define N 64

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    int out[4][N], in[4][N];
    MPI_Request requests[8];
    MPI_Status statuses[8];
    int packed;
    MPI_Pack_size(N, MPI_INT, MPI_COMM_WORLD, &packed);
    int room = 4 * (packed + MPI_BSEND_OVERHEAD);
    char *buffer = malloc((size_t)room);
    MPI_Buffer_attach(buffer, room);

    MPI_Recv_init(in[0], N, MPI_INT, left, 0, MPI_COMM_WORLD, &requests[0]);
    MPI_Recv_init(in[1], N, MPI_INT, MPI_ANY_SOURCE, 1, MPI_COMM_WORLD, &requests[1]);
    MPI_Recv_init(in[2], N, MPI_INT, left, 2, MPI_COMM_WORLD, &requests[2]);
    MPI_Recv_init(in[3], N, MPI_INT, left, 3, MPI_COMM_WORLD, &requests[3]);
    MPI_Send_init(out[0], N, MPI_INT, right, 0, MPI_COMM_WORLD, &requests[4]);
    MPI_Ssend_init(out[1], N, MPI_INT, right, 1, MPI_COMM_WORLD, &requests[5]);
    MPI_Bsend_init(out[2], N, MPI_INT, right, 2, MPI_COMM_WORLD, &requests[6]);
    MPI_Rsend_init(out[3], N, MPI_INT, right, 3, MPI_COMM_WORLD, &requests[7]);

    /* inactive requests: complete at once with an empty status, and stay */
    int flag, index;
    MPI_Status status;
    MPI_Wait(&requests[0], &status);
    CHECK(requests[0] != MPI_REQUEST_NULL && status.MPI_TAG == MPI_ANY_TAG, "an inactive persistent request");
    MPI_Testany(8, requests, &index, &flag, &status);
    CHECK(flag && index == MPI_UNDEFINED, "MPI_Testany of inactive requests: flag %d index %d", flag, index);

    for (int round = 0; round < 30; round++) {
        for (int k = 0; k < 4; k++)
            for (int i = 0; i < N; i++) {
                out[k][i] = rank * 1000 + round * 10 + k;
                in[k][i] = -1;
            }
        MPI_Startall(4, requests);
        MPI_Barrier(MPI_COMM_WORLD); /* so that the ready send may start */
        if (round % 2) {
            MPI_Startall(4, requests + 4);
        } else {
            for (int k = 7; k >= 4; k--)
                MPI_Start(&requests[k]);
        }
        MPI_Waitall(8, requests, statuses);
        for (int k = 0; k < 4; k++) {
            CHECK(requests[k] != MPI_REQUEST_NULL && requests[k + 4] != MPI_REQUEST_NULL, "a persistent request is gone");
            CHECK_EQ(statuses[k].MPI_SOURCE, left);
            CHECK_EQ(statuses[k].MPI_TAG, k);
            for (int i = 0; i < N; i++)
                CHECK_EQ(in[k][i], left * 1000 + round * 10 + k);
        }
    }
    for (int k = 0; k < 8; k++) {
        MPI_Request_free(&requests[k]);
        CHECK(requests[k] == MPI_REQUEST_NULL, "MPI_Request_free leaves the handle");
    }
    void *detached;
    MPI_Buffer_detach(&detached, &room);
    free(buffer);
    return FINISH("persistent");
}
