//# p: 1
//# vp: 2
//# flags: -Wl,--unresolved-symbols=ignore-all -Wl,-z,now
//# exit: 127
//# expect-error: /rank 1\b.*nobody_defines_this_function/
//# expect-not: /ok on/
//# timeout: 20
// A function that no library defines is named when it is called; until then the program runs, as with lazy binding.
#include "../check.h"

int nobody_defines_this_function(int);

int main(int argc, char **argv)
{
    START(argc, argv);
    if (rank == 1)
        CHECK_EQ(nobody_defines_this_function(size), 0);
    return FINISH("unresolved symbol");
}
