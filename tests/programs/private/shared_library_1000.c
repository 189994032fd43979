//# p: 1,2
//# vp: 1000
//# lib: lib_counter.c
//# timeout: 120
//# expect: /rank 999: 10 rounds, library's counter 10000/
// A private shared library for each of 1000 ranks.
#include "shared_library.c"
