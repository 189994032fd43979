//! Threads that guests create: OS threads of their own, with the rank's static TLS images and the rank's identity.
//!
//! The rank itself is a coroutine: while it waits for a thread of its own (pthread_join) the other ranks of the PE run.
//! Mutexes, conditions and semaphores are not touched: within a private image only the rank's own threads can hold them,
//! and those run on their own. So a rank that waits on a condition holds its PE up until one of its threads signals.
//!
//! # Safety
//! The start record passes from creator to thread; guests outlive their threads (`LibcState::live_threads`).
#![allow(unsafe_code)]

use super::time::Backoff;
use super::{process, rank, state};
use crate::current;
use crate::image::guest::Guest;
use crate::image::host::host;
use ::libc::{cpu_set_t, pthread_attr_t, pthread_t};
use std::ffi::{c_int, c_void};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

type Start = extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// What a new thread needs; lives in the rank's heap until the thread has read it.
#[derive(Clone, Copy)]
struct Record {
    start: Start,
    argument: *mut c_void,
    guest: &'static Guest,
    task: usize,
    user: usize,
    flags: usize,
}

/// The process's affinity before PEs bound themselves to cores.
static AFFINITY: OnceLock<cpu_set_t> = OnceLock::new();
/// A thread-specific key whose destructor counts the thread out, however it ends.
static KEY: OnceLock<::libc::pthread_key_t> = OnceLock::new();

pub(super) fn remember_affinity() {
    // SAFETY: valid structures.
    unsafe {
        let mut set: cpu_set_t = std::mem::zeroed();
        if ::libc::sched_getaffinity(0, size_of::<cpu_set_t>(), &mut set) == 0 {
            let _ = AFFINITY.set(set);
        }
    }
}

/// One thread of the guest more or less.
fn count(guest: &Guest, more: bool) {
    if more {
        guest.libc.threads.fetch_add(1, Ordering::Relaxed);
        host().thread_began();
    } else {
        guest.libc.threads.fetch_sub(1, Ordering::Release);
        host().thread_ended();
    }
}

extern "C" fn count_out(guest: *mut c_void) {
    // SAFETY: the guest of the thread, set by `enter`; it outlives its threads.
    count(unsafe { &*guest.cast::<Guest>() }, false);
}

fn key() -> ::libc::pthread_key_t {
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: valid pointer. Failing leaves key 0, which some library may own: then threads are not counted out.
        unsafe { ::libc::pthread_key_create(&mut key, Some(count_out)) };
        key
    })
}

/// First function of every thread that a guest creates. "C-unwind": pthread_exit and cancellation unwind through it.
extern "C-unwind" fn enter(record: *mut c_void) -> *mut c_void {
    // SAFETY: made by `create` for this thread alone.
    let r = unsafe { record.cast::<Record>().read() };
    if let Some(hooks) = state::hooks() {
        (hooks.init_thread_tls)(r.guest, current::fs_base());
    }
    current::set_word(current::GUEST, r.guest as *const Guest as usize);
    current::set_word(current::FLAGS, r.flags | current::FLAG_GUEST_THREAD);
    current::set_word(current::TASK, r.task);
    current::set_word(current::USER, r.user);
    // SAFETY: the record is a block of the rank's heap; the others are plain calls of this thread for itself.
    unsafe {
        let _ = r.guest.heap.free(record.cast());
        ::libc::pthread_setspecific(key(), (r.guest as *const Guest).cast());
        if let Some(set) = AFFINITY.get() {
            ::libc::sched_setaffinity(0, size_of::<cpu_set_t>(), set);
        }
        // Its own working directory and umask, as they are now: the PE's change when it switches ranks.
        ::libc::unshare(::libc::CLONE_FS);
    }
    if let Some(ops) = super::private::ops(r.guest) {
        (ops.thread_start)();
    }
    (r.start)(r.argument)
}

unsafe extern "C" {
    #[link_name = "pthread_create"]
    fn real_pthread_create(
        thread: *mut pthread_t,
        attributes: *const pthread_attr_t,
        start: Start,
        argument: *mut c_void,
    ) -> c_int;
    fn pthread_tryjoin_np(thread: pthread_t, result: *mut *mut c_void) -> c_int;
    #[link_name = "pthread_exit"]
    fn real_pthread_exit(result: *mut c_void) -> !;
}

pub unsafe extern "C" fn pthread_create(
    thread: *mut pthread_t,
    attributes: *const pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(guest) = Guest::current() else {
        // SAFETY: forwarded contract.
        return unsafe { real_pthread_create(thread, attributes, start, argument) };
    };
    key();
    guest.heap.share();
    let record = guest.heap.malloc(size_of::<Record>()).cast::<Record>();
    if record.is_null() {
        return ::libc::EAGAIN;
    }
    let (task, user) = (current::word(current::TASK), current::word(current::USER));
    let flags = current::word(current::FLAGS);
    count(guest, true);
    // SAFETY: a fresh block, large and aligned enough; forwarded contract.
    unsafe {
        record.write(Record { start, argument, guest, task, user, flags });
        let r = real_pthread_create(thread, attributes, enter, record.cast());
        if r != 0 {
            count(guest, false);
            let _ = guest.heap.free(record.cast());
        }
        r
    }
}

