//! One guest: everything about a rank's private process that the loader and the libc replacements keep.
//!
//! It lives in the control area of the rank's own slot, so it moves with the rank; what it points to outside the slot
//! (the shared [`Program`](super::Program) template) is found again by path on arrival.

use super::libc::LibcState;
use crate::arena::{Heap, Slot};
use crate::current;

/// A rank's private process. Interior mutability only: shared by the rank and the threads it creates.
#[repr(C)]
pub struct Guest {
    /// Global rank number, 0-based; also the slot number.
    pub rank: u32,
    /// Number of ranks of the job.
    pub ranks: u32,
    pub slot: Slot,
    /// Thread pointer of the rank's own static TLS block, inside the slot.
    pub fs_base: usize,
    /// The rank's heap; its whole state lies in the slot.
    pub heap: Heap,
    /// exit handlers, stdio, environment, threads: what libc keeps per process.
    pub libc: LibcState,
}

impl Guest {
    /// The guest on whose behalf the calling code runs; `None` on a PE's own stack and in ordinary threads.
    #[inline(always)]
    #[allow(unsafe_code)]
    pub fn current() -> Option<&'static Guest> {
        // SAFETY: the word is 0 or was planted with the address of a Guest that outlives its FS base (current.rs).
        unsafe { (current::word(current::GUEST) as *const Guest).as_ref() }
    }
}
