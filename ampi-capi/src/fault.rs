//! What the user reads when a rank faults, aborts or meets an error inside the runtime: one paragraph on stderr, then the
//! end of the job with 128 + signal.
//!
//! ```text
//! ampi: rank 17 on PE 1: segmentation fault (SIGSEGV) at address 0x0 (null pointer); outside MPI, last call: MPI_Barrier
//!   #0  write_through at segfault.c:12
//!   #1  main at segfault.c:19
//! ```
//!
//! The sentence is written before the names of functions are looked up: whatever is damaged, it is seen.

use crate::rank::Rank;
use crate::{processes, worker};
use ampi_core::arena;
use ampi_core::fault::{self, Fault, Frame, Owner, Stack};
use ampi_core::image::guest::Guest;
use ampi_core::pe::{Pe, PeId};
use std::fmt::Write;

/// From now on faults of ranks and panics of the runtime end the job with a report. Called once, before the first PE runs.
pub fn install() {
    fault::install(report);
    std::panic::set_hook(Box::new(panicked));
}

fn is_mpi(name: &str) -> bool {
    ["MPI_", "PMPI_", "AMPI_", "PAMPI_"].iter().any(|prefix| name.starts_with(prefix))
}

/// The function's name as programs write it.
fn call_name(symbol: &str) -> &str {
    symbol.strip_prefix('P').filter(|s| is_mpi(s)).unwrap_or(symbol)
}

/// `pe`: its number in this process.
fn who(rank: Option<u32>, pe: Option<PeId>) -> String {
    let who = match (rank, pe.map(worker::pe_number)) {
        (Some(r), Some(p)) => format!("rank {r} on PE {p}"),
        (Some(r), None) => format!("rank {r} in a thread that it created"),
        (None, Some(p)) => format!("PE {p}"),
        (None, None) => "the runtime".into(),
    };
    who + &processes::host_told()
}

/// In which call of MPI the code was.
fn where_in_mpi(stack: &Stack, rank: Option<u32>) -> String {
    if let Some((symbol, called_back)) = stack.call(is_mpi) {
        let by = if called_back { "in a function called by " } else { "in " };
        return format!("{by}{}", call_name(&symbol));
    }
    match rank.and_then(worker::rank).map(|r| r.function.get()) {
        Some("") => "before the first MPI call".into(),
        Some(last) => format!("outside MPI, last call: {last}"),
        None => "outside MPI".into(),
    }
}

fn bytes(n: usize) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if n >= unit && n.is_multiple_of(unit) {
            return format!("{} {name}", n / unit);
        }
    }
    format!("{n} bytes")
}

/// What lies at an address, as far as it helps.
fn place(address: usize, guest: Option<&Guest>) -> String {
    match arena::owner_of(address) {
        _ if address < 4096 => " (null pointer)".into(),
        Some(slot) if guest.is_some_and(|g| g.slot.index() != slot) => format!(" (memory of rank {slot})"),
        _ => String::new(),
    }
}

fn cause(f: &Fault) -> String {
    let at = |what: &str| {
        let why = if f.code == 2 { ", which may not be accessed in this way" } else { "" };
        format!("{what} at address {:#x}{}{why}", f.address, place(f.address, f.guest))
    };
    // The kernel names no address for one that the processor refuses.
    const SI_KERNEL: i32 = 0x80;
    match f.signal {
        _ if f.sender.is_some_and(|pid| pid as u32 != std::process::id()) => {
            format!("{}, sent by process {}", name(f.signal), f.sender.unwrap_or(0))
        }
        _ if f.sender.is_some() => name(f.signal).into(),
        libc::SIGSEGV if f.overflow => {
            let stack = f.guest.map_or(0, |g| g.slot.stack().len());
            format!(
                "overflowed its {} stack; raise it with --stack-size ({} at address {:#x})",
                bytes(stack),
                name(f.signal),
                f.address
            )
        }
        libc::SIGSEGV if f.jumped => {
            format!("{}: call of address {:#x}, where no code is", name(f.signal), f.address)
        }
        libc::SIGSEGV if f.code == SI_KERNEL => {
            format!("{} at an address that no process has", name(f.signal))
        }
        libc::SIGFPE => {
            let what = match f.code {
                1 => ": integer division by zero",
                2 => ": integer overflow",
                3 => ": floating-point division by zero",
                4 => ": floating-point overflow",
                5 => ": floating-point underflow",
                6 => ": inexact floating-point result",
                7 => ": invalid floating-point operation",
                _ => "",
            };
            format!("{}{what}", name(f.signal))
        }
        libc::SIGSEGV | libc::SIGBUS => at(name(f.signal)),
        _ => name(f.signal).into(),
    }
}

fn name(signal: i32) -> &'static str {
    match signal {
        libc::SIGSEGV => "segmentation fault (SIGSEGV)",
        libc::SIGBUS => "bus error (SIGBUS)",
        libc::SIGFPE => "arithmetic error (SIGFPE)",
        libc::SIGILL => "illegal instruction (SIGILL)",
        libc::SIGTRAP => "trap (SIGTRAP)",
        libc::SIGSYS => "forbidden system call (SIGSYS)",
        libc::SIGABRT => "abort (SIGABRT)",
        _ => "unexpected signal",
    }
}

