//! Shared memory between processes of one host: a ring of records in each direction, and a socket that wakes and tells of
//! the other's end.
//!
//! A frame whose payload is short is one record, and its payload is handed out where it lies. A longer one is several
//! records, which the receiver copies to their place. (Buffers that lie in memory that both processes map are better
//! copied directly; that is the business of the layers above.)
//!
//! ```text
//! send ─→ ring (shared) ─→ poll           the other sleeps: one byte through the socket
//! ```
//!
//! The socket is looked at after every sleep and every 256 polls: it costs a system call.

mod meet;
pub mod ring;
pub mod segment;
#[cfg(all(test, not(loom)))]
mod tests;

use super::ProcessId;
use super::frame::{CLOSING, FrameHead, HEAD_BYTES};
use super::incoming::Incoming;
use super::link::{Broken, Link, Pending, Sink, State};
use super::outgoing::Outgoing;
use super::place::Lent;
use super::secret::Secret;
use super::stream::{Address, Listener, Stream};
use meet::Met;
pub use meet::{HostMemory, Meeting};
use ring::{Rx, Tx};
use segment::{LINES_DEFAULT, RingMemory, Segment};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

/// Polls between two looks at the sockets.
const LOOK: u32 = 256;
/// Records of one process in one poll, before the next has its turn.
const RECORDS_MAX: u32 = 256;
/// Pieces of one record.
const PARTS_MAX: usize = 32;

/// This process's rings to other processes of its host.
pub struct Shm {
    peers: Vec<Option<Box<Peer>>>,
    /// Peers with which this process shares the memory of the host.
    together: Vec<ProcessId>,
    /// Numbers of the peers whose link is up.
    up: Vec<ProcessId>,
    pending: Pending,
    notes: Vec<String>,
    rounds: u32,
    closing: bool,
}

struct Peer {
    /// `None` when it is broken or closed.
    pipe: Option<Pipe>,
    state: State,
    outgoing: Outgoing,
    incoming: Incoming,
}

struct Pipe {
    tx: Tx<RingMemory>,
    rx: Rx<RingMemory>,
    socket: Stream,
    record_max: usize,
    /// Why nothing will be added to the ring any more.
    ended: Option<String>,
}

impl Shm {
    /// Meets the processes of this host: `peers` with the Unix-domain addresses at which they listen for this purpose. All of
    /// them call this at the same time. Processes that could not be met before `until`, or before `give_up` said that the job is over, are not reached by this
    /// link ([`Shm::reaches`], on both sides), and [`Link::notes`] has a line that says why.
    pub fn meet(
        me: ProcessId,
        processes: u32,
        secret: &Secret,
        listener: &Listener,
        peers: &[(ProcessId, Address)],
        until: Instant,
        give_up: &dyn Fn() -> bool,
    ) -> Shm {
        let meeting = Meeting { me, secret, listener, peers, until, give_up };
        Shm::meet_with(&meeting, processes, &mut HostMemory::default())
    }

    /// The same, and the lowest of the processes hands the memory of the host to the others.
    pub fn meet_with(meeting: &Meeting<'_>, processes: u32, host: &mut HostMemory) -> Shm {
        let make = || Segment::create(LINES_DEFAULT);
        let (met, notes) = meet::meet(meeting, &make, host);
        Shm::over(meeting.me, processes, met, notes)
    }

    fn over(me: ProcessId, processes: u32, met: Vec<Met>, notes: Vec<String>) -> Shm {
        let mut shm = Shm {
            peers: (0..processes).map(|_| None).collect(),
            together: met.iter().filter(|m| m.together).map(|m| m.peer).collect(),
            up: Vec::new(),
            pending: Pending::default(),
            notes,
            rounds: 0,
            closing: false,
        };
        for met in met {
            let lower = me < met.peer;
            let pipe = Pipe {
                tx: Tx::new(met.segment.ring(lower)),
                rx: Rx::new(met.segment.ring(!lower)),
                socket: met.stream,
                record_max: met.segment.body_max(),
                ended: None,
            };
            let (outgoing, incoming) = (Outgoing::default(), Incoming::new(met.peer));
            if let Some(slot) = shm.peers.get_mut(met.peer as usize) {
                *slot = Some(Box::new(Peer { pipe: Some(pipe), state: State::Up, outgoing, incoming }));
                shm.up.push(met.peer);
            }
        }
        shm
    }

    /// Is `peer` connected through memory?
    pub fn reaches(&self, peer: ProcessId) -> bool {
        self.peers.get(peer as usize).is_some_and(|p| p.is_some())
    }

    /// Do both sides have the memory of the host?
    pub fn is_together_with(&self, peer: ProcessId) -> bool {
        self.together.contains(&peer)
    }

