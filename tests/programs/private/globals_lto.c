//# p: 1,2
//# vp: 1,8
//# flags: -O3 -flto
//# compare: mpich
// Link-time optimisation.
#include "globals.c"
