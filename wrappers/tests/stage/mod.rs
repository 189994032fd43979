//! An installation whose worker is the stand-in (`examples/stand_in_worker.rs`), and jobs that are started from it.
//!
//! 1. Every job has a time limit; what is left of it then is killed and the test fails.
//! 2. Processes of a stage are known by their executable, which lies in its folder.
#![allow(dead_code)]

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// No job of these tests takes as long.
pub const LIMIT: Duration = Duration::from_secs(30);

/// What other launchers and allocations leave in the environment.
const OTHERS: [&str; 5] = ["PMI", "PMIX_", "OMPI_", "SLURM_", "MPIEXEC_"];

/// The stand-in, built once.
fn worker() -> &'static PathBuf {
    static WORKER: OnceLock<PathBuf> = OnceLock::new();
    WORKER.get_or_init(|| {
        let profile = Path::new(env!("CARGO_BIN_EXE_ampirun")).parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "-p", "ampi-wrappers", "--example", "stand_in_worker"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "cargo build of stand_in_worker");
        profile.join("examples/stand_in_worker")
    })
}

pub struct Stage {
    folder: TempDir,
    outputs: AtomicU32,
}

/// A job that ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub time: Duration,
}

impl Ended {
    pub fn lines(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.stdout.lines().collect();
        lines.sort_unstable();
        lines
    }

    /// Its exit code, and all that the launcher said.
    pub fn expect(&self, code: i32, sentence: &str) {
        assert_eq!(self.code, code, "{self:?}");
        let told = self.stderr.lines().count();
        let expected = usize::from(!sentence.is_empty());
        assert!(told == expected && self.stderr.contains(sentence), "expected \"{sentence}\": {self:?}");
    }
}

impl Stage {
    pub fn new() -> Stage {
        // On the same disk as the executables: they get a second name there.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::hard_link(env!("CARGO_BIN_EXE_ampirun"), bin.join("ampirun")).unwrap();
        fs::hard_link(worker(), bin.join("ampi-worker")).unwrap();
        Stage { folder, outputs: AtomicU32::new(0) }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn ampirun(&self) -> PathBuf {
        self.path("bin/ampirun")
    }

    /// `ampirun` with these words, a blank between two.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(self.ampirun());
        command.args(words.split_whitespace());
        clean(&mut command);
        command
    }

    /// Runs a job to its end.
    pub fn run(&self, words: &str) -> Ended {
        self.start(words).end()
    }

    pub fn start(&self, words: &str) -> Started<'_> {
        self.start_command(self.command(words))
    }

    /// Starts any command; its output goes into files, so nothing waits for us.
    pub fn start_command(&self, mut command: Command) -> Started<'_> {
        let number = self.outputs.fetch_add(1, Ordering::SeqCst);
        let files = ["out", "err"].map(|kind| self.path(&format!("{number}.{kind}")));
        let [out, err] = files.each_ref().map(|file| File::create(file).unwrap());
        command.stdout(out).stderr(err);
        if command.get_envs().all(|(name, _)| name != "STDIN") {
            command.stdin(Stdio::null());
        }
        let child = command.env_remove("STDIN").spawn().unwrap();
        Started { stage: self, child, began: Instant::now(), files }
    }

    /// Processes of this stage, with the number of each.
    pub fn processes(&self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
        let own = |pid: &u32| {
            fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(self.folder.path()))
        };
        pids.filter(own).collect()
    }

    /// Fails when something of a job is still there after a second.
    pub fn await_nothing_left(&self) {
        let until = Instant::now() + Duration::from_secs(1);
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            if Instant::now() > until {
                let told: Vec<String> = left.iter().map(|pid| describe(*pid)).collect();
                self.kill_all();
                panic!("processes are left: {told:?}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill_all(&self) {
        for pid in self.processes() {
            signal(pid, libc::SIGKILL);
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// Takes what belongs to another launcher out of the environment. Signals that whoever started the tests ignores have
/// their effect again.
pub fn clean(command: &mut Command) {
    let restore = || {
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGPIPE] {
            // SAFETY: the default effect needs no handler.
            #[allow(unsafe_code)]
            unsafe {
                libc::signal(signal, libc::SIG_DFL)
            };
        }
        Ok(())
    };
    // SAFETY: signal is async-signal-safe.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(restore)
    };
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if OTHERS.iter().any(|start| text.starts_with(start)) {
            command.env_remove(&name);
        }
    }
}

fn describe(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    format!("{pid} {}", String::from_utf8_lossy(&line).replace('\0', " "))
}

pub fn signal(pid: u32, number: i32) {
    let mut kill = Command::new("kill");
    // A process that is gone needs no signal.
    let _ = kill.arg(format!("-{number}")).arg(pid.to_string()).stderr(Stdio::null()).status().unwrap();
}

/// A job that runs.
pub struct Started<'a> {
    stage: &'a Stage,
    pub child: Child,
    began: Instant,
    files: [PathBuf; 2],
}

impl Started<'_> {
    pub fn stdout(&self) -> String {
        fs::read_to_string(&self.files[0]).unwrap()
    }

    /// Waits until the job has written so many lines.
    pub fn await_lines(&mut self, count: usize) {
        while self.stdout().lines().count() < count {
            self.check_time("it does not write");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Workers on this host that hang directly on the launcher.
    pub fn children(&self) -> Vec<u32> {
        let pid = self.child.id();
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        text.split_whitespace().filter_map(|c| c.parse().ok()).collect()
    }

    pub fn signal(&self, number: i32) {
        signal(self.child.id(), number);
    }

    fn check_time(&mut self, what: &str) {
        if self.began.elapsed() > LIMIT {
            let left: Vec<String> = self.stage.processes().into_iter().map(describe).collect();
            // Whatever it is, it ends here.
            let _ = self.child.kill();
            let errors = fs::read_to_string(&self.files[1]).unwrap();
            panic!("{what}: {}{errors}; there are {left:?}", self.stdout());
        }
    }

    /// The end, and nothing left behind.
    pub fn end(mut self) -> Ended {
        use std::os::unix::process::ExitStatusExt;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None => self.check_time("it does not end"),
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let time = self.began.elapsed();
        self.stage.await_nothing_left();
        let [stdout, stderr] =
            self.files.each_ref().map(|f| String::from_utf8_lossy(&fs::read(f).unwrap()).into_owned());
        Ended { code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap()), stdout, stderr, time }
    }
}

/// Numbers that look random and are the same in each run (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// Whether a program of this name is in PATH.
pub fn found(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(OsStr::new(name)).is_file())
}
