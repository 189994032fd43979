//# isolate: image
//# p: 1
//# vp: 2
//# lib: lib_unresolved.c -Wl,-z,now
//# flags: -Wl,--allow-shlib-undefined -Wl,-z,now
//# exit: 127
//# expect-error: /rank 1\b.*nobody_defines_this_function/
//# expect-error: /library_function\b.*lib_unresolved/
//# expect-not: /ok on/
//# timeout: 20
// A function that no library defines is named when it is called, with the library that wants it; until then the program
// runs. (So do programs whose library needs a function of MPI that this version lacks and never calls it.)
#include "../check.h"

int library_function(int);

int main(int argc, char **argv)
{
    START(argc, argv);
    CHECK_EQ(library_function(rank), rank);
    MPI_Barrier(MPI_COMM_WORLD);
    return FINISH("unresolved symbol");
}