    fn peer(&mut self, peer: ProcessId) -> Option<&mut Peer> {
        self.peers.get_mut(peer as usize)?.as_deref_mut()
    }

    fn admit(&mut self, to: ProcessId) -> Result<&mut Peer, Broken> {
        let refuse = |reason: &str| Broken { peer: to, reason: reason.into() };
        let closing = self.closing;
        match self.peer(to) {
            None => Err(refuse("it is not reached through shared memory")),
            Some(Peer { state: State::Broken(broken), .. }) => Err(broken.clone()),
            Some(Peer { pipe: None, .. }) => Err(refuse("both sides have closed it")),
            Some(_) if closing => Err(refuse("this side has closed it")),
            Some(peer) => Ok(peer),
        }
    }

    /// Puts what waits for `to` into the ring.
    fn push(&mut self, to: ProcessId) {
        let Some(peer) = self.peer(to) else { return };
        let Some(pipe) = &mut peer.pipe else { return };
        let mut gone = Vec::new();
        let mut put = false;
        while !peer.outgoing.is_empty() {
            let slices = peer.outgoing.slices(PARTS_MAX, true);
            let n = pipe.put(slices.iter().map(|s| &s[..]));
            if n == 0 {
                break;
            }
            put = true;
            peer.outgoing.advance(n, &mut gone);
        }
        if put {
            pipe.wake_reader();
        }
        self.pending.released(to, gone, true);
    }

    /// Takes what `from` has put into its ring.
    fn pull(&mut self, from: ProcessId, max: u32, sink: &mut dyn Sink) -> u32 {
        let Some(peer) = self.peer(from) else { return 0 };
        let Some(pipe) = &mut peer.pipe else { return 0 };
        let (mut frames, mut records) = (0, 0);
        let mut broken = None;
        let mut empty = false;
        while frames < max && records < RECORDS_MAX && !peer.incoming.closed() {
            let incoming = &mut peer.incoming;
            match pipe
                .rx
                .poll(|body| incoming.take(body, u32::MAX, sink).map(|(used, n)| (used == body.len(), n)))
            {
                Ok(None) => {
                    empty = true;
                    break;
                }
                Ok(Some(Ok((true, n)))) => {
                    records += 1;
                    frames += n;
                }
                Ok(Some(Ok((false, _)))) => broken = Some("a record held half a frame".into()),
                Ok(Some(Err(damage))) => broken = Some(damage),
                Err(ring::Damaged) => broken = Some("the ring is damaged".into()),
            }
            if broken.is_some() {
                break;
            }
        }
        if records > 0 && pipe.rx.must_wake() {
            pipe.ring_bell();
        }
        if empty && let Some(reason) = pipe.ended.take() {
            broken = Some(format!("{reason} {}", peer.incoming.position()));
        }
        if peer.incoming.closed() && peer.state == State::Up {
            peer.state = State::Closed;
            self.pending.closed(from);
        } else if let Some(reason) = broken {
            self.break_link(from, reason);
        }
        self.let_go(from);
        frames
    }

    /// Gives up the rings to a process that has closed, once this side has too and nothing waits.
    fn let_go(&mut self, peer: ProcessId) {
        let closing = self.closing;
        let Some(p) = self.peer(peer) else { return };
        if p.state != State::Closed {
            return;
        }
        let gone = p.pipe.as_mut().and_then(|pipe| pipe.ended.take());
        if !p.outgoing.is_empty() {
            if let Some(reason) = gone {
                self.break_link(peer, format!("{reason} before it took everything"));
            }
        } else if closing || gone.is_some() {
            p.pipe = None;
            self.up.retain(|u| *u != peer);
        }
    }

    /// Has the other process rung, or is it gone?
    fn look(&mut self, peer: ProcessId) {
        let Some(Peer { pipe: Some(pipe), .. }) = self.peer(peer) else { return };
        let mut bytes = [0; 64];
        loop {
            match pipe.socket.read(&mut [IoSliceMut::new(&mut bytes)]) {
                Ok(None) => return,
                Ok(Some(0)) => pipe.ended = Some("the other process is gone".into()),
                Ok(Some(_)) => continue,
                Err(e) => pipe.ended = Some(format!("the other process is gone ({e})")),
            }
            return;
        }
    }

    fn break_link(&mut self, peer: ProcessId, reason: String) {
        let Some(p) = self.peer(peer) else { return };
        if p.pipe.is_none() || (p.state == State::Closed && p.outgoing.is_empty()) {
            return;
        }
        let broken = Broken { peer, reason };
        p.state = State::Broken(broken.clone());
        p.pipe = None;
        let (unsent, lost) = (p.outgoing.give_up(), p.incoming.give_up());
        self.up.retain(|u| *u != peer);
        self.pending.released(peer, unsent, false);
        if let Some((head, place, _)) = lost {
            self.pending.lost(peer, head, place);
        }
        self.pending.broken(broken);
    }
}

