//! Signals, per rank: dispositions, mask, alarm.
//!
//! | signal | what happens |
//! |---|---|
//! | raised by the rank (raise, kill of its own pid, abort) | its handler is called at once, on its stack |
//! | a fault of the rank (SIGSEGV, SIGFPE, ...) | the runtime's crash handler asks [`deliver_fault`] first |
//! | sent to the process, rank has a handler or ignores it | noted; each rank acts on it at its next [`safe_point`] |
//! | the rank's own alarm or ITIMER_REAL | SIGALRM at the next safe point after it is due |
//!
//! Safe points are the calls in which a rank can be suspended: sleeping, yielding, waiting, and MPI calls if the layer
//! above calls [`safe_point`]. A rank that only computes is not interrupted. Without a handler the default action of a
//! fatal signal ends the job with a sentence. Nothing a rank does replaces the runtime's own handlers; sigaltstack is
//! accepted and ignored (handlers run on the rank's stack).
//!
//! # Safety
//! Calls handlers at addresses the guest registered.
#![allow(unsafe_code)]
// The unsafe functions are libc's: their contracts are the manual's.
#![allow(clippy::missing_safety_doc, clippy::new_without_default)]

use super::time::{self, Backoff};
use super::{is_forked_child, rank};
use crate::current;
use crate::image::guest::Guest;
use crate::image::host::host;
use ::libc::{SIG_DFL, SIG_IGN, sigset_t};
use std::ffi::{c_int, c_uint, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

const COUNT: usize = 65;

/// `struct sigaction` as the guest sees it, without the restorer.
#[derive(Clone, Copy)]
struct Disposition {
    handler: usize,
    flags: c_int,
    mask: u64,
}

const DEFAULT: Disposition = Disposition { handler: SIG_DFL, flags: 0, mask: 0 };

/// A rank's signal state.
pub struct Signals {
    dispositions: [Disposition; COUNT],
    mask: u64,
    pending: u64,
    /// How many of each process-wide signal the rank has acted on.
    seen: [u32; COUNT],
    seen_total: u64,
    /// When the alarm is due (monotonic ns; 0: none) and how often it repeats.
    alarm_ns: u64,
    interval_ns: u64,
}

impl Signals {
    pub const fn new() -> Self {
        Signals {
            dispositions: [DEFAULT; COUNT],
            mask: 0,
            pending: 0,
            seen: [0; COUNT],
            seen_total: 0,
            alarm_ns: 0,
            interval_ns: 0,
        }
    }
}

/// Signals that came to the process since its start, for those with at least one interested rank.
static ARRIVED: [AtomicU32; COUNT] = [const { AtomicU32::new(0) }; COUNT];
static ARRIVED_TOTAL: AtomicU64 = AtomicU64::new(0);
/// Signals for which `note` is the process's handler.
static NOTED: AtomicU64 = AtomicU64::new(0);

fn bit(sig: c_int) -> u64 {
    1 << (sig - 1)
}

fn valid(sig: c_int) -> bool {
    (1..COUNT as c_int).contains(&sig)
}

/// Raised by the running code itself: the runtime's own handlers stay in force for these.
fn is_fault(sig: c_int) -> bool {
    use ::libc::*;
    matches!(sig, SIGSEGV | SIGBUS | SIGFPE | SIGILL | SIGTRAP | SIGSYS | SIGABRT)
}

extern "C" fn note(sig: c_int) {
    ARRIVED[sig as usize].fetch_add(1, Ordering::Relaxed);
    ARRIVED_TOTAL.fetch_add(1, Ordering::Release);
}

/// From now on signal `sig` of the process is noted for the ranks, if nobody else handles it.
fn take_note_of(sig: c_int) {
    IN_USE.store(true, Ordering::Relaxed);
    if is_fault(sig) || NOTED.fetch_or(bit(sig), Ordering::Relaxed) & bit(sig) != 0 {
        return;
    }
    // SAFETY: plain sigaction calls with valid structures; `note` is async-signal-safe.
    unsafe {
        let mut old: ::libc::sigaction = std::mem::zeroed();
        if ::libc::sigaction(sig, std::ptr::null(), &mut old) == 0 && old.sa_sigaction == SIG_DFL {
            let mut new: ::libc::sigaction = std::mem::zeroed();
            new.sa_sigaction = note as extern "C" fn(c_int) as usize;
            new.sa_flags = ::libc::SA_RESTART | ::libc::SA_ONSTACK;
            ::libc::sigaction(sig, &new, std::ptr::null_mut());
        }
    }
}

/// Some rank has a handler for a signal of the process, or an alarm.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Whether [`safe_point`] has anything to do in this process. One load.
#[inline(always)]
pub fn in_use() -> bool {
    IN_USE.load(Ordering::Relaxed)
}

/// The rank acts on whatever signals came meanwhile: to be called where it could be suspended, on its own stack.
#[cold]
pub fn safe_point() {
    if let Some((g, _)) = rank() {
        deliver_pending(g);
    }
}

/// True if a handler ran.
pub(super) fn deliver_pending(g: &'static Guest) -> bool {
    let total = ARRIVED_TOTAL.load(Ordering::Acquire);
    let due = g.libc.signals.with(|s| {
        if s.seen_total != total {
            s.seen_total = total;
            for (sig, (seen, arrived)) in s.seen.iter_mut().zip(&ARRIVED).enumerate().skip(1) {
                let n = arrived.load(Ordering::Relaxed);
                if std::mem::replace(seen, n) != n {
                    s.pending |= bit(sig as c_int);
                }
            }
        }
        if s.alarm_ns != 0 && time::now() >= s.alarm_ns {
            s.alarm_ns = if s.interval_ns > 0 { time::now() + s.interval_ns } else { 0 };
            s.pending |= bit(::libc::SIGALRM);
        }
        s.pending & !s.mask != 0
    });
    due && deliver_unmasked(g)
}

fn deliver_unmasked(g: &'static Guest) -> bool {
    let mut ran = false;
    while let Some(sig) = g.libc.signals.with(|s| {
        let ready = s.pending & !s.mask;
        (ready != 0).then(|| {
            let sig = ready.trailing_zeros() as c_int + 1;
            s.pending &= !bit(sig);
            sig
        })
    }) {
        ran |= act(g, sig);
    }
    ran
}

/// When the rank's alarm is due; far in the future if it has none.
pub(super) fn next_alarm(g: &Guest) -> u64 {
    match g.libc.signals.with(|s| s.alarm_ns) {
        0 => u64::MAX,
        t => t,
    }
}

/// Does what the rank's disposition says, on the calling stack. True if a handler ran.
fn act(g: &'static Guest, sig: c_int) -> bool {
    let (d, mask) = g.libc.signals.with(|s| {
        let d = s.dispositions[sig as usize];
        if d.flags & ::libc::SA_RESETHAND != 0 && d.handler > SIG_IGN {
            s.dispositions[sig as usize].handler = SIG_DFL;
        }
        (d, s.mask)
    });
    match d.handler {
        SIG_IGN => false,
        SIG_DFL => {
            default_action(sig);
            false
        }
        handler => {
            let own = if d.flags & ::libc::SA_NODEFER == 0 { bit(sig) } else { 0 };
            g.libc.signals.with(|s| s.mask = mask | d.mask | own);
            // SAFETY: an address the guest registered as a handler; zero is a valid value of the structures.
            unsafe {
                let mut info: ::libc::siginfo_t = std::mem::zeroed();
                info.si_signo = sig;
                let mut context: ::libc::ucontext_t = std::mem::zeroed();
                call(handler, sig, (&raw mut info).cast(), (&raw mut context).cast());
            }
            g.libc.signals.with(|s| s.mask = mask);
            deliver_unmasked(g);
            true
        }
    }
}

/// # Safety
/// `handler` is the address of a signal handler; one that takes only the number ignores the other arguments.
unsafe fn call(handler: usize, sig: c_int, info: *mut c_void, context: *mut c_void) {
    // SAFETY: by the contract.
    let f: extern "C-unwind" fn(c_int, *mut c_void, *mut c_void) = unsafe { std::mem::transmute(handler) };
    f(sig, info, context);
}

fn default_action(sig: c_int) {
    use ::libc::*;
    match sig {
        SIGCHLD | SIGCONT | SIGURG | SIGWINCH => {}
        SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU => {
            // SAFETY: stops the whole process, which is what was asked for.
            unsafe { raise(SIGSTOP) };
        }
        _ => host().fatal(&format!("was ended by signal {sig}{}", name(sig)), 128 + sig),
    }
}

fn name(sig: c_int) -> &'static str {
    use ::libc::*;
    match sig {
        SIGABRT => " (SIGABRT)",
        SIGALRM => " (SIGALRM)",
        SIGBUS => " (SIGBUS)",
        SIGFPE => " (SIGFPE)",
        SIGHUP => " (SIGHUP)",
        SIGILL => " (SIGILL)",
        SIGINT => " (SIGINT)",
        SIGKILL => " (SIGKILL)",
        SIGPIPE => " (SIGPIPE)",
        SIGQUIT => " (SIGQUIT)",
        SIGSEGV => " (SIGSEGV)",
        SIGTERM => " (SIGTERM)",
        SIGUSR1 => " (SIGUSR1)",
        SIGUSR2 => " (SIGUSR2)",
        _ => "",
    }
}

