//# p: 1,2
//# vp: 1,2,4
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A posted receive is cancelled; what would have matched it goes to the next receive. Freed requests complete.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = -1, other = -1, flag;
    MPI_Request request, send;
    MPI_Status status;
    MPI_Irecv(&value, 1, MPI_INT, rank, 3, MPI_COMM_WORLD, &request);
    MPI_Cancel(&request);
    MPI_Wait(&request, &status);
    MPI_Test_cancelled(&status, &flag);
    CHECK(flag, "a receive without a message was not cancelled");
    CHECK(request == MPI_REQUEST_NULL, "a cancelled request is kept");
    MPI_Isend(&rank, 1, MPI_INT, rank, 3, MPI_COMM_WORLD, &send);
    MPI_Recv(&other, 1, MPI_INT, rank, 3, MPI_COMM_WORLD, &status);
    MPI_Wait(&send, MPI_STATUS_IGNORE);
    MPI_Test_cancelled(&status, &flag);
    CHECK(!flag, "a completed receive says that it was cancelled");
    CHECK(other == rank && value == -1, "the message went to the cancelled receive");

    MPI_Barrier(MPI_COMM_WORLD);
    /* wildcards are cancelled out of the middle of the queue */
    int got[5] = {-1, -1, -1, -1, -1};
    MPI_Request queue[5];
    for (int i = 0; i < 5; i++)
        MPI_Irecv(&got[i], 1, MPI_INT, i % 2 ? MPI_ANY_SOURCE : rank, i < 3 ? 4 : MPI_ANY_TAG, MPI_COMM_WORLD, &queue[i]);
    MPI_Cancel(&queue[1]);
    MPI_Cancel(&queue[3]);
    for (int i = 0; i < 3; i++) {
        int number = 70 + i;
        MPI_Send(&number, 1, MPI_INT, rank, 4, MPI_COMM_WORLD);
    }
    MPI_Status statuses[5];
    MPI_Waitall(5, queue, statuses);
    CHECK(got[0] == 70 && got[2] == 71 && got[4] == 72, "messages went to %d %d %d", got[0], got[2], got[4]);
    MPI_Test_cancelled(&statuses[1], &flag);
    CHECK(flag, "second receive");
    MPI_Test_cancelled(&statuses[3], &flag);
    CHECK(flag, "fourth receive");
    MPI_Barrier(MPI_COMM_WORLD); /* what follows must not meet the wildcards above */

    MPI_Barrier(MPI_COMM_WORLD); /* or the wildcards take what a partner sends further below */
    /* a completed receive can no longer be cancelled */
    MPI_Irecv(&value, 1, MPI_INT, rank, 5, MPI_COMM_WORLD, &request);
    MPI_Send(&rank, 1, MPI_INT, rank, 5, MPI_COMM_WORLD);
    do
        MPI_Request_get_status(request, &flag, MPI_STATUS_IGNORE);
    while (!flag);
    MPI_Cancel(&request);
    MPI_Wait(&request, &status);
    MPI_Test_cancelled(&status, &flag);
    CHECK(!flag && value == rank, "a completed receive was cancelled");

    /* freed send and receive requests still complete */
    int partner = rank ^ 1;
    if (partner < size) {
        static const int number = 4711;
        int back = -1;
        MPI_Irecv(&back, 1, MPI_INT, partner, 6, MPI_COMM_WORLD, &request);
        MPI_Isend(&number, 1, MPI_INT, partner, 7, MPI_COMM_WORLD, &send);
        MPI_Request_free(&send);
        int got_number;
        MPI_Recv(&got_number, 1, MPI_INT, partner, 7, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        CHECK_EQ(got_number, 4711);
        MPI_Request_free(&request);
        MPI_Send(&rank, 1, MPI_INT, partner, 6, MPI_COMM_WORLD);
        double begin = MPI_Wtime();
        while (*(volatile int *)&back != partner && MPI_Wtime() - begin < 10)
            MPI_Iprobe(MPI_ANY_SOURCE, 8, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
        CHECK_EQ(back, partner);
    }
    return FINISH("cancel");
}
