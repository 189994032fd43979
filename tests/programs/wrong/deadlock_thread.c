//# p: 1,2
//# vp: 2
//# flags: -pthread
//# exit: nonzero
//# expect-error: /MPI_Send .*only the main thread of a rank may call MPI \(MPI_THREAD_FUNNELED/
//# expect-not: /[Dd]eadlock|ok on|ask MPI_Init_thread/
//# timeout: 20
// No deadlock while all ranks wait and their threads sleep: these might do something. Then they call MPI, which is refused.
#include "../check.h"
#include <pthread.h>
#include <unistd.h>

static void *send_later(void *argument)
{
    sleep(2);
    int value = 7;
    MPI_Send(&value, 1, MPI_INT, *(int *)argument, 3, MPI_COMM_WORLD);
    return NULL;
}

int main(int argc, char **argv)
{
    int provided, rank, size, value = 0;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int next = (rank + 1) % size;
    pthread_t thread;
    pthread_create(&thread, NULL, send_later, &next);
    MPI_Recv(&value, 1, MPI_INT, MPI_ANY_SOURCE, 3, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    CHECK_EQ(value, 7);
    pthread_join(thread, NULL);
    return FINISH("waiting for a thread");
}
