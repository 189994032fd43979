//! The launcher's side. Driven by [`Server::step`], which waits for at most as long as it is told to.

use super::channel::Channel;
use super::fingerprint::{self, Fingerprint};
use super::message::Message;
use super::silence::{Next, Silence};
use super::{Event, Limits, Process, Table, ranges};
use crate::error::Result;
use crate::wire::handshake::{Handshake, Progress, Purpose, Verdict};
use crate::wire::secret::Secret;
use crate::wire::stream::{self, Address, Listener, Stream};
use crate::wire::{LAUNCHER, PROCESSES_MAX, ProcessId};
use rustix::event::{PollFd, PollFlags};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Connections that have not joined yet; more wait in the kernel.
const GREETINGS_MAX: usize = 256;

/// What a different fingerprint means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnMismatch {
    /// The job does not start.
    Refuse,
    /// The table says it.
    Tell,
}

/// What the server expects.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub processes: u32,
    pub on_mismatch: OnMismatch,
    pub limits: Limits,
}

/// The rendezvous of one job.
pub struct Server {
    listener: Listener,
    secret: Secret,
    plan: Plan,
    phase: Phase,
    greetings: Vec<Greeting>,
    slots: Vec<Slot>,
    /// Number of a barrier → how many have reached it.
    barriers: BTreeMap<u32, u32>,
    events: VecDeque<Event>,
    silence: Silence,
    /// What processes have said about being stuck.
    parts: BTreeMap<ProcessId, Vec<u8>>,
    strangers: u32,
    all_ended: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Gathering { until: Instant },
    Running,
    Failed,
}

/// A connection that is not a process of the job yet.
struct Greeting {
    stream: Stream,
    from: String,
    until: Instant,
    handshake: Handshake,
    proven: Option<(ProcessId, Channel)>,
}

/// What a process says first.
enum First {
    Join(Process, Fingerprint),
    Decline { code: i32, reason: String },
}

enum Slot {
    Missing,
    Here(Box<Member>),
    Exited(i32),
    Lost,
}

struct Member {
    process: Process,
    fingerprint: Fingerprint,
    stream: Stream,
    channel: Channel,
    heard: Instant,
    said: Instant,
}

impl Server {
    /// Listens at `address` for the processes of a job with this `secret`. The time limit for gathering starts now.
    pub fn bind(address: &Address, secret: Secret, plan: Plan) -> Result<Server> {
        let processes = plan.processes.clamp(1, PROCESSES_MAX);
        Ok(Server {
            listener: Listener::bind(address)?,
            secret,
            plan: Plan { processes, ..plan },
            phase: Phase::Gathering { until: later(Instant::now(), plan.limits.gather) },
            greetings: Vec::new(),
            slots: (0..processes).map(|_| Slot::Missing).collect(),
            barriers: BTreeMap::new(),
            events: VecDeque::new(),
            silence: Silence::new(processes as usize),
            parts: BTreeMap::new(),
            strangers: 0,
            all_ended: false,
        })
    }

    /// What processes connect to.
    pub fn address(&self) -> &Address {
        self.listener.address()
    }

    /// Waits at most `limit` for something to happen and says what did.
    pub fn step(&mut self, limit: Duration) -> Vec<Event> {
        let now = Instant::now();
        let until = if self.events.is_empty() { later(now, limit).min(self.next_limit(now)) } else { now };
        let readable = self.wait(until);
        self.turn(Instant::now(), &readable);
        self.events.drain(..).collect()
    }

    /// Calls `each` with every descriptor that is a reason to call [`Server::step`], for a launcher that waits for other
    /// things too, and what it waits for. Clocks need a step at least at every heartbeat.
    pub fn wait_for<'a>(&'a self, each: &mut dyn FnMut(BorrowedFd<'a>, PollFlags)) {
        self.descriptors().for_each(|(fd, flags, _)| each(fd, flags));
    }

