//! Faults of the code that runs on a PE: who faulted, where, and how the stack looked. The layer above says it in words
//! and ends the job.
//!
//! ```text
//! signal ─ handler on the PE's alternate stack ─ FS base of the PE's thread ─ which rank? ─ its own handler, if it has one
//!                                                                                └ else: Fault, backtrace ─ report, end
//! ```
//!
//! Rules:
//! 1. Nothing of the rank's memory is trusted: the handler finds the PE by the thread's number and the rank by the PE's
//!    running task, and leaves the rank's FS base before it does anything else.
//! 2. The first fault is reported; other threads that fault meanwhile wait for the end. A fault of the reporting thread
//!    ends the process with a short sentence.
//! 3. A report that takes longer than [`PATIENCE_S`] (a lock that the faulting code holds) ends the process as well.
//! 4. Signals are never blocked by the handler, so that a rank may leave its own one with longjmp.
//!
//! # Safety
//! Signal handlers with the kernel's arguments; the FS bases set are those of live threads and ranks.
#![allow(unsafe_code)]

mod backtrace;
mod exit;
mod source;

use crate::arena;
use crate::image::guest::Guest;
use crate::image::libc::{is_forked_child, signals};
use crate::pe::{Pe, PeId};
pub use backtrace::{Frame, Owner, Stack};
pub use exit::on_exit;
use std::ffi::{c_int, c_void};
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

/// Seconds that a report may take.
pub const PATIENCE_S: u32 = 10;
/// Bytes of a PE's alternate signal stack; touched only when something faults.
const ALTERNATE_BYTES: usize = 1 << 20;
/// A stack pointer this far below the stack still means that the stack overflowed (one large frame).
const LARGEST_FRAME: usize = 1 << 30;
const SIGNALS: [c_int; 7] =
    [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGSYS, libc::SIGABRT];

/// A fault that ends the job.
pub struct Fault {
    pub signal: c_int,
    /// The kernel's `si_code`.
    pub code: c_int,
    /// The address that was accessed (SIGSEGV, SIGBUS), or of the instruction.
    pub address: usize,
    /// Of the process that sent the signal, if it was sent.
    pub sender: Option<c_int>,
    pub guest: Option<&'static Guest>,
    /// `None`: a thread that a guest created, or one unknown to the runtime.
    pub pe: Option<PeId>,
    /// The rank's stack overflowed.
    pub overflow: bool,
    /// The code jumped to `address`, where no code is.
    pub jumped: bool,
}

impl Fault {
    /// The stack that faulted. To be called from the report, after [`if_all_fails`]: the stack may be damaged.
    pub fn stack(&self) -> Stack {
        Stack::of_interrupted()
    }
}

/// Says what happened and ends the process. Called on the faulting thread's signal stack, under its PE's FS base.
pub type Report = fn(&Fault) -> !;

static REPORT: OnceLock<Report> = OnceLock::new();
/// Thread that reports.
static REPORTING: AtomicI32 = AtomicI32::new(0);
/// Exit code when the report itself fails.
static EXIT_CODE: AtomicI32 = AtomicI32::new(134);
/// What is said when the report itself fails, before the reason.
static SUMMARY: AtomicPtr<String> = AtomicPtr::new(null_mut());

/// The PE of an OS thread.
struct Protected {
    thread: AtomicI32,
    pe: AtomicPtr<Pe>,
}

static PES: [Protected; 128] =
    [const { Protected { thread: AtomicI32::new(0), pe: AtomicPtr::new(null_mut()) } }; 128];

fn thread_id() -> c_int {
    // SAFETY: a plain system call.
    unsafe { libc::syscall(libc::SYS_gettid) as c_int }
}

/// From now on faults of this process are told to `report`. Panics when called twice.
pub fn install(report: Report) {
    assert!(REPORT.set(report).is_ok(), "fault::install called twice");
    for signal in SIGNALS {
        // SAFETY: a valid structure; the handler is async-signal-safe until the process is about to end.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction =
                on_signal as extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigaction(signal, &action, null_mut());
        }
    }
}

/// Gives the calling thread, which is `pe`'s, the stack on which its faults are handled. Without memory for it faults
/// still end the process, without a report for a full stack.
pub fn protect(pe: &'static Pe) {
    // SAFETY: a fresh mapping, used as the signal stack of this thread for the rest of its life.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let memory = libc::mmap(null_mut(), ALTERNATE_BYTES, prot, flags, -1, 0);
        if memory != libc::MAP_FAILED {
            let stack = libc::stack_t { ss_sp: memory, ss_flags: 0, ss_size: ALTERNATE_BYTES };
            libc::sigaltstack(&stack, null_mut());
        }
    }
    if let Some(entry) = PES.get(pe.id() as usize) {
        entry.pe.store(std::ptr::from_ref(pe).cast_mut(), Ordering::Relaxed);
        entry.thread.store(thread_id(), Ordering::Release);
    }
}

/// The PE whose thread this is, without a look at thread-local memory.
fn pe_of_this_thread() -> Option<&'static Pe> {
    let me = thread_id();
    let entry = PES.iter().find(|p| p.thread.load(Ordering::Acquire) == me)?;
    // SAFETY: set by `protect`; PEs live until the process ends.
    unsafe { entry.pe.load(Ordering::Relaxed).as_ref() }
}

