//! Jobs of several processes that something happens to: a process is killed at any moment, ranks end in every wrong way, the
//! user or the system ends them. Each job ends soon, says why in one sentence, and leaves nothing.
//!
//! `AMPI_TEST_CLUSTER` makes the rounds of the first two tests many, `AMPI_TEST_SEED` another sequence of them.

use super::job::{Ended, Job};
use super::{LIMIT, Test, command, folder, has, program};
use crate::process::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const ALL: &[Test] = &[
    ("processes: one is killed at any moment, shared memory", killed_with_shared_memory),
    ("processes: one is killed at any moment, tcp", killed_with_tcp),
    ("processes: a rank crashes", crash),
    ("processes: a rank ends without MPI_Finalize", early_exit),
    ("processes: each of them aborts the job", abort),
    ("processes: signals end the job", signals),
    ("processes: none outlives the launcher", death_of_the_launcher),
    ("processes: one is stopped", stopped),
    ("processes: one writes much", much_output),
    ("processes: rank 0 reads the input", input),
    ("processes: the memory cannot be had", no_memory),
    ("processes: another secret", wrong_secret),
    ("processes: the host's library carries their messages", by_the_host),
    ("processes: a provider of libfabric that is not there", no_provider),
];

/// Soon enough for a user who waits.
const SOON: Duration = Duration::from_secs(3);
/// Processes of two PEs.
const PES_EACH: &str = "2";

/// All kinds of traffic, as many rounds as the first argument says; the second one says how it ends.
const BUSY: &str = r#"
#include <mpi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LONG = 300000 };
static char big[LONG], other[LONG];
static int rank, size;

static void must(int holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "rank %d: wrong %s\n", rank, what);
        MPI_Abort(MPI_COMM_WORLD, 99);
    }
}

static void exchange(int round)
{
    int right = (rank + 1 + round % (size - 1)) % size, left = (rank + size - 1 - round % (size - 1)) % size;
    int mine = rank * 1000 + round, theirs = -1;
    MPI_Request requests[4];
    MPI_Sendrecv(&mine, 1, MPI_INT, right, 1, &theirs, 1, MPI_INT, left, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    must(theirs == left * 1000 + round, "word");
    memset(big, rank + round, LONG);
    MPI_Irecv(other, LONG, MPI_CHAR, left, 2, MPI_COMM_WORLD, &requests[0]);
    MPI_Isend(big, LONG, MPI_CHAR, right, 2, MPI_COMM_WORLD, &requests[1]);
    MPI_Irecv(&theirs, 1, MPI_INT, left, 3, MPI_COMM_WORLD, &requests[2]);
    MPI_Isend(&mine, 1, MPI_INT, right, 3, MPI_COMM_WORLD, &requests[3]);
    MPI_Waitall(4, requests, MPI_STATUSES_IGNORE);
    must(other[0] == (char)(left + round) && other[LONG - 1] == (char)(left + round), "long message");
}

static void together(int round)
{
    double sum = 0, own = rank + round;
    MPI_Comm half, copy;
    MPI_Request request;
    int *each = malloc(2 * size * sizeof *each);
    MPI_Allreduce(&own, &sum, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    must(sum == size * (size - 1) / 2.0 + (double)size * round, "sum");
    MPI_Bcast(big, LONG, MPI_CHAR, round % size, MPI_COMM_WORLD);
    must(big[7] == (char)(round % size + round), "broadcast");
    for (int i = 0; i < size; i++)
        each[i] = rank;
    MPI_Alltoall(each, 1, MPI_INT, each + size, 1, MPI_INT, MPI_COMM_WORLD);
    must(each[size] == 0 && each[2 * size - 1] == size - 1, "alltoall");
    MPI_Comm_split(MPI_COMM_WORLD, (rank + round) % 2, -rank, &half);
    MPI_Comm_dup(half, &copy);
    MPI_Ibarrier(copy, &request);
    MPI_Wait(&request, MPI_STATUS_IGNORE);
    MPI_Comm_free(&copy);
    MPI_Comm_free(&half);
    free(each);
}

int main(int argc, char **argv)
{
    int rounds = atoi(argv[1]), whose = argc > 3 ? atoi(argv[3]) : -1;
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    for (int round = 0; round < rounds; round++) {
        exchange(round);
        together(round);
        if (round == 3 && rank == whose) {
            if (!strcmp(argv[2], "crash"))
                *(volatile int *)8 = 1;
            if (!strcmp(argv[2], "exit"))
                exit(3);
            if (!strcmp(argv[2], "abort"))
                MPI_Abort(MPI_COMM_WORLD, 40 + rank);
        }
    }
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank == 0)
        printf("through\n");
    MPI_Finalize();
    return 0;
}
"#;

/// More rounds than anybody waits for.
const FOR_EVER: &str = "1000000000";

fn busy() -> Result<(TempDir, PathBuf), String> {
    let folder = folder()?;
    let exe = program(folder.path(), "ampicc", BUSY, &["-O1"])?;
    Ok((folder, exe))
}

/// Words for a job of so many processes.
fn words(processes: usize) -> Vec<String> {
    let (pes, ranks) = ((processes * 2).to_string(), (processes * 4 - 1).to_string());
    ["+p", &pes, "++ppn", PES_EACH, "+vp", &ranks].map(String::from).to_vec()
}

/// `ampirun`, the words for so many processes, further ones, the busy program and its arguments.
fn job(processes: usize, further: &[&str], exe: &Path, arguments: &[&str]) -> Result<Job, String> {
    let words = words(processes);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(further.iter().copied()).collect();
    Job::with_arguments(command("ampirun", &words), exe, arguments)
}

/// What the launcher says.
fn said(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| !line.is_empty()).collect()
}

