//# p: 1,2
//# vp: 1000
//# timeout: 120
//# expect: /rank 999: caught 10, last code 1999/
// Exceptions in flight on 1000 ranks.
#include "cxx_exceptions.cpp"
