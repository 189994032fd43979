//! Working directory and umask, per rank.
//!
//! The kernel keeps both per thread if asked to (`unshare(CLONE_FS)`). The first rank of a PE that calls chdir or umask
//! gives the PE's thread its own; from then on [`switched_in`] sets them when the PE switches to a rank whose values
//! differ. Where unshare is forbidden, chdir and umask act on the whole process, as they would without us.
//!
//! A rank that moves takes the path of its directory along.
//!
//! # Safety
//! Plain system calls with the caller's strings.
#![allow(unsafe_code)]
// The unsafe functions are libc's: their contracts are the manual's.
#![allow(clippy::missing_safety_doc, clippy::new_without_default)]

use super::rank;
use crate::error::{Error, Result};
use crate::image::guest::Guest;
use ::libc::mode_t;
use std::ffi::{c_char, c_int};
use std::io::Write;
use std::os::fd::IntoRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// What a rank chose; -1: nothing, it still has what the process started with.
pub struct Directory {
    fd: AtomicI32,
    umask: AtomicI32,
    /// Path of `fd` while the rank is between two processes; a block of its heap.
    path: AtomicPtr<u8>,
}

impl Directory {
    pub const fn new() -> Self {
        Directory { fd: AtomicI32::new(-1), umask: AtomicI32::new(-1), path: AtomicPtr::new(null_mut()) }
    }
}

struct Start {
    fd: c_int,
    umask: mode_t,
}

/// One thread that has its own directory: whose is in force there (-1: the start).
struct Thread {
    tid: AtomicI32,
    rank: AtomicI32,
}

static START: OnceLock<Start> = OnceLock::new();
static ACTIVE: AtomicBool = AtomicBool::new(false);
static THREADS: [Thread; 512] = [const { Thread { tid: AtomicI32::new(0), rank: AtomicI32::new(-1) } }; 512];

fn open_here() -> c_int {
    // SAFETY: plain call with a constant.
    unsafe { ::libc::open(c".".as_ptr(), ::libc::O_PATH | ::libc::O_DIRECTORY | ::libc::O_CLOEXEC) }
}

pub(super) fn remember_start() {
    START.get_or_init(|| {
        // SAFETY: the only way to read the umask is to set it.
        let umask = unsafe {
            let m = ::libc::umask(0o022);
            ::libc::umask(m);
            m
        };
        Start { fd: open_here(), umask }
    });
}

/// The entry of the calling thread, made (and the thread's directory made its own) if there is none yet.
fn this_thread() -> Option<&'static Thread> {
    // SAFETY: plain system calls.
    let tid = unsafe { ::libc::syscall(::libc::SYS_gettid) } as i32;
    if let Some(t) = THREADS.iter().find(|t| t.tid.load(Ordering::Relaxed) == tid) {
        return Some(t);
    }
    // SAFETY: as above.
    if unsafe { ::libc::unshare(::libc::CLONE_FS) } != 0 {
        return None;
    }
    THREADS.iter().find(|t| t.tid.compare_exchange(0, tid, Ordering::Relaxed, Ordering::Relaxed).is_ok())
}

/// To be called when a PE has switched to a rank, on its stack. One load unless some rank called chdir or umask.
#[inline(always)]
pub fn switched_in() {
    if ACTIVE.load(Ordering::Relaxed) {
        apply_to_running();
    }
}

#[cold]
#[inline(never)]
fn apply_to_running() {
    if let Some((guest, _)) = rank() {
        apply(guest);
    }
}

fn apply(guest: &Guest) {
    let (Some(start), Some(t)) = (START.get(), this_thread()) else { return };
    if t.rank.swap(guest.rank as i32, Ordering::Relaxed) == guest.rank as i32 {
        return;
    }
    let d = &guest.libc.directory;
    let pick = |v: i32, default: i32| if v < 0 { default } else { v };
    // SAFETY: plain system calls.
    unsafe {
        ::libc::fchdir(pick(d.fd.load(Ordering::Relaxed), start.fd));
        ::libc::umask(pick(d.umask.load(Ordering::Relaxed), start.umask as i32) as mode_t);
    }
}

