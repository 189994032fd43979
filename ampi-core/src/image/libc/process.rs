//! The end of a rank (exit and its handlers, abort) and other processes it starts (fork, wait).
//!
//! ```text
//! exit(code): thread_local destructors -> atexit handlers, last first -> fini arrays -> streams -> Host::exited
//! ```
//!
//! After fork the child is an ordinary process that happens to contain a copy of all ranks: exit there runs the rank's own
//! handlers and really exits, and nothing in it may switch to another rank.
//!
//! # Safety
//! Calls back into guest code through addresses that the guest registered.
#![allow(unsafe_code)]

use super::{files, rank, state};
use crate::arena::heap::RankVec;
use crate::current;
use crate::image::guest::Guest;
use crate::image::host::host;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};

/// A registered function.
#[derive(Clone, Copy)]
pub struct Handler {
    function: usize,
    argument: usize,
    dso: usize,
    /// Registered with on_exit: called with (code, argument), others with (argument, code).
    on_exit: bool,
}

/// Growable lists in the rank's heap.
pub struct ExitLists {
    exit: RankVec<Handler>,
    quick: RankVec<Handler>,
    thread_local: RankVec<Handler>,
}

impl ExitLists {
    pub const fn new() -> Self {
        ExitLists { exit: RankVec::new(), quick: RankVec::new(), thread_local: RankVec::new() }
    }
}

/// The process whose ranks these are; children made by fork have another id.
static PID: AtomicI32 = AtomicI32::new(0);

pub(super) fn remember_pid() {
    // SAFETY: plain call.
    PID.store(unsafe { ::libc::getpid() }, Ordering::Relaxed);
}

/// Whether the caller runs in a child made by fork (or clone, or vfork) of the runtime's process.
pub fn is_forked_child() -> bool {
    // SAFETY: plain call.
    unsafe { ::libc::getpid() != PID.load(Ordering::Relaxed) }
}

fn register(list: fn(&mut ExitLists) -> &mut RankVec<Handler>, h: Handler) -> c_int {
    let Some(g) = Guest::current() else { return -1 };
    g.libc.exit.with(|e| {
        let v = list(e);
        // SAFETY: the list's own block, in the same heap.
        let fits = v.reserve_one(|p, n| unsafe { g.heap.realloc(p, n) }.unwrap_or(std::ptr::null_mut()));
        if fits {
            v.push(h);
        }
        if fits { 0 } else { -1 }
    })
}

pub extern "C" fn cxa_atexit(function: usize, argument: usize, dso: usize) -> c_int {
    register(|e| &mut e.exit, Handler { function, argument, dso, on_exit: false })
}

pub extern "C" fn atexit(function: usize) -> c_int {
    cxa_atexit(function, 0, 0)
}

pub extern "C" fn on_exit(function: usize, argument: usize) -> c_int {
    register(|e| &mut e.exit, Handler { function, argument, dso: 0, on_exit: true })
}

pub extern "C" fn cxa_at_quick_exit(function: usize, dso: usize) -> c_int {
    register(|e| &mut e.quick, Handler { function, argument: 0, dso, on_exit: false })
}

pub extern "C" fn at_quick_exit(function: usize) -> c_int {
    cxa_at_quick_exit(function, 0)
}

unsafe extern "C" {
    fn __cxa_thread_atexit_impl(function: usize, argument: usize, dso: *const c_void) -> c_int;
}

/// Destructors of C++ thread_local objects. Those of a thread that the guest created run when that thread ends.
pub extern "C" fn cxa_thread_atexit_impl(function: usize, argument: usize, dso: usize) -> c_int {
    if Guest::current().is_none() || current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0 {
        // The dso is named by an address of ours: ld.so does not know the guest's.
        // SAFETY: libc calls function(argument) at the end of this thread, while the guest's memory is still there.
        return unsafe { __cxa_thread_atexit_impl(function, argument, (&raw const PID).cast()) };
    }
    register(|e| &mut e.thread_local, Handler { function, argument, dso, on_exit: false })
}

/// Calls a handler under the caller's FS base.
fn call(h: Handler, code: c_int) {
    // SAFETY: an address the guest registered for this purpose; superfluous arguments are harmless in the x86-64 ABI.
    unsafe {
        if h.on_exit {
            std::mem::transmute::<usize, extern "C-unwind" fn(c_int, usize)>(h.function)(code, h.argument);
        } else {
            std::mem::transmute::<usize, extern "C-unwind" fn(usize, c_int)>(h.function)(h.argument, code);
        }
    }
}

/// Runs the handlers of one shared object (dlclose), or all if `dso` is 0; each is forgotten before it runs.
pub extern "C" fn cxa_finalize(dso: usize) {
    let Some(g) = Guest::current() else { return };
    let next = || {
        g.libc.exit.with(|e| {
            let i = e.exit.as_slice().iter().rposition(|h| dso == 0 || h.dso == dso)?;
            Some(e.exit.remove(i))
        })
    };
    while let Some(h) = next() {
        call(h, 0);
    }
}

