//! The one table of entry points: every MPI function that the library has, one line each, in files by chapter.
//!
//! A file that is `off` is data only: its lines are compared with the standard's prototypes by the unit tests, but make
//! no symbols and need no semantic functions. To add a chapter: write its semantic functions, bind the handle kinds it
//! needs (end of [`super::kinds::handles`](super::kinds)), turn `off` into `on`.
//! `cargo test -p ampi-capi print_signatures -- --ignored --nocapture` prints the semantic functions that are wanted.

use super::entry::{Chapter, Entry};

macro_rules! chapters {
    ($($state:ident $chapter:ident;)*) => {
        $(mod $chapter;)*

        /// The whole table, also what is off.
        pub const CHAPTERS: &[Chapter] = &[$(Chapter {
            file: stringify!($chapter),
            title: $chapter::TITLE,
            enabled: chapters!(@enabled $state),
            entries: $chapter::entries!(crate::abi::entry::describe),
        }),*];

        /// The entry points.
        #[allow(unsafe_code)]
        mod points {
            $(chapters!(@points $state $chapter);)*
        }
    };
    (@enabled on) => { true };
    (@enabled off) => { false };
    (@points on $chapter:ident) => {
        mod $chapter {
            #[allow(unused_imports)]
            use crate::*;
            crate::abi::table::$chapter::entries!(crate::abi::entry::points);
        }
    };
    (@points off $chapter:ident) => {};
}

chapters! {
    on environment;
    on language;
    on info;
    on keyval;
    on errhandler;
    on status;
    on init;
    on comm;
    on comm_errhandler;
    on comm_attr;
    on type_attr;
    on group;
    on cart;
    on pt2pt;
    on nonblocking;
    on persistent;
    on completion;
    on probe;
    on buffered;
    on datatype;
    on removed;
    on pack;
    on coll;
    on icoll;
    off pcoll;
    on op;
    on extensions;
}

/// The lines whose entry points are in the library.
pub fn exported() -> impl Iterator<Item = &'static Entry> {
    CHAPTERS.iter().filter(|c| c.enabled).flat_map(|c| c.entries)
}

#[cfg(test)]
mod tests;
