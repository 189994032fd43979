//! Start and end of a rank's program: the stack as the kernel would leave it, the jump to `_start`, constructors, main,
//! destructors.
//!
//! ```text
//! stack top of the slot
//! | colour gap | strings of arguments and environment | argc argv envp auxv |  coroutine's frames ... | copy of argc... | _start
//! ```
//!
//! Programs start through their own `_start`, so C, C++, Fortran and Rust programs, stripped or not, need no special
//! treatment; it calls our `__libc_start_main`.
//!
//! # Safety
//! Jumps into and calls the private image at addresses that its ELF files name (checked to be code).
#![allow(unsafe_code)]

use super::guest::Guest;
use super::host;
use super::instance::Instance;
use super::program::{Program, process_address};
use super::template::{Group, Library};
use crate::arena::Slot;
use crate::error::{Error, Result};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

const NOT_STARTED: u32 = 0;
const RUNNING: u32 = 1;
const STARTED: u32 = 2;
const ENDED: u32 = 3;

/// Distance between the stack tops of neighbouring ranks, so that they do not share cache sets; modulo the size of a page,
/// which is as far as the sets of the first-level cache reach.
const COLOUR_STEP: usize = 320;
const COLOUR_RANGE: usize = 4096;

/// Writes strings and the entry block below the stack's top; returns where the block lies.
pub(super) fn prepare_stack(
    slot: Slot,
    rank: u32,
    program: &Program,
    base: usize,
    args: &[CString],
    env: &[CString],
) -> Result<Range<usize>> {
    let stack = slot.stack();
    let strings: usize = args.iter().chain(env).map(|s| s.as_bytes_with_nul().len()).sum();
    let exe = program.c_path.as_bytes_with_nul();
    let aux = auxiliary_vector(program, base);
    let words = 1 + args.len() + 1 + env.len() + 1 + 2 * (aux.len() + 3);
    let need = COLOUR_RANGE + strings + exe.len() + 64 + words * 8;
    if need + (16 << 10) > stack.len() {
        return Err(Error::Setting {
            name: "--stack-size".into(),
            why: format!("arguments and environment take {need} of {} bytes of stack; raise it", stack.len()),
        });
    }
    let mut top = stack.end - rank as usize * COLOUR_STEP % COLOUR_RANGE;
    let mut push = |bytes: &[u8]| {
        top -= bytes.len();
        // SAFETY: inside the rank's mapped stack by the check above.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), top as *mut u8, bytes.len()) };
        top
    };
    // SAFETY: AT_RANDOM points to 16 random bytes, if there.
    let random =
        unsafe { (libc::getauxval(libc::AT_RANDOM) as *const [u8; 16]).as_ref() }.copied().unwrap_or([7; 16]);
    let random = push(&random);
    let exe = push(exe);
    let argv: Vec<usize> = args.iter().map(|s| push(s.as_bytes_with_nul())).collect();
    let envp: Vec<usize> = env.iter().map(|s| push(s.as_bytes_with_nul())).collect();
    let mut block = vec![args.len()];
    block.extend(argv);
    block.push(0);
    block.extend(envp);
    block.push(0);
    for (key, value) in
        aux.into_iter().chain([(libc::AT_RANDOM, random), (libc::AT_EXECFN, exe), (libc::AT_NULL, 0)])
    {
        block.extend([key as usize, value]);
    }
    let start = (top - block.len() * 8) & !15;
    // SAFETY: as above.
    unsafe { std::ptr::copy_nonoverlapping(block.as_ptr(), start as *mut usize, block.len()) };
    Ok(start..start + block.len() * 8)
}