/// Writes out the rank's buffered streams. Under the rank's FS base.
pub fn flush(g: &Guest) {
    if let Some(ops) = super::private::ops(g) {
        (ops.flush)();
    }
}

/// Leaves the rank, or the process if this is a forked child.
fn leave(g: &'static Guest, code: c_int, clean: bool) -> ! {
    if is_forked_child() {
        // SAFETY: ends the child.
        unsafe { ::libc::_exit(code) }
    }
    if clean {
        files::close_redirected(g);
    }
    host().exited(g, code, clean)
}

pub extern "C-unwind" fn exit(code: c_int) -> ! {
    let Some(g) = Guest::current() else {
        // SAFETY: plain exit.
        unsafe { ::libc::exit(code) }
    };
    // A handler that calls exit continues with the handlers that remain.
    while let Some(h) = g.libc.exit.with(|e| e.thread_local.pop()) {
        call(h, code);
    }
    while let Some(h) = g.libc.exit.with(|e| e.exit.pop()) {
        call(h, code);
    }
    if !g.libc.exiting.swap(true, Ordering::Relaxed)
        && let Some(hooks) = state::hooks()
    {
        (hooks.fini)(g);
    }
    super::private::finish(g);
    leave(g, code & 0xff, true)
}

/// _exit: no handlers, no flushing.
pub extern "C" fn exit_now(code: c_int) -> ! {
    match Guest::current() {
        Some(g) => leave(g, code & 0xff, false),
        // SAFETY: plain _exit.
        None => unsafe { ::libc::_exit(code) },
    }
}

pub extern "C-unwind" fn quick_exit(code: c_int) -> ! {
    if let Some(g) = Guest::current() {
        while let Some(h) = g.libc.exit.with(|e| e.quick.pop()) {
            call(h, code);
        }
    }
    exit_now(code)
}

pub extern "C-unwind" fn abort() -> ! {
    if let Some(g) = Guest::current().filter(|_| !is_forked_child()) {
        super::signals::handle_abort(g);
        flush_stdout_quietly(g);
        host().fatal("called abort()", 134)
    }
    // SAFETY: plain abort.
    unsafe { ::libc::abort() }
}

/// What a rank printed before it died helps to see why; a real process would lose it.
fn flush_stdout_quietly(g: &'static Guest) {
    if !g.libc.exiting.swap(true, Ordering::Relaxed) {
        flush(g);
    }
}

pub extern "C-unwind" fn stack_chk_fail() -> ! {
    host().fatal("overran a buffer on its stack (*** stack smashing detected ***)", 134)
}

// ---- other processes

fn remember_child(g: &'static Guest, pid: c_int) {
    g.libc.children.with(|v| {
        // SAFETY: the list's own block.
        if v.reserve_one(|p, n| unsafe { g.heap.realloc(p, n) }.unwrap_or(std::ptr::null_mut())) {
            v.push(pid);
        }
    });
}

/// fork, vfork and _Fork: the child of vfork may not return through our frame in a shared stack, so it gets its own.
pub extern "C" fn fork() -> c_int {
    let guest = Guest::current();
    let pid = match guest.filter(|g| g.slot.is_shared_memory()) {
        Some(g) => fork_shared(g),
        // SAFETY: plain fork; libc's own handlers run under the rank's FS base, which looks like a thread to it.
        None => unsafe { ::libc::fork() },
    };
    if let Some(g) = guest {
        match pid {
            0 => {
                g.libc.forked.store(true, Ordering::Relaxed);
                files::become_child(g);
            }
            1.. => remember_child(g, pid),
            _ => {}
        }
    }
    pid
}

/// Fork of a rank whose memory other processes of the host share: the child would write into the parent's stack. So both run
/// on another stack until the child has a copy of its own, and the parent waits for that.
fn fork_shared(g: &'static Guest) -> c_int {
    let out_of_memory = || {
        super::fail(::libc::ENOMEM);
        -1
    };
    let Ok(stack) = corosensei::stack::DefaultStack::new(256 << 10) else { return out_of_memory() };
    let Ok((copied, tell)) = std::io::pipe() else { return out_of_memory() };
    let areas = g.private_ranges();
    corosensei::on_stack(stack, move || {
        let before = thread_number_places(g);
        // SAFETY: as in `fork`; this stack is no shared memory.
        let pid = unsafe { ::libc::fork() };
        if pid == 0 {
            // SAFETY: on a stack outside the slot; text is not among the private ranges.
            let own = unsafe { g.slot.make_own(&areas) };
            if own.is_err() {
                // SAFETY: without memory of its own the child must not return.
                unsafe { ::libc::_exit(127) };
            }
            // a parent that is gone does not wait
            let _ = rustix::io::write(&tell, &[1]);
        } else if pid > 0 {
            drop(tell);
            // its end ends the wait, too
            let _ = rustix::io::read(&copied, &mut [0u8; 1]);
            for place in before {
                // SAFETY: a word of the rank's thread descriptor that held the thread's number; the child's libc has
                // written its own over it.
                unsafe { (place as *mut u32).write(rustix::thread::gettid().as_raw_nonzero().get() as u32) };
            }
        }
        pid
    })
}

