/* The malloc family and mappings, with yields between (the rank may be moved there). Prints "fine" or what is wrong. */
#define _GNU_SOURCE
#include "../guests/test.h"
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Ranks' memory lies in the arena, natively nothing does. */
static int at_home(void *p)
{
    uintptr_t a = (uintptr_t)p;
    return (a >= 0x100000000000 && a < 0x500000000000) == (ampi_test_rank() >= 0);
}

static uint64_t state = 1;
static unsigned random_number(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33);
}

int main(void)
{
    enum { N = 400 };
    static unsigned char *block[N];
    static size_t size[N];
    for (int i = 0; i < 20000; i++) {
        int k = random_number() % N;
        for (size_t j = 0; j < size[k]; j += 61)
            CHECK(block[k][j] == (unsigned char)k);
        size_t n = random_number() % (i % 100 == 0 ? 2000000 : 3000);
        if (random_number() % 3 == 0) {
            free(block[k]);
            block[k] = random_number() % 2 ? malloc(n) : calloc(n, 1);
        } else
            block[k] = realloc(block[k], n ? n : 1);
        CHECK(block[k] || n == 0);
        CHECK(at_home(block[k]) && malloc_usable_size(block[k]) >= n);
        memset(block[k], k, n);
        size[k] = n;
        if (i % 5000 == 0)
            ampi_test_yield();
    }
    void *p;
    CHECK(posix_memalign(&p, 4096, 100) == 0 && (uintptr_t)p % 4096 == 0 && at_home(p));
    CHECK(posix_memalign(&p, 3, 100) == EINVAL);
    p = aligned_alloc(65536, 65536);
    CHECK((uintptr_t)p % 65536 == 0);
    free(p);
    errno = 0;
    CHECK(malloc(SIZE_MAX / 2) == NULL && errno == ENOMEM);
    CHECK(reallocarray(NULL, SIZE_MAX / 2, 4) == NULL);

    /* What libc allocates for its caller. */
    char *s;
    CHECK(asprintf(&s, "%d and %s", 42, "text") == 11 && at_home(s));
    ampi_test_yield();
    CHECK(strcmp(s, "42 and text") == 0);
    free(s);
    s = strdup("copy");
    CHECK(at_home(s));
    s = realloc(s, 1000);
    free(s);
    s = strndup("copy", 2);
    CHECK(strcmp(s, "co") == 0);
    free(s);
    s = realpath("/proc/self/../self/..", NULL);
    CHECK(s && strcmp(s, "/proc") == 0 && at_home(s));
    free(s);
    s = getcwd(NULL, 0);
    CHECK(s && *s == '/' && at_home(s));
    free(s);
    struct dirent **list;
    int n = scandir("/proc/self", &list, NULL, alphasort);
    CHECK(n > 10 && at_home(list));
    while (n-- > 0)
        free(list[n]);
    free(list);
    glob_t g;
    CHECK(glob("/etc/host*", 0, NULL, &g) == 0);
    globfree(&g);
    size_t room;
    FILE *m = open_memstream(&s, &room);
    for (int i = 0; i < 1000; i++)
        fprintf(m, "%d,", i);
    ampi_test_yield();
    fputs("end", m);
    fclose(m);
    CHECK(room == 3893 && strcmp(s + room - 7, "999,end") == 0 && at_home(s));
    free(s);

    /* Mappings. */
    char *a = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(a != MAP_FAILED && at_home(a));
    for (int i = 0; i < 100000; i++)
        CHECK(a[i] == 0);
    memset(a, 7, 100000);
    ampi_test_yield();
    CHECK(a[0] == 7 && a[99999] == 7);
    a = mremap(a, 100000, 5000000, MREMAP_MAYMOVE);
    CHECK(a != MAP_FAILED && a[99999] == 7 && a[4999999] == 0);
    CHECK(munmap(a + 8192, 4096) == 0 && a[8191] == 7 && a[12288] == 7);
    CHECK(mmap(a, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == a);
    CHECK(a[0] == 0 && a[4096] == 7);
    CHECK(madvise(a + 4096, 4096, MADV_DONTNEED) == 0 && a[4096] == 0);
    CHECK(munmap(a, 5000000) == 0);
    a = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(a != MAP_FAILED && mprotect(a, 4096, PROT_READ | PROT_WRITE) == 0);
    a[0] = 1;
    CHECK(munmap(a, 8192) == 0);
    CHECK(munmap(a + 1, 8192) == -1 && errno == EINVAL);
    a = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 0, 0);
    char *b = sbrk(0);
    CHECK(sbrk(5000) == b && (char *)sbrk(0) == b + 5000);
    memset(b, 1, 5000);
    CHECK(brk(b) == 0 && sbrk(0) == b);
    puts("fine");
    return 0;
}
