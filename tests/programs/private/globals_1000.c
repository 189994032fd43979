//# p: 1,2
//# vp: 1000
//# timeout: 120
//# expect: /rank 999 of 1000: /
// The private globals of 1000 ranks.
#include "globals.c"
