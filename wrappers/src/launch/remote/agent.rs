//! The remote side: `ampirun --remote-agent`, run by a remote shell.
//!
//! ```text
//! stdin ──► order ──► start every process ──► events ──► frames on stdout
//!                       events: lines of output · a process ended · a signal to hand on · stdin ended
//! ```
//!
//! 1. One thread, the first, starts processes, writes frames and reaps: children have its death as their own end
//!    (PR_SET_PDEATHSIG), so it lives as long as the agent.
//! 2. A process is reaped only by that thread, after it was told of the end: its number is never another's when a signal is
//!    sent.
//! 3. When standard input ends, or standard output takes no more, all processes get SIGTERM, and SIGKILL half a second later.
//! 4. What a process wrote is told before its end, unless somebody else keeps its pipe open ([`LATE`]).
//! 5. Nothing that the processes of a failed or cut-off job left behind survives the agent.
//!
//! # Safety
//! Calls of libc with plain numbers.
#![allow(unsafe_code)]

use super::super::child::{adopt, die_with_parent, sweep};
use super::super::lines;
use super::frame::{self, Hello, Kind, NOBODY};
use super::order::{Order, SECRET_VARIABLE, Start};
use super::shell::FROM_VARIABLES;
use crate::VERSION;
use crate::say::err;
use ampi_core::pmi::detect::PRIVATE_VARIABLES;
use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Read, Write};
use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// How long processes may take to end after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);
/// How long output may come after the end of its process.
const LATE: Duration = Duration::from_millis(200);
/// Frames that may wait for being written; then processes wait with their output.
const WAITING_MAX: usize = 256;

enum News {
    Lines { place: usize, kind: Kind, bytes: Vec<u8> },
    StreamEnded { place: usize },
    Exited { place: usize },
    Signal(i32),
    InputEnded,
}

/// A process that was started.
struct Running {
    process: u32,
    child: Child,
    /// Of its two streams, those that are open.
    streams: usize,
    exited_at: Option<Instant>,
    reaped: bool,
}

