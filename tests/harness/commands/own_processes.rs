//! `--isolate=process`: ranks that are processes of their own.

use super::{LIMIT, Test, command, ended, folder, has, program, write};
use crate::process::{Outcome, run};
use std::path::Path;
use std::time::{Duration, Instant};

pub const ALL: &[Test] = &[
    ("Python scripts are ranks, with MPI through ctypes", python),
    ("programs without MPI run as ranks that are processes", without_mpi),
    ("ranks that are processes may end after MPI, but not before its end", ends),
    ("a rank that never comes is named, one that comes late is awaited", absent),
    ("a rank that sleeps outside MPI is no deadlock", silence),
    ("what a rank starts is not the rank again", children),
    ("output of ranks that are processes is tagged and written to files", output),
    ("only rank 0 of ranks that are processes reads the input", input),
    ("ranks that are processes do not outlive their time", time_over),
    ("ranks that are processes wait without using their core", waiting),
];

const SCRIPT: &str = r#"
import ctypes, sys
mpi = ctypes.CDLL("libmpi_abi.so.1")
WORLD, INT, SUM = (ctypes.c_void_p(value) for value in (0x101, 0x209, 0x21))
assert mpi.MPI_Init(None, None) == 0
def asked(function):
    value = ctypes.c_int()
    function(WORLD, ctypes.byref(value))
    return value.value
rank, size = asked(mpi.MPI_Comm_rank), asked(mpi.MPI_Comm_size)
for length in (1, 100000):
    mine, theirs = (ctypes.c_int * length)(*[rank] * length), (ctypes.c_int * length)()
    if rank % 2 == 0 and rank + 1 < size:
        mpi.MPI_Send(mine, length, INT, rank + 1, 7, WORLD)
    elif rank % 2:
        mpi.MPI_Recv(theirs, length, INT, rank - 1, 7, WORLD, None)
        assert set(theirs) == {rank - 1}
mine, sum = ctypes.c_int(rank), ctypes.c_int()
mpi.MPI_Allreduce(ctypes.byref(mine), ctypes.byref(sum), 1, INT, SUM, WORLD)
sys.stdout.write("rank %d of %d, sum %d\n" % (rank, size, sum.value))
sys.stdout.flush()
mpi.MPI_Finalize()
sys.exit(3 if sys.argv[1:] == ["fail"] and rank == 1 else 0)
"#;

