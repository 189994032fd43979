//! What libc keeps per process, kept per rank; and how it comes, moves and goes.
//!
//! # Safety
//! `UnsafeCell` parts are reached only with their spin lock held (`Locked`), never across a call into guest code.
#![allow(unsafe_code)]

use super::private::PrivateOps;
use super::signals::Signals;
use super::{cwd, files, process};
use crate::arena::heap::RankVec;
use crate::image::guest::Guest;
use std::cell::UnsafeCell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Per-rank libc state; lives in the rank's `Guest` and moves with it.
#[repr(C)]
pub struct LibcState {
    pub(super) exit: Locked<process::ExitLists>,
    pub(super) children: Locked<RankVec<i32>>,
    pub(super) signals: Locked<Signals>,
    /// This memory is the copy of a forked child.
    pub(super) forked: AtomicBool,
    pub(super) exiting: AtomicBool,
    /// Threads the guest created that still run.
    pub(super) threads: AtomicU32,
    /// Mappings outside the slot (files, shared memory) that the rank still has.
    pub(super) outside_maps: AtomicU32,
    /// While positive, allocations inside glibc come from the rank's heap.
    pub(super) redirect: AtomicI32,
    pub(super) std_fds: files::StdFds,
    pub(super) directory: cwd::Directory,
    pub(super) private: AtomicPtr<PrivateOps>,
}

impl Default for LibcState {
    fn default() -> Self {
        Self::new()
    }
}

impl LibcState {
    pub const fn new() -> Self {
        LibcState {
            exit: Locked::new(process::ExitLists::new()),
            children: Locked::new(RankVec::new()),
            signals: Locked::new(Signals::new()),
            forked: AtomicBool::new(false),
            exiting: AtomicBool::new(false),
            threads: AtomicU32::new(0),
            outside_maps: AtomicU32::new(0),
            redirect: AtomicI32::new(0),
            std_fds: files::StdFds::new(),
            directory: cwd::Directory::new(),
            private: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Threads the guest created that still run. While there are any, the slot must stay where it is.
    pub fn live_threads(&self) -> u32 {
        self.threads.load(Ordering::Acquire)
    }

    /// Why the rank cannot move to another process; `None`: nothing libc knows of is in the way.
    pub fn pinned_by(&self) -> Option<&'static str> {
        if self.live_threads() > 0 {
            return Some("threads that it created still run");
        }
        (self.outside_maps.load(Ordering::Relaxed) > 0).then_some("it has mapped files or shared memory")
    }

    pub(super) fn is_forked_child(&self) -> bool {
        self.forked.load(Ordering::Relaxed)
    }
}

/// A value behind a spinning byte.
#[repr(C)]
pub(super) struct Locked<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `with` excludes.
unsafe impl<T> Sync for Locked<T> {}
// SAFETY: values are plain data in the slot.
unsafe impl<T> Send for Locked<T> {}

impl<T> Locked<T> {
    pub const fn new(value: T) -> Self {
        Locked { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// `f` must neither suspend nor call guest code.
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        while self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            rustix::thread::sched_yield();
        }
        // SAFETY: held.
        let r = f(unsafe { &mut *self.value.get() });
        self.held.store(false, Ordering::Release);
        r
    }
}

/// What this module needs from the loader.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Runs the fini arrays of the guest's program and libraries, in reverse order of their initialisation.
    pub fini: fn(&'static Guest),
    /// Fills the static TLS below `thread_pointer` (of a new thread, in force) with the guest's TLS images.
    pub init_thread_tls: fn(&'static Guest, thread_pointer: usize),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Once per process, on its first thread and before PEs bind themselves to cores: the threads that guests create get the
/// affinity in force now. Panics when called twice.
pub fn install(hooks: Hooks) {
    super::threads::remember_affinity();
    cwd::remember_start();
    process::remember_pid();
    assert!(HOOKS.set(hooks).is_ok(), "image::libc::install called twice");
}

pub(super) fn hooks() -> Option<&'static Hooks> {
    HOOKS.get()
}

/// The rank's `Guest` is complete. Called under the PE's own FS base, before the guest's first instruction and again after
/// each arrival in a process.
pub fn attach(guest: &'static Guest) {
    process::remember_pid();
    files::attach(guest);
}

/// The rank has ended or left this process.
pub fn detach(guest: &Guest) {
    cwd::forget(guest);
}

/// Before the suspended rank's memory is taken away from this process (under the guest's FS base, on another stack): its
/// streams are flushed and leave libc's list. Changes the rank's memory, so its bytes are copied afterwards.
pub fn depart(guest: &'static Guest) {
    cwd::depart(guest);
    if let Some(ops) = super::private::ops(guest) {
        (ops.flush)();
        (ops.depart)();
    }
}

/// After the rank's memory came to this process and [`attach`] was called (under the guest's FS base, on another stack).
pub fn arrive(guest: &'static Guest) {
    cwd::arrive(guest);
    if let Some(ops) = super::private::ops(guest) {
        (ops.arrive)();
    }
}