impl Pipe {
    /// Puts one record with as much of `parts` as it holds; how many bytes that was, 0 when there is no room.
    fn put<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) -> usize {
        let mut record: [&[u8]; PARTS_MAX] = [&[]; PARTS_MAX];
        let (mut count, mut len) = (0, 0);
        for (slot, part) in record.iter_mut().zip(parts) {
            *slot = &part[..part.len().min(self.record_max - len)];
            len += slot.len();
            count += 1;
            if len == self.record_max {
                break;
            }
        }
        if self.tx.put(&record[..count]) { len } else { 0 }
    }

    fn wake_reader(&mut self) {
        if self.tx.must_wake() {
            self.ring_bell();
        }
    }

    #[cold]
    fn ring_bell(&self) {
        // a full socket wakes as well; that the other is gone is seen by reading
        let _ = self.socket.write(&[IoSlice::new(&[1])]);
    }
}

impl Link for Shm {
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken> {
        let peer = self.admit(to)?;
        let len = payload.iter().map(|p| p.len()).sum::<usize>();
        let head = peer.outgoing.number(head, len);
        let mut done = 0;
        if peer.outgoing.is_empty()
            && payload.len() < PARTS_MAX
            && let Some(pipe) = &mut peer.pipe
        {
            while done < HEAD_BYTES + len {
                let mut skip = done;
                let rest = std::iter::once(&head[..]).chain(payload.iter().copied()).map(|part| {
                    let from = skip.min(part.len());
                    skip -= from;
                    &part[from..]
                });
                match pipe.put(rest) {
                    0 => break,
                    n => done += n,
                }
            }
            if done > 0 {
                pipe.wake_reader();
            }
        }
        if done < HEAD_BYTES + len {
            peer.outgoing.keep(head, payload, done);
        }
        Ok(())
    }

    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken> {
        match self.admit(to) {
            Ok(peer) => {
                let head = peer.outgoing.number(head, payload.len());
                peer.outgoing.lend(head, payload);
            }
            Err(broken) => {
                self.pending.released(to, [payload.token], false);
                return Err(broken);
            }
        }
        self.push(to);
        Ok(())
    }

    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        self.rounds = self.rounds.wrapping_add(1);
        let look = self.rounds.is_multiple_of(LOOK);
        let (mut frames, mut at) = (0, 0);
        while let Some(&peer) = self.up.get(at) {
            if look {
                self.look(peer);
            }
            if self.backlog(peer) > 0 {
                self.push(peer);
            }
            if frames < max {
                frames += self.pull(peer, max - frames, sink);
            }
            // a link that is over has left the list
            if self.up.get(at) == Some(&peer) {
                at += 1;
            }
        }
        if frames >= max && self.up.len() > 1 {
            self.up.rotate_left(1);
        }
        if !self.pending.is_empty() {
            self.pending.tell(sink);
        }
        frames
    }

    fn flush(&mut self) -> usize {
        for at in 0..self.up.len() {
            self.push(self.up[at]);
        }
        self.peers.iter().flatten().map(|p| p.outgoing.bytes()).sum()
    }

    fn backlog(&self, to: ProcessId) -> usize {
        self.peers.get(to as usize).and_then(|p| p.as_ref()).map_or(0, |p| p.outgoing.bytes())
    }

    fn state(&self, peer: ProcessId) -> State {
        self.peers.get(peer as usize).and_then(|p| p.as_ref()).map_or(State::Unopened, |p| p.state.clone())
    }

    fn cut(&mut self, peer: ProcessId, reason: &str) {
        self.break_link(peer, reason.into());
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        for peer in self.up.clone() {
            if let Some(p) = self.peer(peer) {
                let goodbye = FrameHead { control: CLOSING, ..FrameHead::default() };
                let head = p.outgoing.number(&goodbye, 0);
                p.outgoing.keep(head, &[], 0);
            }
            self.push(peer);
            self.let_go(peer);
        }
    }

    fn prepare_sleep(&mut self) -> bool {
        if !self.pending.is_empty() {
            return false;
        }
        // the next poll shall look at the sockets
        self.rounds = LOOK - 1;
        for at in 0..self.up.len() {
            let peer = self.up[at];
            let Some(Peer { pipe: Some(pipe), outgoing, incoming, .. }) = self.peer(peer) else { continue };
            if !incoming.closed() && !pipe.rx.prepare_sleep() {
                return false;
            }
            if !outgoing.is_empty() && !pipe.tx.prepare_sleep() {
                return false;
            }
        }
        true
    }

    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        for peer in self.peers.iter().flatten() {
            if let Some(pipe) = &peer.pipe {
                each(pipe.socket.as_fd());
            }
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
