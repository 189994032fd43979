//! Sleeping and waiting without holding up the other ranks of the PE.
//!
//! A call that would block is repeated without blocking while the rank sleeps in between, 20 µs at first and 1 ms at most.
//! Threads that guests create, and forked children, block as usual.
//!
//! # Safety
//! Forwards the pointers of the C calls.
#![allow(unsafe_code)]

use super::{rank, signals};
use crate::image::host::Host;
use ::libc::{clockid_t, fd_set, nfds_t, pollfd, sigset_t, timespec, timeval, useconds_t};
use std::ffi::{c_int, c_uint};
use std::ptr::null_mut;

const SECOND: u64 = 1_000_000_000;

/// Monotonic time in ns.
pub fn now() -> u64 {
    clock(::libc::CLOCK_MONOTONIC)
}

fn clock(id: clockid_t) -> u64 {
    let mut t = timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: t is valid.
    unsafe { ::libc::clock_gettime(id, &mut t) };
    t.tv_sec as u64 * SECOND + t.tv_nsec as u64
}

/// Growing pauses of the calling rank.
pub struct Backoff {
    ns: u64,
}

impl Backoff {
    pub fn new() -> Self {
        Backoff { ns: 20_000 }
    }

    /// Sleeps a little while others run; true if a signal handler ran.
    pub fn wait(&mut self) -> bool {
        self.wait_at_most(u64::MAX)
    }

    pub fn wait_at_most(&mut self, ns: u64) -> bool {
        if let Some((g, host)) = rank() {
            host.sleep(self.ns.min(ns));
            self.ns = (self.ns * 2).min(1_000_000);
            return signals::deliver_pending(g);
        }
        false
    }
}

/// Sleeps until `end` (monotonic) or until a signal handler ran; returns the time left.
fn sleep_until(host: &dyn Host, end: u64) -> u64 {
    let Some((g, _)) = rank() else { return 0 };
    if signals::deliver_pending(g) {
        return end.saturating_sub(now());
    }
    loop {
        let t = now();
        if t >= end {
            return 0;
        }
        // A signal or the rank's alarm may come meanwhile: look twenty times a second.
        host.sleep((end - t).min(signals::next_alarm(g).saturating_sub(t).max(1)).min(SECOND / 20));
        if signals::deliver_pending(g) {
            return end.saturating_sub(now());
        }
    }
}

pub extern "C" fn sched_yield() -> c_int {
    match rank() {
        Some((g, host)) => {
            host.yield_now();
            signals::deliver_pending(g);
            0
        }
        // SAFETY: plain call.
        None => unsafe { ::libc::sched_yield() },
    }
}

pub extern "C" fn sleep(seconds: c_uint) -> c_uint {
    match rank() {
        Some((_, host)) => sleep_until(host, now() + u64::from(seconds) * SECOND).div_ceil(SECOND) as c_uint,
        // SAFETY: plain call.
        None => unsafe { ::libc::sleep(seconds) },
    }
}

pub extern "C" fn usleep(us: useconds_t) -> c_int {
    match rank() {
        Some((_, host)) if sleep_until(host, now() + u64::from(us) * 1000) > 0 => super::fail(::libc::EINTR),
        Some(_) => 0,
        // SAFETY: plain call.
        None => unsafe { ::libc::usleep(us) },
    }
}

fn to_ns(t: &timespec) -> Option<u64> {
    if t.tv_sec < 0 || !(0..SECOND as i64).contains(&t.tv_nsec) {
        return None;
    }
    Some((t.tv_sec as u64).saturating_mul(SECOND).saturating_add(t.tv_nsec as u64))
}

fn from_ns(ns: u64) -> timespec {
    timespec { tv_sec: (ns / SECOND) as i64, tv_nsec: (ns % SECOND) as i64 }
}

/// The result is an errno, not -1.
pub unsafe extern "C" fn clock_nanosleep(
    id: clockid_t,
    flags: c_int,
    request: *const timespec,
    left: *mut timespec,
) -> c_int {
    let Some((_, host)) = rank() else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::clock_nanosleep(id, flags, request, left) };
    };
    // SAFETY: valid by contract.
    let Some(mut ns) = to_ns(unsafe { &*request }) else { return ::libc::EINVAL };
    let absolute = flags & ::libc::TIMER_ABSTIME != 0;
    if absolute {
        ns = ns.saturating_sub(clock(id));
    }
    let rest = sleep_until(host, now().saturating_add(ns));
    if rest == 0 {
        return 0;
    }
    if !absolute && !left.is_null() {
        // SAFETY: valid by contract.
        unsafe { left.write(from_ns(rest)) };
    }
    ::libc::EINTR
}

pub unsafe extern "C" fn nanosleep(request: *const timespec, left: *mut timespec) -> c_int {
    // SAFETY: forwarded contract.
    match unsafe { clock_nanosleep(::libc::CLOCK_MONOTONIC, 0, request, left) } {
        0 => 0,
        e => super::fail(e),
    }
}

