//# p: 1,2
//# vp: 1,4,8,64
//# compare: mpich
//# expect: /ok on \d+ ranks/
// The allocator: contents survive, alignment is kept, absurd sizes are refused, the whole family works together.
#define _GNU_SOURCE
#include "../check.h"
#include <errno.h>
#include <malloc.h>
#include <stdint.h>

#define SLOTS 400

static unsigned next(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void fill(unsigned char *p, size_t size, unsigned tag)
{
    for (size_t i = 0; i < size; i += i < 64 ? 1 : 61)
        p[i] = (unsigned char)(tag + i);
    if (size)
        p[size - 1] = (unsigned char)tag;
}

static void verify(const unsigned char *p, size_t size, unsigned tag)
{
    for (size_t i = 0; i + 1 < size; i += i < 64 ? 1 : 61)
        CHECK(p[i] == (unsigned char)(tag + i), "byte %zu of a block of %zu bytes changed", i, size);
    if (size)
        CHECK(p[size - 1] == (unsigned char)tag, "last byte of a block of %zu bytes changed", size);
}

int main(int argc, char **argv)
{
    START(argc, argv);
    unsigned char *blocks[SLOTS] = {0};
    size_t sizes[SLOTS] = {0};
    unsigned tags[SLOTS] = {0}, state = 17u + (unsigned)rank;
    for (int step = 0; step < 20000; step++) {
        if (step % 4000 == 0)
            MPI_Barrier(MPI_COMM_WORLD);
        int i = (int)(next(&state) % SLOTS);
        size_t size = next(&state) % (next(&state) % 50 == 0 ? 200000 : next(&state) % 5 == 0 ? 3000 : 120);
        if (blocks[i] == NULL) {
            switch (next(&state) % 6) {
            case 0: {
                size_t alignment = (size_t)16 << next(&state) % 8;
                void *p = NULL;
                CHECK(posix_memalign(&p, alignment, size) == 0, "posix_memalign(%zu, %zu)", alignment, size);
                CHECK((uintptr_t)p % alignment == 0, "%p is not aligned to %zu", p, alignment);
                blocks[i] = p;
                break;
            }
            case 1: blocks[i] = aligned_alloc(64, (size + 63) / 64 * 64); break;
            case 2:
                blocks[i] = calloc(size ? size : 1, 1);
                for (size_t k = 0; k < size; k += 97)
                    CHECK_EQ(blocks[i][k], 0);
                break;
            case 3: blocks[i] = memalign(256, size); break;
            default: blocks[i] = malloc(size);
            }
            CHECK(blocks[i] != NULL || size == 0, "%zu bytes refused", size);
            CHECK((uintptr_t)blocks[i] % 16 == 0, "%p is not aligned to 16", (void *)blocks[i]);
            CHECK(malloc_usable_size(blocks[i]) >= size, "usable size of %zu bytes is %zu", size,
                  malloc_usable_size(blocks[i]));
            sizes[i] = size;
        } else if (next(&state) % 3 == 0) {
            verify(blocks[i], sizes[i], tags[i]);
            unsigned old_tag = tags[i];
            size_t smaller = size < sizes[i] ? size : sizes[i];
            if (size == 0)
                size = 1;
            unsigned char *moved = realloc(blocks[i], size);
            CHECK(moved != NULL, "realloc to %zu bytes refused", size);
            if (smaller > 1)
                verify(moved, 1, old_tag);
            blocks[i] = moved;
            sizes[i] = size;
        } else {
            verify(blocks[i], sizes[i], tags[i]);
            free(blocks[i]);
            blocks[i] = NULL;
            continue;
        }
        tags[i] = next(&state);
        if (blocks[i])
            fill(blocks[i], sizes[i], tags[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        if (blocks[i])
            verify(blocks[i], sizes[i], tags[i]);
        free(blocks[i]);
    }

    volatile size_t absurd = SIZE_MAX / 2, many = SIZE_MAX / 4;
    errno = 0;
    CHECK(malloc(absurd) == NULL && errno == ENOMEM, "half of the address space was allocated");
    errno = 0;
    CHECK(calloc(many, 8) == NULL && errno == ENOMEM, "calloc overflowed");
    errno = 0;
    CHECK(reallocarray(NULL, many, 8) == NULL && errno == ENOMEM, "reallocarray overflowed");
    char *small = malloc(100);
    strcpy(small, "kept");
    errno = 0;
    CHECK(realloc(small, absurd) == NULL && errno == ENOMEM && strcmp(small, "kept") == 0,
          "a refused realloc must keep the block");
    free(small);
    void *p = NULL;
    CHECK(posix_memalign(&p, 24, 10) == EINVAL, "posix_memalign accepts an alignment of 24");
    free(NULL);
    void *null_realloc = realloc(NULL, 10);
    CHECK(null_realloc != NULL, "realloc(NULL, 10)");
    free(null_realloc);
    void *page = valloc(100);
    CHECK((uintptr_t)page % 4096 == 0, "valloc gave %p", page);
    free(page);
    void *zero = malloc(0), *other_zero = malloc(0);
    CHECK(zero == NULL || zero != other_zero, "two blocks of no bytes have one address");
    free(zero);
    free(other_zero);

    /* large blocks come and go without growing the process for ever */
    for (int i = 0; i < 50; i++) {
        char *large = malloc(32 << 20);
        CHECK(large != NULL, "32 MiB refused in round %d", i);
        large[0] = large[(32 << 20) - 1] = 1;
        free(large);
    }
    return FINISH("malloc");
}
