//# p: 1,2
//# vp: 1,8
//# flags: -static-libstdc++ -static-libgcc
//# compare: mpich
// The C++ run-time library and the unwinder linked into the program.
#include "cxx_exceptions.cpp"
