/* Preloaded into programs that run under MPICH for comparison: MPICH polls without a pause, so with more ranks than
 * cores each message would take milliseconds. After a poll that found nothing the core is given to another rank.
 * Without effect where MPICH was built for another device than UCX. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sched.h>

unsigned ucp_worker_progress(void *worker)
{
    static unsigned (*real)(void *);
    if (real == 0)
        real = (unsigned (*)(void *))dlsym(RTLD_NEXT, "ucp_worker_progress");
    unsigned events = real(worker);
    if (events == 0)
        sched_yield();
    return events;
}
