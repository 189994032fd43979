//! The chare runtime below MPI: private images of programs, processing elements (PEs), messages between chares.
//!
//! Layers, each using only those above it in this list:
//!
//! | module | what it is |
//! |---|---|
//! | [`error`] | the crate's one error type |
//! | [`job`] | what a job is started with, between launcher and worker |
//! | [`output`] | lines of output with their rank, names of files of ranks |
//! | [`pmi`] | processes that somebody else started: who they are, and how they find each other |
//! | [`current`] | which guest, task and PE this code runs for: a few words found through the FS base |
//! | [`arena`] | the reserved address range: slots, stacks, per-rank heaps |
//! | [`image`] | the ELF loader: private images, their libc, their start and end |
//! | [`net`] | moving one message cell from PE to PE |
//! | [`wire`] | several processes in one job: how they meet, frames between them |
//! | [`pe`] | scheduler, tasks, timers, idle policy |
//! | [`fault`] | faults of the running code: whose, where, with which stack |

pub mod arena;
pub mod current;
pub mod error;
pub mod fault;
pub mod image;
pub mod job;
pub mod net;
pub mod output;
pub mod pe;
pub mod pmi;
pub mod wire;
