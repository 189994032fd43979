//# p: 1,2
//# vp: 1,8
//# flags: -Wl,--hash-style=sysv
//# compare: mpich
// Symbols found through DT_HASH only.
#include "globals.c"
