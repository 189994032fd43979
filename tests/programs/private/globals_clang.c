//# p: 1,2
//# vp: 1,8
//# flags: -cc=clang -O2
//# compare: mpich
// Built by clang.
#include "globals.c"
