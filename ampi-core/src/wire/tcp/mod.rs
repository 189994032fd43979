//! The mesh: stream sockets, one connection per pair of processes, opened when the first frame is sent.
//!
//! TCP between hosts; on one host a Unix-domain address that the peer also listens at is taken first.
//!
//! ```text
//!            send                 Welcome                    end of stream, error, damage, cut
//! Unopened ───────→ Opening ───────────────→ Up ─────────────────────────────────────────────→ Broken
//!    │                 │ Yield, or the other's is taken        │ "nothing follows"
//!    │                 ↓                     ↑                 └─────────────────────────────→ Closed
//!    │              Awaiting ────────────────┤
//!    └───────── the other side opens ────────┘
//! ```
//!
//! Both sides may open at once; exactly one connection is left, because one side decides, and the same way as the other:
//!
//! 1. The side with the lower number refuses (Yield) while it is Opening itself; else it takes the connection.
//! 2. The side with the higher number takes the connection, and forgets the one that it is opening.
//! 3. No frame is written before the Welcome. So none is ever written to a connection that is given up.
//!
//! Since a process that is Opening has not welcomed anything, 1 and 2 never take two: the lower side's connection arrives
//! only if it was not refused to itself, and then the higher side's is answered with Yield.
//!
//! A mesh has no thread: it moves in `poll`, `flush` and `send`. With few connections a poll reads each of them directly;
//! with more it asks epoll which have something. The epoll descriptor is also what a sleeper waits for.

mod connection;
mod handshakes;
#[cfg(test)]
mod tests;

use super::ProcessId;
use super::frame::{CLOSING, FrameHead, HEAD_BYTES};
use super::handshake::{Handshake, Verdict};
use super::incoming::Incoming;
use super::link::{Broken, Link, Pending, Sink, State};
use super::outgoing::Outgoing;
use super::place::Lent;
use super::secret::Secret;
use super::stream::{Address, Listener, Stream};
use crate::error::{Error, Result};
use connection::{Connection, Flow};
use handshakes::Arrival;
use rustix::event::{Timespec, epoll};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// So many connections are read without asking epoll first.
const DIRECT_MAX: usize = 4;
/// Every so many polls look for new connections, if nothing is being opened.
const ROUNDS: u32 = 128;
const LISTENER: u64 = u64::MAX;
const ARRIVAL: u64 = u64::MAX - 1;
/// Keys of openings: their peer's number with this bit.
const OPENING: u64 = 1 << 40;

/// How the mesh behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// From the first attempt to the Welcome.
    pub opening_limit: Duration,
    /// TCP: a peer that acknowledges nothing for this long is dead.
    pub silence_limit: Duration,
    /// TCP's congestion control, by name; `None`: the system's.
    pub congestion: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            opening_limit: Duration::from_secs(10),
            silence_limit: Duration::from_secs(20),
            congestion: None,
        }
    }
}

/// This process's end of the mesh.
pub struct Mesh {
    me: ProcessId,
    secret: Secret,
    options: Options,
    listeners: Vec<Listener>,
    epoll: OwnedFd,
    peers: Vec<Peer>,
    /// Peers whose phase is Up.
    up: Vec<ProcessId>,
    /// Peers whose phase is Opening or Awaiting.
    unsettled: Vec<ProcessId>,
    arrivals: Vec<Arrival>,
    pending: Pending,
    notes: Vec<String>,
    strangers: u32,
    rounds: u32,
    closing: bool,
}

struct Peer {
    addresses: Vec<Address>,
    phase: Phase,
    outgoing: Outgoing,
    incoming: Incoming,
    /// Writing has failed; told when everything that had arrived is handed out.
    failing: Option<String>,
    told_closed: bool,
    /// Does epoll look for room to write?
    wants_room: bool,
}

// the largest phase is also the usual one
#[allow(clippy::large_enum_variant)]
enum Phase {
    Unopened,
    Opening(Box<Opening>),
    Awaiting { until: Instant },
    Up(Connection),
    Closed,
    Broken(String),
}

/// A connection that this side opens.
struct Opening {
    stream: Stream,
    /// Index of the address that is tried.
    address: usize,
    connected: bool,
    handshake: Handshake,
    until: Instant,
}

