//! Functions that `mpi.h` declares although the library does not have them yet.
//!
//! Bindings for other languages are generated from the header, and the crates on top of them (rsmpi) name these
//! functions whether a program calls them or not: without a declaration nothing of them compiles. A program that does
//! call one does not link, and the linker names the function.

use super::FUNCTIONS;
use std::fmt::Write;

/// What rsmpi names. A function that the library gets leaves this list (a test says so).
pub const DECLARED: &[&str] = &[
    "MPI_Comm_remote_group",
    "MPI_Comm_remote_size",
    "MPI_Comm_spawn",
    "MPI_Comm_spawn_multiple",
    "MPI_Intercomm_merge",
];

/// Their prototypes, from the standard's list.
pub fn prototypes() -> String {
    let mut out = String::from(
        "\n/* Not in the library yet, declared for generators of bindings: a program that calls one does not link. */\n",
    );
    for line in FUNCTIONS.lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(name), Some(returns), Some(parameters)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        if DECLARED.contains(&name) {
            let _ = writeln!(out, "{returns} {name}({parameters});");
        }
    }
    out
}