/// For the runtime's crash handler: runs the rank's own handler for the fault, if it has one, with the kernel's arguments.
/// True if it ran and returned (the faulting instruction is then repeated).
///
/// # Safety
/// Called from a signal handler with its arguments, while the guest's FS base is in force.
pub unsafe fn deliver_fault(g: &'static Guest, sig: c_int, info: *mut c_void, context: *mut c_void) -> bool {
    if !valid(sig) {
        return false;
    }
    let d = g.libc.signals.with(|s| {
        let d = s.dispositions[sig as usize];
        if d.handler > SIG_IGN && d.flags & ::libc::SA_RESETHAND != 0 {
            s.dispositions[sig as usize].handler = SIG_DFL;
        }
        d
    });
    if d.handler <= SIG_IGN {
        return false;
    }
    // SAFETY: the guest's handler, with the kernel's arguments.
    unsafe { call(d.handler, sig, info, context) };
    true
}

/// abort: a handler of the rank may leave with longjmp.
pub(super) fn handle_abort(g: &'static Guest) {
    if g.libc.signals.with(|s| s.dispositions[::libc::SIGABRT as usize].handler) > SIG_IGN {
        act(g, ::libc::SIGABRT);
    }
}

// ---- what guests call

fn set_to_bits(set: &sigset_t) -> u64 {
    // SAFETY: sigset_t begins with the 64 signals' bits.
    unsafe { (&raw const *set).cast::<u64>().read() }
}