/// Fails unless standard error is this one sentence.
fn one_sentence(ended: &Ended, parts: &[&str]) -> Result<(), String> {
    match said(ended)[..] {
        [line] if parts.iter().all(|part| line.contains(part)) => Ok(()),
        _ => Err(format!("not one sentence with {parts:?}: {}", ended.told())),
    }
}

// ---------------------------------------------------------------------------------------------------- at any moment

/// SplitMix64: the same seed, the same moments.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

fn killed_with_shared_memory() -> Result<(), String> {
    killed("auto")
}

fn killed_with_tcp() -> Result<(), String> {
    killed("tcp")
}

fn killed(transport: &str) -> Result<(), String> {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let rounds = if std::env::var_os("AMPI_TEST_CLUSTER").is_some() { 200 } else { 40 };
    let seed = number("AMPI_TEST_SEED").unwrap_or(1);
    let mut random = Random(seed);
    let (_folder, exe) = busy()?;
    let mut lengths = Vec::new();
    for processes in [2, 3] {
        // the shortest of some: who kills later than that comes too late
        let mut length = LIMIT;
        for _ in 0..4 {
            let whole = job(processes, &["--transport", transport], &exe, &["12"])?.end(LIMIT, SOON)?;
            if whole.code != 0 || !said(&whole).is_empty() {
                return Err(format!("nobody was killed: {}", whole.told()));
            }
            length = length.min(whole.took);
        }
        lengths.push(length);
    }
    let (mut ended_itself, mut at_start) = (0, 0);
    for round in 0..rounds {
        let processes = 2 + round as usize % 2;
        let length = lengths[processes - 2].as_micros() as u64;
        let after = Duration::from_micros(random.below(length + length / 10));
        let victim = random.below(processes as u64) as u32;
        let told =
            |why: String| format!("seed {seed}, round {round}, process {victim} after {after:?}: {why}");
        match kill_one(processes, transport, &exe, victim, after).map_err(told)? {
            Killed::TooLate => ended_itself += 1,
            Killed::AtStart => at_start += 1,
            Killed::Running => {}
        }
    }
    println!(
        "{transport}: {rounds} rounds, {at_start} killed before all had begun, {ended_itself} after the end"
    );
    Ok(())
}

enum Killed {
    AtStart,
    Running,
    /// The job was through.
    TooLate,
}

