//# p: 1,2
//# vp: 1,4,8
//# flags: -pthread
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Threads of a rank: they see its globals, have their own thread-local variables, and use mutexes, conditions, keys,
// once, barriers and semaphores; other ranks' threads are elsewhere.
#include "../check.h"
#include <pthread.h>
#include <semaphore.h>

#define THREADS 4
static int counter, once_calls;
static __thread int own = 10;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static int turn, destroyed;

static void only_once(void)
{
    once_calls++;
}

static void destructor(void *value)
{
    pthread_mutex_lock(&lock);
    destroyed += *(int *)value;
    pthread_mutex_unlock(&lock);
}

struct work {
    int number, rank;
};

static void *run(void *argument)
{
    struct work *w = argument;
    pthread_once(&once, only_once);
    static const int ones = 1;
    pthread_setspecific(key, &ones);
    CHECK_EQ(own, 10);
    for (int i = 0; i < 1000; i++) {
        pthread_mutex_lock(&lock);
        counter++;
        pthread_mutex_unlock(&lock);
        own += w->number;
    }
    CHECK_EQ(own, 10 + 1000 * w->number);
    pthread_mutex_lock(&lock);
    while (turn != w->number)
        pthread_cond_wait(&changed, &lock);
    turn++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    char *memory = malloc(1000); /* freed by the main thread */
    snprintf(memory, 1000, "rank %d thread %d", w->rank, w->number);
    return memory;
}

int main(int argc, char **argv)
{
    int provided;
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    int rank, size;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    pthread_key_create(&key, destructor);
    for (int round = 0; round < 5; round++) {
        pthread_t threads[THREADS];
        struct work work[THREADS];
        turn = 0;
        for (int t = 0; t < THREADS; t++) {
            work[t].number = t;
            work[t].rank = rank;
            CHECK(pthread_create(&threads[t], NULL, run, &work[t]) == 0, "pthread_create");
        }
        MPI_Barrier(MPI_COMM_WORLD); /* the main thread may communicate meanwhile */
        for (int t = 0; t < THREADS; t++) {
            void *result;
            char wanted[100];
            CHECK(pthread_join(threads[t], &result) == 0, "pthread_join");
            snprintf(wanted, sizeof wanted, "rank %d thread %d", rank, t);
            CHECK(strcmp(result, wanted) == 0, "a thread returned \"%s\"", (char *)result);
            free(result);
        }
        CHECK_EQ(counter, THREADS * 1000 * (round + 1));
        CHECK_EQ(once_calls, 1);
        CHECK_EQ(destroyed, THREADS * (round + 1));
        CHECK_EQ(own, 10);
        MPI_Barrier(MPI_COMM_WORLD);
    }
    sem_t semaphore;
    sem_init(&semaphore, 0, 1);
    sem_wait(&semaphore);
    CHECK(sem_trywait(&semaphore) != 0, "a semaphore of none was taken");
    sem_post(&semaphore);
    sem_destroy(&semaphore);
    return FINISH("pthreads");
}