unsafe fn write_set(to: *mut sigset_t, bits: u64) {
    // SAFETY: null or valid by the caller's contract.
    unsafe {
        if !to.is_null() {
            to.write(std::mem::zeroed());
            to.cast::<u64>().write(bits);
        }
    }
}

pub unsafe extern "C" fn sigaction(
    sig: c_int,
    new: *const ::libc::sigaction,
    old: *mut ::libc::sigaction,
) -> c_int {
    let Some(g) = Guest::current().filter(|g| !g.libc.is_forked_child()) else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::sigaction(sig, new, old) };
    };
    // SAFETY: null or valid by contract.
    let new = unsafe { new.as_ref() };
    if !valid(sig) || (new.is_some() && matches!(sig, ::libc::SIGKILL | ::libc::SIGSTOP)) {
        return super::fail(::libc::EINVAL);
    }
    let before = g.libc.signals.with(|s| {
        let d = &mut s.dispositions[sig as usize];
        let before = *d;
        if let Some(n) = new {
            *d = Disposition { handler: n.sa_sigaction, flags: n.sa_flags, mask: set_to_bits(&n.sa_mask) };
            if n.sa_sigaction != SIG_DFL {
                s.seen[sig as usize] = ARRIVED[sig as usize].load(Ordering::Relaxed);
            }
        }
        before
    });
    if new.is_some_and(|n| n.sa_sigaction != SIG_DFL) {
        take_note_of(sig);
    }
    if !old.is_null() {
        // SAFETY: valid by contract.
        unsafe {
            let mut o: ::libc::sigaction = std::mem::zeroed();
            (o.sa_sigaction, o.sa_flags) = (before.handler, before.flags);
            write_set(&mut o.sa_mask, before.mask);
            old.write(o);
        }
    }
    0
}

unsafe fn set_handler(sig: c_int, handler: usize, flags: c_int) -> usize {
    // SAFETY: valid structures.
    unsafe {
        let mut new: ::libc::sigaction = std::mem::zeroed();
        let mut old: ::libc::sigaction = std::mem::zeroed();
        (new.sa_sigaction, new.sa_flags) = (handler, flags);
        if sigaction(sig, &new, &mut old) != 0 { ::libc::SIG_ERR } else { old.sa_sigaction }
    }
}

pub unsafe extern "C" fn signal(sig: c_int, handler: usize) -> usize {
    // SAFETY: forwarded contract.
    unsafe { set_handler(sig, handler, ::libc::SA_RESTART) }
}

