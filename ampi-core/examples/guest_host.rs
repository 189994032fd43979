//! A minimal host of private images, for the loader's tests: runs N copies of a program round robin.
//!
//! Built as the library that a worker executable (worker/worker.c) is linked with, exactly as the real runtime is:
//! `tests/guests.rs` does that. Command line: `worker [key=value ...] program [arguments]`
//!
//! | key | meaning |
//! |---|---|
//! | n | ranks (4) |
//! | threads | OS threads that resume ranks, each step on whichever is free (1) |
//! | isolate | image, none |
//! | map | auto, files, baked |
//! | move | 1: between two steps every rank's bytes leave its slot and come back, as in a move to another process |
//! | stack | KiB of stack (256) |
//! | stats | 1: print memory per rank after all are created and after their first step |
//! | explain | 1: print what is private and why, and stop |
//! | private | path of libampi_private.so |
//!
//! # Safety
//! Plays the scheduler's part: resumes each rank on one thread at a time, under the rank's FS base.
#![allow(unsafe_code)]

use ampi_core::arena::{Arena, ArenaConfig, Slot};
use ampi_core::current;
use ampi_core::image::host::{self, Host};
use ampi_core::image::{Guest, Isolation, Mapping, Options, Program, set_fs_base};
use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, CString, c_char, c_int};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

struct GuestStack(std::ops::Range<usize>);

// SAFETY: a mapped range of the slot with an unmapped guard below it.
unsafe impl Stack for GuestStack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.0.end).unwrap()
    }
    fn limit(&self) -> StackPointer {
        StackPointer::new(self.0.start).unwrap()
    }
}

/// What the TASK word of a rank points to.
struct Task {
    guest: &'static Guest,
    yielder: *const Yielder<(), bool>,
    coroutine: ManuallyDrop<Coroutine<(), bool, (), GuestStack>>,
    code: i32,
    done: bool,
}

struct RoundRobin;

fn task() -> *mut Task {
    current::word(current::TASK) as *mut Task
}

/// Leaves the rank's stack. `done`: for ever.
#[inline(never)]
fn suspend(done: bool) {
    // SAFETY: the words of a running rank.
    unsafe { (*(*task()).yielder).suspend(done) };
}

impl Host for RoundRobin {
    fn yield_now(&self) {
        if !task().is_null() {
            suspend(false);
        }
    }
    fn sleep(&self, ns: u64) {
        let start = Instant::now();
        while (start.elapsed().as_nanos() as u64) < ns {
            self.yield_now();
        }
    }
    fn exited(&self, _guest: &'static Guest, code: i32, _clean: bool) -> ! {
        // SAFETY: the running rank's task.
        unsafe {
            (*task()).code = code;
            (*task()).done = true;
        }
        suspend(true);
        unreachable!("a rank that has ended was resumed")
    }
    fn fatal(&self, why: &str, exit_code: i32) -> ! {
        eprintln!("fatal: {why}");
        // SAFETY: ends the process.
        unsafe { libc::_exit(exit_code) }
    }
}

fn make(guest: &'static Guest) -> *mut Task {
    let coroutine = Coroutine::with_stack(GuestStack(guest.stack()), move |y: &Yielder<(), bool>, ()| {
        // SAFETY: first resume, on the rank's stack under its FS base.
        unsafe {
            (*task()).yielder = y;
            guest.start()
        }
    });
    let task = Task {
        guest,
        yielder: std::ptr::null(),
        coroutine: ManuallyDrop::new(coroutine),
        code: -1,
        done: false,
    };
    let task = Box::into_raw(Box::new(task));
    // SAFETY: the guest does not run.
    unsafe { current::plant(guest.fs_base, current::TASK, task as usize) };
    task
}

#[inline(never)]
unsafe fn resume(t: *mut Task) {
    // SAFETY: one thread at a time resumes a task (queue in `run`).
    unsafe {
        let own = current::fs_base();
        set_fs_base((*t).guest.fs_base);
        ampi_core::image::libc::cwd::switched_in();
        let r = (*t).coroutine.resume(());
        set_fs_base(own);
        assert!(matches!(r, CoroutineResult::Yield(d) if d == (*t).done));
    }
}

