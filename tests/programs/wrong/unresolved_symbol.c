//# p: 1
//# vp: 2
//# flags: -Wl,--unresolved-symbols=ignore-all -Wl,-z,now
//# exit: nonzero
//# expect-error: /nobody_defines_this_function/
//# expect-not: /ok on/
//# timeout: 20
// A symbol that no library defines is named, with the file that wants it.
#include "../check.h"

int nobody_defines_this_function(int);

int main(int argc, char **argv)
{
    START(argc, argv);
    if (size > 1000)
        CHECK_EQ(nobody_defines_this_function(size), 0);
    return FINISH("unresolved symbol");
}
