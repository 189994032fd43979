//! The runtime's side of `libampi_private.so`: its entry points and the services it calls (see `c/private/private.h`).
//!
//! # Safety
//! Pointers come from our own C library, which keeps to the contracts of libc.
#![allow(unsafe_code)]

use super::files;
use crate::current;
use crate::image::guest::Guest;
use crate::image::tls::FLAG_SHARED_IMAGE;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

/// `struct ampi_private_ops`.
#[repr(C)]
pub struct PrivateOps {
    pub flush: extern "C" fn(),
    pub finish: extern "C" fn(),
    pub depart: extern "C" fn(),
    pub arrive: extern "C" fn(),
    pub thread_start: extern "C" fn(),
}

/// Of the one private library that all ranks use with `--isolate=none`.
static SHARED: AtomicPtr<PrivateOps> = AtomicPtr::new(std::ptr::null_mut());

/// The entry points of the guest's private library; `None` before its constructor ran.
pub fn ops(guest: &Guest) -> Option<&'static PrivateOps> {
    // SAFETY: null or a constant of the private library, which stays loaded as long as the rank.
    unsafe { guest.libc.private.load(Ordering::Acquire).as_ref() }
}

/// Called by the library's constructor, the first code of a rank.
pub extern "C" fn register(ops: *mut PrivateOps) {
    if current::word(current::FLAGS) & FLAG_SHARED_IMAGE != 0 {
        SHARED.store(ops, Ordering::Release);
    } else if let Some(g) = Guest::current() {
        g.libc.private.store(ops, Ordering::Release);
    }
}

/// The rank ends: its streams are written out and closed; streams that all ranks share are only written out.
pub fn finish(guest: &Guest) {
    if let Some(ops) = ops(guest) {
        (ops.finish)();
    // SAFETY: null or a constant of the shared image.
    } else if let Some(ops) = unsafe { SHARED.load(Ordering::Acquire).as_ref() } {
        (ops.flush)();
    }
}

pub extern "C" fn redirect(by: c_int) {
    if let Some(g) = Guest::current() {
        g.libc.redirect.fetch_add(by, Ordering::Relaxed);
    }
}

pub unsafe extern "C" fn std_read(fd: c_int, to: *mut c_void, n: usize) -> isize {
    // SAFETY: forwarded contract.
    unsafe { files::read(fd, to, n) }
}

pub unsafe extern "C" fn std_write(fd: c_int, from: *const c_void, n: usize) -> isize {
    // SAFETY: forwarded contract.
    unsafe { files::write(fd, from, n) }
}

pub unsafe extern "C" fn std_seek(fd: c_int, offset: i64, whence: c_int) -> i64 {
    // SAFETY: no memory involved.
    unsafe { files::lseek(fd, offset, whence) }
}

pub unsafe extern "C" fn std_isatty(fd: c_int) -> c_int {
    // SAFETY: no memory involved.
    unsafe { files::isatty(fd) }
}

/// The rank's descriptor `fd` (0..2) now means `real`, which it owns; -1: closed.
pub extern "C" fn std_replace(fd: c_int, real: c_int) -> c_int {
    match Guest::current() {
        Some(g) if (0..3).contains(&fd) => {
            g.libc
                .std_fds
                .replace(fd as usize, if real < 0 { files::View::Closed } else { files::View::Fd(real) });
            0
        }
        _ => super::fail(::libc::EBADF),
    }
}
