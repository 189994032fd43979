/* rand, random and the drand48 family: glibc's re-entrant generators over private state, so the sequences are glibc's. */
#include "private.h"
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct random_data state;
static COLD int32_t table[32]; /* 128 bytes: the default generator */
static struct drand48_data state48;

/* Locks, and seeds with 1 at the first use, as if srandom(1) had been called. */
static void enter(void)
{
    pthread_mutex_lock(&lock);
    if (state.state == NULL)
        initstate_r(1, (char *)table, sizeof table, &state);
}

static void leave(void) { pthread_mutex_unlock(&lock); }

long random(void)
{
    int32_t r;
    enter();
    random_r(&state, &r);
    leave();
    return r;
}

void srandom(unsigned seed)
{
    enter();
    srandom_r(seed, &state);
    leave();
}

int rand(void) { return (int)random(); }
void srand(unsigned seed) { srandom(seed); }

char *initstate(unsigned seed, char *buf, size_t n)
{
    enter();
    char *old = (char *)&state.state[-1];
    int r = initstate_r(seed, buf, n, &state);
    leave();
    return r == -1 ? NULL : old;
}

char *setstate(char *buf)
{
    enter();
    char *old = (char *)&state.state[-1];
    int r = setstate_r(buf, &state);
    leave();
    return r < 0 ? NULL : old;
}

double drand48(void)
{
    double r;
    drand48_r(&state48, &r);
    return r;
}

double erand48(unsigned short x[3])
{
    double r;
    erand48_r(x, &state48, &r);
    return r;
}

long lrand48(void)
{
    long r;
    lrand48_r(&state48, &r);
    return r;
}

long nrand48(unsigned short x[3])
{
    long r;
    nrand48_r(x, &state48, &r);
    return r;
}

long mrand48(void)
{
    long r;
    mrand48_r(&state48, &r);
    return r;
}

long jrand48(unsigned short x[3])
{
    long r;
    jrand48_r(x, &state48, &r);
    return r;
}

void srand48(long seed) { srand48_r(seed, &state48); }

unsigned short *seed48(unsigned short x[3])
{
    seed48_r(x, &state48);
    return state48.__old_x;
}

void lcong48(unsigned short p[7]) { lcong48_r(p, &state48); }
