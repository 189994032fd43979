//! A link that is only memory: for simulations of several processes in one thread, and the smallest example of a [`Link`].
//!
//! All ends of a [`network`] share one list of pipes. Each pipe holds a limited number of bytes, as a socket does, so that
//! back-pressure and frames that arrive in pieces occur here too. Nothing happens at any other time than in a call.

use super::ProcessId;
use super::frame::{CLOSING, FrameHead};
use super::incoming::Incoming;
use super::link::{Broken, Link, Pending, Sink, State};
use super::outgoing::Outgoing;
use super::place::Lent;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Bytes on their way from one process to another.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    cut: Option<String>,
}

struct Shared {
    /// `[from * n + to]`.
    pipes: Vec<Pipe>,
    pipe_bytes: usize,
}

/// One process's end.
pub struct Loopback {
    me: ProcessId,
    shared: Arc<Mutex<Shared>>,
    peers: Vec<Peer>,
    pending: Pending,
    closing: bool,
}

struct Peer {
    state: State,
    outgoing: Outgoing,
    incoming: Incoming,
    /// What has arrived and is not taken yet.
    buffer: Vec<u8>,
}

/// `processes` ends, connected by pipes that hold `pipe_bytes` each.
pub fn network(processes: u32, pipe_bytes: usize) -> Vec<Loopback> {
    let pipes = (0..processes * processes).map(|_| Pipe::default()).collect();
    let shared = Arc::new(Mutex::new(Shared { pipes, pipe_bytes: pipe_bytes.max(1) }));
    let peer = |p| Peer {
        state: State::Unopened,
        outgoing: Outgoing::default(),
        incoming: Incoming::new(p),
        buffer: Vec::new(),
    };
    let end = |me| Loopback {
        me,
        shared: shared.clone(),
        peers: (0..processes).map(peer).collect(),
        pending: Pending::default(),
        closing: false,
    };
    (0..processes).map(end).collect()
}

impl Loopback {
    fn pipe<R>(&self, from: ProcessId, to: ProcessId, f: impl FnOnce(&mut Pipe, usize) -> R) -> R {
        let mut shared = self.shared.lock().unwrap_or_else(|e| e.into_inner());
        let limit = shared.pipe_bytes;
        let n = self.peers.len();
        f(&mut shared.pipes[from as usize * n + to as usize], limit)
    }

    fn admit(&self, to: ProcessId) -> Result<(), Broken> {
        let refuse = |reason: &str| Err(Broken { peer: to, reason: reason.into() });
        match self.peers.get(to as usize).map(|p| &p.state) {
            None => refuse("there is no such process"),
            _ if to == self.me => refuse("a process has no link to itself"),
            Some(State::Broken(broken)) => Err(broken.clone()),
            Some(_) if self.closing => refuse("this side has closed it"),
            Some(_) => Ok(()),
        }
    }

    fn push(&mut self, to: ProcessId) {
        let me = self.me;
        loop {
            let out = &self.peers[to as usize].outgoing;
            let n = self.pipe(me, to, |pipe, limit| {
                let mut room = limit.saturating_sub(pipe.bytes.len());
                let before = room;
                for slice in out.slices(16, false) {
                    let n = room.min(slice.len());
                    pipe.bytes.extend(&slice[..n]);
                    room -= n;
                }
                before - room
            });
            if n == 0 {
                return;
            }
            let mut gone = Vec::new();
            let peer = &mut self.peers[to as usize];
            if peer.state == State::Unopened {
                peer.state = State::Up;
            }
            peer.outgoing.advance(n, &mut gone);
            self.pending.released(to, gone, true);
        }
    }