/// Sets the FS base and returns the one before, without a look at thread-local memory.
///
/// # Safety
/// `to` is a complete thread control block that nobody else uses.
unsafe fn exchange_fs(to: usize) -> usize {
    let before: usize;
    // SAFETY: by the contract; PEs run only on processors with FSGSBASE.
    unsafe {
        std::arch::asm!("rdfsbase {}", out(reg) before, options(nostack, preserves_flags));
        std::arch::asm!("wrfsbase {}", in(reg) to, options(nostack, preserves_flags));
    }
    before
}

extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let Some(pe) = pe_of_this_thread() else {
        // A thread that a guest created, or a forked child of any thread.
        return handle(signal, info, context, None, Guest::current());
    };
    // SAFETY: this thread's own block; the interrupted code's is restored before it goes on.
    unsafe {
        let before = exchange_fs(pe.thread_fs());
        let guest = Guest::in_slot(pe.running().id);
        handle(signal, info, context, Some((pe, before)), guest);
        exchange_fs(before);
    }
}

/// Returns if the rank's own handler has taken the signal.
fn handle(
    signal: c_int,
    info: *mut libc::siginfo_t,
    context: *mut c_void,
    pe: Option<(&'static Pe, usize)>,
    guest: Option<&'static Guest>,
) {
    if is_forked_child() {
        // SAFETY: plain calls; the child ends as it would without us.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
        return;
    }
    if let Some(guest) = guest.filter(|_| REPORTING.load(Ordering::Acquire) != thread_id()) {
        // SAFETY: the kernel's arguments; the guest's handler runs under the interrupted FS base.
        let taken = unsafe {
            let own = pe.map(|(_, fs)| exchange_fs(fs));
            let taken = signals::deliver_fault(guest, signal, info.cast(), context);
            if let Some(own) = own {
                exchange_fs(own);
            }
            taken
        };
        if taken {
            return;
        }
    }
    begin_report(128 + signal);
    // SAFETY: the kernel's arguments.
    let (info, context) = unsafe { (&*info, &mut *context.cast::<libc::ucontext_t>()) };
    let fault = describe(signal, info, context, pe.map(|(pe, _)| pe), guest);
    match REPORT.get() {
        Some(report) => report(&fault),
        None => give_up("the runtime was not ready to report it"),
    }
}

/// Claims the right to report for the calling thread and starts the clock: the process ends with `exit_code` even if the
/// report cannot be finished. Never returns when another report is under way.
pub fn begin_report(exit_code: c_int) {
    let me = thread_id();
    match REPORTING.compare_exchange(0, me, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => EXIT_CODE.store(exit_code, Ordering::Relaxed),
        Err(other) if other == me => give_up("there was a second fault while the first was being reported"),
        Err(_) => loop {
            // SAFETY: waits for the end of the process.
            unsafe { libc::pause() };
        },
    }
    extern "C" fn too_late(_: c_int) {
        give_up("the report could not be finished");
    }
    // SAFETY: valid structures; the process does nothing but report from here on.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = too_late as extern "C" fn(c_int) as usize;
        action.sa_flags = libc::SA_ONSTACK;
        libc::sigaction(libc::SIGALRM, &action, null_mut());
        libc::alarm(PATIENCE_S);
    }
}

/// From now on `summary` is what is said if the rest of the report fails.
pub fn if_all_fails(summary: String) {
    SUMMARY.store(Box::into_raw(Box::new(summary)), Ordering::Release);
}

fn give_up(why: &str) -> ! {
    // SAFETY: null or leaked by `if_all_fails`.
    let summary = unsafe { SUMMARY.load(Ordering::Acquire).as_ref() };
    for part in [summary.map_or("ampi: the job ends because of a fault", String::as_str), "; ", why, "\n"] {
        // SAFETY: writes from a slice.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
    // SAFETY: no preconditions.
    unsafe { libc::_exit(EXIT_CODE.load(Ordering::Relaxed)) }
}

fn describe(
    signal: c_int,
    info: &libc::siginfo_t,
    context: &mut libc::ucontext_t,
    pe: Option<&'static Pe>,
    guest: Option<&'static Guest>,
) -> Fault {
    let registers = &mut context.uc_mcontext.gregs;
    let (pc, sp) = (registers[libc::REG_RIP as usize] as usize, registers[libc::REG_RSP as usize] as usize);
    // SAFETY: of a fault signal; for one that was sent the number is not an address, and not used as one.
    let address = unsafe { info.si_addr() } as usize;
    let sent = info.si_code <= 0;
    // SAFETY: of a signal that was sent.
    let sender = sent.then(|| unsafe { info.si_pid() });
    let on_stack = guest.is_some() && pe.is_some();
    let overflow = on_stack && !sent && guest.is_some_and(|g| overflowed(g, address, sp));
    let jumped = !sent && pc == address && signal == libc::SIGSEGV && !backtrace::is_code(pc);
    let in_stack = guest.is_some_and(|g| g.slot.range().contains(&sp)) || !arena::contains(sp);
    if jumped && in_stack {
        // The unwinder knows nothing of this place: show it the state before the call.
        // SAFETY: the top of the stack in use.
        registers[libc::REG_RIP as usize] = unsafe { *(sp as *const i64) };
        registers[libc::REG_RSP as usize] += 8;
    }
    Fault { signal, code: info.si_code, address, sender, guest, pe: pe.map(Pe::id), overflow, jumped }
}

fn overflowed(guest: &Guest, address: usize, sp: usize) -> bool {
    let low = guest.slot.stack().start;
    let below = |at: usize| at < low && low - at < LARGEST_FRAME;
    guest.slot.guard().contains(&address) || (below(sp) && below(address))
}
