//# p: 1,2
//# vp: 1,8
//# flags: -fuse-ld=gold
//# compare: mpich
// Linked by gold, whose segment layout differs.
#include "globals.c"
