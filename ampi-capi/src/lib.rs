//! MPI 5.0 on chares.
//!
//! * [`abi`]: entry points, argument kinds, constants: checks and conversions, nothing else;
//! * [`rank`], [`handle`], [`error`]: what all chapters share;
//! * everything else: MPI semantics, one module per chapter of the standard, without `extern "C"`.

pub mod abi;
pub mod attr;
pub mod coll;
pub mod comm;
pub mod datatype;
pub mod deadlock;
pub mod environment;
pub mod errhandler;
pub mod error;
pub mod extensions;
pub mod fault;
mod fingerprint;
pub mod group;
pub mod handle;
pub mod info;
pub mod init;
pub mod launcher;
pub mod memory;
pub mod op;
pub mod output;
pub mod own_process;
pub mod processes;
pub mod programs;
pub mod pt2pt;
pub mod rank;
mod say;
pub mod status;
pub mod topo;
pub mod worker;
