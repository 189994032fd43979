//# p: 1,2
//# vp: 1,2,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Messages of no elements: of every datatype, with null buffers, matched and ordered like others.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int right = (rank + 1) % size, left = (rank + size - 1) % size, count, value = rank, got = -1;
    MPI_Datatype empty;
    MPI_Type_contiguous(0, MPI_INT, &empty);
    MPI_Type_commit(&empty);
    MPI_Datatype types[4] = {MPI_INT, MPI_DOUBLE, MPI_BYTE, empty};
    MPI_Status status;
    for (int k = 0; k < 4; k++) {
        MPI_Sendrecv(NULL, 0, types[k], right, k, NULL, 0, types[k], left, k, MPI_COMM_WORLD, &status);
        CHECK(status.MPI_SOURCE == left && status.MPI_TAG == k, "status of a message of no bytes");
        MPI_Get_count(&status, types[k], &count);
        CHECK_EQ(count, 0);
    }
    MPI_Sendrecv(NULL, 5, empty, right, 0, NULL, 7, empty, left, 0, MPI_COMM_WORLD, &status);
    MPI_Request requests[4];
    MPI_Isend(NULL, 0, MPI_INT, right, 9, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(&value, 1, MPI_INT, right, 9, MPI_COMM_WORLD, &requests[1]);
    MPI_Recv(&got, 1, MPI_INT, left, 9, MPI_COMM_WORLD, &status);
    MPI_Get_count(&status, MPI_INT, &count);
    CHECK(count == 0 && got == -1, "the empty message was overtaken");
    MPI_Recv(&got, 1, MPI_INT, left, 9, MPI_COMM_WORLD, &status);
    CHECK_EQ(got, left);
    MPI_Waitall(2, requests, MPI_STATUSES_IGNORE);
    MPI_Type_free(&empty);
    return FINISH("zero size");
}