/// What the kernel tells a program about itself and the machine.
fn auxiliary_vector(program: &Program, base: usize) -> Vec<(u64, usize)> {
    let lib = program.program_file();
    let elf = &lib.elf;
    let at = |vaddr: u64| base.wrapping_add(lib.at(vaddr) as usize);
    let mut v = vec![
        (libc::AT_PHDR, at(elf.program_headers)),
        (libc::AT_PHENT, 56),
        (libc::AT_PHNUM, elf.program_header_count as usize),
        (libc::AT_ENTRY, at(elf.entry)),
        (libc::AT_BASE, 0),
        (libc::AT_FLAGS, 0),
        (libc::AT_SECURE, 0),
    ];
    const AT_MINSIGSTKSZ: u64 = 51;
    let same = [
        libc::AT_PAGESZ,
        libc::AT_CLKTCK,
        libc::AT_HWCAP,
        libc::AT_HWCAP2,
        libc::AT_PLATFORM,
        libc::AT_UID,
        libc::AT_EUID,
        libc::AT_GID,
        libc::AT_EGID,
        libc::AT_SYSINFO_EHDR,
        AT_MINSIGSTKSZ,
    ];
    // SAFETY: plain query.
    v.extend(same.map(|k| (k, unsafe { libc::getauxval(k) } as usize)));
    v
}

impl Guest {
    /// Runs the program from its entry point. Ends through [`host::Host::exited`].
    ///
    /// # Safety
    /// Called once, on the rank's stack ([`Guest::stack`]) under its FS base.
    pub unsafe fn start(&'static self) -> ! {
        super::debugger::publish();
        let lib = self.image().program().program_file();
        let entry = self.image().address(lib, lib.elf.entry);
        let words = &self.loader.entry_words;
        // SAFETY: the block is copied below the frames in use; `_start` takes it from the stack pointer, and rdx = 0
        // (nothing to run at exit for ld.so). Never returns.
        unsafe {
            std::arch::asm!(
                "sub rsp, {bytes}",
                "and rsp, -16",
                "mov rdi, rsp",
                "cld",
                "rep movsq",
                "xor edx, edx",
                "xor ebp, ebp",
                "jmp rax",
                bytes = in(reg) words.len(),
                in("rsi") words.start,
                in("rcx") words.len() / 8,
                in("rax") entry,
                options(noreturn)
            )
        }
    }
}

type Main = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char) -> c_int;
type Init = unsafe extern "C" fn(c_int, *mut *mut c_char, *mut *mut c_char);

