//! Descriptors 0, 1 and 2 of a rank: a view of its own on three numbers that all ranks of the process share.
//!
//! | view | reads | writes | how a rank gets there |
//! |---|---|---|---|
//! | `Default(k)` | process's descriptor k | [`output`](super::output) for 1 and 2 | at the start; dup2(1, 2) |
//! | `Empty` | end of file | refused | stdin of every rank but 0 |
//! | `Fd(n)` | n | n | dup2(n, 1), freopen: the rank owns this n |
//! | `Closed` | EBADF | EBADF | close(1) |
//!
//! The process's own descriptors 0 to 2 are never closed or replaced. After close(k) the next descriptor the rank opens or
//! duplicates becomes k, as it would in a process. In a forked child the view is made real. A duplicate of a default
//! descriptor (dup(1)) is an ordinary descriptor: what is written to it is not tagged, but dup2 of it onto 1 restores the
//! default.
//!
//! # Safety
//! Forwards the pointers of the C calls.
#![allow(unsafe_code)]

use super::{output, rank, time};
use crate::image::guest::Guest;
use ::libc::{iovec, mode_t, off_t, stat};
use std::ffi::{c_char, c_int, c_ulong, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

/// What one of the three numbers means to a rank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    Default(c_int),
    Empty,
    Fd(c_int),
    Closed,
}

impl View {
    const fn encode(self) -> i32 {
        match self {
            View::Fd(n) => n,
            View::Closed => -1,
            View::Empty => -2,
            View::Default(k) => -10 - k,
        }
    }

    fn decode(v: i32) -> View {
        match v {
            0.. => View::Fd(v),
            -1 => View::Closed,
            -2 => View::Empty,
            _ => View::Default(-10 - v),
        }
    }
}

/// The three views, and duplicates of defaults as `4 * fd + k + 1`.
pub struct StdFds {
    views: [AtomicI32; 3],
    duplicates: [AtomicI32; 4],
    some_closed: AtomicI32,
}

impl StdFds {
    pub const fn new() -> Self {
        StdFds {
            views: [
                AtomicI32::new(View::Default(0).encode()),
                AtomicI32::new(View::Default(1).encode()),
                AtomicI32::new(View::Default(2).encode()),
            ],
            duplicates: [const { AtomicI32::new(0) }; 4],
            some_closed: AtomicI32::new(0),
        }
    }

    pub fn view(&self, k: usize) -> View {
        View::decode(self.views[k].load(Ordering::Acquire))
    }

    /// Sets view `k`, closing the descriptor it owned.
    pub fn replace(&self, k: usize, view: View) {
        if let View::Fd(n) = View::decode(self.views[k].swap(view.encode(), Ordering::AcqRel)) {
            // SAFETY: the view's own descriptor.
            unsafe { ::libc::close(n) };
        }
        let closed = (0..3).any(|k| self.view(k) == View::Closed);
        self.some_closed.store(closed as i32, Ordering::Release);
    }

    fn first_closed(&self) -> Option<usize> {
        if self.some_closed.load(Ordering::Acquire) == 0 {
            return None;
        }
        (0..3).find(|k| self.view(*k) == View::Closed)
    }

    fn note_duplicate(&self, fd: c_int, k: c_int) {
        for d in &self.duplicates {
            if d.compare_exchange(0, 4 * fd + k + 1, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                return;
            }
        }
    }

    fn duplicate_of(&self, fd: c_int) -> Option<c_int> {
        self.duplicates
            .iter()
            .map(|d| d.load(Ordering::Acquire) - 1)
            .find(|d| *d >= 0 && d / 4 == fd)
            .map(|d| d % 4)
    }

    fn forget_duplicate(&self, fd: c_int) {
        for d in &self.duplicates {
            let v = d.load(Ordering::Relaxed);
            if v > 0 && (v - 1) / 4 == fd {
                d.store(0, Ordering::Release);
            }
        }
    }
}

static NULL_FD: AtomicI32 = AtomicI32::new(-1);

