//# p: 1,2
//# vp: 1,8
//# flags: -fPIC -mtls-dialect=gnu2
//# compare: mpich
// Thread-local variables through TLS descriptors.
#include "globals.c"