/// Repeats `attempt` (which must not block) until it returns non-zero or `timeout_ns` is over (0 then).
pub(super) fn repeat(timeout_ns: Option<u64>, mut attempt: impl FnMut() -> c_int) -> c_int {
    let end = timeout_ns.map(|t| now().saturating_add(t));
    let mut pause = Backoff::new();
    loop {
        let r = attempt();
        if r != 0 {
            return r;
        }
        let left = end.map_or(u64::MAX, |e| e.saturating_sub(now()));
        if left == 0 {
            return 0;
        }
        if pause.wait_at_most(left) {
            return super::fail(::libc::EINTR);
        }
    }
}

pub unsafe extern "C" fn poll(fds: *mut pollfd, n: nfds_t, timeout_ms: c_int) -> c_int {
    if timeout_ms == 0 || rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::poll(fds, n, timeout_ms) };
    }
    let limit = (timeout_ms > 0).then(|| timeout_ms as u64 * 1_000_000);
    // SAFETY: forwarded contract.
    repeat(limit, || unsafe { ::libc::poll(fds, n, 0) })
}

pub unsafe extern "C" fn poll_chk(fds: *mut pollfd, n: nfds_t, timeout_ms: c_int, _size: usize) -> c_int {
    // SAFETY: forwarded contract.
    unsafe { poll(fds, n, timeout_ms) }
}

pub unsafe extern "C" fn ppoll(
    fds: *mut pollfd,
    n: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    if rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::ppoll(fds, n, timeout, mask) };
    }
    // SAFETY: null or valid by contract.
    let Ok(limit) = (unsafe { timeout.as_ref() }).map(|t| to_ns(t).ok_or(())).transpose() else {
        return super::fail(::libc::EINVAL);
    };
    // SAFETY: forwarded contract.
    repeat(limit, || unsafe { ::libc::poll(fds, n, 0) })
}

/// The three sets of select, kept because every attempt overwrites them.
struct Sets([*mut fd_set; 3], [Option<fd_set>; 3]);

impl Sets {
    unsafe fn new(sets: [*mut fd_set; 3]) -> Self {
        // SAFETY: null or valid by the contract of select.
        Sets(sets, sets.map(|s| unsafe { s.as_ref().copied() }))
    }

    unsafe fn attempt(&self, n: c_int) -> c_int {
        let mut zero = timeval { tv_sec: 0, tv_usec: 0 };
        for (to, saved) in self.0.iter().zip(&self.1) {
            if let Some(s) = saved {
                // SAFETY: as in new.
                unsafe { to.write(*s) };
            }
        }
        // SAFETY: as in new.
        unsafe { ::libc::select(n, self.0[0], self.0[1], self.0[2], &mut zero) }
    }
}

pub unsafe extern "C" fn select(
    n: c_int,
    r: *mut fd_set,
    w: *mut fd_set,
    x: *mut fd_set,
    timeout: *mut timeval,
) -> c_int {
    // SAFETY: null or valid by contract.
    let t = unsafe { timeout.as_ref() }.copied();
    let zero = t.is_some_and(|t| t.tv_sec == 0 && t.tv_usec == 0);
    if zero || rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::select(n, r, w, x, timeout) };
    }
    let limit = match t {
        Some(t) if t.tv_sec < 0 || t.tv_usec < 0 => return super::fail(::libc::EINVAL),
        t => t.map(|t| t.tv_sec as u64 * SECOND + t.tv_usec as u64 * 1000),
    };
    let start = now();
    // SAFETY: forwarded contract.
    let result = unsafe {
        let sets = Sets::new([r, w, x]);
        repeat(limit, || sets.attempt(n))
    };
    if let (Some(limit), false) = (limit, timeout.is_null()) {
        let left = limit.saturating_sub(now() - start);
        // SAFETY: valid by contract; Linux leaves the time that remains.
        unsafe {
            timeout.write(timeval { tv_sec: (left / SECOND) as i64, tv_usec: (left % SECOND / 1000) as i64 })
        };
    }
    result
}

pub unsafe extern "C" fn pselect(
    n: c_int,
    r: *mut fd_set,
    w: *mut fd_set,
    x: *mut fd_set,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    if rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::pselect(n, r, w, x, timeout, mask) };
    }
    // SAFETY: null or valid by contract.
    let t = unsafe { timeout.as_ref() };
    let mut tv = t.map(|t| timeval { tv_sec: t.tv_sec, tv_usec: t.tv_nsec / 1000 });
    // SAFETY: forwarded contract.
    unsafe { select(n, r, w, x, tv.as_mut().map_or(null_mut(), |t| t)) }
}

pub unsafe extern "C" fn epoll_wait(
    fd: c_int,
    events: *mut ::libc::epoll_event,
    max: c_int,
    timeout_ms: c_int,
) -> c_int {
    if timeout_ms == 0 || rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::epoll_wait(fd, events, max, timeout_ms) };
    }
    let limit = (timeout_ms > 0).then(|| timeout_ms as u64 * 1_000_000);
    // SAFETY: forwarded contract.
    repeat(limit, || unsafe { ::libc::epoll_wait(fd, events, max, 0) })
}
