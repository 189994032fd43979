//! A running job: its processes here, on other hosts, and under other launchers; until the last one is gone.
//!
//! ```text
//!            signals ─┐
//!   children (Here) ──┤
//!  agents (OnHost) ───┼──► Running::finish ──► Verdict ──► one sentence, the exit code
//!   server's events ──┤
//!       time limit ───┘
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`verdict`] | why the job ended: sentence and exit code |
//! | [`wake`] | one wait for everything |
//!
//! 1. A process that tells its exit code leaves; the others go on. Whatever else happens to a process ends the job.
//! 2. When the job ends so, the others hear of it from the server and may end by themselves. Who is still there [`GRACE`] later
//!    is killed. The sentence waits for a better cause for at most [`SETTLE`].
//! 3. SIGINT, SIGTERM, SIGHUP and SIGQUIT end the job: all processes get the signal, and SIGKILL when they are still there
//!    after [`GRACE`], or at a second signal. SIGUSR1 and SIGUSR2 are only handed on.
//! 4. A job of one process has no server: how the process ends is how the job ends.
//! 5. Dropped early, it kills what it has started.
//! 6. Every wait has a limit but that for a child that was killed: the kernel ends it.
//! 7. Ranks that are processes of their own ([`Running::direct`]) end as any process: their exit code counts, when and whether
//!    they joined or not. One that ended without having joined is an error as soon as another one has joined, which waits for it.

pub mod verdict;
pub mod wake;

use super::child::sweep;
use super::output;
use super::remote::{self, Fleet};
use super::signals::{ENDING, HANDED_ON, Signals, send};
use crate::say::err;
use ampi_core::wire::bootstrap::{Event, Server};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use verdict::{Cause, End, Name, Verdict};

/// How long processes may take to end by themselves.
const GRACE: Duration = Duration::from_millis(500);
/// How long a better cause is waited for; news of other hosts take longer.
const SETTLE: Duration = Duration::from_millis(50);
const SETTLE_FAR: Duration = Duration::from_millis(250);
/// The same when a connection to a process of this host ended: how the process ends follows as soon as the kernel, which may
/// have much to do, is through with its threads.
const SETTLE_LOST: Duration = Duration::from_millis(450);
/// How long a process may take to end after it has left the job.
const LEAVING: Duration = Duration::from_secs(10);
/// How long agents may take to close after their processes.
const CLOSING: Duration = Duration::from_secs(2);
/// How long news may take of the death of processes on other hosts.
const FAR_DEATH: Duration = Duration::from_secs(1);
/// The server's clocks need a look as often.
const HEARTBEAT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(3600);

/// Where a process runs.
#[derive(Debug)]
pub enum Place {
    Here(Child),
    /// On this host of the fleet.
    OnHost(usize),
    /// Somebody else started it; only the server hears of it.
    Elsewhere,
}

/// A process of the job.
#[derive(Debug)]
pub struct Member {
    pub number: u32,
    pub place: Place,
    pub host: String,
    joined: bool,
    told: Option<i32>,
    end: Option<End>,
    gone: bool,
}

impl Member {
    pub fn new(number: u32, place: Place, host: String) -> Member {
        Member { number, place, host, joined: false, told: None, end: None, gone: false }
    }
}

/// The time limit and where it comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limit {
    pub limit: Option<Duration>,
    pub from: &'static str,
}

/// How the job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    pub code: u8,
    pub by: Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All processes have left it, with whatever codes.
    Itself,
    /// A signal or the time limit.
    User,
    Failure,
}

pub struct Running<'a> {
    pub signals: &'a Signals,
    pub members: Vec<Member>,
    pub server: Option<Server>,
    pub fleet: Option<Fleet>,
    pub limit: Limit,
    /// When the time limit began.
    pub since: Instant,
    /// Processes of the whole job.
    pub processes: usize,
    pub verbose: bool,
    /// Rule 7.
    pub direct: bool,
    /// Threads that read what processes of this host write.
    pub readers: Vec<JoinHandle<()>>,
    state: State,
}

#[derive(Default)]
struct State {
    verdict: Verdict,
    /// When the first cause came.
    first: Option<Instant>,
    told: bool,
    kill_at: Option<Instant>,
    killed_at: Option<Instant>,
    signalled: bool,
    /// To be told.
    notes: Vec<(Instant, String)>,
    /// All processes have left.
    ended_at: Option<Instant>,
    /// All processes are gone.
    gone_at: Option<Instant>,
}