pub unsafe extern "C" fn sysv_signal(sig: c_int, handler: usize) -> usize {
    // SAFETY: forwarded contract.
    unsafe { set_handler(sig, handler, ::libc::SA_RESETHAND | ::libc::SA_NODEFER) }
}

/// pthread_sigmask: the result is an errno.
pub unsafe extern "C" fn pthread_sigmask(how: c_int, new: *const sigset_t, old: *mut sigset_t) -> c_int {
    let Some((g, _)) = rank() else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::pthread_sigmask(how, new, old) };
    };
    // SAFETY: null or valid by contract.
    let new =
        unsafe { new.as_ref() }.map(|s| set_to_bits(s) & !(bit(::libc::SIGKILL) | bit(::libc::SIGSTOP)));
    let before = g.libc.signals.with(|s| {
        let before = s.mask;
        match (new, how) {
            (None, _) => {}
            (Some(n), ::libc::SIG_BLOCK) => s.mask |= n,
            (Some(n), ::libc::SIG_UNBLOCK) => s.mask &= !n,
            (Some(n), ::libc::SIG_SETMASK) => s.mask = n,
            _ => return Err(::libc::EINVAL),
        }
        Ok(before)
    });
    match before {
        Err(e) => e,
        Ok(mask) => {
            // SAFETY: null or valid by contract.
            unsafe { write_set(old, mask) };
            if new.is_some() {
                deliver_pending(g);
            }
            0
        }
    }
}

pub unsafe extern "C" fn sigprocmask(how: c_int, new: *const sigset_t, old: *mut sigset_t) -> c_int {
    // SAFETY: forwarded contract.
    match unsafe { pthread_sigmask(how, new, old) } {
        0 => 0,
        e => super::fail(e),
    }
}

pub unsafe extern "C" fn sigpending(set: *mut sigset_t) -> c_int {
    let Some((g, _)) = rank() else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::sigpending(set) };
    };
    deliver_pending(g);
    // SAFETY: valid by contract.
    unsafe { write_set(set, g.libc.signals.with(|s| s.pending & s.mask)) };
    0
}

pub unsafe extern "C" fn sigsuspend(mask: *const sigset_t) -> c_int {
    let Some((g, _)) = rank() else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::sigsuspend(mask) };
    };
    // SAFETY: valid by contract.
    let wanted = set_to_bits(unsafe { &*mask });
    let before = g.libc.signals.with(|s| std::mem::replace(&mut s.mask, wanted));
    let mut pause = Backoff::new();
    let mut ran = deliver_pending(g);
    while !ran {
        ran = pause.wait();
    }
    g.libc.signals.with(|s| s.mask = before);
    super::fail(::libc::EINTR)
}

pub extern "C" fn pause() -> c_int {
    if rank().is_none() {
        // SAFETY: plain call.
        return unsafe { ::libc::pause() };
    }
    let mut pause = Backoff::new();
    while !pause.wait() {}
    super::fail(::libc::EINTR)
}

/// The result is an errno.
pub unsafe extern "C" fn sigwait(set: *const sigset_t, sig: *mut c_int) -> c_int {
    let Some((g, _)) = rank() else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::sigwait(set, sig) };
    };
    // SAFETY: valid by contract.
    let wanted = set_to_bits(unsafe { &*set });
    (1..COUNT as c_int).filter(|s| wanted & bit(*s) != 0).for_each(take_note_of);
    let mut pause = Backoff::new();
    loop {
        let found = g.libc.signals.with(|s| {
            let ready = s.pending & wanted;
            s.pending &= !(ready & ready.wrapping_neg());
            (ready != 0).then(|| ready.trailing_zeros() as c_int + 1)
        });
        if let Some(found) = found {
            // SAFETY: valid by contract.
            unsafe { sig.write(found) };
            return 0;
        }
        pause.wait();
    }
}

pub extern "C-unwind" fn raise(sig: c_int) -> c_int {
    let Some(g) = Guest::current().filter(|_| !is_forked_child()) else {
        // SAFETY: plain call.
        return unsafe { ::libc::raise(sig) };
    };
    if !valid(sig) {
        return if sig == 0 { 0 } else { super::fail(::libc::EINVAL) };
    }
    let thread = current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0;
    let masked = !thread
        && g.libc.signals.with(|s| {
            let masked = s.mask & bit(sig) != 0;
            s.pending |= if masked { bit(sig) } else { 0 };
            masked
        });
    if !masked {
        act(g, sig);
    }
    0
}

