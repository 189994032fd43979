//! What libc keeps per process, kept per rank.

/// Per-rank libc state; lives in the rank's `Guest`. All-zero bytes are a valid initial value.
#[repr(C)]
#[derive(Default)]
pub struct LibcState {
    exiting: std::sync::atomic::AtomicBool,
}

impl LibcState {
    pub fn new() -> Self {
        Self::default()
    }
}
