//! The end of a process that is its program's own, by `exit`: told after all that the program has registered for its end.
//!
//! Handlers of `exit` run in the reverse order of their registration, and destructors of libraries are one of them, which the
//! system registers before the program starts. Ours is registered when this library is loaded, before that: it runs last.
//!
//! # Safety
//! Registers a function that lives as long as the library, which is never unloaded (its link forbids it).
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;

static TOLD: OnceLock<fn(i32)> = OnceLock::new();

/// From now on `told` hears the exit code with which the process, or a child made by fork, calls `exit`, on the thread that does.
/// The first call counts.
pub fn on_exit(told: fn(i32)) {
    let _ = TOLD.set(told);
}

#[used]
#[unsafe(link_section = ".init_array")]
static AT_LOAD: extern "C" fn() = register;

extern "C" fn register() {
    unsafe extern "C" {
        safe fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
    }
    // without memory for it the end is not told, as for a process that is killed
    let _ = on_exit(exiting, null_mut());
}

extern "C" fn exiting(code: c_int, _: *mut c_void) {
    if let Some(told) = TOLD.get() {
        told(code);
    }
}
