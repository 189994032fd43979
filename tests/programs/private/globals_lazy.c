//# p: 1,2
//# vp: 1,8
//# flags: -Wl,-z,lazy
//# compare: mpich
// Lazy binding asked for.
#include "globals.c"
