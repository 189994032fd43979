//# p: 1,2
//# vp: 2,4
//# expect: /ok on \d+ ranks/
// A send whose message still lies with the sender is cancelled: waiting for it needs nobody else, the receiver never sees
// it, and what is sent afterwards arrives. A send that a receive has matched is not cancelled.
#include "../check.h"

enum { COUNT = 1 << 16 };
static int out[COUNT], in[COUNT];

static void cancelled(MPI_Request *request, int wanted, const char *what)
{
    int flag;
    MPI_Status status;
    MPI_Cancel(request);
    MPI_Wait(request, &status);
    MPI_Test_cancelled(&status, &flag);
    CHECK(flag == wanted, "%s: cancelled is %d", what, flag);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int to = (rank + 1) % size, from = (rank + size - 1) % size;
    for (int i = 0; i < COUNT; i++)
        out[i] = rank + i;
    MPI_Request request;
    for (int round = 0; round < 20; round++) {
        MPI_Isend(out, COUNT, MPI_INT, to, 1, MPI_COMM_WORLD, &request);
        cancelled(&request, 1, "long");
        MPI_Issend(out, 1, MPI_INT, to, 2, MPI_COMM_WORLD, &request);
        cancelled(&request, 1, "synchronous");
        MPI_Ssend_init(out, 0, MPI_INT, to, 3, MPI_COMM_WORLD, &request);
        MPI_Start(&request);
        cancelled(&request, 1, "persistent");
        MPI_Request_free(&request);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    int flag;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &flag, MPI_STATUS_IGNORE);
    CHECK(!flag, "a cancelled message is here");

    MPI_Request receive;
    MPI_Status status;
    MPI_Irecv(in, COUNT, MPI_INT, from, MPI_ANY_TAG, MPI_COMM_WORLD, &receive);
    MPI_Barrier(MPI_COMM_WORLD);
    MPI_Isend(out, COUNT, MPI_INT, to, 4, MPI_COMM_WORLD, &request);
    cancelled(&request, 0, "matched");
    MPI_Wait(&receive, &status);
    CHECK(status.MPI_TAG == 4 && in[COUNT - 1] == from + COUNT - 1, "tag %d", status.MPI_TAG);
    return FINISH("cancel_send");
}
