//! The C ABI: constants, argument kinds, the one table of entry points.
//!
//! | module | what it is |
//! |---|---|
//! | [`constants`] | every named constant of the standard ABI |
//! | [`kinds`] | how each C argument becomes a Rust value, and what is checked |
//! | [`table`] | one line per entry point: name, parameters with kinds, semantic function |
//! | [`entry`] | what a line expands to: symbols, and the same line as data |
//! | [`call`] | what every call does first, and what it does when it failed |
//! | [`print`] | `mpi.h`, the export map and the list of functions, printed from the table |
//!
//! Nothing here knows what a function means; semantic functions know nothing of C.

pub mod call;
pub mod constants;
pub mod entry;
pub mod kinds;
pub mod print;
pub mod table;
