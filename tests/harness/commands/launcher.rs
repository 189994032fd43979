//! `ampirun`: options, exit codes, signals, time limit.
//!
//! # Safety
//! `kill` is sent to processes that a test started and has not waited for.
#![allow(unsafe_code)]

use super::{HELLO, LIMIT, Test, call, command, ended, folder, has, program, write};
use crate::process::{Outcome, run, wait_for};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub const ALL: &[Test] = &[
    ("ampirun without a program says how it is used", no_program),
    ("ampirun names the option that was meant", unknown_option),
    ("ampirun says what is not in this version", not_in_this_version),
    ("ampirun --help and --version", help),
    ("ampirun finds programs as a shell does", lookup),
    ("ampirun runs ranks, whatever way they are counted", counted),
    ("ampirun leaves the words of the program alone", words_of_the_program),
    ("ampirun sets variables and the folder", environment),
    ("ampirun gives the exit code of the program", exit_code),
    ("ampirun ends a job whose time is over", timeout),
    ("ampirun ends a job at SIGINT and SIGTERM", signals),
    ("no job outlives its launcher", death_of_the_launcher),
    ("ampirun refuses what cannot be private, with a way out", no_pie),
    ("ampirun tags output and writes it to files", output),
    ("ampirun --explain-image says what is private", explain),
    ("a program started without ampirun is a world of one rank", singleton),
];

fn no_program() -> Result<(), String> {
    for args in [&[][..], &["+p", "2"]] {
        let o = ended(call("ampirun", args)?, 2)?;
        has("stderr", &o.stderr, "usage: ampirun [options] program")?;
        has("stderr", &o.stderr, "no program is named")?;
    }
    Ok(())
}

fn unknown_option() -> Result<(), String> {
    let o = ended(call("ampirun", &["--oversubscibe", "-n", "2", "true"])?, 2)?;
    if o.stderr != "ampirun: unknown option --oversubscibe; did you mean --oversubscribe?\n"
        || !o.stdout.is_empty()
    {
        return Err(o.told());
    }
    for args in [&["+p", "0", "x"][..], &["-n", "x", "y"], &["--isolate=thread", "x"], &["--timeout"]] {
        ended(call("ampirun", args)?, 2)?;
    }
    Ok(())
}

fn not_in_this_version() -> Result<(), String> {
    let o = ended(call("ampirun", &["+restart", "dir", "x"])?, 2)?;
    has("stderr", &o.stderr, "not in this version")
}

fn help() -> Result<(), String> {
    let o = ended(call("ampirun", &["--help"])?, 0)?;
    for part in ["How many:", "+vp", "--stack-size", "--timeout", "Exit code"] {
        has("the help", &o.stdout, part)?;
    }
    let o = ended(call("ampirun", &["--version"])?, 0)?;
    has("the version", &o.stdout, "MPI 5.0")
}

fn lookup() -> Result<(), String> {
    let folder = folder()?;
    let file = folder.path().join("plain");
    write(&file, "not a program\n")?;
    let name = file.display().to_string();
    has("stderr", &ended(call("ampirun", &["no-such-program-here"])?, 127)?.stderr, "not in PATH")?;
    has("stderr", &ended(call("ampirun", &["./no-such-program-here"])?, 127)?.stderr, "does not exist")?;
    has("stderr", &ended(call("ampirun", &[&name])?, 126)?.stderr, "not executable")?;
    has("stderr", &ended(call("ampirun", &["/tmp"])?, 126)?.stderr, "folder")?;
    // Executable, but no ELF file: the worker refuses it with a sentence.
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).map_err(|e| e.to_string())?;
    let o = call("ampirun", &[&name])?;
    if o.code == 0 || o.code > 127 {
        return Err(format!("a text file ran: {}", o.told()));
    }
    has("stderr", &o.stderr, &name)
}

fn lines(o: &Outcome) -> Vec<String> {
    let mut lines = o.lines();
    lines.sort();
    lines
}

fn world(size: usize, tail: &str) -> Vec<String> {
    let mut lines: Vec<String> = (0..size).map(|r| format!("rank {r} of {size}{tail}")).collect();
    lines.sort();
    lines
}

