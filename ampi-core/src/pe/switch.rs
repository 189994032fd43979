//! The context switch: from the stack of one task to that of another, on the same OS thread.
//!
//! Two implementations behind one function, [`switch`]:
//!
//! * **hop** (default): symmetric, entered by `call` and left by `ret`, so that the processor's return-address
//!   prediction stays right; the scheduler loop runs on the stack of the task that gives way. About 2 ns bare.
//! * **corosensei**: the portable reference. It is asymmetric: a task suspends to the PE's own stack, whose loop
//!   ([`run_reference`]) resumes the next. Chosen with `AMPI_SWITCH=corosensei`; the tests run with both.
//!
//! Stack of a suspended task (hop):
//!
//! ```text
//! high  ...frames of the task...
//!       return address into switch()
//!       rbp rbx r12 r13 r14 r15
//! sp -> mxcsr (4 bytes) x87 control word (4 bytes)
//! low
//! ```
//!
//! A new task's stack holds the same picture with `enter` as return address, the entry function in r13 and its argument
//! in r12. Floating-point control words travel with the task (a rank's `fesetround` is its own); MXCSR and x87 *status*
//! flags do so too as part of MXCSR.
//!
//! # Safety
//! Assembly and raw stack addresses. The contract of [`switch`]: `to` is suspended or new, both live on this OS thread's
//! PE, and nothing that belongs to the OS thread (lock guards, borrows of PE state) is held across the call.
#![allow(unsafe_code)]

use super::task::Task;
use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::arch::global_asm;
use std::sync::atomic::{AtomicBool, Ordering};

global_asm!(
    ".pushsection .text.ampi_hop,\"ax\",@progbits",
    ".p2align 6",
    ".hidden ampi_hop",
    ".globl ampi_hop",
    ".type ampi_hop,@function",
    // ampi_hop(save_sp: *mut usize, to_sp: usize, fs: usize /* 0: leave */)
    "ampi_hop:",
    ".cfi_startproc",
    "push rbp",
    "push rbx",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    "sub rsp, 8",
    "stmxcsr [rsp]",
    "fnstcw [rsp + 4]",
    "mov eax, [rsp]",
    "mov r8d, [rsp + 4]",
    "mov [rdi], rsp",
    "mov rsp, rsi",
    "test rdx, rdx",
    "jz 2f",
    "wrfsbase rdx",
    "2:",
    // loading control words is slow and they are nearly always equal
    "cmp eax, [rsp]",
    "je 3f",
    "ldmxcsr [rsp]",
    "3:",
    "cmp r8w, [rsp + 4]",
    "je 4f",
    "fldcw [rsp + 4]",
    "4:",
    "add rsp, 8",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbx",
    "pop rbp",
    "ret",
    ".cfi_endproc",
    ".size ampi_hop, .-ampi_hop",
    ".hidden ampi_enter",
    ".globl ampi_enter",
    ".type ampi_enter,@function",
    // first frame of every task: unwinding ends here
    "ampi_enter:",
    ".cfi_startproc",
    ".cfi_undefined rip",
    "xor ebp, ebp",
    "mov rdi, r12",
    "call r13",
    "ud2",
    ".cfi_endproc",
    ".size ampi_enter, .-ampi_enter",
    ".popsection"
);

unsafe extern "C" {
    fn ampi_hop(save_sp: *mut usize, to_sp: usize, fs: usize);
    fn ampi_enter();
}

static REFERENCE: AtomicBool = AtomicBool::new(false);

/// Chooses the implementation; before the first task is made.
pub fn use_reference(yes: bool) {
    REFERENCE.store(yes, Ordering::Relaxed);
}

/// The range of a task's stack, for corosensei.
pub struct SlotStack {
    top: usize,
    limit: usize,
}

// SAFETY: base and limit are those of a mapped stack whose guard area lies below `limit`; 16-aligned by construction.
unsafe impl Stack for SlotStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.top).expect("a stack is not at address 0")
    }
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.limit).expect("a stack is not at address 0")
    }
}

/// State of a suspended task, whichever implementation.
pub enum Context {
    /// Saved stack pointer.
    Hop(usize),
    /// The reference: the coroutine, and its yielder once it has started.
    Reference { coroutine: Box<Coroutine<(), (), (), SlotStack>>, yielder: *const Yielder<(), ()> },
    /// The PE's own stack.
    Thread(usize),
}