    /// The descriptors, and whose they are.
    fn descriptors(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags, Option<ProcessId>)> {
        let flags = |output| if output { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let listener =
            (self.greetings.len() < GREETINGS_MAX).then(|| (self.listener.as_fd(), PollFlags::IN, None));
        let greetings =
            self.greetings.iter().map(move |g| (g.stream.as_fd(), flags(g.handshake.has_output()), None));
        let members = members(&self.slots)
            .map(move |m| (m.stream.as_fd(), flags(m.channel.has_output()), Some(m.process.index)));
        listener.into_iter().chain(greetings).chain(members)
    }

    /// Ends the job for all processes: each hears of it.
    pub fn abort(&mut self, code: i32, reason: &str) {
        self.broadcast(&Message::Abort { by: LAUNCHER, code, reason: reason.into() }, None);
        self.flush();
    }

    /// The launcher knows that a process is dead (it was its child), perhaps before it has joined.
    pub fn process_died(&mut self, process: ProcessId, reason: &str) {
        // what it said before it died counts
        self.hear(Instant::now(), &[process]);
        match self.slots.get(process as usize) {
            Some(Slot::Here(_)) => self.lose(process, reason.into()),
            Some(Slot::Missing) => {
                self.slots[process as usize] = Slot::Lost;
                self.fail(format!("process {process} ended before it joined the job: {reason}"));
            }
            _ => {}
        }
        self.flush();
    }

    fn turn(&mut self, now: Instant, readable: &[ProcessId]) {
        self.accept(now);
        self.greet(now);
        self.hear(now, readable);
        self.look_at_the_clock(now);
        self.flush();
        let ended = self.slots.iter().all(|s| matches!(s, Slot::Exited(_) | Slot::Lost));
        if ended && !self.all_ended {
            self.all_ended = true;
            let code = |s: &Slot| if let Slot::Exited(code) = s { Some(*code) } else { None };
            self.events.push_back(Event::AllEnded { codes: self.slots.iter().map(code).collect() });
        }
    }

    /// The members that have something to say, or are gone.
    fn wait(&self, until: Instant) -> Vec<ProcessId> {
        let (mut fds, mut owners) = (Vec::new(), Vec::new());
        for (fd, flags, owner) in self.descriptors() {
            fds.push(PollFd::from_borrowed_fd(fd, flags));
            owners.push(owner);
        }
        stream::wait(&mut fds, until);
        let ready = fds.iter().zip(owners).filter(|(fd, _)| !fd.revents().is_empty());
        ready.filter_map(|(_, owner)| owner).collect()
    }

    /// When the clock alone changes something.
    fn next_limit(&self, now: Instant) -> Instant {
        let mut next = later(now, self.plan.limits.heartbeat);
        if let Phase::Gathering { until } = self.phase {
            next = next.min(until);
        }
        let greetings = self.greetings.iter().map(|g| g.until);
        let silence = members(&self.slots).map(|m| later(m.heard, self.plan.limits.silence));
        greetings.chain(silence).fold(next, Instant::min)
    }

    fn accept(&mut self, now: Instant) {
        while self.greetings.len() < GREETINGS_MAX {
            match self.listener.accept() {
                Ok(None) => return,
                Ok(Some((stream, from))) => {
                    let handshake = Handshake::acceptor(&self.secret, Purpose::Bootstrap, LAUNCHER);
                    let until = later(now, self.plan.limits.handshake);
                    self.greetings.push(Greeting { stream, from, until, handshake, proven: None });
                }
                Err(e) => {
                    self.note_stranger(&format!("a connection could not be taken: {e}"));
                    return;
                }
            }
        }
    }

    /// Handshakes, and what comes after them.
    fn greet(&mut self, now: Instant) {
        for mut greeting in std::mem::take(&mut self.greetings) {
            match greeting.drive() {
                Ok(Some(First::Join(process, fingerprint))) => self.join(greeting, process, fingerprint, now),
                Ok(Some(First::Decline { code, reason })) => self.declined(&greeting, code, reason),
                Ok(None) if now < greeting.until => self.greetings.push(greeting),
                Ok(None) => self.dismiss(&greeting, "it did not say who it is in time"),
                Err(why) => self.dismiss(&greeting, &why),
            }
        }
    }

    fn dismiss(&mut self, greeting: &Greeting, why: &str) {
        self.note_stranger(&format!("a connection from {} was dropped: {why}", greeting.from));
    }

    /// Strangers are told of once: a port scanner must not fill the user's screen.
    fn note_stranger(&mut self, text: &str) {
        self.strangers += 1;
        if self.strangers == 1 {
            let text = format!("{text} (further ones are not reported)");
            self.events.push_back(Event::Note(text));
        }
    }

    fn join(&mut self, mut greeting: Greeting, mut process: Process, fingerprint: Fingerprint, now: Instant) {
        let Some((from, mut channel)) = greeting.proven.take() else { return };
        if self.phase == Phase::Failed && matches!(self.slots.get(from as usize), Some(Slot::Missing)) {
            // late, but not to blame: the user has been told why there is no job
            channel.say(&over("its start has failed"));
            let _ = channel.flush(&greeting.stream);
            return;
        }
        if let Err(reason) = self.acceptable(from, &process) {
            self.events.push_back(Event::Note(format!("a process was refused: {reason}")));
            channel.say(&Message::Refused { reason });
            // it is told if it listens; if not, it sees the end of the connection
            let _ = channel.flush(&greeting.stream);
            return;
        }
        for address in &mut process.listen {
            if let Address::Tcp(at) = address
                && at.ip().is_unspecified()
            {
                let loopback = std::net::IpAddr::from(std::net::Ipv4Addr::LOCALHOST);
                at.set_ip(greeting.stream.peer_ip().unwrap_or(loopback));
            }
        }
        let stream = greeting.stream;
        let member = Member { process, fingerprint, stream, channel, heard: now, said: now };
        self.slots[from as usize] = Slot::Here(Box::new(member));
        self.events.push_back(Event::Joined { process: from });
        self.start_if_complete();
    }

    /// A process says that it cannot join: nobody can start then.
    fn declined(&mut self, greeting: &Greeting, code: i32, reason: String) {
        let Some((from, _)) = greeting.proven else { return };
        if let Some(slot @ Slot::Missing) = self.slots.get_mut(from as usize) {
            *slot = Slot::Lost;
            if matches!(self.phase, Phase::Gathering { .. }) {
                self.events.push_back(Event::Aborted { by: Some(from), code, reason: reason.clone() });
                self.fail(format!("process {from} cannot take part: {reason}"));
            }
        }
    }

    fn acceptable(&self, from: ProcessId, process: &Process) -> std::result::Result<(), String> {
        let Some(slot) = self.slots.get(from as usize) else {
            return Err(format!("there is no process {from} in a job of {}", self.plan.processes));
        };
        if process.index != from {
            return Err(format!("process {from} says that it is process {}", process.index));
        }
        match slot {
            Slot::Here(other) => Err(format!(
                "process {from} is here already (pid {} on host {})",
                other.process.pid, other.process.host_name
            )),
            Slot::Exited(_) | Slot::Lost => Err(format!("process {from} has been here and is gone")),
            Slot::Missing => Ok(()),
        }
    }

    fn start_if_complete(&mut self) {
        let all: Vec<&Member> = members(&self.slots).collect();
        if all.len() < self.slots.len() || !matches!(self.phase, Phase::Gathering { .. }) {
            return;
        }
        if let Err(reason) = pes_tile(all.iter().map(|m| &m.process)) {
            return self.fail(reason);
        }
        let prints: Vec<_> = all.iter().map(|m| (&m.process, &m.fingerprint)).collect();
        let mismatches = fingerprint::compare(&prints);
        if self.plan.on_mismatch == OnMismatch::Refuse && !mismatches.is_empty() {
            let list: Vec<_> = mismatches.iter().map(|m| m.sentence.as_str()).collect();
            return self.fail(format!("the processes of the job do not fit together: {}", list.join("; ")));
        }
        let table = Table { processes: all.iter().map(|m| m.process.clone()).collect(), mismatches };
        self.phase = Phase::Running;
        self.broadcast(&Message::Table(table.clone()), None);
        self.events.push_back(Event::Ready(Arc::new(table)));
    }

    fn hear(&mut self, now: Instant, from: &[ProcessId]) {
        for &index in from {
            let Some(Slot::Here(member)) = self.slots.get_mut(index as usize) else { continue };
            let (messages, end) = member.channel.hear(&mut member.stream);
            if !messages.is_empty() {
                member.heard = now;
            }
            for message in messages {
                self.take(index, message);
            }
            if let Some(reason) = end {
                self.lose(index, reason);
            }
        }
    }

    fn take(&mut self, from: ProcessId, message: Message) {
        if !matches!(self.slots[from as usize], Slot::Here(_)) {
            // it was given up in the middle of what it said
            return;
        }
        match message {
            Message::Alive => {}
            Message::Barrier { number } => {
                let here = members(&self.slots).count() as u32;
                let reached = self.barriers.entry(number).or_insert(0);
                *reached += 1;
                // those who have left do not come: the others hear that from the event
                if *reached == self.plan.processes && here == self.plan.processes {
                    self.barriers.remove(&number);
                    self.broadcast(&Message::Barrier { number }, None);
                }
            }
            Message::Abort { code, reason, .. } => {
                self.broadcast(&Message::Abort { by: from, code, reason: reason.clone() }, Some(from));
                self.events.push_back(Event::Aborted { by: Some(from), code, reason });
            }
            Message::Exit { code } => {
                if let Slot::Here(member) = &mut self.slots[from as usize] {
                    member.channel.say(&Message::Bye);
                    // a process that is gone already needs no farewell
                    let _ = member.channel.flush(&member.stream);
                }
                self.slots[from as usize] = Slot::Exited(code);
                self.broadcast(&Message::Exited { process: from, code }, None);
                self.events.push_back(Event::Exited { process: from, code });
            }
            Message::Silent(traffic) => {
                let next = self.silence.report(from as usize, traffic);
                self.go_on(next);
            }
            Message::Answer { number, silent } => {
                let next = self.silence.answer(from as usize, number, silent);
                self.go_on(next);
            }
            Message::Part { bytes } => {
                self.parts.insert(from, bytes);
                if self.parts.len() == self.slots.len()
                    && let Slot::Here(member) = &mut self.slots[0]
                {
                    let parts = std::mem::take(&mut self.parts).into_values().collect();
                    member.channel.say(&Message::Parts { parts });
                }
            }
            _ => self.lose(from, "it sent a message that only the launcher sends".into()),
        }
    }

    fn go_on(&mut self, next: Next) {
        match next {
            Next::Nothing => {}
            Next::Probe(number) => self.broadcast(&Message::Probe { number }, None),
            Next::Stuck => self.broadcast(&Message::Stuck, None),
        }
    }

    fn look_at_the_clock(&mut self, now: Instant) {
        let limits = self.plan.limits;
        for index in 0..self.slots.len() {
            let Slot::Here(member) = &mut self.slots[index] else { continue };
            if now >= later(member.said, limits.heartbeat) {
                member.said = now;
                member.channel.say(&Message::Alive);
            }
            if now >= later(member.heard, limits.silence) {
                let reason = format!("it has not been heard of for {:.1} s", limits.silence.as_secs_f64());
                self.lose(index as ProcessId, reason);
            }
        }
        if let Phase::Gathering { until } = self.phase
            && now >= until
        {
            let missing: Vec<ProcessId> =
                (0..).zip(&self.slots).filter(|(_, s)| matches!(s, Slot::Missing)).map(|(i, _)| i).collect();
            self.fail(format!(
                "after {:.1} s {} of {} processes have not joined the job: {}",
                limits.gather.as_secs_f64(),
                missing.len(),
                self.slots.len(),
                ranges(&missing)
            ));
        }
    }

    /// `process` is dead. While the job gathers, that is the end of the start.
    fn lose(&mut self, process: ProcessId, reason: String) {
        let gone = std::mem::replace(&mut self.slots[process as usize], Slot::Lost);
        let Slot::Here(member) = gone else {
            self.slots[process as usize] = gone;
            return;
        };
        self.broadcast(&Message::Lost { process, reason: reason.clone() }, None);
        let at =
            format!("process {process} (pid {} on host {})", member.process.pid, member.process.host_name);
        self.events.push_back(Event::Lost { process, reason: reason.clone() });
        if matches!(self.phase, Phase::Gathering { .. }) {
            self.fail(format!("{at} was lost while the job started: {reason}"));
        }
    }

    fn fail(&mut self, reason: String) {
        if !matches!(self.phase, Phase::Gathering { .. }) {
            return;
        }
        self.phase = Phase::Failed;
        self.broadcast(&over(&reason), None);
        self.events.push_back(Event::Failed(reason));
    }

    fn broadcast(&mut self, message: &Message, except: Option<ProcessId>) {
        for slot in &mut self.slots {
            if let Slot::Here(member) = slot
                && Some(member.process.index) != except
            {
                member.channel.say(message);
            }
        }
    }

    fn flush(&mut self) {
        for index in 0..self.slots.len() {
            let Slot::Here(member) = &mut self.slots[index] else { continue };
            if member.channel.flush(&member.stream).is_err() {
                // what it said before counts more than that it does not listen any more
                let (messages, end) = member.channel.hear(&mut member.stream);
                messages.into_iter().for_each(|m| self.take(index as ProcessId, m));
                let reason = end.unwrap_or_else(|| "the connection was closed".into());
                self.lose(index as ProcessId, reason);
            }
        }
    }
}

impl Greeting {
    /// Its first word, once it has said it.
    fn drive(&mut self) -> std::result::Result<Option<First>, String> {
        if self.proven.is_none() {
            match self.handshake.drive(&mut self.stream).map_err(|e| e.to_string())? {
                Progress::Waiting => return Ok(None),
                Progress::Done(_) => {}
                Progress::Proven { .. } => {
                    self.handshake.answer(Verdict::Welcome);
                    self.handshake.drive(&mut self.stream).map_err(|e| e.to_string())?;
                }
            }
            if self.handshake.has_output() {
                return Ok(None);
            }
            let from = self.handshake.claims().unwrap_or(LAUNCHER);
            self.proven = Some((from, Channel::server(self.handshake.session())));
        }
        let Some((_, channel)) = &mut self.proven else { return Ok(None) };
        let (messages, end) = channel.hear(&mut self.stream);
        for message in messages {
            match message {
                Message::Join { process, fingerprint } => return Ok(Some(First::Join(process, fingerprint))),
                Message::Abort { code, reason, .. } => return Ok(Some(First::Decline { code, reason })),
                Message::Alive => {}
                _ => return Err("it said something else before who it is".into()),
            }
        }
        end.map_or(Ok(None), Err)
    }
}

fn members(slots: &[Slot]) -> impl Iterator<Item = &Member> {
    slots.iter().filter_map(|s| if let Slot::Here(member) = s { Some(&**member) } else { None })
}

/// `limit` may be for ever.
fn later(from: Instant, limit: Duration) -> Instant {
    from.checked_add(limit).unwrap_or(from + Duration::from_secs(1 << 30))
}

/// Do the processes' PEs cover 0.. without a gap?
fn pes_tile<'a>(processes: impl Iterator<Item = &'a Process>) -> std::result::Result<(), String> {
    let mut all: Vec<&Process> = processes.collect();
    all.sort_by_key(|p| p.first_pe);
    let mut next = 0u32;
    for p in all {
        if p.first_pe != next {
            return Err(format!(
                "process {} says that its first PE is {}, expected {next}",
                p.index, p.first_pe
            ));
        }
        next = next.checked_add(p.pes).ok_or_else(|| format!("process {} has {} PEs", p.index, p.pes))?;
    }
    Ok(())
}

/// The job is over before it began.
fn over(reason: &str) -> Message {
    Message::Abort { by: LAUNCHER, code: 1, reason: reason.into() }
}
