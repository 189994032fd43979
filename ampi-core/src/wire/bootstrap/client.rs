//! A process's side: a handle, and one thread that sleeps in `poll`, sends signs of life and hands on what happens.
//!
//! # Safety
//! The only unsafe call blocks all signals in that thread: they belong to the threads that run the program.

#![allow(unsafe_code)]

use super::channel::Channel;
use super::fingerprint::Fingerprint;
use super::message::Message;
use super::silence::Traffic;
use super::{Event, Limits, Process, Table};
use crate::error::{Error, Result};
use crate::wire::LAUNCHER;
use crate::wire::handshake::{Handshake, Purpose, Verdict};
use crate::wire::secret::Secret;
use crate::wire::stream::{self, Address, Stream};
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often a process looks whether all its PEs sleep.
const LOOK: Duration = Duration::from_millis(100);
/// How long a last message may take to leave.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a process needs to join.
pub struct Join {
    /// Of the launcher's server.
    pub server: Address,
    pub secret: Secret,
    pub process: Process,
    pub fingerprint: Fingerprint,
    pub limits: Limits,
}

/// This process's membership in the job. Dropped without [`Client::finish`], the process counts as lost.
pub struct Client {
    shared: Arc<Shared>,
    table: Arc<Table>,
    thread: Option<JoinHandle<()>>,
    barriers: Mutex<u32>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    wake: OwnedFd,
}

#[derive(Default)]
struct State {
    say: Vec<Message>,
    /// All that was to be said is with the kernel.
    said: bool,
    table: Option<Arc<Table>>,
    refused: Option<String>,
    /// Number of the last barrier that all have reached.
    reached: u32,
    /// Why no further barrier can be reached.
    incomplete: Option<String>,
    bye: bool,
    /// Why the connection is over.
    over: Option<String>,
    stop: bool,
    watch: Option<Watch>,
    /// Kernel number of the thread, for those it calls.
    thread: i32,
}

/// What this process has sent and received, if all its PEs sleep.
type Watch = Box<dyn Fn() -> Option<Traffic> + Send>;

impl Client {
    /// From now on [`Event::Stuck`] comes when nothing can happen any more in any process, provided that all call this. `watch`
    /// tells what this one has sent and received, if all its PEs sleep and none of them has a timer; it is called by the
    /// client's thread.
    pub fn watch(&self, watch: impl Fn() -> Option<Traffic> + Send + 'static) {
        self.shared.lock().watch = Some(Box::new(watch));
        self.shared.wake();
    }

    /// What this process has to say about being stuck; process 0 gets what all have said. The end of more than 1 MiB is lost.
    pub fn say_part(&self, bytes: Vec<u8>) {
        self.shared.say(Message::Part { bytes });
    }