fn kill_one(
    processes: usize,
    transport: &str,
    exe: &Path,
    victim: u32,
    after: Duration,
) -> Result<Killed, String> {
    let began = Instant::now();
    let mut job = job(processes, &["--transport", transport], exe, &["12"])?;
    while began.elapsed() < after && job.is_running() {
        std::thread::sleep(Duration::from_micros(200));
    }
    // one that has not been started yet is killed as soon as it is
    let pid = loop {
        match job.workers().iter().find(|(number, _)| *number == victim) {
            Some((_, pid)) => break Some(*pid),
            None if !job.is_running() || began.elapsed() > after + LIMIT => break None,
            None => std::thread::sleep(Duration::from_micros(200)),
        }
    };
    job.look_at_names();
    let at_start = job.workers().len() < processes;
    let when = Instant::now();
    if let Some(pid) = pid {
        job.send(pid, 9);
    }
    let ended = job.end(LIMIT, Duration::from_millis(200))?;
    let took = when.elapsed();
    if took > SOON {
        return Err(format!("the launcher took {took:?} to end: {}", ended.told()));
    }
    if ended.code == 0 {
        has("stdout", &ended.stdout, "through")?;
        return if said(&ended).is_empty() { Ok(Killed::TooLate) } else { Err(ended.told()) };
    }
    one_sentence(&ended, &[&format!("process {victim} on host "), "was ended by signal 9 (Killed)"])?;
    if ended.code != 137 {
        return Err(format!("exit code {} instead of 137: {}", ended.code, ended.told()));
    }
    Ok(if at_start { Killed::AtStart } else { Killed::Running })
}

// ------------------------------------------------------------------------------------------------ ranks that end badly

const TRANSPORTS: [&str; 2] = ["auto", "tcp"];

fn crash() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for transport in TRANSPORTS {
        for (rank, process) in [("0", 0), ("5", 1), ("10", 2)] {
            let job = job(3, &["--transport", transport], &exe, &[FOR_EVER, "crash", rank])?;
            let ended = job.end(LIMIT, SOON)?;
            if ended.code != 139 {
                return Err(format!("rank {rank} of process {process}, {transport}: {}", ended.told()));
            }
            has("stderr", &ended.stderr, &format!("rank {rank} "))?;
            has("stderr", &ended.stderr, "SIGSEGV").or_else(|_| has("stderr", &ended.stderr, "signal 11"))?;
        }
    }
    Ok(())
}

fn early_exit() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for transport in TRANSPORTS {
        for rank in ["0", "4", "9"] {
            let job = job(3, &["--transport", transport], &exe, &[FOR_EVER, "exit", rank])?;
            let ended = job.end(LIMIT, SOON)?;
            if ended.code != 3 {
                return Err(format!("rank {rank}, {transport}: {}", ended.told()));
            }
            one_sentence(&ended, &[&format!("rank {rank} on PE "), "without calling MPI_Finalize"])?;
        }
    }
    Ok(())
}

fn abort() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for transport in TRANSPORTS {
        for rank in [1, 4, 10] {
            let word = rank.to_string();
            let job = job(3, &["--transport", transport], &exe, &[FOR_EVER, "abort", &word])?;
            let ended = job.end(LIMIT, SOON)?;
            if ended.code != 40 + rank {
                return Err(format!("rank {rank}, {transport}: {}", ended.told()));
            }
            one_sentence(&ended, &[&format!("rank {rank} on PE "), "MPI_Abort"])?;
        }
    }
    Ok(())
}

// ----------------------------------------------------------------------------------------------------- from outside

fn signals() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for (signal, transport) in [(2, "auto"), (15, "tcp"), (1, "auto"), (2, "tcp")] {
        for after in [20, 400] {
            let mut job = job(3, &["--transport", transport], &exe, &[FOR_EVER])?;
            // before the launcher has its handlers a signal ends it as any other program
            job.await_workers(3)?;
            std::thread::sleep(Duration::from_millis(after));
            job.look_at_names();
            let when = Instant::now();
            job.send(job.launcher(), signal);
            let ended = job.end(LIMIT, SOON)?;
            if ended.code != 128 + signal || when.elapsed() > SOON || !said(&ended).is_empty() {
                return Err(format!("signal {signal}, {transport}, after {after} ms: {}", ended.told()));
            }
        }
    }
    Ok(())
}

fn death_of_the_launcher() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for transport in TRANSPORTS {
        for after in [0, 50, 500] {
            let mut job = job(3, &["--transport", transport], &exe, &[FOR_EVER])?;
            job.await_workers(3)?;
            std::thread::sleep(Duration::from_millis(after));
            job.look_at_names();
            job.send(job.launcher(), 9);
            let ended = job.end(LIMIT, Duration::from_secs(2))?;
            if ended.code != 137 {
                return Err(ended.told());
            }
        }
    }
    Ok(())
}

