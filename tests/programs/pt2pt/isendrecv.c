//# p: 1,2
//# vp: 1,2,4,8
//# isolate: image,none,process
//# expect: /ok on \d+ ranks/
// Isendrecv and Isendrecv_replace (MPI 4.0): several in flight at once.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int out[5], in[5], replace[5];
    MPI_Request requests[10];
    for (int k = 0; k < 5; k++) {
        int to = (rank + k) % size, from = (rank + 5 * size - k) % size;
        out[k] = rank * 10 + k;
        replace[k] = rank * 100 + k;
        MPI_Isendrecv(&out[k], 1, MPI_INT, to, k, &in[k], 1, MPI_INT, from, k, MPI_COMM_WORLD, &requests[k]);
        MPI_Isendrecv_replace(&replace[k], 1, MPI_INT, to, 100 + k, from, 100 + k, MPI_COMM_WORLD, &requests[5 + k]);
    }
    MPI_Status statuses[10];
    MPI_Waitall(10, requests, statuses);
    for (int k = 0; k < 5; k++) {
        int from = (rank + 5 * size - k) % size;
        CHECK_EQ(in[k], from * 10 + k);
        CHECK_EQ(replace[k], from * 100 + k);
        CHECK_EQ(statuses[k].MPI_SOURCE, from);
        CHECK_EQ(statuses[5 + k].MPI_TAG, 100 + k);
    }
    return FINISH("isendrecv");
}
