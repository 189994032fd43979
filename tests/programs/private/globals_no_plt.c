//# p: 1,2
//# vp: 1,8
//# flags: -fno-plt -O2
//# compare: mpich
// Calls through the GOT only.
#include "globals.c"
