//# p: 1,2
//# vp: 1,4,8
//# compare: mpich
//# expect: /ok on \d+ ranks/
// A rank's own handlers: raise reaches the handler of the rank that raises, with its globals.
#define _GNU_SOURCE
#include "../check.h"
#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t simple_calls, info_calls, last_signal;

static void simple(int number)
{
    simple_calls++;
    last_signal = number;
}

static void with_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    info_calls += info->si_signo == number;
}

int main(int argc, char **argv)
{
    START(argc, argv);
    void (*at_start)(int) = signal(SIGUSR1, simple);
#ifdef AMPI /* UCX below other MPIs uses this signal itself */
    CHECK(at_start == SIG_DFL, "SIGUSR1 had a handler at start");
#else
    (void)at_start;
#endif
    struct sigaction action, old;
    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    if (rank % 2) {
        action.sa_sigaction = with_info;
        action.sa_flags = SA_SIGINFO;
    } else {
        action.sa_handler = SIG_IGN;
    }
    CHECK(sigaction(SIGUSR2, &action, NULL) == 0, "sigaction");
    MPI_Barrier(MPI_COMM_WORLD);
    for (int i = 0; i <= rank % 5; i++) {
        raise(SIGUSR1);
        raise(SIGUSR2);
        MPI_Barrier(MPI_COMM_SELF);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK_EQ(simple_calls, rank % 5 + 1);
    CHECK_EQ(last_signal, SIGUSR1);
    CHECK_EQ(info_calls, rank % 2 ? rank % 5 + 1 : 0);
    CHECK(sigaction(SIGUSR2, NULL, &old) == 0, "sigaction");
    CHECK(rank % 2 ? old.sa_sigaction == with_info : old.sa_handler == SIG_IGN, "another rank's handler is installed");
    CHECK(signal(SIGUSR1, SIG_DFL) == simple, "signal gives back another handler");

    sigset_t set, previous;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(sigprocmask(SIG_BLOCK, &set, &previous) == 0, "sigprocmask");
    MPI_Barrier(MPI_COMM_WORLD);
    CHECK(sigprocmask(SIG_SETMASK, &previous, NULL) == 0, "sigprocmask");
    return FINISH("signals");
}
