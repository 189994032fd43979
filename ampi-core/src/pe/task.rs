//! A task: one coroutine on its own stack, bound to a PE. A rank is a task; so is the PE's own stack.
//!
//! Rules:
//! 1. Only the PE's thread touches a task (its [`Pe`](super::Pe) pointer says which); other threads send messages.
//! 2. `state` is Running for exactly one task of a PE; Ready tasks are in the PE's ready queue exactly once.
//! 3. A finished task is never resumed; its memory is not freed while its PE runs (its stack is where it ended).
//!
//! # Safety
//! Interior mutability without locks rests on rule 1.
#![allow(unsafe_code)]

use super::Pe;
use super::switch::{self, Context};
use crate::current;
use corosensei::Yielder;
use std::cell::{Cell, UnsafeCell};

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    Running,
    /// In the ready queue.
    Ready,
    /// Waits until somebody wakes it.
    Blocked,
    Done,
}

type Body = Box<dyn FnOnce()>;

/// One coroutine.
#[repr(C, align(128))]
pub struct Task {
    pub(super) next: Cell<*const Task>,
    pub(super) state: Cell<State>,
    pe: Cell<*const Pe>,
    fs: Cell<usize>,
    context: UnsafeCell<Context>,
    control_words: UnsafeCell<[u32; 2]>,
    body: Cell<Option<Body>>,
    /// See [`Task::expect`].
    expected: Cell<usize>,
    /// Number of the rank (or service) it runs, for reports.
    pub id: u32,
}

/// Where a new task runs.
pub struct Place {
    /// Lowest usable stack address; a guard area lies below.
    pub stack_low: usize,
    /// End of the stack (exclusive).
    pub stack_top: usize,
    /// Thread pointer of the task's own TLS block; 0: it shares the PE thread's.
    pub fs_base: usize,
}

impl Task {
    /// Makes a task that will run `body` when it is first scheduled on `pe`. `body` may end by [`Pe::finish`] or by
    /// returning.
    ///
    /// # Safety
    /// The stack and TLS block of `place` exist, are unused, and outlive the task.
    pub unsafe fn new(
        pe: &'static Pe,
        id: u32,
        place: &Place,
        body: impl FnOnce() + 'static,
    ) -> &'static Task {
        let fs = if place.fs_base == 0 { pe.thread_fs() } else { place.fs_base };
        let task: &'static Task = Box::leak(Box::new(Task::bare(pe, id, fs, Some(Box::new(body)))));
        // SAFETY: by the contract.
        unsafe {
            *task.context.get() = switch::prepare(task, place.stack_low, place.stack_top, entry);
            if place.fs_base != 0 {
                current::plant(place.fs_base, current::TASK, task as *const Task as usize);
            }
        }
        task
    }

    /// The task of code that already runs on its thread's own stack.
    pub(super) fn of_thread(pe: &'static Pe, id: u32) -> &'static Task {
        let task: &'static Task = Box::leak(Box::new(Task::bare(pe, id, current::fs_base(), None)));
        task.state.set(State::Running);
        task
    }

    fn bare(pe: &Pe, id: u32, fs: usize, body: Option<Body>) -> Task {
        Task {
            next: Cell::new(std::ptr::null()),
            state: Cell::new(State::Blocked),
            pe: Cell::new(pe),
            fs: Cell::new(fs),
            context: UnsafeCell::new(Context::Thread(0)),
            control_words: UnsafeCell::new([0x1f80, 0x037f]),
            body: Cell::new(body),
            expected: Cell::new(0),
            id,
        }
    }

    /// The task that runs; `None` in a thread that is not a PE (a guest's own thread has its rank's task).
    #[inline(always)]
    pub fn current() -> Option<&'static Task> {
        // SAFETY: the word is 0 or was planted with the address of a task, which is never freed (rule 3).
        unsafe { (current::word(current::TASK) as *const Task).as_ref() }
    }

    #[inline(always)]
    pub fn pe(&self) -> &'static Pe {
        // SAFETY: PEs live until the process ends.
        unsafe { &*self.pe.get() }
    }

    #[inline(always)]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// What the task will look at first whenever it runs again: the lines from `address`
    /// on come into the cache shortly before.
    pub fn expect(&self, address: usize) {
        self.expected.set(address);
    }
    #[inline(always)]
    pub(super) fn expected(&self) -> usize {
        self.expected.get()
    }

    #[inline(always)]
    pub(super) fn fs(&self) -> usize {
        self.fs.get()
    }
    #[inline(always)]
    pub(super) fn context(&self) -> *mut Context {
        self.context.get()
    }
    pub(super) fn control_words(&self) -> *mut [u32; 2] {
        self.control_words.get()
    }
    pub(super) fn set_yielder(&self, y: &Yielder<(), ()>) {
        // SAFETY: rule 1; the coroutine runs, so nobody else reads the context.
        if let Context::Reference { yielder, .. } = unsafe { &mut *self.context.get() } {
            *yielder = y;
        }
    }
    /// Address of the saved stack pointer's neighbourhood, to prefetch before a switch.
    #[inline(always)]
    pub(super) fn resume_address(&self) -> usize {
        // SAFETY: rule 1.
        match unsafe { &*self.context.get() } {
            Context::Hop(sp) => *sp,
            _ => 0,
        }
    }

    /// Frame the suspended task would resume at (saved stack pointer), for backtraces. 0 when unknown.
    pub fn saved_sp(&self) -> usize {
        self.resume_address()
    }
}

/// Wakes a task from any PE.
#[derive(Clone, Copy)]
pub struct Waker {
    task: &'static Task,
    pe: super::PeId,
    job: &'static super::Job,
}

// SAFETY: the reference is only handed to the task's own PE, whose thread alone uses it (rule 1).
unsafe impl Send for Waker {}

impl Waker {
    /// Of the running task.
    pub fn of_running(pe: &Pe) -> Waker {
        Waker { task: pe.running(), pe: pe.id(), job: pe.job() }
    }

    /// Wakes it, if it is blocked: now if the calling PE is its own, else soon. Waking one that is not blocked is harmless.
    pub fn wake(self) {
        match Pe::current() {
            Some(pe) if pe.id() == self.pe => pe.wake(self.task),
            _ => {
                let waker = self;
                self.job.run_on(self.pe, move |pe| {
                    let waker = waker; // as a whole: its parts may not go to another thread
                    pe.wake(waker.task);
                });
            }
        }
    }
}

/// First Rust frame on a new task's stack.
extern "C" fn entry(task: *const Task) -> ! {
    // SAFETY: called once by the switch with the task it was prepared for; tasks are never freed.
    let task: &'static Task = unsafe { &*task };
    crate::image::libc::cwd::switched_in();
    if let Some(body) = task.body.take() {
        body();
    }
    task.pe().finish()
}