    /// Connects to the launcher and waits until the job is complete. `on_event` is called by the client's thread for
    /// everything that happens afterwards; it must not wait for the client.
    pub fn join(join: Join, on_event: impl Fn(Event) + Send + 'static) -> Result<Client> {
        let process = join.process.index;
        let what = format!("process {process} joining the job at {}", join.server);
        let failed = |why: String| Error::Wire { what: what.clone(), why };
        let (stream, mut channel) = connect(&join).map_err(|e| failed(e.to_string()))?;
        channel.say(&Message::Join { process: join.process, fingerprint: join.fingerprint });
        let wake =
            eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).map_err(|e| failed(e.to_string()))?;
        let shared = Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new(), wake });
        let talker =
            Talker { shared: shared.clone(), stream, channel, limits: join.limits, on_event, silent: None };
        let thread = std::thread::Builder::new()
            .name("ampi-bootstrap".into())
            .spawn(move || talker.run())
            .map_err(|e| failed(e.to_string()))?;
        let client =
            |table| Client { shared: shared.clone(), table, thread: Some(thread), barriers: Mutex::new(0) };
        // the server has the same limit and started earlier; it explains better
        let limit = join.limits.gather.saturating_add(join.limits.handshake);
        let state = shared.wait(limit, |s| s.table.is_some() || s.refused.is_some() || s.over.is_some());
        let (table, refused, over) = (state.table.clone(), state.refused.clone(), state.over.clone());
        drop(state);
        let mut client = client(table.clone().unwrap_or_default());
        if table.is_some() {
            return Ok(client);
        }
        client.stop();
        Err(failed(match (refused, over) {
            (Some(reason), _) => reason,
            (_, Some(reason)) => format!("the launcher is gone: {reason}"),
            _ => format!("the job was not complete after {:.1} s", limit.as_secs_f64()),
        }))
    }

    /// Tells the launcher, in place of joining, why this process cannot: the job ends before it starts. The launcher is
    /// the only one who says so to the user, however many processes have the same reason.
    pub fn decline(join: &Join, code: i32, reason: &str) -> Result<()> {
        let process = join.process.index;
        let what = format!("process {process} declining the job at {}", join.server);
        let failed = |why: String| Error::Wire { what: what.clone(), why };
        let until = Instant::now() + join.limits.handshake;
        let (mut stream, mut channel) = connect(join).map_err(|e| failed(e.to_string()))?;
        channel.say(&Message::Abort { by: process, code, reason: reason.into() });
        // the launcher answers by closing the connection
        loop {
            let flushed = channel.flush(&stream);
            if channel.hear(&mut stream).1.is_some() {
                return Ok(());
            }
            flushed.map_err(&failed)?;
            if Instant::now() >= until {
                return Err(failed("the launcher does not answer".into()));
            }
            let flags = if channel.has_output() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
            stream::wait(&mut [PollFd::new(&stream, flags)], until);
        }
    }

    /// All processes of the job.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Waits until every process of the job has called this as often; at most `limit`. An error also when a process has
    /// ended that can never come. From one thread at a time.
    pub fn barrier(&self, limit: Duration) -> Result<()> {
        let mut count = self.barriers.lock().unwrap_or_else(|e| e.into_inner());
        *count += 1;
        let number = *count;
        self.shared.say(Message::Barrier { number });
        let state =
            self.shared.wait(limit, |s| s.reached >= number || s.incomplete.is_some() || s.over.is_some());
        if state.reached >= number {
            return Ok(());
        }
        let why = match (&state.incomplete, &state.over) {
            (Some(why), _) => why.clone(),
            (_, Some(why)) => format!("the launcher is gone: {why}"),
            _ => format!("not all processes came within {:.1} s", limit.as_secs_f64()),
        };
        Err(Error::Wire { what: format!("barrier {number} of the job's processes"), why })
    }

    /// Tells the launcher and all processes that the job shall end. Returns when it is on its way, after a second at most.
    pub fn abort(&self, code: i32, reason: &str) {
        self.shared.say(Message::Abort { by: 0, code, reason: reason.into() });
        let own = self.shared.lock().thread == rustix::thread::gettid().as_raw_nonzero().get();
        if !own {
            drop(self.shared.wait(LAST_WORDS, |s| s.said || s.over.is_some()));
        }
    }

    /// Leaves the job in good order with an exit code; waits at most `limit` for the launcher's confirmation.
    pub fn finish(mut self, code: i32, limit: Duration) -> Result<()> {
        self.shared.say(Message::Exit { code });
        let state = self.shared.wait(limit, |s| s.bye || s.over.is_some());
        let (bye, over) = (state.bye, state.over.clone());
        drop(state);
        self.stop();
        if bye {
            return Ok(());
        }
        let why = over.unwrap_or_else(|| format!("no confirmation after {:.1} s", limit.as_secs_f64()));
        Err(Error::Wire { what: format!("leaving the job with code {code}"), why })
    }

    fn stop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake();
        if let Some(thread) = self.thread.take() {
            // a panic of the callback has been printed; the process goes on to its end
            let _ = thread.join();
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stop();
    }
}

