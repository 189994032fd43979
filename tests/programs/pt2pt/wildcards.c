//# p: 1,2
//# vp: 1,4,8,64
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_ANY_SOURCE and MPI_ANY_TAG: everything arrives exactly once, with its true source and tag.
#include "../check.h"

int main(int argc, char **argv)
{
    START(argc, argv);
    int each = 20;
    if (rank == 0) {
        int *next = calloc((size_t)size, sizeof(int));
        for (int i = 0; i < (size - 1) * each; i++) {
            int message[3];
            MPI_Status status;
            MPI_Recv(message, 3, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
            CHECK_EQ(message[0], status.MPI_SOURCE);
            CHECK_EQ(message[1], status.MPI_TAG);
            CHECK_EQ(message[2], next[status.MPI_SOURCE]);
            next[status.MPI_SOURCE]++;
        }
        for (int r = 1; r < size; r++)
            CHECK_EQ(next[r], each);
        free(next);
    } else {
        for (int i = 0; i < each; i++) {
            int message[3] = {rank, (rank * 31 + i * 7) % 32767, i};
            MPI_Send(message, 3, MPI_INT, 0, message[1], MPI_COMM_WORLD);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
    /* any source with a given tag, and any tag from a given source */
    if (rank == 0) {
        for (int r = 1; r < size; r++) {
            int value;
            MPI_Status status;
            MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 200 + r, MPI_COMM_WORLD, &status);
            CHECK_EQ(status.MPI_SOURCE, r);
            CHECK_EQ(value, r * 10);
        }
        for (int r = size - 1; r > 0; r--) {
            int value;
            MPI_Status status;
            MPI_Recv(&value, 1, MPI_INT, r, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
            CHECK_EQ(status.MPI_TAG, 500 + r);
            CHECK_EQ(value, r * 11);
        }
    } else {
        int a = rank * 11, b = rank * 10;
        MPI_Request request;
        MPI_Isend(&b, 1, MPI_INT, 0, 200 + rank, MPI_COMM_WORLD, &request);
        MPI_Send(&a, 1, MPI_INT, 0, 500 + rank, MPI_COMM_WORLD);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
    }
    /* the largest tag */
    int *tag_ub, flag;
    MPI_Comm_get_attr(MPI_COMM_WORLD, MPI_TAG_UB, &tag_ub, &flag);
    CHECK(flag && *tag_ub >= 32767, "MPI_TAG_UB");
    int value = -1;
    MPI_Sendrecv(&rank, 1, MPI_INT, (rank + 1) % size, *tag_ub, &value, 1, MPI_INT, (rank + size - 1) % size, *tag_ub,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(value, (rank + size - 1) % size);
    return FINISH("wildcards");
}
