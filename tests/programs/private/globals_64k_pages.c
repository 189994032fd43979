//# p: 1,2
//# vp: 1,8
//# flags: -Wl,-z,max-page-size=65536 -Wl,-z,common-page-size=65536
//# compare: mpich
// Segments aligned to 64 KiB.
#include "globals.c"
