//# p: 1,2
//# vp: 1,2,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The _c functions of the chapter with counts of type MPI_Count.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Count n = 10, count;
    int out[10], in[10];
    MPI_Request request, requests[2];
    MPI_Status status;
    MPI_Message message;
    for (int i = 0; i < 10; i++)
        out[i] = rank * 100 + i;
    MPI_Isend_c(out, n, MPI_INT, right, 1, MPI_COMM_WORLD, &request);
    MPI_Recv_c(in, n, MPI_INT, left, 1, MPI_COMM_WORLD, &status);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Get_count_c(&status, MPI_INT, &count);
    CHECK_EQ(count, 10);
    MPI_Get_elements_c(&status, MPI_INT, &count);
    CHECK_EQ(count, 10);
    CHECK_EQ(in[9], left * 100 + 9);
    MPI_Irecv_c(in, n, MPI_INT, left, 2, MPI_COMM_WORLD, &request);
    MPI_Issend_c(out, n, MPI_INT, right, 2, MPI_COMM_WORLD, &requests[0]);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Wait(&requests[0], MPI_STATUS_IGNORE);
    MPI_Sendrecv_c(out, n, MPI_INT, right, 3, in, n, MPI_INT, left, 3, MPI_COMM_WORLD, &status);
    CHECK_EQ(in[0], left * 100);
    MPI_Sendrecv_replace_c(in, n, MPI_INT, right, 4, left, 4, MPI_COMM_WORLD, &status);
    CHECK_EQ(in[0], (rank + 2 * size - 2) % size * 100);
    MPI_Send_init_c(out, n, MPI_INT, right, 5, MPI_COMM_WORLD, &requests[0]);
    MPI_Recv_init_c(in, n, MPI_INT, left, 5, MPI_COMM_WORLD, &requests[1]);
    MPI_Startall(2, requests);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    CHECK_EQ(in[5], left * 100 + 5);
    MPI_Request_free(&requests[0]);
    MPI_Request_free(&requests[1]);
    MPI_Isend_c(out, n, MPI_INT, right, 6, MPI_COMM_WORLD, &request);
    MPI_Mprobe(left, 6, MPI_COMM_WORLD, &message, &status);
    MPI_Mrecv_c(in, n, MPI_INT, &message, &status);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    char buffer[4096];
    MPI_Buffer_attach_c(buffer, sizeof buffer);
    MPI_Bsend_c(out, n, MPI_INT, right, 7, MPI_COMM_WORLD);
    MPI_Recv_c(in, n, MPI_INT, left, 7, MPI_COMM_WORLD, &status);
    void *detached;
    MPI_Count detached_size;
    MPI_Buffer_detach_c(&detached, &detached_size);
    CHECK(detached == buffer && detached_size == sizeof buffer, "MPI_Buffer_detach_c");
    return FINISH("large count point-to-point");
}
