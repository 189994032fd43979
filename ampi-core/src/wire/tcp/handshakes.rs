//! Connections that are not open yet: those that this side opens, and those that arrive.

use super::{ARRIVAL, Mesh, OPENING, Opening, Phase, Verdict};
use crate::wire::ProcessId;
use crate::wire::handshake::{Handshake, Progress, Purpose};
use crate::wire::stream::Stream;
use rustix::event::epoll;
use std::time::Instant;

/// Arrivals beyond this wait in the kernel.
const ARRIVALS_MAX: usize = 256;

/// A connection that somebody else opens.
pub(super) struct Arrival {
    stream: Stream,
    from: String,
    handshake: Handshake,
    pub until: Instant,
}

/// What became of an attempt to open a connection.
enum Opened {
    Waiting,
    Verdict(Verdict),
    Failed(String),
}

impl Mesh {
    /// One step of every connection that is not open yet.
    pub(super) fn shake_hands(&mut self) {
        let now = Instant::now();
        self.accept(now);
        for arrival in std::mem::take(&mut self.arrivals) {
            self.greet(arrival, now);
        }
        for peer in self.unsettled.clone() {
            self.go_on(peer, now);
        }
    }

    fn accept(&mut self, now: Instant) {
        for at in 0..self.listeners.len() {
            for _ in 0..ARRIVALS_MAX {
                match self.listeners[at].accept() {
                    Ok(None) => break,
                    Ok(Some((stream, from))) => {
                        if self.arrivals.len() >= ARRIVALS_MAX {
                            // who has been silent for longest makes room
                            let oldest = self.arrivals.remove(0);
                            self.dismiss(&oldest, "it did not say who it is while others waited");
                        }
                        let handshake = Handshake::acceptor(&self.secret, Purpose::Tcp, self.me);
                        let key = epoll::EventData::new_u64(ARRIVAL);
                        if epoll::add(&self.epoll, &stream, key, epoll::EventFlags::IN).is_ok() {
                            let until = now + self.options.opening_limit;
                            self.arrivals.push(Arrival { stream, from, handshake, until });
                        }
                    }
                    Err(e) => {
                        self.note_stranger(format!("a connection could not be taken: {e}"));
                        break;
                    }
                }
            }
        }
    }

    fn greet(&mut self, mut arrival: Arrival, now: Instant) {
        match arrival.handshake.drive(&mut arrival.stream) {
            Ok(Progress::Proven { from }) => self.decide(from, arrival),
            Ok(_) if now < arrival.until => self.arrivals.push(arrival),
            Ok(_) => self.dismiss(&arrival, "it did not say who it is in time"),
            Err(e) => self.dismiss(&arrival, &e.to_string()),
        }
    }

    /// Rules 1 and 2 of the mesh.
    fn decide(&mut self, from: ProcessId, mut arrival: Arrival) {
        let known = from != self.me && (from as usize) < self.peers.len() && !self.closing;
        let phase = if known { &self.peers[from as usize].phase } else { &Phase::Closed };
        let verdict = match phase {
            Phase::Unopened | Phase::Awaiting { .. } => Verdict::Welcome,
            Phase::Opening(_) if from < self.me => Verdict::Welcome,
            Phase::Opening(_) => Verdict::Yield,
            Phase::Up(_) | Phase::Closed | Phase::Broken(_) => Verdict::Refused,
        };
        arrival.handshake.answer(verdict);
        let preface = arrival.handshake.take_output();
        if verdict == Verdict::Welcome {
            self.establish(from, arrival.stream, preface);
        } else {
            // 33 bytes fit into any fresh socket; if not, the other side sees the end of the connection
            let _ = arrival.stream.write(&[std::io::IoSlice::new(&preface)]);
        }
    }

    fn dismiss(&mut self, arrival: &Arrival, why: &str) {
        let claims = arrival.handshake.claims().and_then(|p| self.peers.get(p as usize));
        // one that gave up its own attempt in favour of ours
        let twin = claims.is_some_and(|p| !matches!(p.phase, Phase::Unopened));
        if !twin {
            self.note_stranger(format!("a connection from {} was dropped: {why}", arrival.from));
        }
    }

