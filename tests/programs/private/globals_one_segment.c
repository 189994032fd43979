//# p: 1,2
//# vp: 1,8
//# flags: -Wl,-z,noseparate-code
//# compare: mpich
// Text and read-only data in one segment.
#include "globals.c"