/// Does what its first argument says.
const ENDS: &str = r#"
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
static int is(char **argv, const char *word) { return strcmp(argv[1], word) == 0; }
static void finalize(void) { MPI_Finalize(); }
int main(int argc, char **argv)
{
    int rank, size, x = 1, second = argc > 2;
    if (is(argv, "finalize-at-exit"))
        atexit(finalize);
    if (second && is(argv, "never"))
        return atoi(argv[2]);
    if (second && is(argv, "late"))
        usleep(1500000);
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    int last = rank == size - 1;
    if (last && is(argv, "exit"))
        exit(0);
    if (last && is(argv, "exit-7"))
        exit(7);
    if (last && is(argv, "_exit"))
        _exit(0);
    if (last && is(argv, "abort"))
        MPI_Abort(MPI_COMM_WORLD, 9);
    if (last && is(argv, "crash"))
        raise(SIGSEGV);
    if (is(argv, "stuck") || is(argv, "hang"))
        MPI_Recv(&x, 1, MPI_INT, (rank + 1) % size, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (is(argv, "sleep")) {
        if (last)
            usleep(2000000);
        if (last)
            MPI_Send(&x, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
        if (rank == 0)
            MPI_Recv(&x, 1, MPI_INT, size - 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    }
    if (is(argv, "fork") && fork() == 0)
        exit(5);
    if (is(argv, "system") && rank == 0) {
        char line[4096];
        snprintf(line, sizeof line, "%s alone", argv[0]);
        if (system(line) != 0)
            MPI_Abort(MPI_COMM_WORLD, 1);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    printf("rank %d of %d%s\n", rank, size, cpu > 0.5 ? ", busy" : "");
    fflush(stdout);
    if (is(argv, "finalize-at-exit"))
        return 0;
    MPI_Finalize();
    if (is(argv, "goes-on"))
        usleep(700000);
    if (is(argv, "_exit-after"))
        _exit(4);
    if (last && is(argv, "crash-after"))
        raise(SIGSEGV);
    return last && is(argv, "code") ? 6 : 0;
}
"#;

fn call_in(folder: &Path, words: &[&str]) -> Result<Outcome, String> {
    run(command("ampirun", &["--isolate=process"]).args(words).current_dir(folder), "", LIMIT)
}

/// The lines of standard output in order, one for each rank and nothing else; nothing on standard error.
fn all_there(o: &Outcome, line: impl Fn(usize) -> String, ranks: usize) -> Result<(), String> {
    let mut lines: Vec<&str> = o.stdout.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (0..ranks).map(line).collect();
    if lines == expected && o.stderr.is_empty() { Ok(()) } else { Err(o.told()) }
}

fn python() -> Result<(), String> {
    let folder = folder()?;
    write(&folder.path().join("script.py"), SCRIPT)?;
    let line = |rank| format!("rank {rank} of 4, sum 6");
    for transport in ["auto", "tcp"] {
        let words = ["-n", "4", "--transport", transport, "python3", "script.py"];
        all_there(&ended(call_in(folder.path(), &words)?, 0)?, line, 4)?;
    }
    all_there(&ended(call_in(folder.path(), &["-n", "4", "python3", "script.py", "fail"])?, 3)?, line, 4)?;
    all_there(
        &ended(call_in(folder.path(), &["-n", "1", "python3", "script.py"])?, 0)?,
        |_| "rank 0 of 1, sum 0".into(),
        1,
    )
}

fn without_mpi() -> Result<(), String> {
    let here = Path::new("/");
    all_there(&ended(call_in(here, &["-n", "3", "echo", "here"])?, 0)?, |_| "here".into(), 3)?;
    all_there(&ended(call_in(here, &["-n", "3", "sh", "-c", "exit 3"])?, 3)?, |_| String::new(), 0)?;
    // Longer than any limit of the start would be sensible for.
    all_there(
        &ended(call_in(here, &["-n", "1", "true", ":", "-n", "2", "sleep", "1"])?, 0)?,
        |_| String::new(),
        0,
    )?;
    let o = ended(call_in(here, &["-n", "2", "sh", "-c", "kill -9 $$"])?, 137)?;
    has("stderr", &o.stderr, "(a process on host ")?;
    ended(call_in(here, &["-n", "2", "/no/such/program"])?, 127).map(|_| ())
}

fn ends() -> Result<(), String> {
    let folder = folder()?;
    program(folder.path(), "ampicc", ENDS, &[])?;
    let line = |rank| format!("rank {rank} of 3");
    for (word, code) in
        [("goes-on", 0), ("finalize-at-exit", 0), ("_exit-after", 4), ("code", 6), ("fork", 0), ("none", 0)]
    {
        let o = ended(call_in(folder.path(), &["-n", "3", "./program", word])?, code)?;
        all_there(&o, line, 3)?;
    }
    for (word, code, sentence) in [
        (
            "exit",
            1,
            "ampi: rank 2: ended with exit code 0 (exit) without calling MPI_Finalize; last MPI call: ",
        ),
        ("exit-7", 7, "ampi: rank 2: ended with exit code 7 (exit) without calling MPI_Finalize"),
        ("_exit", 1, "ended with exit code 0 without calling MPI_Finalize"),
        ("abort", 9, "ampi: rank 2: called MPI_Abort(MPI_COMM_WORLD, 9)"),
        ("crash", 139, "ampirun: rank 2 (a process on host "),
        ("crash-after", 139, "was ended by signal 11"),
    ] {
        let o = ended(call_in(folder.path(), &["-n", "3", "./program", word])?, code)?;
        has(word, &o.stderr, sentence)?;
        if o.stderr.lines().count() != 1 {
            return Err(o.told());
        }
    }
    Ok(())
}

fn absent() -> Result<(), String> {
    let folder = folder()?;
    program(folder.path(), "ampicc", ENDS, &[])?;
    let began = Instant::now();
    for (word, code) in [("0", 1), ("3", 3)] {
        let words = ["-n", "2", "./program", "never", ":", "./program", "never", word];
        let o = ended(call_in(folder.path(), &words)?, code)?;
        has("stderr", &o.stderr, "without calling MPI_Init, in which others wait for it")?;
        if o.stderr.lines().count() != 1 || began.elapsed() > Duration::from_secs(10) {
            return Err(o.told());
        }
    }
    let o = ended(call_in(folder.path(), &["./program", "late", ":", "./program", "late", "2"])?, 0)?;
    all_there(&o, |rank| format!("rank {rank} of 2"), 2)
}

fn silence() -> Result<(), String> {
    let folder = folder()?;
    program(folder.path(), "ampicc", ENDS, &[])?;
    let o = ended(call_in(folder.path(), &["-n", "3", "./program", "sleep"])?, 0)?;
    all_there(&o, |rank| format!("rank {rank} of 3"), 3)?;
    let o = ended(call_in(folder.path(), &["-n", "3", "./program", "stuck"])?, 1)?;
    has("stderr", &o.stderr, "deadlock: 3 ranks are all blocked")?;
    has("stderr", &o.stderr, "cycle: rank 0 → 1 → 2 → 0")
}

fn children() -> Result<(), String> {
    let folder = folder()?;
    program(folder.path(), "ampicc", ENDS, &[])?;
    let o = ended(call_in(folder.path(), &["-n", "2", "./program", "system"])?, 0)?;
    has("stdout", &o.stdout, "rank 0 of 1\n")?;
    has("stdout", &o.stdout, "rank 1 of 2\n")
}

fn output() -> Result<(), String> {
    let folder = folder()?;
    let script = "echo out; echo error >&2; printf end";
    let o = ended(call_in(folder.path(), &["-n", "2", "--tag-output", "sh", "-c", script])?, 0)?;
    for (text, line) in [(&o.stdout, "[0] out\n"), (&o.stdout, "[1] end\n"), (&o.stderr, "[1] error\n")] {
        has("output", text, line)?;
    }
    let words = ["-n", "2", "--output-filename", "deep/%r.txt", "sh", "-c", script];
    let o = ended(call_in(folder.path(), &words)?, 0)?;
    let text = std::fs::read_to_string(folder.path().join("deep/1.txt")).map_err(|e| e.to_string())?;
    for part in ["out\n", "error\n", "end"] {
        has("the file", &text, part)?;
    }
    if o.stdout.is_empty() && o.stderr.is_empty() { Ok(()) } else { Err(o.told()) }
}

fn input() -> Result<(), String> {
    let script = "read line; echo \"[$line]\"";
    let words = ["--isolate=process", "-n", "3", "sh", "-c", script];
    let o = ended(run(&mut command("ampirun", &words), "words\n", LIMIT)?, 0)?;
    let mut lines: Vec<&str> = o.stdout.lines().collect();
    lines.sort_unstable();
    if lines == ["[]", "[]", "[words]"] { Ok(()) } else { Err(o.told()) }
}

fn time_over() -> Result<(), String> {
    let folder = folder()?;
    let file = program(folder.path(), "ampicc", ENDS, &[])?;
    let words = ["-n", "3", "--timeout", "1", "--deadlock", "off", "./program", "hang"];
    let o = ended(call_in(folder.path(), &words)?, 124)?;
    has("stderr", &o.stderr, "time over")?;
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if std::fs::read_link(entry.path().join("exe")).is_ok_and(|exe| exe == file) {
            return Err(format!("process {:?} is left", entry.file_name()));
        }
    }
    Ok(())
}

fn waiting() -> Result<(), String> {
    let folder = folder()?;
    program(folder.path(), "ampicc", ENDS, &[])?;
    // more than cores: all but one wait for two seconds in a barrier or a receive
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let ranks = cores + 2;
    let o = ended(call_in(folder.path(), &["-n", &ranks.to_string(), "./program", "sleep"])?, 0)?;
    if o.stdout.lines().count() == ranks && !o.stdout.contains("busy") { Ok(()) } else { Err(o.told()) }
}