/// A descriptor on /dev/null, the same for all ranks.
fn null_fd() -> c_int {
    let n = NULL_FD.load(Ordering::Acquire);
    if n >= 0 {
        return n;
    }
    // SAFETY: plain call with a constant.
    let n = unsafe { ::libc::open(c"/dev/null".as_ptr(), ::libc::O_RDONLY | ::libc::O_CLOEXEC) };
    match NULL_FD.compare_exchange(-1, n, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => n,
        Err(other) => {
            // SAFETY: just opened, lost the race.
            unsafe { ::libc::close(n) };
            other
        }
    }
}

/// Only rank 0 reads the job's standard input.
pub(super) fn attach(g: &Guest) {
    let fds = &g.libc.std_fds;
    if g.rank != 0 && fds.view(0) == View::Default(0) {
        fds.replace(0, View::Empty);
    }
}

/// The guest whose views apply; a forked child has real descriptors.
fn viewer() -> Option<&'static Guest> {
    Guest::current().filter(|g| !g.libc.is_forked_child())
}

fn view(fd: c_int) -> Option<View> {
    if !(0..3).contains(&fd) {
        return None;
    }
    Some(viewer()?.libc.std_fds.view(fd as usize))
}

/// The descriptor to give to the kernel for the rank's `fd`; an invalid one for a closed view.
fn real(fd: c_int) -> c_int {
    match view(fd) {
        None => fd,
        Some(View::Default(k)) => k,
        Some(View::Fd(n)) => n,
        Some(View::Empty) => null_fd(),
        Some(View::Closed) => -1,
    }
}

/// Descriptors of a rank that ended.
pub(super) fn close_redirected(g: &Guest) {
    for k in 0..3 {
        if let View::Fd(_) = g.libc.std_fds.view(k) {
            g.libc.std_fds.replace(k, View::Default(k as c_int));
        }
    }
}

/// In a forked child: the rank's view becomes the real descriptors.
pub(super) fn become_child(g: &Guest) {
    let source = |v| match v {
        View::Default(k) => k,
        View::Fd(n) => n,
        View::Empty => null_fd(),
        View::Closed => -1,
    };
    // SAFETY: plain calls; sources 0..2 are saved first, since one may be replaced before it is copied (2>&1 after 1>file).
    unsafe {
        let saved = [0, 1, 2].map(|k| match source(g.libc.std_fds.view(k)) {
            n @ 0..3 if n != k as c_int => ::libc::fcntl(n, ::libc::F_DUPFD_CLOEXEC, 10),
            n => n,
        });
        for (k, n) in (0..).zip(saved) {
            match n {
                -1 => _ = ::libc::close(k),
                n if n != k => _ = ::libc::dup2(n, k),
                _ => {}
            }
        }
    }
}

// ---- reading and writing

/// Waits for input on the job's stdin without holding up other ranks.
fn await_input(fd: c_int) {
    if let Some((g, _)) = rank() {
        // A suspension inside getline on stdin: what runs meanwhile must not allocate in the rank's heap.
        let redirect = g.libc.redirect.swap(0, Ordering::Relaxed);
        let mut p = ::libc::pollfd { fd, events: ::libc::POLLIN, revents: 0 };
        // SAFETY: one valid structure.
        time::repeat(None, || unsafe { ::libc::poll(&mut p, 1, 0) });
        g.libc.redirect.store(redirect, Ordering::Relaxed);
    }
}

pub unsafe extern "C" fn read(fd: c_int, to: *mut c_void, n: usize) -> isize {
    if let Some(View::Default(k)) = view(fd) {
        await_input(k);
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::read(real(fd), to, n) }
}

pub unsafe extern "C" fn read_chk(fd: c_int, to: *mut c_void, n: usize, room: usize) -> isize {
    if n > room {
        crate::image::host::host().fatal("read() overran its buffer (*** buffer overflow detected ***)", 134)
    }
    // SAFETY: forwarded contract.
    unsafe { read(fd, to, n) }
}

/// The guest's rank and the process's descriptor, if `fd` is output that passes through the sink.
fn sink(fd: c_int) -> Option<(u32, c_int)> {
    match view(fd)? {
        View::Default(k) if k > 0 => Some((viewer()?.rank, k)),
        _ => None,
    }
}

