//# p: 1,2
//# vp: 2,4
//# flags: -pthread
//# compare: mpich
//# expect: /ok on \d+ ranks/
// MPI_THREAD_MULTIPLE: threads of a rank send and receive at the same time, each on a communicator of its own and all
// on one with their own tags.
#include "../check.h"
#include <pthread.h>

#define THREADS 3
#define ROUNDS 50
struct work {
    int number, rank, size;
    MPI_Comm comm;
};

static void *run(void *argument)
{
    struct work *w = argument;
    int right = (w->rank + 1) % w->size, left = (w->rank + w->size - 1) % w->size;
    for (int i = 0; i < ROUNDS; i++) {
        int out = w->rank * 1000 + w->number * 100 + i, in = -1;
        MPI_Request request;
        MPI_Isend(&out, 1, MPI_INT, right, w->number, MPI_COMM_WORLD, &request);
        MPI_Recv(&in, 1, MPI_INT, left, w->number, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
        MPI_Wait(&request, MPI_STATUS_IGNORE);
        CHECK_EQ(in, left * 1000 + w->number * 100 + i);
        int sum;
        MPI_Allreduce(&out, &sum, 1, MPI_INT, MPI_SUM, w->comm);
        CHECK_EQ(sum, w->size * (w->size - 1) / 2 * 1000 + w->size * (w->number * 100 + i));
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int provided, rank, size;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    CHECK_EQ(provided, MPI_THREAD_MULTIPLE);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    pthread_t threads[THREADS];
    struct work work[THREADS];
    for (int t = 0; t < THREADS; t++) {
        work[t] = (struct work){t, rank, size, MPI_COMM_NULL};
        MPI_Comm_dup(MPI_COMM_WORLD, &work[t].comm);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_create(&threads[t], NULL, run, &work[t]);
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < THREADS; t++)
        MPI_Comm_free(&work[t].comm);
    return FINISH("thread multiple");
}