/// Fails unless every rank of a world of `size` wrote its line, with `tail` behind it.
fn all_ranks(o: Outcome, size: usize, tail: &str) -> Result<(), String> {
    let o = ended(o, 0)?;
    if lines(&o) == world(size, tail) { Ok(()) } else { Err(format!("not {size} ranks: {}", o.told())) }
}

fn counted() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?.display().to_string();
    for (args, size) in [
        (&["-n", "3"][..], 3),
        (&["-np", "5"], 5),
        (&["--n", "2"], 2),
        (&["+p", "2", "+vp", "7"], 7),
        (&["+p2", "+vp7"], 7),
        (&["+p", "2", "++ppn", "2", "-vp", "4"], 4),
        (&["--host", "localhost", "-n", "3", "--map-by", "core"], 3),
        (&["-ppn", "2", "-n", "2"], 2),
        (&["+p", "3"], 3),
        (&["-n", "2", "+vp", "6"], 6),
        (&["+p", "8", "+vp", "2"], 2),
        (&["+p", "2", "+vp", "6", "+mapping", "RR_MAP"], 6),
        (&["-n", "2", "--oversubscribe", "--mca", "btl", "self", "--bind-to", "none"], 2),
    ] {
        let args: Vec<&str> = args.iter().copied().chain([exe.as_str()]).collect();
        all_ranks(call("ampirun", &args)?, size, "").map_err(|why| format!("{args:?}: {why}"))?;
    }
    Ok(())
}

fn words_of_the_program() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?.display().to_string();
    let o = call("ampirun", &[&exe, "-n", "9", "a b", "+vp", "3", "+other", "--help", "--", "+p", "2"])?;
    all_ranks(o, 3, " [-n] [9] [a b] [+other] [--help] [--] [+p] [2]")
}

fn environment() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?.display().to_string();
    all_ranks(call("ampirun", &["-n", "2", "-x", "WORD=a=b c", &exe])?, 2, " a=b c")?;
    all_ranks(call("ampirun", &["-n", "2", "-genv", "WORD", "w", &exe])?, 2, " w")?;
    let here = folder.path().display().to_string();
    all_ranks(call("ampirun", &["-n", "2", "--wdir", &here, "./program"])?, 2, "")?;
    let o = ended(call("ampirun", &["--wdir", "/no/such/folder", "./program"])?, 2)?;
    has("stderr", &o.stderr, "/no/such/folder")
}

fn exit_code() -> Result<(), String> {
    let folder = folder()?;
    let source = "#include <stdlib.h>\n#include <mpi.h>\nint main(int c, char **v) { MPI_Init(&c, &v); \
                  MPI_Finalize(); return atoi(v[1]); }\n";
    let exe = program(folder.path(), "ampicc", source, &[])?.display().to_string();
    for code in ["0", "7", "255"] {
        ended(call("ampirun", &["-n", "2", &exe, code])?, code.parse().unwrap_or(0))?;
    }
    let source = "#include <signal.h>\n#include <mpi.h>\nint main(int c, char **v) { MPI_Init(&c, &v); \
                  raise(SIGKILL); return 0; }\n";
    let exe = program(folder.path(), "ampicc", source, &[])?.display().to_string();
    let o = ended(call("ampirun", &["-n", "2", &exe])?, 137)?;
    has("stderr", &o.stderr, "signal 9")
}

/// Says that it runs, then waits for a message that never comes, in a way that is no deadlock.
const WAITS: &str = "#include <mpi.h>\n#include <stdio.h>\n#include <unistd.h>\nint main(int c, char **v) { \
                     MPI_Init(&c, &v); printf(\"running\\n\"); fflush(stdout); for (;;) sleep(1); }\n";

fn timeout() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", WAITS, &[])?.display().to_string();
    let o = ended(call("ampirun", &["-n", "2", "--timeout", "1", &exe])?, 124)?;
    has("stderr", &o.stderr, "time over: the job was ended after 1 s (--timeout)")?;
    let mut from_variable = command("ampirun", &["-n", "2", &exe]);
    let o = ended(run(from_variable.env("MPIEXEC_TIMEOUT", "1"), "", LIMIT)?, 124)?;
    has("stderr", &o.stderr, "MPIEXEC_TIMEOUT")
}