/// Where the rank's thread descriptor holds the number of the running thread.
fn thread_number_places(g: &Guest) -> Vec<usize> {
    let own = rustix::thread::gettid().as_raw_nonzero().get() as u32;
    let words = (g.fs_base..g.fs_base + crate::arena::descriptor_bytes()).step_by(4);
    // SAFETY: the descriptor of the rank, which runs this.
    words.filter(|&at| unsafe { (at as *const u32).read() } == own).collect()
}

type Spawn = unsafe extern "C" fn(
    *mut c_int,
    *const c_char,
    *const ::libc::posix_spawn_file_actions_t,
    *const ::libc::posix_spawnattr_t,
    *const *mut c_char,
    *const *mut c_char,
) -> c_int;

macro_rules! spawn {
    ($name:ident) => {
        /// The real one; the child is remembered as the rank's.
        pub unsafe extern "C" fn $name(
            pid: *mut c_int,
            path: *const c_char,
            actions: *const ::libc::posix_spawn_file_actions_t,
            attributes: *const ::libc::posix_spawnattr_t,
            argv: *const *mut c_char,
            envp: *const *mut c_char,
        ) -> c_int {
            let real: Spawn = ::libc::$name;
            let mut id = 0;
            // SAFETY: forwarded contract.
            let r = unsafe { real(&mut id, path, actions, attributes, argv, envp) };
            if r == 0 {
                if !pid.is_null() {
                    // SAFETY: valid by contract.
                    unsafe { pid.write(id) };
                }
                if let Some(g) = Guest::current() {
                    remember_child(g, id);
                }
            }
            r
        }
    };
}
spawn!(posix_spawn);
spawn!(posix_spawnp);

/// waitpid: other ranks run meanwhile. "Any child" means a child of this rank.
pub unsafe extern "C" fn wait4(
    pid: c_int,
    status: *mut c_int,
    options: c_int,
    usage: *mut ::libc::rusage,
) -> c_int {
    // SAFETY: forwarded contract.
    let real = |pid, options| unsafe { ::libc::wait4(pid, status, options, usage) };
    let Some((g, _)) = rank() else { return real(pid, options) };
    let mut pause = super::time::Backoff::new();
    loop {
        let r = if pid == -1 {
            any_child(g, |p| real(p, options | ::libc::WNOHANG))
        } else {
            real(pid, options | ::libc::WNOHANG)
        };
        if r > 0 {
            g.libc.children.with(|v| {
                if let Some(i) = v.as_slice().iter().position(|p| *p == r) {
                    v.remove(i);
                }
            });
        }
        if r != 0 || options & ::libc::WNOHANG != 0 {
            return r;
        }
        if pause.wait() {
            return super::fail(::libc::EINTR);
        }
    }
}

fn any_child(g: &Guest, wait: impl Fn(c_int) -> c_int) -> c_int {
    let n = g.libc.children.with(|v| v.as_slice().len());
    if n == 0 {
        return super::fail(::libc::ECHILD);
    }
    for i in 0..n {
        let Some(pid) = g.libc.children.with(|v| v.as_slice().get(i).copied()) else { break };
        let r = wait(pid);
        if r > 0 {
            return r;
        }
    }
    0
}

pub unsafe extern "C" fn waitpid(pid: c_int, status: *mut c_int, options: c_int) -> c_int {
    // SAFETY: forwarded contract.
    unsafe { wait4(pid, status, options, std::ptr::null_mut()) }
}

pub unsafe extern "C" fn wait(status: *mut c_int) -> c_int {
    // SAFETY: forwarded contract.
    unsafe { wait4(-1, status, 0, std::ptr::null_mut()) }
}

pub unsafe extern "C" fn wait3(status: *mut c_int, options: c_int, usage: *mut ::libc::rusage) -> c_int {
    // SAFETY: forwarded contract.
    unsafe { wait4(-1, status, options, usage) }
}

/// exec replaces the whole process: fine in a forked child, the end of every rank otherwise, so it is refused.
fn refuse_exec(path: *const c_char) {
    if rank().is_some() && !is_forked_child() {
        // SAFETY: a C string by contract.
        let path = unsafe { CStr::from_ptr(path) }.to_string_lossy();
        host().fatal(
            &format!("called exec of {path}, which would replace every rank of the process; call it in a forked child"),
            126,
        )
    }
}

pub unsafe extern "C" fn execve(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    refuse_exec(path);
    // SAFETY: forwarded contract.
    unsafe { ::libc::execve(path, argv, envp) }
}

pub unsafe extern "C" fn execvpe(
    path: *const c_char,
    argv: *const *const c_char,
    envp: *const *const c_char,
) -> c_int {
    refuse_exec(path);
    // SAFETY: forwarded contract.
    unsafe { ::libc::execvpe(path, argv, envp) }
}

/// pthread_atfork: handlers would run for forks of every rank, against one rank's data; they are not registered.
pub extern "C" fn register_atfork() -> c_int {
    0
}