/// Takes a suspended rank's bytes away and brings them back.
unsafe fn take_round_trip(t: *mut Task, program: &'static Program) {
    // SAFETY: the rank is suspended; its bytes are put back unchanged before it runs again.
    unsafe {
        let guest = (*t).guest;
        let (slot, fs_base): (Slot, usize) = (guest.slot, guest.fs_base);
        let own = current::fs_base();
        set_fs_base(fs_base);
        before_departure(guest);
        set_fs_base(own);
        let mut pages: Vec<(usize, Vec<u8>)> = Vec::new();
        for range in mapped_parts(&guest.private_ranges()) {
            for at in range.step_by(4096) {
                let page = std::slice::from_raw_parts(at as *const u8, 4096);
                if page.iter().any(|&b| b != 0) {
                    pages.push((at, page.to_vec()));
                }
            }
        }
        guest.depart();
        slot.unmap();
        slot.map().unwrap();
        for (at, bytes) in pages {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), at as *mut u8, bytes.len());
        }
        let guest = Guest::arrive(slot, program).unwrap();
        current::plant(fs_base, current::TASK, t as usize);
        let own = current::fs_base();
        set_fs_base(fs_base);
        after_arrival(guest);
        set_fs_base(own);
    }
}

fn before_departure(guest: &'static Guest) {
    ampi_core::image::libc::depart(guest);
}

fn after_arrival(guest: &'static Guest) {
    ampi_core::image::libc::arrive(guest);
}

