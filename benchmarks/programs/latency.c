/* One-way time and bandwidth between ranks 0 and 1, 8 bytes to 4 MiB, and one memcpy of each size for comparison.
 *
 *   latency SIZE ns      half of a round trip of blocking sends and receives
 *   bandwidth SIZE GB/s  a window of nonblocking sends, then one answer
 *   memcpy SIZE ns       between two buffers of rank 0, warm
 */
#include "bench.h"

#define WINDOW 16
#define ROOM (16 << 20) /* for a window of buffers that do not overlap */

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    long most = argc > 1 ? atol(argv[1]) : 4 << 20;
    double budget = (argc > 2 ? atof(argv[2]) : 60) * 1e6; /* ns for each size and kind */
    char *out = aligned_alloc(4096, ROOM), *in = aligned_alloc(4096, ROOM);
    memset(out, 1, ROOM);
    memset(in, 2, ROOM);
    double values[MOST_BATCHES];
    static const long sizes[] = {8, 64, 512, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304};
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes && sizes[s] <= most; s++) {
        int bytes = (int)sizes[s], plan[2] = {1, 1};
        for (int pass = 0; pass < 2; pass++) { /* the first pass warms up and finds the length of a batch */
            int each = pass ? plan[0] : (bytes > 65536 ? 4 : 50), batches = pass ? plan[1] : 3;
            for (int b = 0; b < batches; b++) {
                double begin = now_ns();
                if (rank == 0)
                    for (int i = 0; i < each; i++) {
                        MPI_Send(out, bytes, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
                        MPI_Recv(in, bytes, MPI_BYTE, 1, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                    }
                else if (rank == 1)
                    for (int i = 0; i < each; i++) {
                        MPI_Recv(in, bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                        MPI_Send(out, bytes, MPI_BYTE, 0, 1, MPI_COMM_WORLD);
                    }
                values[b] = (now_ns() - begin) / (2.0 * each);
            }
            if (pass == 0) {
                plan[0] = bench_repeat(2 * values[2], 0.5e6, 20000);
                plan[1] = bench_repeat(2 * values[2] * plan[0], budget, MOST_BATCHES);
                if (plan[1] < 10)
                    plan[1] = 10;
                MPI_Bcast(plan, 2, MPI_INT, 0, MPI_COMM_WORLD);
            } else if (rank == 0) {
                bench_print("latency", bytes, values, batches, "ns");
            }
        }
        if (bytes >= 4096) {
            int window = bytes > 262144 ? 4 : WINDOW;
            int batches = bench_repeat((double)bytes * window / 4, budget, 100); /* at about 4 bytes a ns */
            if (batches < 10)
                batches = 10;
            MPI_Request requests[WINDOW];
            for (int b = 0; b < batches; b++) {
                double begin = now_ns();
                for (int w = 0; w < window && rank < 2; w++)
                    if (rank == 0)
                        MPI_Isend(out + (size_t)w * (size_t)bytes, bytes, MPI_BYTE, 1, 2, MPI_COMM_WORLD, &requests[w]);
                    else
                        MPI_Irecv(in + (size_t)w * (size_t)bytes, bytes, MPI_BYTE, 0, 2, MPI_COMM_WORLD, &requests[w]);
                if (rank < 2)
                    MPI_Waitall(window, requests, MPI_STATUSES_IGNORE);
                if (rank == 0)
                    MPI_Recv(NULL, 0, MPI_BYTE, 1, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
                else if (rank == 1)
                    MPI_Send(NULL, 0, MPI_BYTE, 0, 3, MPI_COMM_WORLD);
                values[b] = (double)bytes * window / (now_ns() - begin);
            }
            if (rank == 0)
                bench_print_rate("bandwidth", bytes, values, batches, "GB/s");
        }
        if (rank == 0 && bytes >= 65536) {
            int each = bench_repeat(bytes / 10.0, 0.5e6, 1000), batches = 40;
            for (int b = 0; b < batches; b++) {
                double begin = now_ns();
                for (int i = 0; i < each; i++) {
                    memcpy(in, out, (size_t)bytes);
                    __asm__ volatile("" : : "r"(in) : "memory");
                }
                values[b] = (now_ns() - begin) / each;
            }
            bench_print("memcpy", bytes, values, batches, "ns");
        }
        MPI_Barrier(MPI_COMM_WORLD);
    }
    free(out);
    free(in);
    MPI_Finalize();
    return 0;
}