/// Makes the context of a new task that will call `entry(task)` on the stack `[low, top)`. `entry` never returns.
///
/// # Safety
/// The stack is mapped, unused, and outlives the task.
pub unsafe fn prepare(
    task: *const Task,
    low: usize,
    top: usize,
    entry: extern "C" fn(*const Task) -> !,
) -> Context {
    let top = top & !15;
    if REFERENCE.load(Ordering::Relaxed) {
        let at = task as usize;
        let stack = SlotStack { top, limit: low };
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<(), ()>, ()| {
            let task = at as *const Task;
            // SAFETY: tasks are never freed while their coroutine can run.
            unsafe { (*task).set_yielder(yielder) };
            entry(task)
        });
        return Context::Reference { coroutine: Box::new(coroutine), yielder: std::ptr::null() };
    }
    // After the `ret` into ampi_enter rsp is `top`, 16-aligned; its `call` makes it 8 mod 16, as the ABI wants.
    let frame: [usize; 8] = [
        0x037f_0000_1f80,
        0,
        0,
        entry as *const () as usize,
        task as usize,
        0,
        0,
        ampi_enter as *const () as usize,
    ];
    let sp = top - size_of_val(&frame);
    // SAFETY: inside the unused stack.
    unsafe { (sp as *mut [usize; 8]).write(frame) };
    Context::Hop(sp)
}

/// Suspends `from`, resumes `to`; returns when somebody switches back to `from`. Sets the FS base to `to`'s unless it is
/// already `fs_now`.
///
/// # Safety
/// See the module.
#[inline(always)]
pub unsafe fn switch(from: &Task, to: &Task, fs_now: usize) {
    let fs = if to.fs() == fs_now { 0 } else { to.fs() };
    // SAFETY: contexts are touched only by their PE's thread; `to` is suspended.
    unsafe {
        if let (Context::Hop(save) | Context::Thread(save), Context::Hop(sp) | Context::Thread(sp)) =
            (&mut *from.context(), &*to.context())
        {
            let sp = *sp;
            ampi_hop(save, sp, fs);
        } else {
            switch_reference(from, to);
        }
    }
}

#[cold]
#[inline(never)]
unsafe fn switch_reference(from: &Task, to: &Task) {
    // SAFETY: as in `switch`.
    unsafe {
        match &*from.context() {
            Context::Reference { yielder, .. } => {
                from.pe().set_reference_next(to);
                (**yielder).suspend(());
            }
            _ => run_reference(from, to),
        }
    }
}

/// The reference's loop on the PE's own stack: resumes `next` and whatever each task names when it suspends, until that
/// is the PE's own task.
unsafe fn run_reference(own: &Task, first: &Task) {
    let mut next = first;
    while !std::ptr::eq(next, own) {
        // SAFETY: `next` is suspended or new, on this PE.
        unsafe {
            let Context::Reference { coroutine, .. } = &mut *next.context() else {
                unreachable!("a task of the reference implementation")
            };
            let coroutine: *mut Coroutine<(), (), (), SlotStack> = &mut **coroutine;
            let (mut words, home) = ([0u32; 2], crate::current::fs_base());
            control_words(&mut words);
            load_control_words(&*next.control_words());
            super::set_fs(next.fs());
            let result = (*coroutine).resume(());
            super::set_fs(home);
            control_words(&mut *next.control_words());
            load_control_words(&words);
            if let CoroutineResult::Return(()) = result {
                unreachable!("a task's entry never returns");
            }
            next = own.pe().take_reference_next();
        }
    }
}

fn control_words(to: &mut [u32; 2]) {
    // SAFETY: stores 4 and 2 bytes into `to`.
    unsafe { std::arch::asm!("stmxcsr [{0}]", "fnstcw [{0} + 4]", in(reg) to, options(nostack)) };
}

fn load_control_words(from: &[u32; 2]) {
    // SAFETY: loads 4 and 2 bytes of valid control words saved before.
    unsafe { std::arch::asm!("ldmxcsr [{0}]", "fldcw [{0} + 4]", in(reg) from, options(nostack, readonly)) };
}