/// The suspended rank leaves this process: its directory becomes a path. Under its FS base.
pub(super) fn depart(guest: &Guest) {
    let fd = guest.libc.directory.fd.load(Ordering::Relaxed);
    if fd < 0 {
        return;
    }
    const MAX: usize = 4096;
    let path = guest.heap.malloc(MAX);
    if !path.is_null() {
        let mut link = [0u8; 32];
        let _ = write!(&mut link[..], "/proc/self/fd/{fd}");
        // SAFETY: link ends with zeros; path has MAX bytes.
        unsafe {
            let n = ::libc::readlink(link.as_ptr().cast(), path.cast(), MAX - 1);
            path.add(n.max(0) as usize).write(0);
        }
        guest.libc.directory.path.store(path, Ordering::Relaxed);
    }
    forget(guest);
}

/// The rank came to this process.
pub(super) fn arrive(guest: &Guest) {
    let d = &guest.libc.directory;
    let path = d.path.swap(null_mut(), Ordering::Relaxed);
    if !path.is_null() {
        // SAFETY: a string and block of the rank's heap, made by `depart`.
        unsafe {
            let fd = ::libc::open(path.cast(), ::libc::O_PATH | ::libc::O_DIRECTORY | ::libc::O_CLOEXEC);
            d.fd.store(fd, Ordering::Relaxed);
            let _ = guest.heap.free(path);
        }
    }
    if d.fd.load(Ordering::Relaxed) >= 0 || d.umask.load(Ordering::Relaxed) >= 0 {
        remember_start();
        ACTIVE.store(true, Ordering::Relaxed);
        // What is in force on any thread may be what an earlier descriptor of this rank said.
        for t in &THREADS {
            let _ = t.rank.compare_exchange(guest.rank as i32, -1, Ordering::Relaxed, Ordering::Relaxed);
        }
    }
}

/// The rank has ended or left this process.
pub(super) fn forget(guest: &Guest) {
    let fd = guest.libc.directory.fd.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: our own descriptor.
        unsafe { ::libc::close(fd) };
    }
}

/// Gives a rank that has not run yet the directory in which it starts. On the thread of its PE.
///
/// # Errors
/// `Setting`: there is no such directory, or the system forbids threads to have directories of their own.
pub fn begin_in(guest: &Guest, folder: &Path) -> Result<()> {
    let wrong = |why: String| Error::Setting { name: format!("the folder {}", folder.display()), why };
    let fd = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(::libc::O_PATH | ::libc::O_DIRECTORY | ::libc::O_CLOEXEC)
        .open(folder)
        .map_err(|e| wrong(e.to_string()))?;
    remember_start();
    if this_thread().is_none() {
        let why = "ranks of this process cannot have folders of their own, as unshare(CLONE_FS) is forbidden";
        return Err(wrong(why.into()));
    }
    ACTIVE.store(true, Ordering::Relaxed);
    guest.libc.directory.fd.store(fd.into_raw_fd(), Ordering::Relaxed);
    Ok(())
}

/// Makes the thread's directory the rank's own, does `change`, and remembers where that led.
fn change(change: impl FnOnce() -> c_int) -> c_int {
    let Some((g, _)) = rank() else { return change() };
    remember_start();
    let thread = this_thread();
    ACTIVE.fetch_or(thread.is_some(), Ordering::Relaxed);
    apply(g);
    let r = change();
    if r == 0 && thread.is_some() {
        let old = g.libc.directory.fd.swap(open_here(), Ordering::Relaxed);
        if old >= 0 {
            // SAFETY: our own descriptor.
            unsafe { ::libc::close(old) };
        }
    }
    r
}

pub unsafe extern "C" fn chdir(path: *const c_char) -> c_int {
    // SAFETY: forwarded contract.
    change(|| unsafe { ::libc::chdir(path) })
}

pub extern "C" fn fchdir(fd: c_int) -> c_int {
    // SAFETY: plain call.
    change(|| unsafe { ::libc::fchdir(fd) })
}

pub extern "C" fn umask(mask: mode_t) -> mode_t {
    let Some((g, _)) = rank() else {
        // SAFETY: plain call.
        return unsafe { ::libc::umask(mask) };
    };
    remember_start();
    ACTIVE.fetch_or(this_thread().is_some(), Ordering::Relaxed);
    apply(g);
    g.libc.directory.umask.store((mask & 0o777) as i32, Ordering::Relaxed);
    // SAFETY: plain call.
    unsafe { ::libc::umask(mask) }
}
