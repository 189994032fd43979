//# p: 1,2
//# vp: 1,8
//# flags: -O0 -finstrument-functions -ffunction-sections -fdata-sections -Wl,--gc-sections
//# compare: mpich
// Instrumented functions, collected sections.
#include "globals.c"
