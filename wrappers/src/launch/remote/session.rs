//! The launcher's side of one host: the remote shell, its three streams, what comes out of them as events.
//!
//! States: **opening** (the shell runs, the agent has not spoken) → **open** ([`News::Hello`]; the order may be sent) →
//! **closed** ([`News::Closed`], once and last). Rules:
//!
//! 1. Every session ends with one [`News::Closed`], whatever happens; nothing comes after it.
//! 2. Closing the agent's input ends all that it started (rule 2 of the module); dropping a session does it.
//! 3. What processes write goes to the [`Outlet`] by the session's own thread, before the end of the process is told: who
//!    does not read delays that host, and nobody else.
//! 4. Limits of time are the caller's: [`super::Fleet`] has one for the start, ssh its own for a host that is silent.

use super::super::Refusal;
use super::super::child::die_with_parent;
use super::diagnose::{self, Ended};
use super::frame::{self, Hello, Kind, NOBODY};
use super::order::Order;
use super::shell::Shell;
use crate::VERSION;
use rustix::event::{EventfdFlags, eventfd};
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a remote shell may take to end after its output has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How much of what a shell says is kept for the sentence at its end.
const STDERR_BYTES_MAX: usize = 16 << 10;

/// Something that happened on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Place of the host in the list of hosts.
    pub host: usize,
    pub news: News,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The agent is there.
    Hello(Hello),
    Started {
        process: u32,
        pid: u32,
    },
    /// Why a process, or (`None`) all of the order, was not started.
    NotStarted {
        process: Option<u32>,
        why: String,
    },
    /// Nobody takes the output any more.
    Unheard(io::ErrorKind),
    /// A process ended: exit code or signal.
    Ended {
        process: u32,
        code: Option<i32>,
        signal: Option<i32>,
    },
    /// A line that the remote shell itself said.
    Said(String),
    /// The way to the host is closed: in good order, or with a sentence why not.
    Closed(Result<(), String>),
}

/// Where whole lines of a process go: its number, whether they are errors, the lines.
pub type Outlet = Arc<dyn Fn(u32, bool, &[u8]) -> io::Result<()> + Send + Sync>;

/// Where events go, and a descriptor that is readable when some wait.
#[derive(Clone)]
pub struct Post {
    sender: Sender<Event>,
    bell: Arc<OwnedFd>,
}

impl Post {
    pub fn new(sender: Sender<Event>) -> io::Result<Post> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Post { sender, bell: Arc::new(bell) })
    }

    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn send(&self, event: Event) {
        // Nobody who listens any more: the job is over. A bell that cannot be rung has been rung.
        let _ = self.sender.send(event);
        let _ = rustix::io::write(&self.bell, &1u64.to_ne_bytes());
    }
}

/// An agent on a host.
pub struct Session {
    child: Arc<Mutex<Child>>,
    input: Option<ChildStdin>,
}

impl Session {
    /// Starts a remote shell to `host` that runs the agent at `agent`. Events of it carry `place`.
    pub fn open(
        place: usize,
        host: &str,
        shell: &Shell,
        agent: &Path,
        events: Post,
        outlet: Outlet,
    ) -> Result<Session, Refusal> {
        let failed = |e: &io::Error| Refusal { code: 1, why: diagnose::not_started(shell, e) };
        let mut command = shell.command(host, agent);
        die_with_parent(&mut command, libc::SIGTERM);
        let mut child = command.spawn().map_err(|e| failed(&e))?;
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let child = Arc::new(Mutex::new(child));
        let (Some(output), Some(errors)) = (output, errors) else {
            return Err(failed(&io::Error::other("no pipe to it")));
        };
        let said = Arc::new(Mutex::new(String::new()));
        let reader = Reader {
            place,
            host: host.into(),
            shell: shell.clone(),
            agent: agent.into(),
            child: Arc::clone(&child),
            said: Arc::clone(&said),
            events: events.clone(),
            outlet,
        };
        let collector = std::thread::spawn(move || collect(place, errors, &said, &events));
        std::thread::spawn(move || {
            let spoken = reader.read(output);
            let status = reader.await_end();
            // The collector ends with the stream; somebody who keeps it open is not waited for.
            let limit = Instant::now() + Duration::from_millis(200);
            while !collector.is_finished() && Instant::now() < limit {
                std::thread::sleep(Duration::from_millis(1));
            }
            reader.close(spoken, status);
        });
        Ok(Session { child, input })
    }

    /// Sends what is to be started; after [`News::Hello`].
    pub fn order(&mut self, order: &Order) -> io::Result<()> {
        self.send(Kind::Order, &order.encode())
    }

    /// Hands on a signal to all processes of the host.
    pub fn signal(&mut self, number: u8) -> io::Result<()> {
        self.send(Kind::Signal, &[number])
    }