    fn pull(&mut self, from: ProcessId, max: u32, sink: &mut dyn Sink) -> u32 {
        if matches!(self.peers[from as usize].state, State::Broken(_) | State::Closed) || from == self.me {
            return 0;
        }
        let (bytes, cut) =
            self.pipe(from, self.me, |pipe, _| (pipe.bytes.drain(..).collect::<Vec<u8>>(), pipe.cut.clone()));
        let peer = &mut self.peers[from as usize];
        peer.buffer.extend(bytes);
        let mut frames = 0;
        let mut reason = cut;
        loop {
            match peer.incoming.take(&peer.buffer, max - frames, sink) {
                Ok((0, _)) => break,
                Ok((used, n)) => {
                    if peer.state == State::Unopened {
                        peer.state = State::Up;
                    }
                    peer.buffer.drain(..used);
                    frames += n;
                }
                Err(damage) => {
                    reason = Some(damage);
                    peer.buffer.clear();
                    break;
                }
            }
        }
        if peer.incoming.closed() {
            peer.state = State::Closed;
            self.pending.closed(from);
        } else if let Some(reason) = reason
            && (frames < max || peer.buffer.is_empty())
        {
            self.break_link(from, reason);
        }
        frames
    }

    fn break_link(&mut self, peer: ProcessId, reason: String) {
        let Some(p) = self.peers.get_mut(peer as usize) else { return };
        let over = p.state == State::Closed && p.outgoing.is_empty();
        if over || matches!(p.state, State::Broken(_)) {
            return;
        }
        let broken = Broken { peer, reason };
        p.state = State::Broken(broken.clone());
        let unsent = p.outgoing.give_up();
        let lost = p.incoming.give_up();
        self.pending.released(peer, unsent, false);
        if let Some((head, place, _)) = lost {
            self.pending.lost(peer, head, place);
        }
        self.pending.broken(broken);
    }
}

impl Link for Loopback {
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken> {
        self.admit(to)?;
        let len = payload.iter().map(|p| p.len()).sum();
        let out = &mut self.peers[to as usize].outgoing;
        let head = out.number(head, len);
        out.keep(head, payload, 0);
        self.push(to);
        Ok(())
    }

    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken> {
        if let Err(broken) = self.admit(to) {
            self.pending.released(to, [payload.token], false);
            return Err(broken);
        }
        let out = &mut self.peers[to as usize].outgoing;
        let head = out.number(head, payload.len());
        out.lend(head, payload);
        self.push(to);
        Ok(())
    }

    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        let mut frames = 0;
        for peer in 0..self.peers.len() as ProcessId {
            self.push(peer);
            frames += self.pull(peer, max - frames, sink);
        }
        self.pending.tell(sink);
        frames
    }

    fn flush(&mut self) -> usize {
        (0..self.peers.len() as ProcessId).for_each(|p| self.push(p));
        self.peers.iter().map(|p| p.outgoing.bytes()).sum()
    }

    fn backlog(&self, to: ProcessId) -> usize {
        self.peers.get(to as usize).map_or(0, |p| p.outgoing.bytes())
    }

    fn state(&self, peer: ProcessId) -> State {
        self.peers.get(peer as usize).map_or(State::Unopened, |p| p.state.clone())
    }

    fn cut(&mut self, peer: ProcessId, reason: &str) {
        if peer != self.me && (peer as usize) < self.peers.len() {
            self.pipe(self.me, peer, |pipe, _| pipe.cut = Some("the other side cut the connection".into()));
            self.break_link(peer, reason.into());
        }
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        for peer in 0..self.peers.len() as ProcessId {
            if peer != self.me && !matches!(self.peers[peer as usize].state, State::Broken(_)) {
                let out = &mut self.peers[peer as usize].outgoing;
                let head = out.number(&FrameHead { control: CLOSING, ..FrameHead::default() }, 0);
                out.keep(head, &[], 0);
                self.push(peer);
            }
        }
    }

    fn prepare_sleep(&mut self) -> bool {
        false
    }

    fn wait_for(&self, _: &mut dyn FnMut(BorrowedFd<'_>)) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn notes(&mut self) -> Vec<String> {
        Vec::new()
    }
}