fn emit(rank: u32, fd: c_int, bytes: &[u8]) -> isize {
    match output::write(rank, fd, bytes) {
        Ok(n) => n as isize,
        Err(e) => super::fail(e) as isize,
    }
}

pub unsafe extern "C" fn write(fd: c_int, from: *const c_void, n: usize) -> isize {
    match sink(fd) {
        // SAFETY: n readable bytes by contract.
        Some((rank, k)) if n > 0 => emit(rank, k, unsafe { std::slice::from_raw_parts(from.cast(), n) }),
        // SAFETY: forwarded contract.
        _ => unsafe { ::libc::write(real(fd), from, n) },
    }
}

pub unsafe extern "C" fn writev(fd: c_int, parts: *const iovec, count: c_int) -> isize {
    let Some((rank, k)) = sink(fd).filter(|_| count > 0) else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::writev(real(fd), parts, count) };
    };
    let mut total = 0;
    // SAFETY: count valid structures by contract.
    for p in unsafe { std::slice::from_raw_parts(parts, count as usize) }.iter().filter(|p| p.iov_len > 0) {
        // SAFETY: readable by contract.
        let bytes = unsafe { std::slice::from_raw_parts(p.iov_base.cast(), p.iov_len) };
        match emit(rank, k, bytes) {
            n if n < 0 => return if total > 0 { total } else { n },
            n => total += n,
        }
    }
    total
}

pub unsafe extern "C" fn readv(fd: c_int, parts: *const iovec, count: c_int) -> isize {
    if let Some(View::Default(k)) = view(fd) {
        await_input(k);
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::readv(real(fd), parts, count) }
}

// ---- closing and duplicating

pub extern "C" fn close(fd: c_int) -> c_int {
    let Some(g) = viewer() else {
        // SAFETY: plain call.
        return unsafe { ::libc::close(fd) };
    };
    let fds = &g.libc.std_fds;
    if !(0..3).contains(&fd) {
        fds.forget_duplicate(fd);
        // SAFETY: plain call.
        return unsafe { ::libc::close(fd) };
    }
    if fds.view(fd as usize) == View::Closed {
        return super::fail(::libc::EBADF);
    }
    fds.replace(fd as usize, View::Closed);
    0
}

/// A new descriptor of the rank: it takes the place of a standard one that was closed.
fn adopt(fd: c_int) -> c_int {
    match viewer().and_then(|g| Some((g, g.libc.std_fds.first_closed()?))) {
        Some((g, k)) if fd >= 0 => {
            let view = match g.libc.std_fds.duplicate_of(fd) {
                Some(d) => {
                    close(fd);
                    View::Default(d)
                }
                None => View::Fd(fd),
            };
            g.libc.std_fds.replace(k, view);
            k as c_int
        }
        _ => fd,
    }
}

pub extern "C" fn dup(fd: c_int) -> c_int {
    // SAFETY: plain call.
    let new = unsafe { ::libc::dup(real(fd)) };
    note_duplicate(fd, new);
    adopt(new)
}

fn note_duplicate(of: c_int, new: c_int) {
    if let (Some(g), true) = (viewer(), new >= 0) {
        let default = match view(of) {
            Some(View::Default(k)) => Some(k),
            Some(_) => None,
            None => g.libc.std_fds.duplicate_of(of),
        };
        if let Some(k) = default {
            g.libc.std_fds.note_duplicate(new, k);
        }
    }
}

pub extern "C" fn dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    let Some(g) = viewer() else {
        // SAFETY: plain call.
        return unsafe { ::libc::dup3(old, new, flags) };
    };
    let fds = &g.libc.std_fds;
    if !(0..3).contains(&new) {
        fds.forget_duplicate(new);
        // SAFETY: plain call.
        let r = unsafe { ::libc::dup3(real(old), new, flags) };
        note_duplicate(old, r);
        return r;
    }
    let target = match view(old).or_else(|| fds.duplicate_of(old).map(View::Default)) {
        Some(View::Closed) => return super::fail(::libc::EBADF),
        Some(v @ (View::Default(_) | View::Empty)) => v,
        _ => {
            // A descriptor of the view's own, above the standard ones.
            // SAFETY: plain call.
            match unsafe { ::libc::fcntl(real(old), ::libc::F_DUPFD_CLOEXEC, 3) } {
                -1 => return -1,
                n => View::Fd(n),
            }
        }
    };
    fds.replace(new as usize, target);
    new
}

