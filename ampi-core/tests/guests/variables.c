/* Globals, statics, thread-locals, arguments, environment, errno, heap: private to each rank, across yields. */
#include "test.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ctype.h>
#include <unistd.h>

int initialised = 5;
static int zero;
__thread int thread_initialised = 7;
static __thread long thread_zero[20];
__thread char aligned[64] __attribute__((aligned(64)));
static int *pointer = &initialised;
int (*function)(const char *, ...) = printf;
static char big[300000];

static void last(void) { if (zero != ampi_test_rank() * 10) _exit(9); }

int main(int argc, char **argv)
{
    int r = ampi_test_rank();
    CHECK(atexit(last) == 0);
    CHECK(argc == 3 && strstr(argv[0], "variables") && !strcmp(argv[1], "one") && !strcmp(argv[2], "two words"));
    CHECK(!strcmp(getenv("AMPI_TEST_VARIABLE"), "value"));
    CHECK(((unsigned long)aligned & 63) == 0);
    *pointer += r; zero = r * 10; thread_initialised += r; thread_zero[19] = r; errno = 100 + r; big[250000] = (char)r;
    char *p = malloc(1000 + r), *where = (char *)&thread_zero;
    memset(p, r, 1000);
    for (int i = 0; i < 5; i++) {
        ampi_test_yield();
        CHECK(errno == 100 + r);
        CHECK(initialised == 5 + r && zero == r * 10 && thread_initialised == 7 + r && thread_zero[19] == r);
        CHECK(where == (char *)&thread_zero && p[999] == (char)r && big[250000] == (char)r);
        CHECK(isalpha('x') && function == printf);
    }
    free(p);
    printf("rank %d of %d fine\n", r, ampi_test_ranks());
    return 0;
}