/// C11: the function returns int, which comes back in the low half of the result, as thrd_join expects.
pub unsafe extern "C" fn thrd_create(thread: *mut pthread_t, start: Start, argument: *mut c_void) -> c_int {
    const SUCCESS: c_int = 0;
    const ERROR: c_int = 2;
    const NOMEM: c_int = 3;
    // SAFETY: forwarded contract.
    match unsafe { pthread_create(thread, std::ptr::null(), start, argument) } {
        0 => SUCCESS,
        ::libc::ENOMEM | ::libc::EAGAIN => NOMEM,
        _ => ERROR,
    }
}

pub unsafe extern "C" fn pthread_join(thread: pthread_t, result: *mut *mut c_void) -> c_int {
    if rank().is_none() {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::pthread_join(thread, result) };
    }
    let mut pause = Backoff::new();
    loop {
        // SAFETY: forwarded contract.
        let r = unsafe { pthread_tryjoin_np(thread, result) };
        if r != ::libc::EBUSY {
            return r;
        }
        pause.wait();
    }
}

pub unsafe extern "C" fn thrd_join(thread: pthread_t, result: *mut c_int) -> c_int {
    let mut value = std::ptr::null_mut();
    // SAFETY: forwarded contract.
    let r = unsafe { pthread_join(thread, &mut value) };
    if r == 0 && !result.is_null() {
        // SAFETY: valid by contract.
        unsafe { result.write(value as usize as c_int) };
    }
    if r == 0 { 0 } else { 2 }
}

/// In the rank itself: it ends when its last thread has ended, with code 0.
pub unsafe extern "C-unwind" fn pthread_exit(result: *mut c_void) -> ! {
    let Some((g, _)) = rank() else {
        // SAFETY: forwarded contract.
        unsafe { real_pthread_exit(result) }
    };
    let mut pause = Backoff::new();
    while g.libc.live_threads() > 0 {
        pause.wait();
    }
    process::exit(0)
}

/// The rank's stack is in its slot; libc would describe that of the OS thread.
pub unsafe extern "C" fn pthread_getattr_np(thread: pthread_t, attributes: *mut pthread_attr_t) -> c_int {
    let own = Guest::current().filter(|g| thread as usize == g.fs_base);
    // SAFETY: forwarded contract; for the rank itself, plain calls on a fresh structure.
    unsafe {
        match own {
            None => ::libc::pthread_getattr_np(thread, attributes),
            Some(g) => {
                let stack = g.slot.stack();
                match ::libc::pthread_attr_init(attributes) {
                    0 => ::libc::pthread_attr_setstack(attributes, stack.start as *mut c_void, stack.len()),
                    e => e,
                }
            }
        }
    }
}

/// A rank must not bind its PE: accepted and ignored. Its threads may bind themselves.
pub unsafe extern "C" fn sched_setaffinity(pid: c_int, size: usize, set: *const cpu_set_t) -> c_int {
    if rank().is_some() && pid == 0 {
        return 0;
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::sched_setaffinity(pid, size, set) }
}

pub unsafe extern "C" fn pthread_setaffinity_np(
    thread: pthread_t,
    size: usize,
    set: *const cpu_set_t,
) -> c_int {
    if Guest::current().is_some_and(|g| thread as usize == g.fs_base) {
        return 0;
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::pthread_setaffinity_np(thread, size, set) }
}

/// The cores of the process, not the one core of the PE: a guest that counts them sizes its thread pool by it.
pub unsafe extern "C" fn sched_getaffinity(pid: c_int, size: usize, set: *mut cpu_set_t) -> c_int {
    if let (Some(_), 0, Some(all)) = (rank(), pid, AFFINITY.get())
        && size >= size_of::<cpu_set_t>()
    {
        // SAFETY: valid by contract.
        unsafe {
            set.cast::<u8>().write_bytes(0, size);
            set.write(*all);
        }
        return 0;
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::sched_getaffinity(pid, size, set) }
}

pub unsafe extern "C" fn pthread_getaffinity_np(
    thread: pthread_t,
    size: usize,
    set: *mut cpu_set_t,
) -> c_int {
    if Guest::current().is_some_and(|g| thread as usize == g.fs_base) {
        // SAFETY: forwarded contract.
        return if unsafe { sched_getaffinity(0, size, set) } == 0 { 0 } else { super::errno() };
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::pthread_getaffinity_np(thread, size, set) }
}
