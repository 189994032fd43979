/* Sleeping ranks of one PE sleep at the same time. argv[1]: how. Prints "fine" when the sleep had the right length. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *slow(void *arg)
{
    nanosleep(&(struct timespec){0, 300000000}, NULL);
    return arg;
}

int main(int argc, char **argv)
{
    struct timespec a, b;
    struct timeval tv = {0, 300000};
    pthread_t t;
    clock_gettime(CLOCK_MONOTONIC, &a);
    switch (argv[1][0]) {
    case 'u': usleep(300000); break;
    case 'n': nanosleep(&(struct timespec){0, 300000000}, NULL); break;
    case 'p': poll(NULL, 0, 300); break;
    case 's': select(0, NULL, NULL, NULL, &tv); break;
    case 't': pthread_create(&t, NULL, slow, NULL), pthread_join(t, NULL); break;
    case 'w': system("sleep 0.3"); break;
    }
    clock_gettime(CLOCK_MONOTONIC, &b);
    double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9;
    printf(s >= 0.3 && s < 1.0 ? "fine\n" : "%f seconds\n", s);
    return 0;
}
