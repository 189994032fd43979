//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Mprobe, Improbe, Mrecv, Imrecv: a matched message is nobody else's, and order among the others is kept.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Request sends[4];
    int out[4];
    int *large = malloc(100000 * sizeof(int)), *received = malloc(100000 * sizeof(int));
    for (int i = 0; i < 100000; i++)
        large[i] = rank + i;
    for (int m = 0; m < 3; m++) {
        out[m] = rank * 10 + m;
        MPI_Isend(&out[m], 1, MPI_INT, right, 5, MPI_COMM_WORLD, &sends[m]);
    }
    MPI_Isend(large, 100000, MPI_INT, right, 5, MPI_COMM_WORLD, &sends[3]);

    MPI_Message first, second, fourth;
    MPI_Status status;
    int flag, value, count;
    MPI_Mprobe(left, 5, MPI_COMM_WORLD, &first, &status);
    CHECK_EQ(status.MPI_SOURCE, left);
    do
        MPI_Improbe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, &second, &status);
    while (!flag);
    MPI_Recv(&value, 1, MPI_INT, left, 5, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(value, left * 10 + 2); /* the first two are taken */
    MPI_Request request;
    MPI_Imrecv(&value, 1, MPI_INT, &second, &request);
    CHECK(second == MPI_MESSAGE_NULL, "MPI_Imrecv leaves the message handle");
    MPI_Wait(&request, &status);
    CHECK_EQ(value, left * 10 + 1);
    CHECK_EQ(status.MPI_TAG, 5);
    MPI_Mrecv(&value, 1, MPI_INT, &first, &status);
    CHECK(first == MPI_MESSAGE_NULL, "MPI_Mrecv leaves the message handle");
    CHECK_EQ(value, left * 10);
    MPI_Mprobe(left, 5, MPI_COMM_WORLD, &fourth, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK_EQ(count, 100000);
    MPI_Mrecv(received, 100000, MPI_INT, &fourth, &status);
    for (int i = 0; i < 100000; i++)
        CHECK_EQ(received[i], left + i);
    MPI_Waitall(4, sends, MPI_STATUSES_IGNORE);

    MPI_Message none;
    MPI_Mprobe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &none, &status);
    CHECK(none == MPI_MESSAGE_NO_PROC, "MPI_Mprobe of MPI_PROC_NULL");
    CHECK_EQ(status.MPI_SOURCE, MPI_PROC_NULL);
    MPI_Mrecv(&value, 1, MPI_INT, &none, &status);
    CHECK(none == MPI_MESSAGE_NULL && status.MPI_SOURCE == MPI_PROC_NULL, "MPI_Mrecv of no process");
    MPI_Improbe(left, 6, MPI_COMM_WORLD, &flag, &none, &status);
    CHECK(!flag, "a message was invented");
    free(large);
    free(received);
    return FINISH("matched probe");
}