impl Mesh {
    /// The end of process `me`, which takes connections at `listeners`. `addresses` are those of all processes, the
    /// cheapest first; a process without any is one that this transport does not reach.
    pub fn new(
        me: ProcessId,
        secret: Secret,
        listeners: Vec<Listener>,
        addresses: Vec<Vec<Address>>,
        options: Options,
    ) -> Result<Mesh> {
        let failed = |e: rustix::io::Errno| Error::Wire { what: "epoll".into(), why: e.to_string() };
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).map_err(failed)?;
        for listener in &listeners {
            epoll::add(&epoll, listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)
                .map_err(failed)?;
        }
        let peer = |(index, addresses)| Peer {
            addresses,
            phase: Phase::Unopened,
            outgoing: Outgoing::default(),
            incoming: Incoming::new(index),
            failing: None,
            told_closed: false,
            wants_room: false,
        };
        Ok(Mesh {
            me,
            secret,
            options,
            listeners,
            epoll,
            peers: (0..).zip(addresses).map(peer).collect(),
            up: Vec::new(),
            unsettled: Vec::new(),
            arrivals: Vec::new(),
            pending: Pending::default(),
            notes: Vec::new(),
            strangers: 0,
            rounds: 0,
            closing: false,
        })
    }

    fn admit(&mut self, to: ProcessId) -> std::result::Result<(), Broken> {
        let refuse = |reason: &str| Err(Broken { peer: to, reason: reason.into() });
        let closing = self.closing;
        match self.peers.get(to as usize).map(|p| &p.phase) {
            None => refuse("there is no such process"),
            _ if to == self.me => refuse("a process has no link to itself"),
            Some(Phase::Broken(reason)) => refuse(reason),
            Some(Phase::Closed) => refuse("both sides have closed it"),
            Some(_) if closing => refuse("this side has closed it"),
            Some(Phase::Unopened) => {
                self.open(to);
                match &self.peers[to as usize].phase {
                    Phase::Broken(reason) => refuse(reason),
                    _ => Ok(()),
                }
            }
            Some(_) => Ok(()),
        }
    }

    /// Writes what waits for `to`.
    fn push(&mut self, to: ProcessId) {
        let peer = &mut self.peers[to as usize];
        if let Phase::Up(connection) = &mut peer.phase
            && peer.failing.is_none()
        {
            let mut gone = Vec::new();
            peer.failing = connection.write(&mut peer.outgoing, &mut gone).err();
            self.pending.released(to, gone, true);
        }
    }

    /// Takes what is here from `from`.
    fn pull(&mut self, from: ProcessId, max: u32, sink: &mut dyn Sink) -> u32 {
        let peer = &mut self.peers[from as usize];
        let Phase::Up(connection) = &mut peer.phase else { return 0 };
        let (frames, flow) = connection.read(&mut peer.incoming, max, sink);
        match flow {
            Flow::Open if frames == 0 && !connection.has_buffered() => {
                if let Some(reason) = peer.failing.take() {
                    self.break_link(from, reason);
                }
            }
            Flow::Open => {}
            Flow::Closed => self.other_side_closed(from),
            Flow::Broken(reason) => self.break_link(from, reason),
        }
        frames
    }

    /// Nothing more comes from `peer`. What this side still has for it, the last being that nothing follows, goes out.
    fn other_side_closed(&mut self, peer: ProcessId) {
        let p = &mut self.peers[peer as usize];
        if !std::mem::replace(&mut p.told_closed, true) {
            self.pending.closed(peer);
            if let Phase::Up(connection) = &p.phase {
                // it would report the end of the stream again and again
                let _ = epoll::delete(&self.epoll, &connection.stream);
            }
        }
        if let Some(reason) = p.failing.take() {
            self.break_link(peer, reason);
        } else if self.closing && p.outgoing.is_empty() {
            self.settle(peer, Phase::Closed);
        }
    }

    /// Ends whatever there is with `peer`.
    fn break_link(&mut self, peer: ProcessId, reason: String) {
        let p = &self.peers[peer as usize];
        if matches!(p.phase, Phase::Broken(_) | Phase::Closed) {
            return;
        }
        if p.told_closed && p.outgoing.is_empty() {
            return self.settle(peer, Phase::Closed);
        }
        self.settle(peer, Phase::Broken(reason.clone()));
        let p = &mut self.peers[peer as usize];
        let unsent = p.outgoing.give_up();
        let lost = p.incoming.give_up();
        self.pending.released(peer, unsent, false);
        if let Some((head, place, _)) = lost {
            self.pending.lost(peer, head, place);
        }
        self.pending.broken(Broken { peer, reason });
    }

    /// Changes the phase of `peer`, and the lists with it. A stream that is dropped leaves epoll by itself.
    fn settle(&mut self, peer: ProcessId, phase: Phase) {
        self.up.retain(|p| *p != peer);
        self.unsettled.retain(|p| *p != peer);
        match phase {
            Phase::Up(_) => self.up.push(peer),
            Phase::Opening(_) | Phase::Awaiting { .. } => self.unsettled.push(peer),
            _ => {}
        }
        let p = &mut self.peers[peer as usize];
        p.phase = phase;
        p.wants_room = false;
    }

    /// `peer` is connected by `stream`, on which `preface` has to be written first.
    fn establish(&mut self, peer: ProcessId, stream: Stream, preface: Vec<u8>) {
        // neither changes what arrives: a kernel that does not know them is no reason to fail
        let _ = stream.set_silence_limit(self.options.silence_limit);
        if let Some(name) = &self.options.congestion
            && let Err(e) = stream.set_congestion(name)
        {
            self.notes.push(format!("congestion control {name} cannot be used: {e}"));
            self.options.congestion = None;
        }
        // an opener's stream is there already, with other flags
        let _ = epoll::delete(&self.epoll, &stream);
        let key = epoll::EventData::new_u64(peer as u64);
        match epoll::add(&self.epoll, &stream, key, epoll::EventFlags::IN) {
            Ok(()) => {
                self.settle(peer, Phase::Up(Connection::new(stream, preface)));
                self.push(peer);
            }
            Err(e) => self.break_link(peer, format!("epoll does not take it ({e})")),
        }
    }

    /// Does epoll have to look for room to write to `peer`?
    fn set_interest(&mut self, peer: ProcessId) {
        let p = &mut self.peers[peer as usize];
        let Phase::Up(connection) = &p.phase else { return };
        if p.told_closed {
            return;
        }
        let wanted = !p.outgoing.is_empty() && p.failing.is_none();
        if wanted != p.wants_room {
            let flags =
                if wanted { epoll::EventFlags::IN | epoll::EventFlags::OUT } else { epoll::EventFlags::IN };
            let key = epoll::EventData::new_u64(peer as u64);
            match epoll::modify(&self.epoll, &connection.stream, key, flags) {
                Ok(()) => p.wants_room = wanted,
                Err(e) => self.break_link(peer, format!("epoll does not take it ({e})")),
            }
        }
    }

    /// Peers that have something, by epoll.
    fn ready(&self) -> Vec<ProcessId> {
        let mut events =
            [epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) }; 64];
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let n = epoll::wait(&self.epoll, &mut events[..], Some(&none)).unwrap_or(0);
        let keys = events[..n].iter().map(|e| e.data.u64());
        keys.filter(|k| *k < OPENING).map(|k| k as ProcessId).collect()
    }
}