impl<'a> Running<'a> {
    pub fn new(signals: &'a Signals, processes: usize, limit: Limit, since: Instant) -> Running<'a> {
        Running {
            signals,
            members: Vec::new(),
            server: None,
            fleet: None,
            limit,
            since,
            processes,
            verbose: false,
            direct: false,
            readers: Vec::new(),
            state: State::default(),
        }
    }

    /// Watches the job to its end.
    pub fn finish(mut self) -> io::Result<Outcome> {
        loop {
            // First: a Ctrl-C reaches processes of this host as well, and is not their fault.
            while let Some(signal) = self.signals.next()? {
                self.signal(signal)?;
            }
            self.reap()?;
            self.hear_server();
            self.hear_agents();
            self.look_at_the_clock()?;
            if self.is_over() {
                break;
            }
            let until = self.next_time();
            wake::wait(self.signals, self.server.as_ref(), self.fleet.as_ref(), until);
        }
        output::finish(&self.readers);
        self.tell();
        self.tell_notes();
        let code = self.state.verdict.exit_code();
        if let Some(mut fleet) = self.fleet.take().filter(|fleet| !fleet.is_over()) {
            fleet.abandon();
        }
        if code != 0 {
            sweep();
        }
        let by = match self.state.verdict.cause() {
            None => Ending::Itself,
            Some(Cause::Signal(_) | Cause::TimeOver { .. }) => Ending::User,
            Some(_) => Ending::Failure,
        };
        Ok(Outcome { code, by })
    }

    // ------------------------------------------------------------------------------------------------ what happens

    fn reap(&mut self) -> io::Result<()> {
        for place in 0..self.members.len() {
            let member = &mut self.members[place];
            let Place::Here(child) = &mut member.place else { continue };
            if member.end.is_none()
                && let Some(status) = child.try_wait()?
            {
                self.ended(place, end_of(status));
            }
        }
        Ok(())
    }

    /// A process is gone.
    fn ended(&mut self, place: usize, end: End) {
        let member = &mut self.members[place];
        member.end = Some(end);
        member.gone = true;
        let number = member.number;
        // What it said before counts.
        self.hear_server();
        let early = self.server.is_some() && !self.members[place].joined;
        if early && self.direct && end.signal.is_none() {
            return self.stayed_away(place, end);
        }
        if early && self.state.killed_at.is_none() {
            self.cause(Cause::Ended { who: self.name(place), end, joined: false });
        }
        if let Some(server) = &mut self.server {
            server.process_died(number, &end.to_string());
            self.hear_server();
        } else if end.signal.is_none() {
            // Nobody else hears its exit code.
            self.members[place].told = end.code;
        }
        if self.members[place].told.is_some()
            && end.signal.is_none()
            && (self.direct || self.server.is_none())
        {
            self.state.verdict.left(end.code.unwrap_or(1));
        }
        let member = &self.members[place];
        let left = member.told.is_some() && end.signal.is_none();
        if !left && self.state.killed_at.is_none() {
            let joined = member.joined || self.processes == 1;
            self.cause(Cause::Ended { who: self.name(place), end, joined });
        }
    }

    /// A rank that is a process has ended and never called MPI_Init.
    fn stayed_away(&mut self, place: usize, end: End) {
        self.members[place].told = end.code;
        self.state.verdict.left(end.code.unwrap_or(1));
        self.look_for_absent();
    }

    /// Rule 7.
    fn look_for_absent(&mut self) {
        let absent = self.members.iter().position(|m| !m.joined && m.end.is_some());
        let awaited = self.direct && self.server.is_some() && self.members.iter().any(|m| m.joined);
        if let (true, Some(place), None) = (awaited, absent, self.state.killed_at) {
            let (who, end) = (self.name(place), self.members[place].end.unwrap_or_default());
            self.cause(Cause::Absent { who, end });
        }
    }

    fn hear_server(&mut self) {
        let Some(server) = &mut self.server else { return };
        for event in server.step(Duration::ZERO) {
            self.take(event);
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Joined { process } => {
                if let Some(place) = self.place_of(process) {
                    self.members[place].joined = true;
                }
                self.look_for_absent();
            }
            Event::Ready(table) => {
                if self.verbose {
                    for mismatch in &table.mismatches {
                        err!("ampirun: {}", mismatch.sentence);
                    }
                }
            }
            Event::Exited { process, code } => {
                self.state.verdict.left(code);
                if let Some(place) = self.place_of(process) {
                    let member = &mut self.members[place];
                    member.told = Some(code);
                    member.gone |= matches!(member.place, Place::Elsewhere);
                }
            }
            // Rule 7: without MPI a rank may go on for as long as it likes.
            Event::AllEnded { .. } if self.direct => {}
            Event::AllEnded { .. } => self.state.ended_at = Some(Instant::now()),
            Event::Lost { process, reason } => {
                let Some(place) = self.place_of(process) else { return };
                let member = &mut self.members[place];
                member.gone |= matches!(member.place, Place::Elsewhere);
                if self.state.killed_at.is_none() {
                    let who = self.name(place);
                    // At once: others that end because of it are next.
                    self.cause(match self.members[place].end {
                        Some(end) => Cause::Ended { who, end, joined: true },
                        None => Cause::Lost { who, why: reason },
                    });
                }
            }
            Event::Aborted { by: Some(process), code, reason } => {
                let Some(place) = self.place_of(process) else { return };
                let member = &mut self.members[place];
                let joined = member.joined;
                member.gone |= !joined && matches!(member.place, Place::Elsewhere);
                self.cause(Cause::Aborted { who: self.name(place), code, why: reason, joined });
            }
            Event::Failed(reason) => self.cause(Cause::Told(format!("the job cannot start: {reason}"))),
            Event::Note(text) => self.state.notes.push((Instant::now(), text)),
            // what only processes hear
            Event::Aborted { by: None, .. } | Event::ServerLost { .. } | Event::Stuck | Event::Parts(_) => {}
        }
    }

    fn hear_agents(&mut self) {
        while let Some(remote::Event { host, news }) = self.fleet.as_mut().and_then(Fleet::take) {
            match news {
                remote::News::Ended { process, code, signal } => {
                    if let Some(place) = self.place_of(process) {
                        self.ended(place, End { code, signal, core_dumped: false });
                    }
                }
                remote::News::NotStarted { process, why } => self.not_started(host, process, &why),
                remote::News::Closed(result) => self.closed(host, result),
                remote::News::Unheard(kind) => self.cause(Cause::Unheard(kind)),
                remote::News::Said(line) if self.verbose => err!("ampirun: {}: {line}", self.host_name(host)),
                remote::News::Said(_) | remote::News::Hello(_) | remote::News::Started { .. } => {}
            }
        }
    }

    fn not_started(&mut self, host: usize, process: Option<u32>, why: &str) {
        self.cause(Cause::Told(format!("{}: {why}", self.host_name(host))));
        self.lose_host(host, process, why);
    }

    /// The way to a host is closed.
    fn closed(&mut self, host: usize, result: Result<(), String>) {
        if let Err(why) = result
            && self.members.iter().any(|m| on_host(m, host) && !m.gone)
        {
            if self.state.killed_at.is_none() {
                self.cause(Cause::Told(why.clone()));
            }
            self.lose_host(host, None, &why);
        }
    }

    /// Processes of a host, or one of them, can never be heard of.
    fn lose_host(&mut self, host: usize, process: Option<u32>, why: &str) {
        for member in self.members.iter_mut().filter(|m| on_host(m, host) && !m.gone) {
            if process.is_some_and(|number| number != member.number) {
                continue;
            }
            member.gone = true;
            member.end = Some(End::default());
            if let Some(server) = &mut self.server {
                server.process_died(member.number, why);
            }
        }
    }

    fn signal(&mut self, signal: i32) -> io::Result<()> {
        if ENDING.contains(&signal) {
            if self.state.signalled {
                return self.kill();
            }
            self.state.signalled = true;
            self.cause(Cause::Signal(signal));
            self.state.kill_at = Some(Instant::now() + GRACE);
            self.hand_on(signal);
        } else if HANDED_ON.contains(&signal) {
            self.hand_on(signal);
        }
        Ok(())
    }

    fn look_at_the_clock(&mut self) -> io::Result<()> {
        let now = Instant::now();
        if let Some(limit) = self.limit.limit
            && now >= self.since + limit
            && self.state.killed_at.is_none()
        {
            self.cause(Cause::TimeOver { limit, from: self.limit.from });
            self.kill()?;
        }
        if self.state.first.is_some_and(|first| now >= first + self.settle()) {
            self.tell();
        }
        if self.state.kill_at.is_some_and(|at| now >= at) {
            self.kill()?;
        }
        if self.state.ended_at.is_some_and(|at| now >= at + LEAVING) && self.state.killed_at.is_none() {
            if let Some(place) = self.members.iter().position(|m| !m.gone) {
                let who = self.name(place);
                let why = format!("{who} is still there {} s after it has left the job", LEAVING.as_secs());
                self.cause(Cause::Told(why));
            }
            self.kill()?;
        }
        if self.state.killed_at.is_some_and(|at| now >= at + FAR_DEATH) {
            // Their agents see the end of their input, and end them, whether we hear of it or not.
            let far = self.members.iter_mut().filter(|m| matches!(m.place, Place::OnHost(_)));
            far.for_each(|member| member.gone = true);
        }
        if self.members.iter().all(|m| m.gone) {
            self.state.gone_at.get_or_insert(now);
        }
        if self.state.notes.first().is_some_and(|(at, _)| now >= *at + SETTLE_FAR) {
            self.tell_notes();
        }
        Ok(())
    }

    /// What the server noticed, unless it is what a failing job brings with it: processes that come too late, or die while they
    /// join.
    fn tell_notes(&mut self) {
        for (_, text) in std::mem::take(&mut self.state.notes) {
            if self.state.first.is_none() {
                err!("ampirun: {text}");
            }
        }
    }

    // ------------------------------------------------------------------------------------------------ what is done

    /// Something that ends the job.
    fn cause(&mut self, cause: Cause) {
        // What was told stays.
        if self.state.told || !self.state.verdict.add(cause) {
            return;
        }
        let now = Instant::now();
        self.state.first.get_or_insert(now);
        self.state.kill_at.get_or_insert(now + GRACE);
        if self.state.verdict.is_certain() {
            self.tell();
        }
    }

    /// Tells the user why the job ends, once; and the processes, which may have no other way to know.
    fn tell(&mut self) {
        let Some(cause) = self.state.verdict.cause().filter(|_| !self.state.told) else { return };
        self.state.told = true;
        let sentence = cause.sentence();
        if let (Some(server), Some(sentence)) = (&mut self.server, &sentence) {
            server.abort(cause.exit_code().into(), sentence);
        }
        if let Some(sentence) = sentence {
            err!("ampirun: {sentence}");
        }
    }

    fn hand_on(&mut self, signal: i32) {
        for member in self.members.iter().filter(|m| !m.gone) {
            if let Place::Here(child) = &member.place {
                send(child, signal);
            }
        }
        if let Some(fleet) = &mut self.fleet {
            fleet.signal(signal as u8);
        }
    }

    fn kill(&mut self) -> io::Result<()> {
        self.state.kill_at = None;
        self.state.killed_at.get_or_insert_with(Instant::now);
        self.hand_on(libc::SIGKILL);
        if let Some(fleet) = &mut self.fleet {
            fleet.close();
        }
        for member in &mut self.members {
            // Who started it has to end it.
            member.gone |= matches!(member.place, Place::Elsewhere);
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let Some(gone_at) = self.state.gone_at.filter(|_| self.state.first.is_none() || self.state.told)
        else {
            return false;
        };
        let closed = self.fleet.as_ref().is_none_or(Fleet::is_over);
        let limit = if self.state.killed_at.is_some() { GRACE } else { CLOSING };
        closed || Instant::now() >= gone_at + limit
    }

    /// How long nothing is due.
    fn next_time(&self) -> Instant {
        let state = &self.state;
        let now = Instant::now();
        let times = [
            self.limit.limit.filter(|_| state.killed_at.is_none()).map(|limit| self.since + limit),
            state.first.filter(|_| !state.told).map(|first| first + self.settle()),
            state.kill_at,
            state.notes.first().map(|(at, _)| *at + SETTLE_FAR),
            state.ended_at.filter(|_| state.killed_at.is_none()).map(|at| at + LEAVING),
            state.killed_at.map(|at| at + FAR_DEATH).filter(|at| *at > now),
            state.gone_at.map(|at| at + if state.killed_at.is_some() { GRACE } else { CLOSING }),
            self.server.as_ref().map(|_| now + HEARTBEAT),
        ];
        times.into_iter().flatten().fold(now + LONG, Instant::min)
    }

    fn settle(&self) -> Duration {
        let near = self.members.iter().all(|m| matches!(m.place, Place::Here(_)));
        match self.state.verdict.cause() {
            Some(Cause::Lost { .. }) if near => SETTLE_LOST,
            _ if near => SETTLE,
            _ => SETTLE_FAR,
        }
    }

    fn place_of(&self, number: u32) -> Option<usize> {
        self.members.iter().position(|m| m.number == number)
    }

    fn name(&self, place: usize) -> Name {
        let member = &self.members[place];
        Name {
            number: (self.processes > 1).then_some(member.number),
            host: member.host.clone(),
            is_rank: self.direct,
        }
    }

    fn host_name(&self, host: usize) -> String {
        let member = self.members.iter().find(|m| on_host(m, host));
        member.map_or_else(|| format!("host {host}"), |m| m.host.clone())
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        for member in &mut self.members {
            if let (Place::Here(child), false) = (&mut member.place, member.gone) {
                // One that has just ended needs no killing.
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}

fn on_host(member: &Member, host: usize) -> bool {
    matches!(member.place, Place::OnHost(own) if own == host)
}

fn end_of(status: ExitStatus) -> End {
    End { code: status.code(), signal: status.signal(), core_dumped: status.core_dumped() }
}
