//! Service tasks: coroutines of the runtime itself, for work that waits in the middle (an exchange with other
//! processes) without belonging to a rank. They run under the PE thread's own thread block and are used again and again.
//!
//! # Safety
//! A service's stack is mapped when it is made and never unmapped.
#![allow(unsafe_code)]

use super::Pe;
use super::task::{Place, State, Task};
use crate::current;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use std::cell::Cell;

/// Addresses of a service's stack: user code may run on it. Only what is touched takes memory.
const STACK_BYTES: usize = 8 << 20;
const GUARD_BYTES: usize = 64 << 10;

type Work = Box<dyn FnOnce(&'static Pe)>;

/// One service task, and what it does next.
pub(super) struct Service {
    task: Cell<Option<&'static Task>>,
    work: Cell<Option<Work>>,
}

impl Pe {
    /// Calls `f` under the thread block of `task`, which belongs to this PE and is not running: for code of the task's
    /// program that is called on its behalf. `f` does not suspend.
    pub fn on_behalf_of<R>(&self, task: &'static Task, f: impl FnOnce() -> R) -> R {
        assert!(std::ptr::eq(task.pe(), self) && task.state() != State::Running, "the task is at rest here");
        let before = current::fs_base();
        // SAFETY: the block is complete (the task has run under it) and nobody else uses it meanwhile: its task is at rest
        // and only this thread could resume it. The block in force before is restored.
        unsafe { super::set_fs(task.fs()) };
        let result = f();
        // SAFETY: as above.
        unsafe { super::set_fs(before) };
        result
    }

    /// Runs `work` in a task of its own, soon. It may block.
    pub fn serve_with(&'static self, work: impl FnOnce(&'static Pe) + 'static) {
        let spare = self.services.borrow_mut().pop();
        let service = match spare {
            Some(service) => service,
            None => self.new_service(),
        };
        service.work.set(Some(Box::new(work)));
        let task = service.task.get().expect("set when it was made");
        task.state.set(State::Blocked);
        self.wake(task);
    }

    #[cold]
    fn new_service(&'static self) -> &'static Service {
        let service: &'static Service =
            Box::leak(Box::new(Service { task: Cell::new(None), work: Cell::new(None) }));
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: new memory; its lowest part stays without access, as the guard.
        let low = unsafe {
            let all = STACK_BYTES + GUARD_BYTES;
            let at = rustix::mm::mmap_anonymous(std::ptr::null_mut(), all, ProtFlags::empty(), flags);
            let at = at.expect("addresses for the stack of a service") as usize;
            let low = at + GUARD_BYTES;
            rustix::mm::mprotect(low as *mut _, STACK_BYTES, MprotectFlags::READ | MprotectFlags::WRITE)
                .expect("the stack of a service can be used");
            low
        };
        let place = Place { stack_low: low, stack_top: low + STACK_BYTES, fs_base: 0 };
        // SAFETY: the stack was mapped just now and is never unmapped; the thread block is the PE thread's own.
        let task = unsafe {
            Task::new(self, u32::MAX, &place, move || {
                loop {
                    if let Some(work) = service.work.take() {
                        work(self);
                    }
                    self.services.borrow_mut().push(service);
                    self.block();
                }
            })
        };
        service.task.set(Some(task));
        service
    }
}