/// The parts of `ranges` that have pages at all: asking /proc/self/pagemap spares reading gigabytes of zeroes.
fn mapped_parts(ranges: &[std::ops::Range<usize>]) -> Vec<std::ops::Range<usize>> {
    use std::os::unix::fs::FileExt;
    let map = std::fs::File::open("/proc/self/pagemap").unwrap();
    let mut out = Vec::new();
    for r in ranges {
        let mut at = r.start;
        while at < r.end {
            let n = ((r.end - at) / 4096).min(1 << 16);
            let mut b = vec![0u8; n * 8];
            map.read_exact_at(&mut b, (at / 4096 * 8) as u64).unwrap();
            for (i, e) in b.chunks(8).enumerate() {
                if e[7] & 0xc0 != 0 {
                    out.push(at + i * 4096..at + (i + 1) * 4096);
                }
            }
            at += n * 4096;
        }
    }
    out
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_test_yield() {
    host::host().yield_now();
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_test_rank() -> c_int {
    Guest::current().map_or(-1, |g| g.rank as c_int)
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_test_ranks() -> c_int {
    Guest::current().map_or(-1, |g| g.ranks as c_int)
}

/// Writes the name of the function that contains `address` to `to` (64 bytes); 0 when unknown.
///
/// # Safety
/// `to` has room for 64 bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_test_symbol(address: usize, to: *mut c_char) -> c_int {
    let Some(l) = ampi_core::image::symbols::locate(address) else { return 0 };
    let Some((name, _)) = l.symbol else { return 0 };
    let name = CString::new(&name.as_bytes()[..name.len().min(63)]).unwrap();
    // SAFETY: 64 bytes by the contract.
    unsafe { libc::strcpy(to, name.as_ptr()) };
    1
}

fn status(key: &str) -> i64 {
    let file = if key == "VmPTE:" { "/proc/self/status" } else { "/proc/self/smaps_rollup" };
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let line =
        text.lines().find(|l| l.starts_with(key)).and_then(|l| l.split_whitespace().nth(1)?.parse().ok());
    line.unwrap_or(0)
}

fn numbers() -> [i64; 3] {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default().lines().count() as i64;
    [status("Private_Dirty:"), status("VmPTE:"), maps]
}

fn print_numbers(what: &str, before: [i64; 3], n: usize, since: Instant) {
    let now = numbers();
    let [dirty, tables, maps] = [0, 1, 2].map(|i| (now[i] - before[i]) as f64 / n as f64);
    let us = since.elapsed().as_secs_f64() * 1e6 / n as f64;
    println!(
        "stats {what}: {us:.0} us, {dirty:.1} KiB dirty, {tables:.1} KiB page tables, {maps:.2} mappings per rank"
    );
}

fn run(words: &[String]) -> Result<i32, String> {
    let split = words
        .iter()
        .position(|w| !w.contains('='))
        .ok_or("usage: worker [key=value ...] program [arguments]")?;
    let settings: HashMap<&str, &str> = words[..split].iter().filter_map(|w| w.split_once('=')).collect();
    let number = |k: &str, default: usize| settings.get(k).map_or(default, |v| v.parse().unwrap_or(default));
    let n = number("n", 4);
    let options = Options {
        isolate: if settings.get("isolate") == Some(&"none") { Isolation::None } else { Isolation::Image },
        mapping: match settings.get("map") {
            Some(&"files") => Mapping::Files,
            Some(&"baked") => Mapping::Baked,
            _ => Mapping::Auto,
        },
        private_libs: settings.get("privatelib").map(|s| vec![s.to_string()]).unwrap_or_default(),
        private_lib_path: settings.get("private").map(|p| Path::new(p).to_path_buf()),
        debugger: number("debugger", 0) == 1,
        ..Options::default()
    };
    // The runtime's own panics must unwind with the process's _dl_find_object in the worker.
    assert!(
        std::panic::catch_unwind(|| std::hint::black_box(Option::<i32>::None)
            .is_none()
            .then(|| std::panic::resume_unwind(Box::new(1))))
        .is_err()
    );
    let start = Instant::now();
    let program = Program::load(Path::new(&words[split]), &options).map_err(|e| e.to_string())?;
    if number("explain", 0) == 1 {
        print!("{}", program.explain());
        return Ok(0);
    }
    let load_us = start.elapsed().as_micros();
    let mut config = ArenaConfig::new(n);
    config.stack_bytes = number("stack", 256) << 10;
    config.image_bytes = program.image_bytes();
    if let Some(mib) = settings.get("slot").and_then(|v| v.parse::<usize>().ok()) {
        config.slot_bytes = Some(mib << 20);
    }
    let arena = Arena::reserve(config).map_err(|e| e.to_string())?;
    let args: Vec<CString> = words[split..].iter().map(|a| CString::new(a.as_str()).unwrap()).collect();
    let env: Vec<CString> = std::env::vars_os()
        .map(|(k, v)| CString::new([k.as_bytes(), b"=", v.as_bytes()].concat()).unwrap())
        .collect();
    ampi_core::image::libc::install(ampi_core::image::libc_hooks());
    host::install(&RoundRobin);
    let before = numbers();
    let start = Instant::now();
    let mut queue = VecDeque::new();
    for i in 0..n {
        let guest =
            program.instantiate(arena.slot(i), i as u32, n as u32, &args, &env).map_err(|e| e.to_string())?;
        queue.push_back(make(guest) as usize);
    }
    let tasks: Vec<usize> = queue.iter().copied().collect();
    let stats = number("stats", 0) == 1;
    if stats {
        println!("stats load: {load_us} us");
        print_numbers("created", before, n, start);
    }
    let start = Instant::now();
    let moving = number("move", 0) == 1;
    if stats {
        // One step each on this thread, then measure.
        for &t in &tasks {
            // SAFETY: nobody else resumes it.
            unsafe { resume(t as *mut Task) };
        }
        print_numbers("first step", before, n, start);
        // SAFETY: tasks are not running.
        queue.retain(|&t| unsafe { !(*(t as *mut Task)).done });
    }
    let live = AtomicUsize::new(queue.len());
    let queue = Mutex::new(queue);
    let work = || {
        while live.load(Ordering::SeqCst) > 0 {
            let next = queue.lock().unwrap().pop_front();
            let Some(t) = next else {
                std::thread::yield_now();
                continue;
            };
            let t = t as *mut Task;
            // SAFETY: taken from the queue: this thread alone has it.
            unsafe {
                resume(t);
                if (*t).done {
                    live.fetch_sub(1, Ordering::SeqCst);
                } else {
                    if moving && (*t).guest.libc.pinned_by().is_none() {
                        take_round_trip(t, program);
                    }
                    queue.lock().unwrap().push_back(t as usize);
                }
            }
        }
    };
    std::thread::scope(|s| {
        for _ in 1..number("threads", 1) {
            s.spawn(work);
        }
        work();
    });
    // SAFETY: all tasks have ended.
    let codes: Vec<i32> = tasks.iter().map(|&t| unsafe { (*(t as *mut Task)).code }).collect();
    // SAFETY: flushes the process's own stdout, which ranks without private stdio share.
    unsafe { libc::fflush(std::ptr::null_mut()) };
    let bad = codes.iter().filter(|&&c| c != 0).count();
    println!("codes {:?}", &codes[..codes.len().min(16)]);
    Ok(if bad == 0 { 0 } else { 1 })
}

/// What the worker executable calls.
///
/// # Safety
/// The arguments are those of `main`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_worker_main(argc: c_int, argv: *mut *mut c_char) -> c_int {
    // SAFETY: main's arguments.
    let words: Vec<String> = (1..argc as usize)
        .map(|i| unsafe { CStr::from_ptr(*argv.add(i)) }.to_string_lossy().into_owned())
        .collect();
    run(&words).unwrap_or_else(|why| {
        eprintln!("{why}");
        2
    })
}
