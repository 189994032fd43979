//! Where the output of ranks goes: every byte a rank writes to its standard output or error passes through here.
//!
//! # Safety
//! The one system call writes from a caller's slice.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::sync::OnceLock;

/// Takes what ranks print (to tag lines, split them into files, forward them). Called on the rank's stack under the
/// rank's FS base, possibly by several PEs at once.
pub trait Sink: Sync {
    /// Takes `bytes` written by `rank` to `fd` (1 or 2); returns how many it took, or an errno.
    fn write(&self, rank: u32, fd: c_int, bytes: &[u8]) -> Result<usize, c_int>;
}

static SINK: OnceLock<&'static dyn Sink> = OnceLock::new();

/// Installs the sink. Panics when called twice; without one, output goes to the process's descriptors.
pub fn set_sink(sink: &'static dyn Sink) {
    assert!(SINK.set(sink).is_ok(), "output::set_sink called twice");
}

/// Writes `bytes` of `rank` to `fd` (1 or 2).
pub fn write(rank: u32, fd: c_int, bytes: &[u8]) -> Result<usize, c_int> {
    if let Some(sink) = SINK.get() {
        return sink.write(rank, fd, bytes);
    }
    // SAFETY: a valid slice.
    let n = unsafe { ::libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(n).map_err(|_| super::errno())
}
