//# p: 1,2
//# vp: 2,4,16
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Thousands of messages arrive before any receive is posted, then are received from the last tag to the first.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    enum { N = 1500 };
    if (rank == 0) {
        MPI_Barrier(MPI_COMM_WORLD);
        for (int tag = N - 1; tag >= 0; tag--)
            for (int source = size - 1; source > 0; source--) {
                int message[4];
                MPI_Recv(message, 4, MPI_INT, source, tag, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                CHECK(message[0] == source && message[1] == tag, "message of %d tag %d instead of %d tag %d", message[0],
                      message[1], source, tag);
            }
    } else {
        MPI_Request *requests = malloc(N * sizeof *requests);
        int(*messages)[4] = malloc(N * sizeof *messages);
        for (int tag = 0; tag < N; tag++) {
            messages[tag][0] = rank;
            messages[tag][1] = tag;
            MPI_Isend(messages[tag], 4, MPI_INT, 0, tag, MPI_COMM_WORLD, &requests[tag]);
        }
        MPI_Barrier(MPI_COMM_WORLD);
        MPI_Waitall(N, requests, MPI_STATUSES_IGNORE);
        free(requests);
        free(messages);
    }
    /* many posted receives, matched in reverse */
    int *values = malloc(N * sizeof(int));
    MPI_Request *requests = malloc(N * sizeof *requests);
    int partner = rank ^ 1;
    if (partner < size) {
        for (int i = 0; i < N; i++)
            MPI_Irecv(&values[i], 1, MPI_INT, partner, i, MPI_COMM_WORLD, &requests[i]);
        for (int i = N - 1; i >= 0; i--) {
            int number = i + partner;
            MPI_Send(&number, 1, MPI_INT, partner, i, MPI_COMM_WORLD);
        }
        MPI_Waitall(N, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < N; i++)
            CHECK_EQ(values[i], i + rank);
    }
    free(values);
    free(requests);
    return FINISH("unexpected flood");
}
