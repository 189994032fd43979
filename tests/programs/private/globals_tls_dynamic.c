//# p: 1,2
//# vp: 1,8
//# flags: -fPIC -ftls-model=global-dynamic -O0
//# compare: mpich
// Thread-local variables through __tls_get_addr.
#include "globals.c"