/// Starts a job and waits until it says that it runs.
fn started(exe: &Path) -> Result<Child, String> {
    use std::io::{BufRead, BufReader};
    let mut command = command("ampirun", &["-n", "2"]);
    let mut child =
        command.arg(exe).stdout(Stdio::piped()).spawn().map_err(|e| format!("cannot start ampirun: {e}"))?;
    let mut line = String::new();
    let stdout = child.stdout.as_mut().ok_or("no stdout")?;
    BufReader::new(stdout).read_line(&mut line).map_err(|e| e.to_string())?;
    if line.trim() == "running" { Ok(child) } else { Err(format!("the job says \"{line}\"")) }
}

fn send(pid: u32, signal: i32) {
    // SAFETY: see the header.
    unsafe { libc::kill(pid as i32, signal) };
}

fn signals() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", WAITS, &[])?;
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let mut child = started(&exe)?;
        let start = Instant::now();
        send(child.id(), signal);
        let status = wait_for(&mut child, LIMIT).map_err(|e| format!("signal {signal}: {e}"))?;
        if status.code() != Some(code) || start.elapsed() > Duration::from_secs(3) {
            return Err(format!("signal {signal}: {status} after {:?}", start.elapsed()));
        }
    }
    Ok(())
}

fn death_of_the_launcher() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", WAITS, &[])?;
    let mut child = started(&exe)?;
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let worker = std::fs::read_to_string(children).map_err(|e| e.to_string())?;
    let worker: u32 = worker.trim().parse().map_err(|_| format!("children of ampirun: \"{worker}\""))?;
    send(child.id(), libc::SIGKILL);
    let status = wait_for(&mut child, LIMIT)?;
    if status.signal() != Some(libc::SIGKILL) {
        return Err(format!("ampirun: {status}"));
    }
    let start = Instant::now();
    while gone(worker).is_none() {
        if start.elapsed() > Duration::from_secs(5) {
            send(worker, libc::SIGKILL);
            return Err("the worker still runs 5 s after the launcher's death".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// `Some` when the process is no more, or only waits to be collected.
fn gone(pid: u32) -> Option<()> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Err(_) => Some(()),
        Ok(stat) => stat.rsplit(')').next()?.trim_start().starts_with('Z').then_some(()),
    }
}

fn no_pie() -> Result<(), String> {
    let folder = folder()?;
    write(&folder.path().join("program.c"), HELLO)?;
    let mut compile = command("ampicc", &["-no-pie", "-fno-pie", "-o", "program", "program.c"]);
    let o = ended(run(compile.current_dir(folder.path()), "", LIMIT)?, 0)?;
    has("the warning", &o.stderr, "private copies")?;
    let exe = folder.path().join("program").display().to_string();
    let o = call("ampirun", &["-n", "2", &exe])?;
    if o.code == 0 || o.code > 127 {
        return Err(format!("not refused: {}", o.told()));
    }
    has("stderr", &o.stderr, "-pie")
}

fn output() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?.display().to_string();
    let o = ended(call("ampirun", &["-n", "3", "--tag-output", &exe])?, 0)?;
    for rank in 0..3 {
        let line = o.stdout.lines().find(|l| l.contains(&format!("rank {rank} of 3"))).unwrap_or("");
        let tag = line.split("rank").next().unwrap_or("");
        if !tag.contains(&rank.to_string()) {
            return Err(format!("rank {rank} has no tag: {}", o.told()));
        }
    }
    let mut to_files = command("ampirun", &["-n", "3", "--output-filename", "out-%r.txt", &exe]);
    ended(run(to_files.current_dir(folder.path()), "", LIMIT)?, 0)?;
    for rank in 0..3 {
        let name = format!("out-{rank}.txt");
        let text = std::fs::read_to_string(folder.path().join(&name)).map_err(|e| format!("{name}: {e}"))?;
        has(&name, &text, &format!("rank {rank} of 3"))?;
    }
    Ok(())
}

fn explain() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?.display().to_string();
    let o = ended(call("ampirun", &["-n", "2", "--explain-image", &exe])?, 0)?;
    let all = format!("{}{}", o.stdout, o.stderr);
    for part in ["program", "libc.so.6", "libmpi_abi.so.1", "private", "shared"] {
        has("the explanation", &all, part)?;
    }
    if all.contains("rank 0 of 2") { Err(format!("the program was run:\n{all}")) } else { Ok(()) }
}

fn singleton() -> Result<(), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", HELLO, &[])?;
    all_ranks(run(&mut std::process::Command::new(exe), "", LIMIT)?, 1, "")
}
