//! MPI 5.0 on chares.
//!
//! * [`abi`]: entry points, argument kinds, constants: checks and conversions, nothing else;
//! * everything else: MPI semantics, one module per chapter of the standard, without `extern "C"`.

pub mod abi;
pub mod datatype;
pub mod error;
pub mod group;
pub mod op;
pub mod topo;
