//# p: 1,2
//# vp: 1,8
//# flags: -Wl,-z,now -Wl,-z,relro
//# compare: mpich
// Binding at load, read-only relocations.
#include "globals.c"