/// The job may wait for a process that is stopped; the user and the time limit end it all the same.
fn stopped() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    for transport in TRANSPORTS {
        for by_limit in [false, true] {
            let limit = if by_limit { &["--timeout", "2"][..] } else { &[] };
            let further = [&["--transport", transport][..], limit].concat();
            let mut job = job(3, &further, &exe, &[FOR_EVER])?;
            let workers = job.await_workers(3)?;
            std::thread::sleep(Duration::from_millis(400));
            job.send(workers[1].1, libc::SIGSTOP);
            std::thread::sleep(Duration::from_millis(600));
            if !job.is_running() {
                return Err(format!("the job did not wait: {}", job.end(LIMIT, SOON)?.told()));
            }
            let when = Instant::now();
            if !by_limit {
                job.send(job.launcher(), libc::SIGINT);
            }
            let ended = job.end(LIMIT, SOON)?;
            let (code, sentences) = if by_limit { (124, 1) } else { (130, 0) };
            if ended.code != code || said(&ended).len() != sentences || when.elapsed() > SOON {
                return Err(format!("{transport}: {}", ended.told()));
            }
        }
    }
    Ok(())
}

/// What a process has written arrives, all of it.
fn much_output() -> Result<(), String> {
    let folder = folder()?;
    let source = "#include <mpi.h>\n#include <stdio.h>\n#include <string.h>\nstatic char line[1000];\n\
                  int main(int c, char **v) { int rank; MPI_Init(&c, &v); MPI_Comm_rank(MPI_COMM_WORLD, &rank); \
                  memset(line, 'x', 999); for (int i = 0; i < 100000 && rank == 2; i++) puts(line); \
                  MPI_Finalize(); return 0; }\n";
    let exe = program(folder.path(), "ampicc", source, &["-O1"])?;
    let ended = Job::start(&["+p", "3", "++ppn", "1"], &exe)?.end(LIMIT, SOON)?;
    let whole = ended.stdout.len() == 100_000_000 && ended.stdout.lines().all(|line| line.len() == 999);
    if ended.code != 0 || !whole {
        let lines: String = ended.stdout.lines().take(3).collect();
        return Err(format!("code {}, {} bytes: {lines}{}", ended.code, ended.stdout.len(), ended.stderr));
    }
    // and who does not want it any more ends the job
    let mut command = Command::new("sh");
    let line = format!("{} +p 3 ++ppn 1 {} | head -c 100", super::tree_bin("ampirun"), exe.display());
    let o = run(command.arg("-c").arg(line), "", LIMIT)?;
    if o.timed_out || o.took > Duration::from_secs(5) { Err(o.told()) } else { Ok(()) }
}

fn input() -> Result<(), String> {
    let folder = folder()?;
    let source = "#include <mpi.h>\n#include <stdio.h>\nint main(int c, char **v) { int rank, n = 0, all; long sum = 0, x; \
                  MPI_Init(&c, &v); MPI_Comm_rank(MPI_COMM_WORLD, &rank); while (scanf(\"%ld\", &x) == 1) { sum += x; n++; } \
                  MPI_Allreduce(&n, &all, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD); \
                  if (n) printf(\"rank %d read %d of %d, sum %ld\\n\", rank, n, all, sum); MPI_Finalize(); return 0; }\n";
    let exe = program(folder.path(), "ampicc", source, &[])?;
    let text: String = (1..=50_000).map(|i| format!("{i}\n")).collect();
    for transport in TRANSPORTS {
        let mut command = command("ampirun", &["+p", "3", "++ppn", "1", "--transport", transport]);
        let o = super::ended(run(command.arg(&exe), &text, LIMIT)?, 0)?;
        if o.stdout != "rank 0 read 50000 of 50000, sum 1250025000\n" {
            return Err(o.told());
        }
    }
    Ok(())
}

