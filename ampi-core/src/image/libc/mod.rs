//! What a guest sees of libc where the real one would not do: functions with per-process state or effects.
//!
//! A guest's undefined symbols are looked up in the program, its private libraries, `libampi_private.so` (C sources in
//! `ampi-core/c/private`: everything that is only state), then in [`table::lookup`] (what needs the runtime), then in
//! glibc. Each rank has its own FS base, so whatever glibc keeps per thread (errno, locale in use, h_errno) is per rank.
//!
//! Rules for the functions here:
//! 1. They run on the guest's stack under the guest's FS base: no std thread-locals, no allocation on the usual path.
//! 2. Who calls is one of four: the rank itself ([`rank`]), a thread that a guest created, a child made by fork, a bare
//!    thread of the runtime. Only the first may be suspended; the others get the plain libc behaviour.
//! 3. Nothing is locked across a suspension.

pub mod cwd;
mod files;
mod memory;
pub mod output;
mod private;
mod process;
pub mod signals;
mod state;
pub mod table;
mod threads;
mod time;

pub use memory::heap_of;
pub use process::{flush, is_forked_child};
pub use state::{Hooks, LibcState, arrive, attach, depart, detach, install};

use super::guest::Guest;
use super::host::{Host, host};
use crate::current;
use std::ffi::c_int;

/// The guest if the caller is the rank itself: on its own stack, not a thread it created, not a forked child.
#[inline]
fn rank() -> Option<(&'static Guest, &'static dyn Host)> {
    let g = Guest::current()?;
    let thread = current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0;
    (!thread && !g.libc.is_forked_child()).then(|| (g, host()))
}

/// Sets errno of the caller (per rank: it lies in the static TLS) and returns -1.
#[allow(unsafe_code)]
fn fail(errno: c_int) -> c_int {
    // SAFETY: libc's errno address is valid under every FS base.
    unsafe { *::libc::__errno_location() = errno };
    -1
}

fn errno() -> c_int {
    // SAFETY: as in `fail`.
    #[allow(unsafe_code)]
    unsafe {
        *::libc::__errno_location()
    }
}