pub extern "C" fn dup2(old: c_int, new: c_int) -> c_int {
    if old == new || viewer().is_none() {
        // SAFETY: plain call; equal numbers only ask whether the descriptor is open.
        let r = unsafe { ::libc::dup2(real(old), if old == new { real(old) } else { new }) };
        return if r < 0 { r } else { new };
    }
    dup3(old, new, 0)
}

pub unsafe extern "C" fn fcntl(fd: c_int, command: c_int, argument: usize) -> c_int {
    // SAFETY: forwarded contract; the kernel ignores an argument it does not want.
    let r = unsafe { ::libc::fcntl(real(fd), command, argument) };
    if matches!(command, ::libc::F_DUPFD | ::libc::F_DUPFD_CLOEXEC) {
        note_duplicate(fd, r);
        return if argument < 3 { adopt(r) } else { r };
    }
    r
}

pub unsafe extern "C" fn open(path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: forwarded contract.
    adopt(unsafe { ::libc::open(path, flags, mode) })
}

pub unsafe extern "C" fn openat(dir: c_int, path: *const c_char, flags: c_int, mode: mode_t) -> c_int {
    // SAFETY: forwarded contract.
    adopt(unsafe { ::libc::openat(dir, path, flags, mode) })
}

pub unsafe extern "C" fn creat(path: *const c_char, mode: mode_t) -> c_int {
    // SAFETY: forwarded contract.
    adopt(unsafe { ::libc::creat(path, mode) })
}

// ---- everything else that names a descriptor: the same call on the real one

macro_rules! forward {
    ($($name:ident ($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        pub unsafe extern "C" fn $name(fd: c_int $(, $arg: $type)*) -> $result {
            // SAFETY: forwarded contract.
            unsafe { ::libc::$name(real(fd) $(, $arg)*) }
        }
    )*};
}

forward! {
    pread(to: *mut c_void, n: usize, at: off_t) -> isize;
    pwrite(from: *const c_void, n: usize, at: off_t) -> isize;
    lseek(at: off_t, whence: c_int) -> off_t;
    isatty() -> c_int;
    fsync() -> c_int;
    fdatasync() -> c_int;
    ftruncate(len: off_t) -> c_int;
    fstat(to: *mut stat) -> c_int;
    fchmod(mode: mode_t) -> c_int;
    ioctl(request: c_ulong, argument: usize) -> c_int;
    tcgetattr(to: *mut ::libc::termios) -> c_int;
    tcsetattr(when: c_int, from: *const ::libc::termios) -> c_int;
    ttyname_r(to: *mut c_char, n: usize) -> c_int;
}

/// fstat of programs linked against glibc before 2.33.
pub unsafe extern "C" fn fxstat(_version: c_int, fd: c_int, to: *mut stat) -> c_int {
    // SAFETY: forwarded contract.
    unsafe { fstat(fd, to) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_survive_encoding() {
        for v in [View::Default(0), View::Default(2), View::Empty, View::Closed, View::Fd(0), View::Fd(1000)]
        {
            assert_eq!(View::decode(v.encode()), v);
        }
    }

    #[test]
    fn duplicates_of_defaults_are_remembered_until_closed() {
        let fds = StdFds::new();
        fds.note_duplicate(17, 1);
        fds.note_duplicate(18, 0);
        assert_eq!(
            (fds.duplicate_of(17), fds.duplicate_of(18), fds.duplicate_of(19)),
            (Some(1), Some(0), None)
        );
        fds.forget_duplicate(17);
        assert_eq!(fds.duplicate_of(17), None);
        assert_eq!(fds.first_closed(), None);
        fds.replace(1, View::Closed);
        assert_eq!(fds.first_closed(), Some(1));
    }
}
