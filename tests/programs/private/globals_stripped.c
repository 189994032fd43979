//# p: 1,2
//# vp: 1,8
//# flags: -O2 -s
//# compare: mpich
// No symbols, no debug information.
#include "globals.c"
