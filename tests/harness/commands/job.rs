//! A running job of several processes, for tests that hurt it: who its processes are, and that nothing of it is left.
//!
//! 1. Processes of a job are known by a variable in their environment, so also those that nobody is the parent of.
//! 2. Standard output and error are read all the time; a job never waits for the test.
//! 3. A job that is dropped is killed, with everything that belongs to it.
//!
//! # Safety
//! `kill` is sent to processes of the job only: those that carry its mark.
#![allow(unsafe_code)]

use super::command;
use crate::process::wait_for;
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Carries the mark of a job.
const MARK: &str = "AMPI_TEST_JOB";

pub struct Job {
    child: Child,
    mark: String,
    /// Where it would leave files.
    tmp: TempDir,
    output: Vec<JoinHandle<String>>,
    /// Names in the kernel's table that its processes had when we looked.
    names: BTreeSet<String>,
    began: Instant,
}

/// A job that has ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ended {
    pub fn told(&self) -> String {
        let (out, err) = (self.stdout.trim_end(), self.stderr.trim_end());
        format!("exit code {} after {:.2?}\n--- stdout\n{out}\n--- stderr\n{err}\n", self.code, self.took)
    }
}

impl Job {
    /// `ampirun` with these words.
    pub fn start(words: &[&str], exe: &Path) -> Result<Job, String> {
        Job::with_arguments(command("ampirun", words), exe, &[])
    }

    /// `command`, the program and its arguments.
    pub fn with_arguments(mut command: Command, exe: &Path, arguments: &[&str]) -> Result<Job, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mark = format!("{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let tmp = super::folder()?;
        command.arg(exe).args(arguments).env(MARK, &mark).env("TMPDIR", tmp.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let began = Instant::now();
        let mut child = command.spawn().map_err(|e| format!("cannot start ampirun: {e}"))?;
        let output = vec![collect(child.stdout.take()), collect(child.stderr.take())];
        Ok(Job { child, mark, tmp, output, names: BTreeSet::new(), began })
    }

    pub fn launcher(&self) -> u32 {
        self.child.id()
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Living processes of the job without the launcher: number in the job and of the kernel.
    pub fn workers(&self) -> Vec<(u32, u32)> {
        let own = marked(&self.mark).into_iter().filter(|(pid, _)| *pid != self.child.id());
        let mut all: Vec<(u32, u32)> = own.filter_map(|(pid, env)| Some((number(&env)?, pid))).collect();
        all.sort();
        all
    }

    /// Waits until so many workers are there.
    pub fn await_workers(&mut self, count: usize) -> Result<Vec<(u32, u32)>, String> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            let all = self.workers();
            if all.len() == count {
                return Ok(all);
            }
            if !self.is_running() || Instant::now() > until {
                return Err(format!("{} workers instead of {count}", all.len()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Notes by which names the processes can be reached, so that [`Job::end`] sees whether they vanish.
    pub fn look_at_names(&mut self) {
        for (pid, _) in marked(&self.mark) {
            self.names.extend(abstract_names(pid));
        }
    }

    pub fn send(&self, pid: u32, signal: i32) {
        // SAFETY: see the header.
        unsafe { libc::kill(pid as i32, signal) };
    }

    /// Waits for the end of `ampirun`, for at most `limit`, and looks whether anything is left after `grace`.
    pub fn end(mut self, limit: Duration, grace: Duration) -> Result<Ended, String> {
        let status = wait_for(&mut self.child, limit);
        let took = self.began.elapsed();
        let until = Instant::now() + grace;
        let mut left = self.leavings();
        while left.is_some() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(5));
            left = self.leavings();
        }
        // who holds the output open would keep us waiting
        self.kill_all();
        let mut texts = self.output.drain(..).map(|t| t.join().unwrap_or_default());
        let (stdout, stderr) = (texts.next().unwrap_or_default(), texts.next().unwrap_or_default());
        let code = status.as_ref().map_or(-1, |s| s.code().unwrap_or(128 + s.signal().unwrap_or(0)));
        let ended = Ended { code, stdout, stderr, took };
        match (status, left) {
            (Err(why), _) => Err(format!("{why}: {}", ended.told())),
            (_, Some(left)) => Err(format!("{left}: {}", ended.told())),
            (Ok(_), None) => Ok(ended),
        }
    }

    /// What is there though the job has ended.
    fn leavings(&self) -> Option<String> {
        let processes: Vec<u32> = marked(&self.mark).into_iter().map(|(pid, _)| pid).collect();
        if !processes.is_empty() {
            return Some(format!("processes {processes:?} are left"));
        }
        let table = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
        let launcher = format!("@ampi-{}-", self.child.id());
        let name = |line: &str| line.split_whitespace().last().unwrap_or("").to_string();
        let kept = table.lines().map(name).find(|n| n.starts_with(&launcher) || self.names.contains(n));
        if let Some(name) = kept {
            return Some(format!("the name {name} is left"));
        }
        let file = std::fs::read_dir(self.tmp.path()).ok()?.flatten().next()?;
        Some(format!("the file {} is left", file.path().display()))
    }

    fn kill_all(&self) {
        for (pid, _) in marked(&self.mark) {
            self.send(pid, libc::SIGKILL);
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.kill_all();
    }
}

/// Living processes with this mark, and their environment.
fn marked(mark: &str) -> Vec<(u32, Vec<u8>)> {
    let wanted = format!("{MARK}={mark}");
    let mut all = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // empty when it is over and only waits to be collected
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|b| *b == 0).any(|variable| variable == wanted.as_bytes()) {
            all.push((pid, environment));
        }
    }
    all
}

/// Which process of the job has this environment.
fn number(environment: &[u8]) -> Option<u32> {
    let mut variables = environment.split(|b| *b == 0);
    let job = variables.find_map(|variable| variable.strip_prefix(b"AMPI_JOB="))?;
    let job = String::from_utf8_lossy(job).into_owned();
    let mut words = job.split(|c: char| c.is_whitespace() || c == ';');
    words.find_map(|word| word.strip_prefix("process=")?.parse().ok())
}

/// Names of the abstract sockets that a process has open.
fn abstract_names(pid: u32) -> Vec<String> {
    let mut inodes = BTreeSet::new();
    for entry in std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
        let target = std::fs::read_link(entry.path()).unwrap_or_default();
        let target = target.to_string_lossy().into_owned();
        inodes.extend(target.strip_prefix("socket:[").and_then(|t| t.strip_suffix(']')).map(String::from));
    }
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap_or_default();
    let of_ours = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [.., inode, name] = words[..] else { return None };
        (name.starts_with("@ampi-") && inodes.contains(inode)).then(|| name.to_string())
    };
    table.lines().filter_map(of_ours).collect()
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
