//! The signals that the launcher fetches, instead of being interrupted by them.
//!
//! 1. They are blocked before any child or thread is made: no handler, no race between a signal and the start of a wait.
//!    Children get the old mask back ([`Signals::before`]).
//! 2. Those that whoever started us wants ignored (nohup, a background job of a shell) stay ignored.
//!
//! # Safety
//! Calls of libc about signals, with sets that were initialised before they are read.
#![allow(unsafe_code)]

use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Signals that end the job.
pub const ENDING: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Signals that are only handed on.
pub const HANDED_ON: [i32; 2] = [libc::SIGUSR1, libc::SIGUSR2];

pub struct Signals {
    set: libc::sigset_t,
    before: libc::sigset_t,
    /// Readable while one of them is pending.
    pending: OwnedFd,
}

impl Signals {
    pub fn block() -> io::Result<Signals> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are initialised by the calls before they are read; the descriptor is new, and nobody else's.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            for signal in ENDING.into_iter().chain(HANDED_ON).chain([libc::SIGCHLD]) {
                if !ignored(signal)? {
                    libc::sigaddset(set.as_mut_ptr(), signal);
                }
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            let pending = libc::signalfd(-1, set.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            if pending < 0 {
                return Err(io::Error::last_os_error());
            }
            let pending = OwnedFd::from_raw_fd(pending);
            Ok(Signals { set: set.assume_init(), before: before.assume_init(), pending })
        }
    }

    /// The mask as it was.
    pub fn before(&self) -> libc::sigset_t {
        self.before
    }

    /// The next signal that is pending.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the set was made by `block`; no information about the signal is asked for.
        let signal = unsafe { libc::sigtimedwait(&self.set, std::ptr::null_mut(), &now) };
        if signal > 0 {
            return Ok(Some(signal));
        }
        match io::Error::last_os_error() {
            e if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(None),
            e => Err(e),
        }
    }

    /// Lets signals do to this thread what they do to other programs, while `work` waits for something that nothing
    /// interrupts.
    pub fn let_through<T>(&self, work: impl FnOnce() -> T) -> T {
        let switch = |mask: &libc::sigset_t, how| {
            // SAFETY: an initialised set; the old one is not asked for. Only wrong arguments make it fail.
            unsafe { libc::pthread_sigmask(how, mask, std::ptr::null_mut()) };
        };
        switch(&self.before, libc::SIG_SETMASK);
        let result = work();
        switch(&self.set, libc::SIG_BLOCK);
        result
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pending.as_fd()
    }
}

/// Sends a signal to a child that has not been waited for.
pub fn send(child: &std::process::Child, signal: i32) {
    // SAFETY: plain numbers; the caller has not waited for the child, so the number is still its own.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// "Segmentation fault"
pub fn describe(signal: i32) -> String {
    // SAFETY: strsignal returns a C string that stays valid until the next call; only the launcher's first thread calls it.
    let text = unsafe {
        let text = libc::strsignal(signal);
        if text.is_null() { None } else { Some(CStr::from_ptr(text)) }
    };
    text.map_or_else(|| "unknown".into(), |t| t.to_string_lossy().into_owned())
}

fn ignored(signal: i32) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call fills `action` or fails.
    unsafe {
        if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.assume_init().sa_sigaction == libc::SIG_IGN)
    }
}
