/* Messages per second from rank 0 to rank 1: windows of 64 nonblocking sends of 8 bytes, then one answer.
 *
 *   rate SIZE M/s
 */
#include "bench.h"

#define WINDOW 64

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    int windows = argc > 1 ? atoi(argv[1]) : 200, batches = argc > 2 ? atoi(argv[2]) : 60;
    static const int sizes[] = {8, 256};
    char buffers[WINDOW][256];
    memset(buffers, rank, sizeof buffers);
    double values[MOST_BATCHES];
    MPI_Request requests[WINDOW];
    for (unsigned s = 0; s < 2; s++) {
        int bytes = sizes[s];
        for (int b = 0; b < batches && b < MOST_BATCHES; b++) {
            double begin = now_ns();
            for (int k = 0; k < windows; k++) {
                if (rank == 0) {
                    for (int w = 0; w < WINDOW; w++)
                        MPI_Isend(buffers[w], bytes, MPI_BYTE, 1, 1, MPI_COMM_WORLD, &requests[w]);
                    MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
                    MPI_Recv(buffers[0], 1, MPI_BYTE, 1, 2, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                } else if (rank == 1) {
                    for (int w = 0; w < WINDOW; w++)
                        MPI_Irecv(buffers[w], bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD, &requests[w]);
                    MPI_Waitall(WINDOW, requests, MPI_STATUSES_IGNORE);
                    MPI_Send(buffers[0], 1, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
                }
            }
            values[b] = 1e3 * windows * WINDOW / (now_ns() - begin);
        }
        if (rank == 0)
            bench_print_rate("rate", bytes, values, batches, "M/s");
    }
    MPI_Finalize();
    return 0;
}
