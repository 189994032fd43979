//# p: 1
//# vp: 2
//# lib: lib_unresolved.c -Wl,-z,now
//# flags: -Wl,--allow-shlib-undefined -Wl,-z,now
//# exit: nonzero
//# expect-error: /nobody_defines_this_function/
//# expect-not: /ok on/
//# timeout: 20
// A symbol that no library defines is named, with the file that wants it.
#include "../check.h"

int library_function(int);

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK_EQ(library_function(size), size);
    return FINISH("unresolved symbol");
}