/// Writes to stderr without any lock: the code that faulted may hold it.
fn say(text: &str) {
    let _ = rustix::io::write(rustix::stdio::stderr(), text.as_bytes());
}

fn report(f: &Fault) -> ! {
    let rank = f.guest.map(|g| g.rank);
    let start = format!("ampi: {}: {}", who(rank, f.pe), cause(f));
    fault::if_all_fails(start.clone());
    let stack = f.stack();
    let start = format!("{start}; {}", where_in_mpi(&stack, rank));
    finish(&start, &stack, 128 + f.signal)
}

/// The sentence, the backtrace, the end.
fn finish(sentence: &str, stack: &Stack, exit_code: i32) -> ! {
    say(&format!("{sentence}\n"));
    fault::if_all_fails("ampi: no backtrace".into());
    say(&listing(stack));
    worker::leave(exit_code)
}

fn listing(stack: &Stack) -> String {
    let (frames, more) = stack.frames();
    let mut text = String::new();
    for (i, frame) in frames.iter().enumerate() {
        let _ = writeln!(text, "  #{i:<2} {}", describe(frame));
    }
    if more {
        text.push_str("  … and more\n");
    }
    let program = |f: &Frame| f.owner == Owner::Program;
    if frames.iter().any(program) && !frames.iter().any(|f| f.line.is_some()) {
        text.push_str("  (compile with -g to see source lines)\n");
    }
    text
}

fn describe(frame: &Frame) -> String {
    let function = frame.function.as_deref();
    match (frame.owner, &frame.library, &frame.file) {
        (Owner::Interface, ..) => call_name(function.unwrap_or("?")).into(),
        (_, _, Some(file)) => {
            let line = frame.line.map_or(String::new(), |l| format!(":{l}"));
            format!("{} at {file}{line}", function.unwrap_or("?"))
        }
        (Owner::Shared, Some((library, offset)), _) => {
            let file = library.file_name().unwrap_or_default().to_string_lossy();
            match function {
                Some(f) => format!("{f} in {file}"),
                None => format!("{file}+{offset:#x}"),
            }
        }
        (_, Some((library, offset)), _) => {
            let name = function.map_or(String::new(), |f| format!("{f} in "));
            format!("{name}{}+{offset:#x}", library.display())
        }
        _ => format!("{:#x}", frame.address),
    }
}

/// The running rank cannot go on: `why` says what it did, the backtrace where.
pub fn fatal(why: &str, exit_code: i32) -> ! {
    fault::begin_report(exit_code);
    let rank = Rank::current().map(|r| r.world_rank);
    let pe = Pe::current().filter(|_| !worker::in_guest_thread()).map(Pe::id);
    let start = format!("ampi: {}: {why}", who(rank, pe));
    fault::if_all_fails(start.clone());
    let stack = Stack::here();
    let sentence = format!("{start}; {}", where_in_mpi(&stack, rank));
    finish(&sentence, &stack, exit_code)
}

fn panicked(info: &std::panic::PanicHookInfo<'_>) {
    let payload = info.payload();
    let message = payload.downcast_ref::<&str>().map(|s| s.to_string());
    let message = message.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    let at = info.location().map_or(String::new(), |l| format!(" ({}:{})", l.file(), l.line()));
    fatal(&format!("error inside the runtime, please report it: {message}{at}"), 134)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segv(address: usize) -> Fault {
        let signal = libc::SIGSEGV;
        Fault {
            signal,
            code: 1,
            address,
            sender: None,
            guest: None,
            pe: Some(1),
            overflow: false,
            jumped: false,
        }
    }

    #[test]
    fn causes_are_sentences() {
        assert_eq!(cause(&segv(0)), "segmentation fault (SIGSEGV) at address 0x0 (null pointer)");
        assert_eq!(cause(&segv(0x7fff_0000_0000)), "segmentation fault (SIGSEGV) at address 0x7fff00000000");
        let jumped = Fault { jumped: true, ..segv(0x10) };
        assert_eq!(cause(&jumped), "segmentation fault (SIGSEGV): call of address 0x10, where no code is");
        let divided = Fault { signal: libc::SIGFPE, code: 3, ..segv(0) };
        assert_eq!(cause(&divided), "arithmetic error (SIGFPE): floating-point division by zero");
        let sent = Fault { sender: Some(1), ..segv(0) };
        assert_eq!(cause(&sent), "segmentation fault (SIGSEGV), sent by process 1");
    }

    #[test]
    fn calls_have_the_names_that_programs_use() {
        assert_eq!(call_name("PMPI_Send_c"), "MPI_Send_c");
        assert_eq!(call_name("MPI_Send"), "MPI_Send");
        assert!(is_mpi("PMPI_Wtime") && !is_mpi("ampi_worker_main") && !is_mpi("malloc"));
    }

    #[test]
    fn sizes_are_round_where_they_can_be() {
        assert_eq!([bytes(1 << 20), bytes(65536), bytes(5000)], ["1 MiB", "64 KiB", "5000 bytes"]);
    }
}