/// The whole agent.
pub fn main() -> ExitCode {
    if io::stdin().is_terminal() {
        err!("ampirun: {} is for the launcher, not for people", super::AGENT_WORD);
        return ExitCode::from(2);
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            err!("ampirun: agent: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> io::Result<()> {
    let mut output = io::stdout();
    output.write_all(hello().to_line().as_bytes())?;
    output.flush()?;
    let mut input = io::stdin().lock();
    let order = match frame::read(&mut input)? {
        None => return Ok(()),
        Some(first) if first.kind == Kind::Order => Order::decode(&first.payload),
        Some(_) => None,
    };
    let order = order.ok_or_else(|| io::Error::other("the order of the launcher is damaged"))?;
    drop(input);
    adopt();
    if let Err(e) = std::env::set_current_dir(&order.folder) {
        let why = format!("cannot go to the folder {}: {e}", order.folder.display());
        return frame::write(&mut output, Kind::NotStarted, NOBODY, why.as_bytes());
    }
    let (sender, news) = sync_channel(WAITING_MAX);
    let mut job = Job { running: Vec::new(), output, ending: None, failed: false };
    for start in &order.starts {
        job.start(&order, start, &sender)?;
    }
    let signals = sender.clone();
    std::thread::spawn(move || listen(&signals));
    loop {
        if job.running.iter().all(|r| r.reaped) {
            break;
        }
        match news.recv_timeout(job.next_time()) {
            Ok(news) => job.take(news),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        job.step();
    }
    if job.failed || job.ending.is_some() {
        sweep();
    }
    job.tell(Kind::Done, NOBODY, &[]);
    Ok(())
}

/// What this host is.
fn hello() -> Hello {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Hello {
        protocol: frame::PROTOCOL,
        version: VERSION.into(),
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        sockets: sockets(),
        host: host.trim().into(),
        from: launcher_address(),
    }
}

/// The launcher's address as this host sees it: Slurm and sshd leave it in the environment.
fn launcher_address() -> Option<IpAddr> {
    let first = |name: &str| {
        let value = std::env::var(name).ok()?;
        value.split_whitespace().next()?.parse().ok()
    };
    FROM_VARIABLES.iter().find_map(|name| first(name))
}

/// Sockets whose cores are there, at least 1.
fn sockets() -> usize {
    let mut packages = BTreeSet::new();
    for entry in std::fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten() {
        let file = entry.path().join("topology/physical_package_id");
        packages.extend(std::fs::read_to_string(file).ok().map(|id| id.trim().to_string()));
    }
    packages.len().max(1)
}

struct Job {
    running: Vec<Running>,
    output: io::Stdout,
    /// SIGTERM was sent: when SIGKILL follows; `None` inside: it was sent too.
    ending: Option<Option<Instant>>,
    failed: bool,
}

impl Job {
    /// A frame to the launcher; one that cannot be reached is as good as gone.
    fn tell(&mut self, kind: Kind, process: u32, payload: &[u8]) {
        if frame::write(&mut self.output, kind, process, payload).is_err() {
            self.end_all();
        }
    }

    fn start(&mut self, order: &Order, start: &Start, sender: &SyncSender<News>) -> io::Result<()> {
        let mut child = match command(order, start).spawn() {
            Ok(child) => child,
            Err(e) => {
                let path = start.path.display();
                let why = match e.kind() {
                    io::ErrorKind::NotFound => format!("there is no {path}"),
                    _ => format!("cannot start {path}: {e}"),
                };
                self.failed = true;
                self.tell(Kind::NotStarted, start.process, why.as_bytes());
                return Ok(());
            }
        };
        let place = self.running.len();
        let mut streams = 0;
        if let Some(stream) = child.stdout.take() {
            streams += 1;
            let sender = sender.clone();
            std::thread::spawn(move || forward(stream, place, Kind::Stdout, &sender));
        }
        if let Some(stream) = child.stderr.take() {
            streams += 1;
            let sender = sender.clone();
            std::thread::spawn(move || forward(stream, place, Kind::Stderr, &sender));
        }
        let pid = child.id();
        let waiter = sender.clone();
        std::thread::spawn(move || {
            await_end(pid);
            let _ = waiter.send(News::Exited { place });
        });
        let process = start.process;
        self.running.push(Running { process, child, streams, exited_at: None, reaped: false });
        self.tell(Kind::Started, process, &pid.to_le_bytes());
        Ok(())
    }

    fn take(&mut self, news: News) {
        match news {
            News::Lines { place, kind, bytes } => self.tell(kind, self.running[place].process, &bytes),
            News::StreamEnded { place } => self.running[place].streams -= 1,
            News::Exited { place } => self.running[place].exited_at = Some(Instant::now()),
            News::Signal(number) => self.signal(number),
            News::InputEnded => self.end_all(),
        }
    }

    /// Whatever is due.
    fn step(&mut self) {
        let now = Instant::now();
        if let Some(Some(kill_at)) = self.ending
            && now >= kill_at
        {
            self.ending = Some(None);
            self.signal(libc::SIGKILL);
        }
        for place in 0..self.running.len() {
            let running = &mut self.running[place];
            let Some(exited_at) = running.exited_at.filter(|_| !running.reaped) else { continue };
            if running.streams > 0 && now < exited_at + LATE {
                continue;
            }
            running.reaped = true;
            let status = running.child.wait().ok();
            let (code, signal) = (status.and_then(|s| s.code()), status.and_then(|s| s.signal()));
            self.failed |= code != Some(0);
            let process = running.process;
            self.tell(Kind::Ended, process, &frame::end_payload(code, signal));
        }
    }

    /// How long nothing is due.
    fn next_time(&self) -> Duration {
        let late = self.running.iter().filter(|r| !r.reaped).filter_map(|r| r.exited_at).map(|at| at + LATE);
        let next = late.chain(self.ending.flatten()).min();
        next.map_or(Duration::from_secs(3600), |at| at.saturating_duration_since(Instant::now()))
    }

    fn end_all(&mut self) {
        if self.ending.is_none() {
            self.ending = Some(Some(Instant::now() + GRACE));
            self.signal(libc::SIGTERM);
        }
    }

    fn signal(&self, number: i32) {
        for running in self.running.iter().filter(|r| !r.reaped) {
            // SAFETY: not reaped, so the number is still its own (rule 2).
            unsafe { libc::kill(running.child.id() as i32, number) };
        }
    }
}

fn command(order: &Order, start: &Start) -> Command {
    let mut command = Command::new(&start.path);
    if let Some((name, words)) = start.words.split_first() {
        command.arg0(name).args(words);
    }
    let all = order.environment.iter().chain(&start.environment);
    command.envs(all.map(|(name, value)| (name, value)));
    for name in PRIVATE_VARIABLES {
        command.env_remove(name);
    }
    if !order.secret.is_empty() {
        command.env(SECRET_VARIABLE, &order.secret);
    }
    if let Some(folder) = &start.folder {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    die_with_parent(&mut command, libc::SIGKILL);
    command
}

/// Waits until the child has ended, and leaves it to be reaped (rule 2).
fn await_end(pid: u32) {
    let mut info = MaybeUninit::<libc::siginfo_t>::uninit();
    // SAFETY: the call may fill `info`, which nobody reads.
    unsafe {
        while libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), libc::WEXITED | libc::WNOWAIT) != 0
            && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
        {}
    }
}

/// Signals of the launcher, until standard input ends.
fn listen(sender: &SyncSender<News>) {
    let mut input = io::stdin().lock();
    while let Ok(Some(next)) = frame::read(&mut input) {
        if let (Kind::Signal, [number]) = (next.kind, &next.payload[..]) {
            let _ = sender.send(News::Signal(i32::from(*number)));
        }
    }
    let _ = sender.send(News::InputEnded);
}

/// Hands on whole lines of a stream until it ends.
fn forward(stream: impl Read, place: usize, kind: Kind, sender: &SyncSender<News>) {
    lines::forward(stream, |bytes| sender.send(News::Lines { place, kind, bytes }).is_ok());
    // nobody listens any more: the agent ends
    let _ = sender.send(News::StreamEnded { place });
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn this_host_says_what_it_is() {
        let hello = hello();
        assert!(hello.cores >= 1 && hello.sockets >= 1 && !hello.host.is_empty());
        let line = hello.to_line();
        assert_eq!(Hello::read(&mut line.as_bytes()).unwrap(), Some(hello));
    }
}
