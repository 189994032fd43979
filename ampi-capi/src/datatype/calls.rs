//! The calls of MPI-5.0 chapter 5.
