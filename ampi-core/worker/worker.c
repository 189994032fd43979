/* ampi-worker: the executable that hosts ranks.
 *
 * It is C and tiny so that its only thread-local variable is the reserve: an executable's thread-local block is the
 * last one before the thread pointer, and private images of programs put theirs in its place.
 *
 *   | other libraries' blocks | reserve (AMPI_TLS_RESERVE bytes) | thread control block ...
 *                                                               ^ fs:0, checked at start
 *
 * Everything else lives in libmpi_abi.so.1, which ld.so loads with it. The worker also defines, for the whole process:
 *   _dl_find_object   libgcc_s asks it where unwind tables are; addresses of ranks are answered by the runtime
 *   malloc, free ...  libc's own, except that blocks of ranks' heaps are known by their address (free and realloc inside
 *                     libc may meet them), and that libc functions which return memory can be told to take it from the
 *                     running rank's heap
 *
 * Build: cc -O2 -fPIE -ftls-model=local-exec worker.c -pie -rdynamic -Wl,-z,now libmpi_abi.so.1
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>

#ifndef AMPI_TLS_RESERVE
#define AMPI_TLS_RESERVE (1 << 20)
#endif

static __thread char reserve[AMPI_TLS_RESERVE] __attribute__((aligned(4096)));

/* Where the reserve of the calling thread lies; its size in bytes goes to *bytes. */
uintptr_t ampi_tls_reserve(size_t *bytes)
{
    *bytes = sizeof reserve;
    return (uintptr_t)reserve;
}

/* Of the runtime library. */
extern int ampi_worker_main(int argc, char **argv);
extern int ampi_find_object(void *pc, void *result); /* 0: found, -1: nothing there, 1: not an address of a rank */

typedef int find_object(void *pc, void *result);
static find_object *next_find_object;

__attribute__((constructor)) static void find_next(void)
{
    next_find_object = (find_object *)dlsym(RTLD_NEXT, "_dl_find_object");
}

/* Named by hand: headers declare it, with a structure that older ones lack. */
int find_object_anywhere(void *pc, void *result) __asm__("_dl_find_object");
int find_object_anywhere(void *pc, void *result)
{
    int found = ampi_find_object(pc, result);
    if (found != 1)
        return found;
    if (!next_find_object)
        find_next();
    return next_find_object ? next_find_object(pc, result) : -1;
}

/* The malloc family as libc itself and the shared libraries see it. */
extern void *ampi_heap_malloc(size_t n);
extern void *ampi_heap_calloc(size_t count, size_t size);
extern void *ampi_heap_realloc(void *p, size_t n);
extern void *ampi_heap_memalign(size_t align, size_t n);
extern void ampi_heap_free(void *p);

void *malloc(size_t n) { return ampi_heap_malloc(n); }
void *calloc(size_t count, size_t size) { return ampi_heap_calloc(count, size); }
void *realloc(void *p, size_t n) { return ampi_heap_realloc(p, n); }
void *memalign(size_t align, size_t n) { return ampi_heap_memalign(align, n); }
void *aligned_alloc(size_t align, size_t n) { return ampi_heap_memalign(align, n); }
void free(void *p) { ampi_heap_free(p); }

int posix_memalign(void **to, size_t align, size_t n)
{
    if (align < sizeof(void *) || (align & (align - 1)))
        return EINVAL;
    void *p = ampi_heap_memalign(align, n);
    if (!p)
        return ENOMEM;
    *to = p;
    return 0;
}

int main(int argc, char **argv)
{
    return ampi_worker_main(argc, argv);
}
