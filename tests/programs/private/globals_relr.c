//# p: 1,2
//# vp: 1,8
//# flags: -Wl,-z,pack-relative-relocs
//# compare: mpich
// Relative relocations packed as DT_RELR.
#include "globals.c"
