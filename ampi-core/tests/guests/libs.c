/* The program's own library: copy relocations, interposition, indirect functions, thread-locals in every model. */
#include "test.h"
#include <stdio.h>
extern int lib_constructed, copied_object[3], *copied_pointer;
extern __thread int lib_thread;
int lib_bump(void), lib_sees(void), chosen(void), lib_calls_overridden(void);
int overridden(void) { return 2; }
extern void never_defined_anywhere(void) __attribute__((weak));
static int order;
__attribute__((constructor)) static void start(void) { order = lib_constructed; }

int main(void)
{
    int r = ampi_test_rank();
    CHECK(order == 11);
    CHECK(copied_pointer == &copied_object[1] && *copied_pointer == 2);
    CHECK(lib_calls_overridden() == 2);
    CHECK(chosen() == 1);
    int (*f)(void) = chosen;
    CHECK(f() == 1);
    CHECK(!never_defined_anywhere);
    lib_thread += r;
    for (int i = 0; i < 4; i++) {
        CHECK(lib_bump() == 41 + r + 2 * i);
        CHECK(copied_object[0] == 2 + i && lib_sees() == 2 + i);
        ampi_test_yield();
    }
    fprintf(stdout, "rank %d libs fine\n", r);
    return 0;
}
