//# p: 1,2
//# vp: 2,4,8,32
//# isolate: image,none,process
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Messages between two ranks do not overtake each other: same tag, mixed tags, mixed sizes, wildcards, posted before and after.
#include "../check.h"

#define COUNT 300

int main(int argc, char **argv)
{
    START(argc, argv);
    static const int words[] = {1, 3, 20, 500, 4000, 2, 20000};
    int *buffer = malloc(20000 * sizeof(int)), *sent[COUNT];
    MPI_Request requests[COUNT];
    int partner = rank ^ 1;
    if (partner < size && rank % 2 == 0) {
        for (int i = 0; i < COUNT; i++) {
            int n = words[i % 7];
            sent[i] = malloc((size_t)n * sizeof(int));
            for (int k = 0; k < n; k++)
                sent[i][k] = i;
            MPI_Isend(sent[i], n, MPI_INT, partner, i % 3, MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Waitall(COUNT, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < COUNT; i++)
            free(sent[i]);
    } else if (partner < size) {
        /* tag 0 first by exact tag: they come in the order they were sent in */
        for (int i = 0; i < COUNT; i += 3) {
            MPI_Status status;
            int count;
            MPI_Recv(buffer, 20000, MPI_INT, partner, 0, MPI_COMM_WORLD, &status);
            MPI_Get_count(&status, MPI_INT, &count);
            CHECK_EQ(count, words[i % 7]);
            CHECK_EQ(buffer[0], i);
            CHECK_EQ(buffer[count - 1], i);
        }
        /* the rest with wildcards: tags 1 and 2 in the order they were sent in */
        for (int i = 0; i < COUNT; i++) {
            if (i % 3 == 0)
                continue;
            MPI_Status status;
            MPI_Recv(buffer, 20000, MPI_INT, MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &status);
            CHECK_EQ(status.MPI_SOURCE, partner);
            CHECK_EQ(status.MPI_TAG, i % 3);
            CHECK_EQ(buffer[0], i);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);

    /* receives posted before the messages come, half of them with wildcards: matched in the order of posting */
    int values[COUNT], got[COUNT];
    if (partner < size && rank % 2 == 1) {
        for (int i = 0; i < COUNT; i++) {
            got[i] = -1;
            MPI_Irecv(&got[i], 1, MPI_INT, i % 2 ? MPI_ANY_SOURCE : partner, i % 5 ? 9 : MPI_ANY_TAG, MPI_COMM_WORLD,
                      &requests[i]);
        }
        MPI_Send(NULL, 0, MPI_INT, partner, 77, MPI_COMM_WORLD);
        MPI_Waitall(COUNT, requests, MPI_STATUSES_IGNORE);
        for (int i = 0; i < COUNT; i++)
            CHECK_EQ(got[i], i);
    } else if (partner < size) {
        MPI_Recv(NULL, 0, MPI_INT, partner, 77, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        for (int i = 0; i < COUNT; i++) {
            values[i] = i;
            MPI_Isend(&values[i], 1, MPI_INT, partner, 9, MPI_COMM_WORLD, &requests[i]);
        }
        MPI_Waitall(COUNT, requests, MPI_STATUSES_IGNORE);
    }
    free(buffer);
    return FINISH("ordering");
}
