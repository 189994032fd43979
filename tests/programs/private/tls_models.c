//# p: 1,2
//# vp: 1,8
//# lib: lib_tls.c
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Thread-local variables across modules in all four models, with alignment, large blocks, and pointers kept to them.
#include "../check.h"
#include <errno.h>
#include <stdint.h>

extern __thread int library_tls __attribute__((tls_model("initial-exec")));
extern __thread char library_block[4096];
int *library_tls_pointer(void);
int library_tls_add(int);

__thread char aligned_block[100] __attribute__((aligned(64))) = "aligned";
static __thread int local_one = 1, local_two = 2;
static __thread struct {
    double numbers[100];
    char text[32];
} record = {{1.5}, "thread-local record"};

int main(int argc, char **argv)
{
    START(argc, argv);
    int *kept = &local_one, *kept_library = library_tls_pointer();
    CHECK(kept_library == &library_tls, "two copies of the library's variable");
    CHECK(((uintptr_t)aligned_block & 63) == 0, "aligned to 64 but at %p", (void *)aligned_block);
    CHECK(strcmp(aligned_block, "aligned") == 0, "initial text \"%s\"", aligned_block);
    CHECK(record.numbers[0] == 1.5 && record.numbers[99] == 0, "initial record");
    CHECK_EQ(library_block[0], 'L');
    CHECK_EQ(library_block[4095], 0);
    for (int round = 1; round <= 10; round++) {
        errno = rank + round;
        *kept += rank;
        *kept_library += rank;
        local_two -= rank;
        record.numbers[50] += rank;
        library_block[4095] = (char)rank;
        MPI_Barrier(MPI_COMM_WORLD);
        CHECK_EQ(errno, rank + round);
        CHECK(kept == &local_one && kept_library == library_tls_pointer(), "an address of a thread-local changed");
        CHECK_EQ(local_one, 1 + rank * round);
        CHECK_EQ(local_two, 2 - rank * round);
        CHECK_EQ(library_tls, 300 + rank * round);
        CHECK_EQ(library_tls_add(0), 300 + rank * round);
        CHECK(record.numbers[50] == rank * (double)round, "record");
        CHECK_EQ(library_block[4095], (char)rank);
    }
    return FINISH("thread-local models");
}