    fn send(&mut self, kind: Kind, payload: &[u8]) -> io::Result<()> {
        match &mut self.input {
            Some(input) => frame::write(input, kind, NOBODY, payload),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Ends all that was started there.
    pub fn close(&mut self) {
        self.input = None;
    }

    /// Ends the remote shell at once.
    pub fn kill(&mut self) {
        self.close();
        // One that has ended needs no killing.
        let _ = lock(&self.child).kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked leaves nothing half done here.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the agent said before its streams ended.
#[derive(Clone)]
struct Spoken {
    hello: bool,
    done: bool,
    /// Something that makes the rest of what it says worthless.
    wrong: Option<String>,
}

struct Reader {
    place: usize,
    host: String,
    shell: Shell,
    agent: PathBuf,
    child: Arc<Mutex<Child>>,
    said: Arc<Mutex<String>>,
    events: Post,
    outlet: Outlet,
}

impl Reader {
    fn tell(&self, news: News) {
        self.events.send(Event { host: self.place, news });
    }

    /// Everything the agent says.
    fn read(&self, output: ChildStdout) -> Spoken {
        let mut output = BufReader::with_capacity(64 << 10, output);
        let mut spoken = Spoken { hello: false, done: false, wrong: None };
        match Hello::read(&mut output) {
            Ok(Some(hello)) if hello.protocol == frame::PROTOCOL && hello.version == VERSION => {
                spoken.hello = true;
                self.tell(News::Hello(hello));
            }
            Ok(Some(hello)) => {
                spoken.wrong = Some(format!(
                    "{} has version {} of Adaptive MPI, this host has {VERSION}; all hosts of a job need the same",
                    self.host, hello.version
                ));
                let _ = lock(&self.child).kill();
                return spoken;
            }
            _ => return spoken,
        }
        loop {
            match frame::read(&mut output) {
                Ok(Some(next)) if next.kind == Kind::Done => spoken.done = true,
                Ok(Some(next)) if matches!(next.kind, Kind::Stdout | Kind::Stderr) => {
                    let told = (self.outlet)(next.process, next.kind == Kind::Stderr, &next.payload);
                    if let Err(e) = told {
                        self.tell(News::Unheard(e.kind()));
                    }
                }
                Ok(Some(next)) => match news(next) {
                    Some(news) => self.tell(news),
                    None => spoken.wrong = Some(self.damaged("a frame of a wrong kind")),
                },
                Ok(None) => return spoken,
                Err(e) => {
                    spoken.wrong = Some(self.damaged(&e.to_string()));
                    let _ = lock(&self.child).kill();
                    return spoken;
                }
            }
        }
    }

    fn damaged(&self, what: &str) -> String {
        format!("what comes from the agent on {} is damaged: {what}", self.host)
    }

    /// The end of the remote shell; killed when it does not come.
    fn await_end(&self) -> Option<ExitStatus> {
        let limit = Instant::now() + LAST_WORDS;
        loop {
            let mut child = lock(&self.child);
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < limit => {}
                _ => {
                    let _ = child.kill();
                    return child.wait().ok();
                }
            }
            drop(child);
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn close(&self, spoken: Spoken, status: Option<ExitStatus>) {
        let said = lock(&self.said).clone();
        let ended = Ended {
            shell: &self.shell,
            host: &self.host,
            agent: &self.agent,
            code: status.and_then(|s| s.code()),
            signal: status.and_then(|s| s.signal()),
            stderr: &said,
            spoken: spoken.hello,
        };
        self.tell(News::Closed(match spoken {
            Spoken { wrong: Some(why), .. } => Err(why),
            Spoken { done: true, .. } => Ok(()),
            _ => Err(diagnose::sentence(&ended)),
        }));
    }
}

/// A frame as news; `None`: not one that an agent sends.
fn news(next: frame::Frame) -> Option<News> {
    let process = next.process;
    Some(match next.kind {
        Kind::Started => {
            News::Started { process, pid: u32::from_le_bytes(next.payload.as_slice().try_into().ok()?) }
        }
        Kind::NotStarted => News::NotStarted {
            process: (process != NOBODY).then_some(process),
            why: String::from_utf8_lossy(&next.payload).into_owned(),
        },
        Kind::Ended => {
            let (code, signal) = frame::read_end(&next.payload)?;
            News::Ended { process, code, signal }
        }
        Kind::Stdout | Kind::Stderr | Kind::Order | Kind::Signal | Kind::Done => return None,
    })
}

/// Keeps the last of what the remote shell says, and tells it line by line.
fn collect(place: usize, errors: ChildStderr, said: &Mutex<String>, events: &Post) {
    let mut errors = BufReader::new(errors);
    loop {
        let mut line = Vec::new();
        match errors.by_ref().take(STDERR_BYTES_MAX as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end();
        {
            let mut all = lock(said);
            if all.len() + line.len() > STDERR_BYTES_MAX {
                all.clear();
            }
            all.push_str(line);
            all.push('\n');
        }
        events.send(Event { host: place, news: News::Said(line.to_string()) });
    }
}