/// The guest's `__libc_start_main`. `init` is set by programs linked against glibc before 2.34 and then runs the
/// program's own constructors.
pub(super) unsafe extern "C" fn libc_start_main(
    main: Main,
    argc: c_int,
    argv: *mut *mut c_char,
    init: Option<Init>,
    _fini: usize,
    _rtld_fini: usize,
    _stack_end: *mut c_void,
) -> c_int {
    let Some(guest) = Guest::current() else { std::process::abort() };
    // SAFETY: `argv` is the block that `start` laid out: envp follows the arguments' null.
    let envp = unsafe { argv.add(argc as usize + 1) };
    // SAFETY: code and data of the image, under the rank's own FS base.
    unsafe {
        let instance = guest.image();
        let call = Call { argc, argv, envp };
        let claimed =
            instance.life.compare_exchange(NOT_STARTED, RUNNING, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if claimed {
            set_private_variables(instance, &call);
            run_constructors(instance, instance.program().main(), init, &call);
            instance.life.store(STARTED, Ordering::Release);
        }
        wait_for(&instance.life, STARTED);
        let code = main(argc, argv, envp);
        exit(code)
    }
}

/// Other ranks of a shared image wait until the first one has run its constructors.
fn wait_for(life: &AtomicU32, state: u32) {
    while life.load(Ordering::Acquire) < state {
        host::host().yield_now();
    }
}

/// The guest's `exit`: of the libc overrides.
unsafe fn exit(code: c_int) -> ! {
    match process_address("exit", None) {
        // SAFETY: `exit` has this signature whoever provides it.
        Some(f) => unsafe {
            let f: unsafe extern "C" fn(c_int) -> ! = std::mem::transmute(f);
            f(code)
        },
        None => std::process::abort(),
    }
}

struct Call {
    argc: c_int,
    argv: *mut *mut c_char,
    envp: *mut *mut c_char,
}

/// Variables of libc that ld.so or libc would set at start, where a private library (or a copy relocation of the
/// program) has them.
unsafe fn set_private_variables(instance: &Instance, call: &Call) {
    let program = instance.program();
    // SAFETY: argv has at least its null.
    let name = unsafe { *call.argv };
    let short = if name.is_null() {
        name
    } else {
        // SAFETY: a C string; the result of strrchr points into it.
        unsafe {
            let slash = libc::strrchr(name, '/' as i32);
            if slash.is_null() { name } else { slash.add(1) }
        }
    };
    let environment = call.envp as usize;
    let values = [
        ("environ", environment),
        ("__environ", environment),
        ("_environ", environment),
        ("program_invocation_name", name as usize),
        ("program_invocation_short_name", short as usize),
        ("__progname_full", name as usize),
        ("__progname", short as usize),
    ];
    for (variable, value) in values {
        if let Some((lib, s)) = program.find_symbol(variable)
            && s.kind == STT_OBJECT
            && s.size == 8
        {
            // SAFETY: an object of pointer size in a private library's data; alone before constructors run.
            unsafe { *(instance.address(lib, s.value) as *mut usize) = value };
        }
    }
}

const STT_OBJECT: u8 = 1;

/// Runs the constructors of a group in dependency order.
unsafe fn run_constructors(instance: &Instance, group: &Group, init: Option<Init>, call: &Call) {
    let run = |address: usize| {
        // SAFETY: an entry of the image's own tables.
        unsafe {
            let f: Init = std::mem::transmute(address);
            f(call.argc, call.argv, call.envp)
        }
    };
    let is_program = |k: usize| group.id == 0 && k == 0;
    if group.id == 0 {
        array(instance, &group.libs[0], group.libs[0].elf.dynamic.preinit_array).for_each(run);
    }
    for &k in &group.init_order {
        let lib = &group.libs[k];
        match init {
            // SAFETY: `__libc_csu_init` of the program.
            Some(f) if is_program(k) => unsafe { f(call.argc, call.argv, call.envp) },
            _ => {
                if let Some(f) = lib.elf.dynamic.init {
                    run(instance.address(lib, f));
                }
                array(instance, lib, lib.elf.dynamic.init_array).for_each(run);
            }
        }
    }
}

/// Constructors of a group opened by the running rank.
///
/// # Safety
/// The group was just opened in the guest's instance; the caller runs as that guest.
pub(super) unsafe fn run_late_constructors(guest: &Guest, group: &Group) {
    let words = guest.loader.entry_words.start as *mut *mut c_char;
    // SAFETY: the entry block: argc, arguments, null, environment.
    unsafe {
        let argc = *(words as *const usize);
        let argv = words.add(1);
        let call = Call { argc: argc as c_int, argv, envp: argv.add(argc + 1) };
        run_constructors(guest.image(), group, None, &call);
    }
}

/// Entries of an init or fini array in the running image; 0 and -1 entries are skipped as ld.so does.
fn array(
    instance: &Instance,
    lib: &Library,
    t: super::elf::Table,
) -> impl DoubleEndedIterator<Item = usize> + use<> {
    let start = instance.address(lib, t.vaddr) as *const usize;
    // SAFETY: the table lies in a writable segment of the mapped image (checked when the file was read).
    let entries = (0..t.bytes as usize / 8).map(move |i| unsafe { start.add(i).read_unaligned() });
    entries.filter(|&f| f != 0 && f != usize::MAX)
}

/// Runs the destructors of the guest's image (fini arrays, in reverse order of construction): the last step of `exit`,
/// after the atexit handlers. Does nothing when they have run, or when other ranks still use a shared image.
///
/// # Safety
/// Called on the guest's own stack under its FS base.
pub unsafe fn fini(guest: &Guest) {
    let instance = guest.image();
    if instance.users.fetch_sub(1, Ordering::AcqRel) != 1
        || instance.life.swap(ENDED, Ordering::AcqRel) == ENDED
    {
        return;
    }
    for group in instance.groups().rev() {
        for &k in group.init_order.iter().rev() {
            let lib = &group.libs[k];
            let finish = lib.elf.dynamic.fini.map(|f| instance.address(lib, f));
            for address in array(instance, lib, lib.elf.dynamic.fini_array).rev().chain(finish) {
                // SAFETY: an entry of the image's own tables.
                unsafe {
                    let f: unsafe extern "C" fn() = std::mem::transmute(address);
                    f()
                }
            }
        }
    }
}

/// [`fini`] as the libc overrides call it, from `exit` of the running rank.
pub(super) fn fini_hook(guest: &'static Guest) {
    // SAFETY: `exit` runs on the guest's stack under its FS base.
    unsafe { fini(guest) }
}
