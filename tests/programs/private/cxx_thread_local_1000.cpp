//# p: 1,2
//# vp: 1000
//# timeout: 120
//# expect: /rank 999: destroyed late 9991 rank 999/
// thread_local objects of 1000 ranks.
#include "cxx_thread_local.cpp"
