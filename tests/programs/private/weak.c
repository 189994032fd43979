//# p: 1,2
//# vp: 1,8
//# isolate: image,none,process
//# lib: lib_weak.c
//# compare: mpich
//# expect: /ok on \d+ ranks/
// Weak symbols: undefined ones are null, a definition in a library satisfies one, a strong one replaces a weak one.
#include "../check.h"

extern int nobody_defines_this(int) __attribute__((weak));
extern int nobody_defines_this_either __attribute__((weak));
extern int weak_in_library(int) __attribute__((weak));
int weak_library_calls_hook(int);

int weak_hook(int x)
{
    return x + 7;
} /* the library has a weak default */

int main(int argc, char **argv)
{
    START(argc, argv);
    int (*volatile missing)(int) = nobody_defines_this;
    int *volatile missing_data = &nobody_defines_this_either;
    int (*volatile present)(int) = weak_in_library;
    CHECK(missing == NULL, "an undefined weak function has the address %p", (void *)missing);
    CHECK(missing_data == NULL, "an undefined weak variable has the address %p", (void *)missing_data);
    CHECK(present != NULL, "a weak reference was not bound to the library's function");
    CHECK_EQ(present(rank), rank * 3);
    CHECK_EQ(weak_library_calls_hook(rank), rank + 7);
    return FINISH("weak symbols");
}
