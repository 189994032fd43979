//# p: 1,2
//# vp: 1,8
//# flags: -rdynamic
//# compare: mpich
// All symbols of the program exported.
#include "globals.c"
