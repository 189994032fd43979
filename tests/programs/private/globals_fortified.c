//# p: 1,2
//# vp: 1,8
//# flags: -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-all -fstack-clash-protection -fcf-protection
//# compare: mpich
// Hardened build: canaries in every function, fortified libc calls.
#include "globals.c"