/// Neither a limit on files nor a full or missing /dev/shm keeps a job from running or from saying why it cannot.
fn no_memory() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    let line = |before: &str| {
        let words = words(2).join(" ");
        format!("{before} exec {} {words} {} 4", super::tree_bin("ampirun"), exe.display())
    };
    let shell = |line: &str| run(Command::new("sh").args(["-c", line]), "", LIMIT);
    // blocks of 512 bytes
    for blocks in [2, 2000, 20_000] {
        let o = shell(&line(&format!("ulimit -f {blocks};")))?;
        let told = o.stderr.lines().any(|l| l.starts_with("ampirun: ") || l.starts_with("ampi: "));
        if o.timed_out || o.took > Duration::from_secs(10) || (o.code != 0 && !told) {
            return Err(format!("with files of {blocks} blocks: {}", o.told()));
        }
    }
    for mount in ["mount -t tmpfs -o size=64m tmpfs /dev/shm", "mount -t tmpfs -o ro,size=4k tmpfs /dev/shm"]
    {
        let o =
            run(Command::new("unshare").args(["-rm", "sh", "-c", &line(&format!("{mount} &&"))]), "", LIMIT)?;
        if o.stderr.contains("unshare") || o.stderr.contains("mount:") {
            println!("skipped: {mount}: {}", o.stderr.trim());
        } else if o.code != 0 || !o.stdout.contains("through") {
            return Err(format!("{mount}: {}", o.told()));
        }
    }
    Ok(())
}

/// A process that does not know the job's secret is not let in, and says so.
fn wrong_secret() -> Result<(), String> {
    let (folder, exe) = busy()?;
    let mut job = job(2, &[], &exe, &[FOR_EVER])?;
    let workers = job.await_workers(2)?;
    let environment = std::fs::read(format!("/proc/{}/environ", workers[1].1)).map_err(|e| e.to_string())?;
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let mut stranger = Command::new(super::tree_bin("ampi-worker"));
    stranger.arg(&exe).arg("4").env_clear().current_dir(folder.path());
    for (name, value) in environment.split('\0').filter_map(|variable| variable.split_once('=')) {
        let other = "0123456789abcdef".repeat(value.len() / 16);
        stranger.env(name, if name == "AMPI_SECRET" { &other } else { value });
    }
    let o = run(stranger.env_remove("AMPI_TEST_JOB"), "", LIMIT)?;
    if o.code == 0 || o.timed_out || o.took > Duration::from_secs(15) || !o.stderr.contains("ampi: ") {
        return Err(o.told());
    }
    if !job.is_running() {
        return Err(format!("the stranger ended the job: {}", job.end(LIMIT, SOON)?.told()));
    }
    job.send(job.launcher(), libc::SIGTERM);
    let ended = job.end(LIMIT, SOON)?;
    if ended.code == 143 { Ok(()) } else { Err(ended.told()) }
}

fn no_provider() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    let ended = job(3, &["--transport", "ofi:no-such"], &exe, &["4"])?.end(LIMIT, SOON)?;
    one_sentence(&ended, &["cannot start: --transport ofi:no-such"])?;
    if ended.code == 1 && ended.took < SOON { Ok(()) } else { Err(ended.told()) }
}

/// Under MPICH's own mpiexec its library can be what carries messages; elsewhere that is refused in a sentence.
fn by_the_host() -> Result<(), String> {
    let (_folder, exe) = busy()?;
    let under = |mpiexec: &[&str], tasks: &str| {
        let mut command = Command::new(mpiexec[0]);
        command.args(&mpiexec[1..]).args(["-n", tasks, &super::tree_bin("ampirun"), "--transport", "mpi"]);
        command.args(["-v", "+vp", "7", "++ppn", "1"]).arg(&exe).arg("20");
        run(&mut command, "", LIMIT)
    };
    for tasks in ["2", "3"] {
        let o = super::ended(under(&["mpiexec.mpich"], tasks)?, 0)?;
        has("stdout", &o.stdout, "through")?;
        has("stderr", &o.stderr, "process 0: the host's library (MPICH")?;
    }
    let ended = job(2, &["--transport", "mpi"], &exe, &["4"])?.end(LIMIT, SOON)?;
    one_sentence(&ended, &["cannot start: --transport mpi: ", "by that library's own mpiexec"])?;
    if !super::command("sh", &["-c", "command -v mpirun.openmpi"]).output().is_ok_and(|o| o.status.success())
    {
        println!("skipped: mpirun.openmpi is not installed");
        return Ok(());
    }
    let o = under(&["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"], "2")?;
    has("stderr", &o.stderr, "a PMIx server, as that of Open MPI's mpirun, serves one process of a task")?;
    if o.code != 0 && !o.timed_out { Ok(()) } else { Err(o.told()) }
}
