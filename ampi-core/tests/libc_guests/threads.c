/* Threads that a rank creates: identity, thread-locals, the shared heap, every way of ending. */
#define _GNU_SOURCE
#include "../guests/test.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include <unistd.h>

static __thread int mine = 17;
static atomic_int destroyed;
static pthread_key_t key;
static int shared;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void destructor(void *p)
{
    free(p);
    destroyed++;
}

static void *work(void *arg)
{
    long id = (long)arg;
    if (mine != 17)
        return (void *)-1L;
    mine = (int)id;
    pthread_setspecific(key, malloc(10));
    char *live[20] = {0};
    for (int i = 0; i < 5000; i++) {
        char **b = &live[i % 20];
        if (*b && **b != (char)id)
            return (void *)-2L;
        free(*b);
        *b = malloc(1 + i * 13 % 2000);
        **b = (char)id;
        errno = (int)id;
        if (i % 1000 == 0)
            sched_yield();
        if (errno != id)
            return (void *)-3L;
    }
    for (int i = 0; i < 20; i++)
        free(live[i]);
    pthread_mutex_lock(&lock);
    shared++;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&lock);
    if (id == 2)
        pthread_exit((void *)(id * 10));
    return mine == id ? (void *)(id * 10) : (void *)-4L;
}

static int c11(void *arg) { return *(int *)arg - 100; }

int main(void)
{
    int ranks = ampi_test_ranks(), value = 7, r;
    CHECK(pthread_key_create(&key, destructor) == 0);
    for (int round = 0; round < 3; round++) {
        pthread_t t[6];
        void *result;
        for (long i = 0; i < 6; i++)
            CHECK(pthread_create(&t[i], NULL, work, (void *)(i + 1)) == 0);
        ampi_test_yield();
        pthread_mutex_lock(&lock);
        while (shared < 6 * (round + 1))
            pthread_cond_wait(&cond, &lock);
        pthread_mutex_unlock(&lock);
        for (long i = 0; i < 6; i++) {
            CHECK(pthread_join(t[i], &result) == 0);
            CHECK(result == (void *)((i + 1) * 10));
        }
    }
    CHECK(destroyed == 18 && mine == 17);
    thrd_t c;
    CHECK(thrd_create(&c, c11, &value) == thrd_success && thrd_join(c, &r) == thrd_success && r == -93);
    pthread_attr_t attr;
    void *stack;
    size_t bytes;
    CHECK(pthread_getattr_np(pthread_self(), &attr) == 0 && pthread_attr_getstack(&attr, &stack, &bytes) == 0);
    CHECK((char *)&r >= (char *)stack && (char *)&r < (char *)stack + bytes);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(0, &one);
    CHECK(sched_getaffinity(0, sizeof one, &one) == 0 && CPU_COUNT(&one) >= 1);
    puts(ranks ? "fine" : "?");
    return 0;
}
