/* Dispositions, masks and timers of a rank. */
#define _GNU_SOURCE
#include "../guests/test.h"
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int seen[65], last_code;
static void handler(int sig) { seen[sig]++; }
static void with_info(int sig, siginfo_t *info, void *context)
{
    seen[sig]++;
    last_code = info->si_signo + (context == NULL);
}
static sigjmp_buf back;
static void jump(int sig) { siglongjmp(back, sig); }

int main(void)
{
    CHECK(signal(SIGUSR1, handler) == SIG_DFL);
    ampi_test_yield();
    CHECK(signal(SIGUSR1, handler) == handler);
    CHECK(raise(SIGUSR1) == 0 && seen[SIGUSR1] == 1);
    CHECK(kill(getpid(), SIGUSR1) == 0 && seen[SIGUSR1] == 2);
    struct sigaction a = {.sa_sigaction = with_info, .sa_flags = SA_SIGINFO | SA_RESETHAND}, old;
    CHECK(sigaction(SIGUSR2, &a, NULL) == 0 && raise(SIGUSR2) == 0 && seen[SIGUSR2] == 1 && last_code == SIGUSR2);
    CHECK(sigaction(SIGUSR2, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
    CHECK(signal(SIGTERM, SIG_IGN) == SIG_DFL && raise(SIGTERM) == 0);
    CHECK(sigaction(SIGKILL, &a, NULL) == -1 && errno == EINVAL && raise(SIGCHLD) == 0);

    sigset_t set, before;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &before) == 0 && !sigismember(&before, SIGUSR1));
    raise(SIGUSR1);
    CHECK(seen[SIGUSR1] == 2 && sigpending(&set) == 0 && sigismember(&set, SIGUSR1));
    ampi_test_yield();
    CHECK(sigprocmask(SIG_SETMASK, &before, NULL) == 0 && seen[SIGUSR1] == 3);

    signal(SIGABRT, jump);
    if (sigsetjmp(back, 1) == 0)
        abort();
    signal(SIGALRM, handler);
    struct timespec t = {1, 0}, left = {0, 0};
    struct itimerval timer = {{0, 0}, {0, 60000}};
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK(nanosleep(&t, &left) == -1 && errno == EINTR && seen[SIGALRM] == 1 && left.tv_nsec > 500000000);
    CHECK(alarm(100) == 0 && alarm(0) >= 99);

    /* From outside: a child signals the process, every rank acts on it. */
    signal(SIGHUP, handler);
    usleep(100000);
    if (ampi_test_rank() <= 0) {
        pid_t parent = getpid(), child = fork();
        if (child == 0)
            _exit(kill(parent, SIGHUP));
        int status;
        while (waitpid(child, &status, 0) < 0)
            ;
        CHECK(status == 0);
    }
    for (int i = 0; i < 300 && !seen[SIGHUP]; i++)
        usleep(10000);
    CHECK(seen[SIGHUP] == 1);
    puts("fine");
    return 0;
}
