//# p: 1,2
//# vp: 1,2,4,8,64
//# switch: hop,reference
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A token goes round the ring; every size from nothing to 1 MiB; tags and sources in the status.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    static const int lengths[] = {0, 1, 7, 8, 63, 64, 65, 255, 1000, 4096, 16384, 65537, 1 << 20};
    unsigned char *out = malloc(1 << 20), *in = malloc(1 << 20);
    for (unsigned k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        int n = lengths[k];
        if (size > 8 && n > 65536)
            break;
        for (int i = 0; i < n; i++)
            out[i] = (unsigned char)(rank * 7 + i * 13 + (int)k);
        memset(in, 0xee, (size_t)n);
        MPI_Request request;
        MPI_Status status;
        MPI_Isend(out, n, MPI_BYTE, right, (int)k, MPI_COMM_WORLD, &request);
        MPI_Recv(in, n, MPI_BYTE, left, (int)k, MPI_COMM_WORLD, &status);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK(request == MPI_REQUEST_NULL, "MPI_Wait leaves a request");
        CHECK_EQ(status.MPI_SOURCE, left);
        CHECK_EQ(status.MPI_TAG, k);
        int count;
        MPI_Get_count(&status, MPI_BYTE, &count);
        CHECK_EQ(count, n);
        for (int i = 0; i < n; i++)
            CHECK(in[i] == (unsigned char)(left * 7 + i * 13 + (int)k), "byte %d of %d", i, n);
    }
    /* sequential token: each adds its rank */
    long sum = 0;
    if (rank == 0) {
        MPI_Request request;
        long start = 0; /* nonblocking, for a world of one */
        MPI_Isend(&start, 1, MPI_LONG, right, 50, MPI_COMM_WORLD, &request);
        MPI_Recv(&sum, 1, MPI_LONG, left, 50, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK_EQ(sum, (long)size * (size - 1) / 2);
    } else {
        MPI_Recv(&sum, 1, MPI_LONG, left, 50, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        sum += rank;
        MPI_Send(&sum, 1, MPI_LONG, right, 50, MPI_COMM_WORLD);
    }
    free(out);
    free(in);
    return FINISH("ring");
}
