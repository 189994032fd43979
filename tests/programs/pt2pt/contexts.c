//# p: 1,2
//# vp: 2,4,8
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The same source and tag on two communicators: messages do not cross, whatever the order of the receives.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    MPI_Comm twins[3];
    twins[0] = MPI_COMM_WORLD;
    MPI_Comm_dup(MPI_COMM_WORLD, &twins[1]);
    MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &twins[2]); /* ranks in reverse */
    int out[3], in[3], right = (rank + 1) % size, left = (rank + size - 1) % size;
    MPI_Request requests[3];
    for (int c = 0; c < 3; c++) {
        out[c] = rank * 10 + c;
        int to = c == 2 ? size - 1 - right : right;
        MPI_Isend(&out[c], 1, MPI_INT, to, 7, twins[c], &requests[c]);
    }
    for (int c = 2; c >= 0; c--) {
        MPI_Status status;
        MPI_Recv(&in[c], 1, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, twins[c], &status);
        CHECK_EQ(in[c], left * 10 + c);
        CHECK_EQ(status.MPI_SOURCE, c == 2 ? size - 1 - left : left);
    }
    MPI_Waitall(3, requests, MPI_STATUSES_IGNORE);
    MPI_Comm_free(&twins[1]);
    MPI_Comm_free(&twins[2]);
    return FINISH("contexts");
}