fn connect(join: &Join) -> Result<(Stream, Channel)> {
    let until = Instant::now() + join.limits.handshake;
    let failed = |e: std::io::Error| Error::Wire { what: "connecting".into(), why: e.to_string() };
    let mut stream = loop {
        match Stream::open(&join.server) {
            // the queue of a Unix socket is full: all processes of the job come at once
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => break opened.map_err(failed)?,
        }
    };
    while !stream.connected().map_err(failed)? {
        if Instant::now() >= until {
            return Err(failed(std::io::ErrorKind::TimedOut.into()));
        }
        stream::wait(&mut [PollFd::new(&stream, PollFlags::OUT)], until);
    }
    let mut handshake = Handshake::opener(&join.secret, Purpose::Bootstrap, join.process.index, LAUNCHER)?;
    match handshake.finish(&mut stream, until)? {
        (Verdict::Welcome, _) => Ok((stream, Channel::client(handshake.session()))),
        _ => Err(Error::Wire { what: "authentication".into(), why: "the launcher refused".into() }),
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn say(&self, message: Message) {
        let mut state = self.lock();
        state.say.push(message);
        state.said = false;
        drop(state);
        self.wake();
    }

    fn wake(&self) {
        // the counter is full only if the thread is about to wake anyway
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    fn wait(&self, limit: Duration, mut over: impl FnMut(&State) -> bool) -> MutexGuard<'_, State> {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |s| !over(s));
        waited.map_or_else(|e| e.into_inner().0, |(state, _)| state)
    }
}

/// The client's thread.
struct Talker<F> {
    shared: Arc<Shared>,
    stream: Stream,
    channel: Channel,
    limits: Limits,
    on_event: F,
    /// What the launcher was told last, if that still holds.
    silent: Option<Traffic>,
}

impl<F: Fn(Event)> Talker<F> {
    fn run(mut self) {
        block_signals();
        self.shared.lock().thread = rustix::thread::gettid().as_raw_nonzero().get();
        let (mut heard, mut said, mut looked) = (Instant::now(), Instant::now(), Instant::now());
        let end = loop {
            let now = Instant::now();
            let (messages, mut end) = self.channel.hear(&mut self.stream);
            if !messages.is_empty() {
                heard = now;
            }
            let events: Vec<Event> = messages.into_iter().filter_map(|m| self.take(m)).collect();
            if now.duration_since(said) >= self.limits.heartbeat {
                said = now;
                self.channel.say(&Message::Alive);
            }
            if now.duration_since(looked) >= LOOK {
                looked = now;
                self.look();
            }
            if now.duration_since(heard) >= self.limits.silence {
                let reason =
                    format!("it has not been heard of for {:.1} s", self.limits.silence.as_secs_f64());
                end = end.or(Some(reason));
            }
            let (stop, flushed) = self.speak();
            events.into_iter().for_each(&self.on_event);
            if let Some(reason) = end.or(flushed.err()) {
                break Some(reason);
            }
            if stop {
                break None;
            }
            self.sleep(now);
        };
        let mut state = self.shared.lock();
        let quiet = state.stop || state.bye || state.refused.is_some() || state.table.is_none();
        state.over = Some(end.clone().unwrap_or_else(|| "this process has left".into()));
        self.shared.changed.notify_all();
        drop(state);
        if let Some(reason) = end
            && !quiet
        {
            (self.on_event)(Event::ServerLost { reason });
        }
    }

    /// Writes what is to be said. Shall the thread end; is the connection alive?
    fn speak(&mut self) -> (bool, std::result::Result<(), String>) {
        let mut state = self.shared.lock();
        for message in state.say.drain(..) {
            self.channel.say(&message);
        }
        let flushed = self.channel.flush(&self.stream);
        state.said = !self.channel.has_output();
        self.shared.changed.notify_all();
        (state.stop, flushed)
    }

    fn sleep(&self, now: Instant) {
        let flags = if self.channel.has_output() { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let fds = &mut [PollFd::new(&self.stream, flags), PollFd::new(&self.shared.wake, PollFlags::IN)];
        let look = if self.shared.lock().watch.is_some() { LOOK } else { self.limits.heartbeat };
        stream::wait(fds, now + look.min(self.limits.heartbeat).min(self.limits.silence));
        let mut count = [0; 8];
        // nothing there is the usual case
        let _ = rustix::io::read(&self.shared.wake, &mut count);
    }

    fn traffic(&self) -> Option<Traffic> {
        self.shared.lock().watch.as_ref()?()
    }

    /// Tells the launcher that this process has fallen silent, unless it knows.
    fn look(&mut self) {
        let traffic = self.traffic();
        if let Some(now) = traffic
            && self.silent != traffic
        {
            self.channel.say(&Message::Silent(now));
        }
        self.silent = traffic;
    }

    fn answer(&mut self, number: u32) {
        let traffic = self.traffic();
        self.channel.say(&Message::Answer { number, silent: traffic });
        // what was said before is void if this is something else
        self.silent = self.silent.filter(|said| Some(*said) == traffic);
    }

    /// Notes a message in the state; the event it is, if it is one.
    fn take(&mut self, message: Message) -> Option<Event> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        match message {
            Message::Table(table) => state.table = Some(Arc::new(table)),
            Message::Refused { reason } => state.refused = Some(reason),
            Message::Barrier { number } => state.reached = number,
            Message::Bye => state.bye = true,
            Message::Lost { process, reason } => {
                state.incomplete.get_or_insert(format!("process {process} is lost: {reason}"));
                return Some(Event::Lost { process, reason });
            }
            Message::Exited { process, code } => {
                state.incomplete.get_or_insert(format!("process {process} has left with code {code}"));
                return Some(Event::Exited { process, code });
            }
            Message::Abort { by, code, reason } => {
                let by = (by != LAUNCHER).then_some(by);
                if state.table.is_none() {
                    state.refused = Some(format!("the job was ended: {reason}"));
                }
                state.incomplete.get_or_insert(format!("the job was ended: {reason}"));
                return Some(Event::Aborted { by, code, reason });
            }
            Message::Probe { number } => {
                drop(state);
                self.answer(number);
            }
            Message::Stuck => return Some(Event::Stuck),
            Message::Parts { parts } => return Some(Event::Parts(parts)),
            // only the launcher hears these
            Message::Alive
            | Message::Join { .. }
            | Message::Exit { .. }
            | Message::Silent(_)
            | Message::Answer { .. }
            | Message::Part { .. } => {}
        }
        None
    }
}

fn block_signals() {
    // SAFETY: a signal set is plain memory, filled before use; the call changes only the calling thread's mask.
    unsafe {
        let mut all = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
}
