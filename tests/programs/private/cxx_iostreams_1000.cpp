//# p: 1,2
//# vp: 1000
//# timeout: 120
//# expect: /done 999/
// 1000 private std::cout.
#include "cxx_iostreams.cpp"