    /// Strangers are told of once: a port scanner must not fill the user's screen.
    fn note_stranger(&mut self, text: String) {
        self.strangers += 1;
        if self.strangers == 1 {
            self.notes.push(format!("{text} (further ones are not reported)"));
        }
    }

    /// Begins to open the connection to `peer`.
    pub(super) fn open(&mut self, peer: ProcessId) {
        let until = Instant::now() + self.options.opening_limit;
        self.attempt(peer, 0, until, "it has no address".into());
    }

    /// Tries the addresses of `peer` from `address` on; `reason` is why those before failed.
    fn attempt(&mut self, peer: ProcessId, mut address: usize, until: Instant, mut reason: String) {
        while let Some(at) = self.peers[peer as usize].addresses.get(address) {
            let opened = Stream::open(at).map_err(|e| e.to_string()).and_then(|stream| {
                let handshake = Handshake::opener(&self.secret, Purpose::Tcp, self.me, peer);
                let handshake = handshake.map_err(|e| e.to_string())?;
                let key = epoll::EventData::new_u64(OPENING | peer as u64);
                epoll::add(&self.epoll, &stream, key, epoll::EventFlags::OUT).map_err(|e| e.to_string())?;
                Ok((stream, handshake))
            });
            match opened {
                Ok((stream, handshake)) => {
                    let opening = Opening { stream, address, connected: false, handshake, until };
                    return self.settle(peer, Phase::Opening(Box::new(opening)));
                }
                Err(e) => reason = format!("{at} cannot be reached: {e}"),
            }
            address += 1;
        }
        self.break_link(peer, reason);
    }

    /// One step of the connection that this side opens to `peer`.
    fn go_on(&mut self, peer: ProcessId, now: Instant) {
        let limit = self.options.opening_limit.as_secs_f64();
        match &mut self.peers[peer as usize].phase {
            Phase::Awaiting { until } if now >= *until => {
                let reason = format!("it did not open the connection that it announced within {limit:.1} s");
                self.break_link(peer, reason);
            }
            Phase::Opening(opening) => {
                let (address, until) = (opening.address, opening.until);
                let was_connected = opening.connected;
                let opened = opening.step();
                if opening.connected && !was_connected {
                    // it is for ever ready to be written to: from now on the answers count
                    let key = epoll::EventData::new_u64(OPENING | peer as u64);
                    let _ = epoll::modify(&self.epoll, &opening.stream, key, epoll::EventFlags::IN);
                }
                match opened {
                    Opened::Waiting if now < until => {}
                    Opened::Waiting => {
                        let at = self.shown(peer, address);
                        self.break_link(peer, format!("{at} did not answer within {limit:.1} s"));
                    }
                    Opened::Failed(why) => {
                        let reason = format!("{} cannot be reached: {why}", self.shown(peer, address));
                        self.attempt(peer, address + 1, until, reason);
                    }
                    Opened::Verdict(Verdict::Welcome) => {
                        let awaiting = Phase::Awaiting { until };
                        let phase = std::mem::replace(&mut self.peers[peer as usize].phase, awaiting);
                        if let Phase::Opening(opening) = phase {
                            self.establish(peer, opening.stream, Vec::new());
                        }
                    }
                    Opened::Verdict(Verdict::Yield) => self.settle(peer, Phase::Awaiting { until }),
                    Opened::Verdict(Verdict::Refused) => {
                        self.break_link(peer, "it has closed or broken the connection on its side".into());
                    }
                }
            }
            _ => {}
        }
    }

    fn shown(&self, peer: ProcessId, address: usize) -> String {
        self.peers[peer as usize].addresses.get(address).map_or("?".into(), |a| a.to_string())
    }
}

impl Opening {
    fn step(&mut self) -> Opened {
        if !self.connected {
            match self.stream.connected() {
                Ok(true) => self.connected = true,
                Ok(false) => return Opened::Waiting,
                Err(e) => return Opened::Failed(e.to_string()),
            }
        }
        match self.handshake.drive(&mut self.stream) {
            Ok(Progress::Done(verdict)) => Opened::Verdict(verdict),
            Ok(_) => Opened::Waiting,
            Err(e) => Opened::Failed(e.to_string()),
        }
    }
}
