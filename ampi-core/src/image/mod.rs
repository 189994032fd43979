//! Private images: every rank gets its own copy of the program and its libraries inside its slot.
//!
//! | module | what it is |
//! |---|---|
//! | [`elf`], [`dynsym`] | reading ELF files, symbol look-up in one file |
//! | [`search`], [`collect`] | finding libraries; private or shared |
//! | [`template`], [`relocate`] | relocating a set of files once, for image base 0 |
//! | [`program`] | a loaded program: its groups of files |
//! | [`instance`] | one copy in memory |
//! | [`tls`], [`thread_block`] | thread-local variables; a rank's own thread control block |
//! | [`guest`], [`start`] | a rank's process: creation, start, end, arrival after a move |
//! | [`dl`], [`unwind`], [`symbols`], [`debugger`] | dlopen and friends; who owns an address; gdb |
//! | [`shared`], [`builtin`], [`missing`], [`libc`] | what symbols outside the image mean |
//! | [`host`] | services of the scheduler above |

#[cfg(test)]
mod damage_tests;

mod builtin;
mod collect;
pub mod debugger;
mod dl;
mod dynsym;
mod elf;
pub mod guest;
pub mod host;
mod instance;
pub mod libc;
mod missing;
mod program;
mod relocate;
mod search;
mod shared;
mod start;
pub mod symbols;
mod template;
mod thread_block;
mod tls;
pub mod unwind;

pub use guest::{Guest, enter_thread};
pub use instance::Instance;
pub use program::{Isolation, Mapping, Options, Program};
pub use start::fini;
pub use tls::{check_host, set_fs_base};

/// Whether the function that begins at `address` is what starts programs: the end of every backtrace.
pub fn is_start_of_programs(address: usize) -> bool {
    address == start::libc_start_main as *const () as usize
}

/// What the libc overrides need from the loader: for [`libc::install`].
pub fn libc_hooks() -> libc::Hooks {
    libc::Hooks { fini: start::fini_hook, init_thread_tls: guest::init_thread_tls }
}
