//# p: 1,2
//# vp: 1,2,4
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// MPI_PROC_NULL in every point-to-point call: complete at once, nothing moves, the status says so.
#include "../check.h"

static void check_status(const MPI_Status *status, const char *call)
{
    int count = -1;
    CHECK(status->MPI_SOURCE == MPI_PROC_NULL, "the source after %s is %d", call, status->MPI_SOURCE);
    CHECK_EQ(status->MPI_TAG, MPI_ANY_TAG);
    MPI_Get_count(status, MPI_INT, &count);
    CHECK_EQ(count, 0);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    int value = 5, other = 6, flag;
    MPI_Status status;
    MPI_Request request;
    MPI_Send(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Ssend(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Rsend(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Bsend(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD);
    MPI_Recv(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
    check_status(&status, "MPI_Recv");
    MPI_Isend(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Issend(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Irecv(&value, 1, MPI_INT, MPI_PROC_NULL, MPI_ANY_TAG, MPI_COMM_WORLD, &request);
    MPI_Test(&request, &flag, &status);
    CHECK(flag, "a receive from MPI_PROC_NULL is not complete");
    check_status(&status, "MPI_Irecv");
    MPI_Sendrecv(&value, 1, MPI_INT, MPI_PROC_NULL, 0, &other, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
    check_status(&status, "MPI_Sendrecv");
    MPI_Sendrecv_replace(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
    check_status(&status, "MPI_Sendrecv_replace");
    MPI_Probe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &status);
    check_status(&status, "MPI_Probe");
    MPI_Iprobe(MPI_PROC_NULL, 0, MPI_COMM_WORLD, &flag, &status);
    CHECK(flag, "MPI_Iprobe of MPI_PROC_NULL");
    check_status(&status, "MPI_Iprobe");
    MPI_Recv_init(&value, 1, MPI_INT, MPI_PROC_NULL, 0, MPI_COMM_WORLD, &request);
    MPI_Start(&request);
    MPI_Wait(&request, &status);
    check_status(&status, "MPI_Recv_init");
    MPI_Request_free(&request);
    CHECK(value == 5 && other == 6, "a buffer was changed");

    /* a line without wrap-around, as stencil codes have it */
    int right = rank + 1 < size ? rank + 1 : MPI_PROC_NULL, left = rank > 0 ? rank - 1 : MPI_PROC_NULL, from_left = -1;
    MPI_Sendrecv(&rank, 1, MPI_INT, right, 1, &from_left, 1, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(from_left, rank - 1);
    return FINISH("null process");
}
