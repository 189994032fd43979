//# p: 1,2
//# vp: 1,8
//# isolate: image,none
//# run: +tcharm_stacksize 67108864
//# expect: /ok on \d+ ranks/
// The same with the option's old name, in bytes.
#include "stack_large.c"
