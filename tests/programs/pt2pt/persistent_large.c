//# p: 1,2
//# vp: 2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Persistent sends of large messages: each round's data arrive, although the next round overwrites the buffer.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 200000 };
    int partner = rank ^ 1;
    if (partner < size) {
        int *data = malloc(N * sizeof(int));
        MPI_Request request;
        if (rank % 2)
            MPI_Recv_init(data, N, MPI_INT, partner, 0, MPI_COMM_WORLD, &request);
        else
            MPI_Send_init(data, N, MPI_INT, partner, 0, MPI_COMM_WORLD, &request);
        for (int round = 0; round < 10; round++) {
            if (rank % 2 == 0)
                for (int i = 0; i < N; i++)
                    data[i] = round * 7 + i;
            MPI_Start(&request);
            MPI_Wait(&request, MPI_STATUS_IGNORE);
            if (rank % 2)
                for (int i = 0; i < N; i++)
                    CHECK_EQ(data[i], round * 7 + i);
        }
        MPI_Request_free(&request);
        free(data);
    }
    return FINISH("large persistent");
}