pub extern "C-unwind" fn kill(pid: c_int, sig: c_int) -> c_int {
    // SAFETY: plain calls.
    unsafe {
        if Guest::current().is_some() && pid == ::libc::getpid() {
            raise(sig)
        } else {
            ::libc::kill(pid, sig)
        }
    }
}

/// The result is an errno.
pub unsafe extern "C-unwind" fn pthread_kill(thread: ::libc::pthread_t, sig: c_int) -> c_int {
    // SAFETY: forwarded contract; the rank's pthread_t is its FS base.
    unsafe {
        match rank() {
            Some((g, _)) if thread as usize == g.fs_base => match raise(sig) {
                0 => 0,
                _ => super::errno(),
            },
            _ => ::libc::pthread_kill(thread, sig),
        }
    }
}

/// Handlers run on the rank's stack; the kernel's alternate stack belongs to the PE.
pub unsafe extern "C" fn sigaltstack(new: *const ::libc::stack_t, old: *mut ::libc::stack_t) -> c_int {
    if rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::sigaltstack(new, old) };
    }
    if !old.is_null() {
        // SAFETY: valid by contract.
        unsafe {
            old.write(::libc::stack_t {
                ss_sp: std::ptr::null_mut(),
                ss_flags: ::libc::SS_DISABLE,
                ss_size: 0,
            })
        };
    }
    0
}

/// Sets the rank's alarm and returns (time left, interval) of the one before, in ns.
fn set_alarm(g: &Guest, first_ns: u64, interval_ns: u64) -> (u64, u64) {
    let now = time::now();
    if first_ns > 0 {
        IN_USE.store(true, Ordering::Relaxed);
    }
    g.libc.signals.with(|s| {
        let before = (s.alarm_ns.saturating_sub(now), s.interval_ns);
        s.alarm_ns = if first_ns == 0 { 0 } else { now + first_ns };
        s.interval_ns = interval_ns;
        before
    })
}

pub extern "C" fn alarm(seconds: c_uint) -> c_uint {
    match Guest::current().filter(|g| !g.libc.is_forked_child()) {
        Some(g) => set_alarm(g, u64::from(seconds) * 1_000_000_000, 0).0.div_ceil(1_000_000_000) as c_uint,
        // SAFETY: plain call.
        None => unsafe { ::libc::alarm(seconds) },
    }
}

/// ITIMER_REAL is the rank's own; the CPU-time timers measure the process and are refused.
pub unsafe extern "C" fn setitimer(
    which: c_int,
    new: *const ::libc::itimerval,
    old: *mut ::libc::itimerval,
) -> c_int {
    let Some(g) = Guest::current().filter(|g| !g.libc.is_forked_child()) else {
        // SAFETY: plain system call with the caller's pointers.
        return unsafe { ::libc::syscall(::libc::SYS_setitimer, which, new, old) as c_int };
    };
    // SAFETY: null or valid by contract.
    let Some(new) = (unsafe { new.as_ref() }).filter(|_| which == ::libc::ITIMER_REAL) else {
        return super::fail(::libc::EINVAL);
    };
    let ns = |t: &::libc::timeval| t.tv_sec as u64 * 1_000_000_000 + t.tv_usec as u64 * 1000;
    let before = set_alarm(g, ns(&new.it_value), ns(&new.it_interval));
    // SAFETY: null or valid by contract.
    unsafe { write_timer(old, before) };
    0
}

pub unsafe extern "C" fn getitimer(which: c_int, value: *mut ::libc::itimerval) -> c_int {
    let Some(g) = Guest::current().filter(|_| which == ::libc::ITIMER_REAL) else {
        // SAFETY: plain system call with the caller's pointers.
        return unsafe { ::libc::syscall(::libc::SYS_getitimer, which, value) as c_int };
    };
    let now = time::now();
    let left = g.libc.signals.with(|s| (s.alarm_ns.saturating_sub(now), s.interval_ns));
    // SAFETY: valid by contract.
    unsafe { write_timer(value, left) };
    0
}

unsafe fn write_timer(to: *mut ::libc::itimerval, (left, interval): (u64, u64)) {
    let tv = |ns: u64| ::libc::timeval {
        tv_sec: (ns / 1_000_000_000) as i64,
        tv_usec: (ns % 1_000_000_000 / 1000) as i64,
    };
    if !to.is_null() {
        // SAFETY: valid by the caller's contract.
        unsafe { to.write(::libc::itimerval { it_interval: tv(interval), it_value: tv(left) }) };
    }
}