impl Link for Mesh {
    fn send(
        &mut self,
        to: ProcessId,
        head: &FrameHead,
        payload: &[&[u8]],
    ) -> std::result::Result<(), Broken> {
        self.admit(to)?;
        let len = payload.iter().map(|p| p.len()).sum::<usize>();
        let peer = &mut self.peers[to as usize];
        let head = peer.outgoing.number(head, len);
        let mut done = 0;
        if let Phase::Up(connection) = &mut peer.phase
            && peer.outgoing.is_empty()
            && peer.failing.is_none()
        {
            match connection.write_now(&head, payload) {
                Ok(n) => done = n,
                Err(reason) => peer.failing = Some(reason),
            }
        }
        if done < HEAD_BYTES + len {
            peer.outgoing.keep(head, payload, done);
        }
        Ok(())
    }

    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> std::result::Result<(), Broken> {
        if let Err(broken) = self.admit(to) {
            self.pending.released(to, [payload.token], false);
            return Err(broken);
        }
        let outgoing = &mut self.peers[to as usize].outgoing;
        let head = outgoing.number(head, payload.len());
        outgoing.lend(head, payload);
        self.push(to);
        Ok(())
    }

    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        self.rounds = self.rounds.wrapping_add(1);
        if !self.unsettled.is_empty() || !self.arrivals.is_empty() || self.rounds.is_multiple_of(ROUNDS) {
            self.shake_hands();
        }
        let mut frames = 0;
        let many = self.up.len() > DIRECT_MAX;
        let ready = if many { self.ready() } else { Vec::new() };
        let mut at = 0;
        while let Some(&peer) = self.up.get(at) {
            let p = &self.peers[peer as usize];
            if !p.outgoing.is_empty() {
                self.push(peer);
            }
            let p = &self.peers[peer as usize];
            let buffered = matches!(&p.phase, Phase::Up(c) if c.has_buffered());
            let buffered = buffered || p.failing.is_some() || p.told_closed;
            if frames < max && (!many || buffered || ready.contains(&peer)) {
                frames += self.pull(peer, max - frames, sink);
            }
            // a connection that is over has left the list
            if self.up.get(at) == Some(&peer) {
                at += 1;
            }
        }
        if frames >= max && self.up.len() > 1 {
            // whoever was served last is first next time
            self.up.rotate_left(1);
        }
        if !self.pending.is_empty() {
            self.pending.tell(sink);
        }
        frames
    }

    fn flush(&mut self) -> usize {
        if !self.unsettled.is_empty() || !self.arrivals.is_empty() {
            self.shake_hands();
        }
        for at in 0..self.up.len() {
            self.push(self.up[at]);
        }
        self.peers.iter().map(|p| p.outgoing.bytes()).sum()
    }

    fn backlog(&self, to: ProcessId) -> usize {
        self.peers.get(to as usize).map_or(0, |p| p.outgoing.bytes())
    }

    fn state(&self, peer: ProcessId) -> State {
        match self.peers.get(peer as usize).map(|p| &p.phase) {
            None | Some(Phase::Unopened | Phase::Opening(_) | Phase::Awaiting { .. }) => State::Unopened,
            Some(Phase::Up(_)) if !self.peers[peer as usize].told_closed => State::Up,
            Some(Phase::Up(_) | Phase::Closed) => State::Closed,
            Some(Phase::Broken(reason)) => State::Broken(Broken { peer, reason: reason.clone() }),
        }
    }

    fn cut(&mut self, peer: ProcessId, reason: &str) {
        if peer != self.me && (peer as usize) < self.peers.len() {
            self.break_link(peer, reason.into());
        }
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        let goodbye = FrameHead { control: CLOSING, ..FrameHead::default() };
        let open = self.up.iter().chain(&self.unsettled).copied().collect::<Vec<_>>();
        for peer in open {
            let outgoing = &mut self.peers[peer as usize].outgoing;
            let head = outgoing.number(&goodbye, 0);
            outgoing.keep(head, &[], 0);
            self.push(peer);
        }
    }

    fn prepare_sleep(&mut self) -> bool {
        for at in 0..self.up.len() {
            if let Some(&peer) = self.up.get(at) {
                self.set_interest(peer);
            }
        }
        let busy = |p: &ProcessId| {
            let p = &self.peers[*p as usize];
            let leaving = p.told_closed && !p.outgoing.is_empty();
            leaving || p.failing.is_some() || matches!(&p.phase, Phase::Up(c) if c.has_buffered())
        };
        if !self.pending.is_empty() || self.up.iter().any(busy) {
            return false;
        }
        // the next poll shall look at whatever woke it
        self.rounds = ROUNDS - 1;
        true
    }

    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        each(self.epoll.as_fd());
    }

    fn deadline(&self) -> Option<Instant> {
        let unsettled = self.unsettled.iter().filter_map(|p| match &self.peers[*p as usize].phase {
            Phase::Opening(opening) => Some(opening.until),
            Phase::Awaiting { until } => Some(*until),
            _ => None,
        });
        unsettled.chain(self.arrivals.iter().map(|a| a.until)).min()
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
