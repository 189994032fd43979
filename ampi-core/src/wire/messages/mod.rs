//! A link over any network that carries messages: what libfabric and the libraries of vendors give.
//!
//! Two processes exchange *packets* ([`packet`]): short frames put together, copied into buffers that the network knows.
//! The payload of a long frame is sent from where it lies and received where it shall lie, in *pieces*, which the packet
//! with the frame's head announces.
//!
//! ```text
//!  sender                                              receiver
//!  packet 7: frame, frame, head of a long one      →   frames handed out; the place asked for; receives posted
//!  pieces 12, 13, 14 of it, from the payload       ⇒   straight into the place
//!  packet 8: frame, …                              →   taken when the pieces are here
//!                                                  ←   Credit: 8 packets taken
//! ```
//!
//! ```text
//!           send, or their Hello          their Hello             "nothing follows" both ways
//! Unopened ──────────────────→ Greeting ──────────────→ Up ──────────────────────────────────→ Closed
//!                                  └─ time limit ──────────┴─ cut, Farewell, failure ─────────→ Broken
//! ```
//!
//! 1. Both sides say Hello once, with a random number and the proof that they know the secret. Everything else carries
//!    a token that only the two can compute from both numbers. What has another token is dropped.
//! 2. Packets and pieces are numbered by pair and direction. The packets and the pieces that they announce are one
//!    stream, taken in order. So no order of the network's own is relied on.
//! 3. At most [`WINDOW`] packets are under way that the other side has not taken, and [`PIECES_FLYING`] pieces: who does not
//!    poll is not flooded. What goes beyond stays in the outbox.
//! 4. A broken link is drained: both sides say in a Farewell how many pieces they have sent, and take each other's, so that
//!    memory comes back to its owner. Broken is told then, or after [`DRAIN_LIMIT`]. Memory that the network
//!    cannot give back (its operations neither end nor can be cancelled) is not given back.
//! 5. That a process is dead is seen only when the network fails to send to it. Who waits for it hears of its death from the
//!    bootstrap, and cuts.
//!
//! # Safety
//! The network reads and writes memory by address while nobody here looks: payloads ([`outbox`], rule 2), places
//! ([`inbox`], rule 3), and packet buffers, which are given back only when their operation is over. The carrier is the first
//! field of the link: it is dropped, and with it every operation, before the memory.
#![allow(unsafe_code)]

mod buffers;
pub mod carrier;
mod ending;
mod greeting;
mod inbox;
mod outbox;
mod packet;
#[cfg(all(test, not(loom)))]
mod simulated;
#[cfg(all(test, not(loom)))]
mod tests;

pub use packet::{PACKET_BYTES, PIECE_BYTES_MAX};

use super::ProcessId;
use super::frame::{CLOSING, FrameHead, HEAD_BYTES};
use super::link::{Broken, Link, Pending, SHORT_MAX, Sink, State};
use super::place::Lent;
use super::secret::{self, Secret};
use crate::error::{Error, Result};
use buffers::Buffers;
use carrier::{Begun, Carrier, Done, Operation, Tag};
use ending::Ending;
use inbox::Inbox;
use outbox::Outbox;
use packet::{GATHERED_BYTES, HEADER_BYTES, Header, Hello, Kind, Tokens};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// Packets of one process that the other has not taken.
pub const WINDOW: u32 = 16;
/// Pieces of one process that are on their way.
pub const PIECES_FLYING: usize = 4;
/// How long a broken link waits for the memory that the network has.
pub const DRAIN_LIMIT: Duration = Duration::from_secs(2);
/// Packets up to this length are sent without a completion, if the network has that.
const INJECT_MAX: usize = 512;
/// The network is asked again after so long when it took nothing.
const AGAIN: Duration = Duration::from_micros(200);
/// A failure to send is told when nothing has come for so long: what was sent before the other side's end comes first.
const GRACE: Duration = Duration::from_millis(20);

/// A link by messages over `C`.
pub struct Messages<C: Carrier> {
    carrier: C,
    me: ProcessId,
    secret: Secret,
    opening_limit: Duration,
    hello: Hello,
    peers: Vec<Peer>,
    /// Peers whose phase is Up.
    up: Vec<ProcessId>,
    /// Peers whose phase is Greeting, or to whom a word is owed.
    unsettled: Vec<ProcessId>,
    /// Peers whose link is broken and not drained.
    ending: Vec<ProcessId>,
    buffers: Buffers,
    ring_posted: u32,
    done: Vec<Done>,
    /// The network took nothing more: ask again soon.
    stuck: bool,
    pending: Pending,
    notes: Vec<String>,
    strangers: u32,
    closing: bool,
    /// Why the network as a whole is lost.
    lost: Option<String>,
}

struct Peer {
    phase: Phase,
    /// Does the carrier know it?
    reached: bool,
    hello_owed: bool,
    hello_said: bool,
    farewell_owed: bool,
    heard: Option<Hello>,
    /// Why somebody who said to be this process was not believed.
    suspicion: Option<String>,
    tokens: Tokens,
    /// Of the packets that come from there.
    token_in: u64,
    /// Packets, with their length, that arrived before the Hello.
    early: Vec<(u32, usize)>,
    outbox: Outbox,
    inbox: Inbox,
    /// Data packets sent; those that the other side has taken; how many of its own it knows to be taken. Wrapping.
    sent: u32,
    acknowledged: u32,
    taken_told: u32,
    /// A packet that the network has not taken yet: buffer and length.
    packed: Option<(u32, usize)>,
    /// Packets whose buffer the network reads.
    flying: u32,
    failing: Option<(String, Instant)>,
    told_closed: bool,
    farewell: Option<Farewell>,
    ending: Option<Ending>,
}

/// The other side's.
struct Farewell {
    pieces_out: u32,
    reason: String,
}

enum Phase {
    Unopened,
    Greeting { until: Instant },
    Up,
    Closed,
    Broken(String),
}

impl Peer {
    fn new(index: ProcessId) -> Peer {
        Peer {
            phase: Phase::Unopened,
            reached: false,
            hello_owed: false,
            hello_said: false,
            farewell_owed: false,
            heard: None,
            suspicion: None,
            tokens: Tokens::default(),
            token_in: 0,
            early: Vec::new(),
            outbox: Outbox::default(),
            inbox: Inbox::new(index),
            sent: 0,
            acknowledged: 0,
            taken_told: 0,
            packed: None,
            flying: 0,
            failing: None,
            told_closed: false,
            farewell: None,
            ending: None,
        }
    }

    fn has_window(&self) -> bool {
        self.sent.wrapping_sub(self.acknowledged) < WINDOW
    }

    /// Nothing waits for it, and the network reads nothing of ours for it.
    fn is_quiet(&self) -> bool {
        self.packed.is_none() && self.outbox.is_empty() && self.flying == 0
    }

    fn backlog(&self) -> usize {
        self.outbox.bytes() + self.packed.map_or(0, |(_, len)| len)
    }

    /// Has so much been taken that the other side should hear of it?
    fn credit_due(&self) -> bool {
        // who has closed needs none
        !self.told_closed && self.inbox.taken().wrapping_sub(self.taken_told) >= WINDOW / 2
    }
}

impl<C: Carrier> Messages<C> {
    /// The end of process `me` of `processes`. A process that does not say Hello within `opening_limit` is broken.
    pub fn new(
        carrier: C,
        me: ProcessId,
        processes: u32,
        secret: Secret,
        opening_limit: Duration,
    ) -> Result<Messages<C>> {
        let hello = Hello { nonce: secret::random()? };
        let mut link = Messages {
            carrier,
            me,
            secret,
            opening_limit,
            hello,
            peers: (0..processes).map(Peer::new).collect(),
            up: Vec::new(),
            unsettled: Vec::new(),
            ending: Vec::new(),
            buffers: Buffers::default(),
            ring_posted: 0,
            done: Vec::new(),
            stuck: false,
            pending: Pending::default(),
            notes: Vec::new(),
            strangers: 0,
            closing: false,
            lost: None,
        };
        if link.carrier.message_max() < PACKET_BYTES {
            let why = format!("its messages have at most {} bytes", link.carrier.message_max());
            return Err(Error::Wire { what: "a link by messages".into(), why });
        }
        link.fill_ring();
        match link.lost.take() {
            None => Ok(link),
            Some(why) => Err(Error::Wire { what: "a link by messages".into(), why }),
        }
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

    /// Posts receives for packets.
    fn fill_ring(&mut self) {
        while self.ring_posted < self.carrier.ring() && self.lost.is_none() {
            let buffer = match self.buffers.take(&mut self.carrier) {
                Ok(buffer) => buffer,
                Err(why) => return self.network_is_lost(why),
            };
            let (at, region) = self.buffers.at(buffer);
            let operation = Operation::PacketIn { buffer };
            // SAFETY: the buffer is nobody else's until the operation is over.
            let begun =
                unsafe { self.carrier.receive(None, Tag::Packet, at, PACKET_BYTES, Some(region), operation) };
            match begun {
                Begun::Yes => self.ring_posted += 1,
                Begun::Later => {
                    self.buffers.give(buffer);
                    self.stuck = true;
                    return;
                }
                Begun::Failed(why) => {
                    self.buffers.give(buffer);
                    return self.network_is_lost(why);
                }
            }
        }
    }

    /// Lets the network move, and takes what is over.
    fn progress(&mut self) {
        let mut done = std::mem::take(&mut self.done);
        if self.lost.is_none()
            && let Err(why) = self.carrier.poll(&mut done)
        {
            self.network_is_lost(why);
        }
        let any = !done.is_empty();
        for done in done.drain(..) {
            self.operation_is_over(done);
        }
        self.done = done;
        if any || self.stuck {
            self.stuck = false;
            self.fill_ring();
        }
    }

    fn operation_is_over(&mut self, done: Done) {
        match done.operation {
            Operation::PacketIn { buffer } => {
                self.ring_posted -= 1;
                match done.result {
                    Ok(len) => self.packet_arrived(buffer, len),
                    Err(why) => {
                        self.buffers.give(buffer);
                        self.note_stranger(format!("a message was dropped: {why}"));
                    }
                }
            }
            Operation::PacketOut { to, buffer } => {
                self.buffers.give(buffer);
                self.peers[to as usize].flying -= 1;
                if let Err(why) = done.result {
                    self.fail(to, why);
                }
            }
            Operation::PieceIn { from, number } => {
                let peer = &mut self.peers[from as usize];
                match peer.ending {
                    Some(_) => peer.inbox.forget_piece(number),
                    None => {
                        if let Err(why) = peer.inbox.piece_is_over(number, done.result) {
                            self.fail(from, why);
                        }
                    }
                }
            }
            Operation::PieceOut { to, number } => {
                let peer = &mut self.peers[to as usize];
                peer.outbox.piece_is_gone(number);
                match done.result {
                    Err(why) => self.fail(to, why),
                    // what ends after a failure has not left as a whole
                    Ok(_) if peer.failing.is_none() && peer.ending.is_none() => {
                        let mut gone = Vec::new();
                        peer.outbox.gone(&mut gone);
                        self.pending.released(to, gone, true);
                    }
                    Ok(_) => {}
                }
            }
        }
    }

    fn packet_arrived(&mut self, buffer: u32, len: usize) {
        // SAFETY: its receive is over.
        let bytes = unsafe { self.buffers.bytes(buffer, len.min(PACKET_BYTES)) };
        let header =
            Header::read(bytes).filter(|h| h.from != self.me && (h.from as usize) < self.peers.len());
        let Some(header) = header else {
            self.buffers.give(buffer);
            return self.note_stranger("a message that is not of this job was dropped".into());
        };
        let peer = &mut self.peers[header.from as usize];
        if header.kind == Kind::Hello {
            let checked = Hello::check(&bytes[HEADER_BYTES..], &self.secret, header.from, self.me);
            self.buffers.give(buffer);
            return self.hello_arrived(header.from, checked);
        }
        if peer.heard.is_none() && peer.early.len() < WINDOW as usize && peer.ending.is_none() {
            // the network may let it overtake the Hello
            return peer.early.push((buffer, len));
        }
        if peer.heard.is_none() || header.token != peer.token_in {
            self.buffers.give(buffer);
            return self.note_stranger(format!(
                "a message that says to be from process {} was dropped: it does not know the token",
                header.from
            ));
        }
        if let Some((_, since)) = &mut peer.failing {
            *since = Instant::now();
        }
        if peer.sent.wrapping_sub(header.taken) <= peer.sent.wrapping_sub(peer.acknowledged) {
            peer.acknowledged = header.taken;
        }
        match header.kind {
            Kind::Data if peer.ending.is_none() && !matches!(peer.phase, Phase::Closed) => {
                if !peer.inbox.hold(header.number, buffer, WINDOW) {
                    self.buffers.give(buffer);
                    let due = peer.inbox.taken();
                    let reason = format!("packet {} arrived where packet {due} was due", header.number);
                    self.break_link(header.from, reason, true);
                }
                return;
            }
            Kind::Farewell if peer.farewell.is_none() => {
                let reason = String::from_utf8_lossy(&bytes[HEADER_BYTES..]).into_owned();
                peer.farewell = Some(Farewell { pieces_out: header.pieces_out, reason });
            }
            _ => {}
        }
        self.buffers.give(buffer);
    }

    /// Sends what waits for `to`, as far as the window and the network allow.
    fn push(&mut self, to: ProcessId) {
        loop {
            let peer = &mut self.peers[to as usize];
            if !matches!(peer.phase, Phase::Up) || peer.failing.is_some() || peer.hello_owed {
                return;
            }
            if let Some((buffer, len)) = peer.packed {
                match self.send_packet(to, buffer, len) {
                    Begun::Yes => self.peers[to as usize].packed = None,
                    Begun::Later => {
                        self.stuck = true;
                        return;
                    }
                    Begun::Failed(why) => return self.fail(to, why),
                }
            }
            let Messages { carrier, peers, .. } = self;
            let peer = &mut peers[to as usize];
            let token = peer.tokens.piece;
            let posted = peer.outbox.post_pieces(PIECES_FLYING, |number, at, len| {
                let tag = Tag::Piece { number, token };
                // SAFETY: rule 2 of the outbox.
                unsafe { carrier.send(to, tag, at, len, None, Operation::PieceOut { to, number }) }
            });
            match posted {
                Ok(all) => self.stuck |= !all,
                Err(why) => return self.fail(to, why),
            }
            if peer.outbox.has_planned() || peer.outbox.is_idle() || !peer.has_window() {
                return;
            }
            self.pack(to);
        }
    }

    /// Makes the next packet of what waits in the outbox of `to`.
    fn pack(&mut self, to: ProcessId) {
        let Some(buffer) = self.packet_buffer() else { return };
        let piece_max = PIECE_BYTES_MAX.min(self.carrier.message_max());
        let peer = &mut self.peers[to as usize];
        // SAFETY: nobody else uses it.
        let packet = unsafe { self.buffers.bytes_mut(buffer) };
        let mut lengths = Vec::new();
        let len = peer.outbox.pack(
            &mut packet[HEADER_BYTES..],
            GATHERED_BYTES - HEADER_BYTES,
            piece_max,
            &mut lengths,
        );
        if !lengths.is_empty() {
            let from = HEADER_BYTES + 4 * lengths.len();
            packet.copy_within(HEADER_BYTES..HEADER_BYTES + len, from);
            for (place, length) in packet[HEADER_BYTES..from].chunks_mut(4).zip(&lengths) {
                place.copy_from_slice(&length.to_le_bytes());
            }
        }
        let mut gone = Vec::new();
        peer.outbox.gone(&mut gone);
        self.pending.released(to, gone, true);
        self.seal(to, buffer, lengths.len(), len);
    }

    /// A frame that nothing waits in front of goes into a packet at once. False when it has to wait.
    fn send_now(&mut self, to: ProcessId, head: &[u8; HEAD_BYTES], payload: &[&[u8]], len: usize) -> bool {
        let peer = &self.peers[to as usize];
        let now = matches!(peer.phase, Phase::Up)
            && peer.outbox.is_idle()
            && peer.packed.is_none()
            && peer.has_window()
            && !peer.hello_owed
            && peer.failing.is_none();
        if !now || len > SHORT_MAX {
            return false;
        }
        let Some(buffer) = self.packet_buffer() else { return false };
        // SAFETY: nobody else uses it.
        let packet = unsafe { self.buffers.bytes_mut(buffer) };
        let mut at = HEADER_BYTES;
        for piece in std::iter::once(&head[..]).chain(payload.iter().copied()) {
            packet[at..at + piece.len()].copy_from_slice(piece);
            at += piece.len();
        }
        self.seal(to, buffer, 0, HEAD_BYTES + len);
        self.push(to);
        true
    }

    fn packet_buffer(&mut self) -> Option<u32> {
        match self.buffers.take(&mut self.carrier) {
            Ok(buffer) => Some(buffer),
            Err(why) => {
                self.network_is_lost(why);
                None
            }
        }
    }

    /// Writes the header of the Data packet in `buffer`, which is the next to leave.
    fn seal(&mut self, to: ProcessId, buffer: u32, pieces: usize, len: usize) {
        let peer = &mut self.peers[to as usize];
        let header = Header {
            from: self.me,
            number: peer.sent,
            token: peer.tokens.packet,
            kind: Kind::Data,
            pieces: pieces as u16,
            taken: peer.inbox.taken(),
            len: len as u32,
            pieces_out: 0,
        };
        // SAFETY: nobody else uses it.
        header.write(unsafe { self.buffers.bytes_mut(buffer) });
        peer.sent = peer.sent.wrapping_add(1);
        peer.taken_told = header.taken;
        peer.packed = Some((buffer, header.body_at() + len));
    }

    /// Sends the first `len` bytes of `buffer`. The buffer is the network's, or given back, unless this fails.
    fn send_packet(&mut self, to: ProcessId, buffer: u32, len: usize) -> Begun {
        // the last words shall be known to have left, or not
        let last = self.closing || self.peers[to as usize].ending.is_some();
        if len <= INJECT_MAX.min(self.carrier.inject_max()) && !last {
            // SAFETY: nobody writes to it.
            let bytes = unsafe { self.buffers.bytes(buffer, len) };
            let begun = self.carrier.inject(to, Tag::Packet, bytes);
            if begun == Begun::Yes {
                self.buffers.give(buffer);
            }
            return begun;
        }
        let (at, region) = self.buffers.at(buffer);
        let operation = Operation::PacketOut { to, buffer };
        // SAFETY: nobody writes to it until the operation is over.
        let begun = unsafe { self.carrier.send(to, Tag::Packet, at, len, Some(region), operation) };
        if begun == Begun::Yes {
            self.peers[to as usize].flying += 1;
        }
        begun
    }

    /// Sends a packet that is not numbered. True when it is on its way.
    fn send_word(&mut self, to: ProcessId, packet: &[u8]) -> bool {
        let Some(buffer) = self.packet_buffer() else { return false };
        // SAFETY: nobody else uses it.
        let bytes = unsafe { self.buffers.bytes_mut(buffer) };
        bytes[..packet.len()].copy_from_slice(packet);
        match self.send_packet(to, buffer, packet.len()) {
            Begun::Yes => return true,
            Begun::Later => self.stuck = true,
            Begun::Failed(why) => self.fail(to, why),
        }
        self.buffers.give(buffer);
        false
    }

    /// Sending to `peer` does not work. Told when everything that had arrived is handed out.
    fn fail(&mut self, peer: ProcessId, why: String) {
        let p = &mut self.peers[peer as usize];
        if p.failing.is_none() {
            p.failing = Some((why, Instant::now()));
        }
    }

    /// Takes what is here from `from`.
    fn pull(&mut self, from: ProcessId, max: u32, sink: &mut dyn Sink) -> u32 {
        let peer = &mut self.peers[from as usize];
        if !peer.inbox.is_ready() && peer.farewell.is_none() && peer.failing.is_none() {
            return 0;
        }
        let frames = match peer.inbox.advance(&mut self.carrier, &mut self.buffers, max, sink) {
            Ok(frames) => frames,
            Err(damage) => {
                self.break_link(from, damage, true);
                return 0;
            }
        };
        if peer.inbox.incoming.closed() && !std::mem::replace(&mut peer.told_closed, true) {
            self.pending.closed(from);
        }
        if !peer.inbox.is_ready() || peer.told_closed {
            let position = peer.inbox.incoming.position();
            if let Some(farewell) = &peer.farewell {
                let reason = format!("{} {position}", farewell.reason);
                self.break_link(from, reason, true);
            } else if let Some((why, since)) = &peer.failing
                && since.elapsed() >= GRACE
            {
                let reason = format!("{why} {position}");
                self.break_link(from, reason, false);
            }
        }
        frames
    }

    /// Lets go of a process when both sides have closed and nothing waits.
    fn let_go(&mut self, peer: ProcessId) {
        let p = &self.peers[peer as usize];
        if p.told_closed && self.closing && p.is_quiet() && matches!(p.phase, Phase::Up) {
            self.settle(peer, Phase::Closed);
        }
    }

    /// Changes the phase of `peer`, and the list with it.
    fn settle(&mut self, peer: ProcessId, phase: Phase) {
        self.up.retain(|p| *p != peer);
        if matches!(phase, Phase::Up) {
            self.up.push(peer);
        }
        self.peers[peer as usize].phase = phase;
    }
}

impl<C: Carrier> Link for Messages<C> {
    fn send(
        &mut self,
        to: ProcessId,
        head: &FrameHead,
        payload: &[&[u8]],
    ) -> std::result::Result<(), Broken> {
        self.admit(to)?;
        let len = payload.iter().map(|p| p.len()).sum();
        let head = self.peers[to as usize].outbox.number(head, len);
        if !self.send_now(to, &head, payload, len) {
            self.peers[to as usize].outbox.keep(head, payload);
            self.push(to);
        }
        Ok(())
    }

    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> std::result::Result<(), Broken> {
        if let Err(broken) = self.admit(to) {
            self.pending.released(to, [payload.token], false);
            return Err(broken);
        }
        let outbox = &mut self.peers[to as usize].outbox;
        let head = outbox.number(head, payload.len());
        outbox.lend(head, payload);
        self.push(to);
        Ok(())
    }

    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        self.progress();
        self.see_to_unsettled();
        let (mut frames, mut at) = (0, 0);
        while let Some(&peer) = self.up.get(at) {
            if self.peers[peer as usize].credit_due() {
                self.say_credit(peer);
            }
            self.push(peer);
            if frames < max {
                frames += self.pull(peer, max - frames, sink);
            }
            self.let_go(peer);
            // a link that is over has left the list
            if self.up.get(at) == Some(&peer) {
                at += 1;
            }
        }
        if frames >= max && self.up.len() > 1 {
            self.up.rotate_left(1);
        }
        self.drain();
        if !self.pending.is_empty() {
            self.pending.tell(sink);
        }
        frames
    }

    fn flush(&mut self) -> usize {
        self.progress();
        self.see_to_unsettled();
        for at in 0..self.up.len() {
            self.push(self.up[at]);
        }
        self.peers.iter().map(Peer::backlog).sum()
    }

    fn backlog(&self, to: ProcessId) -> usize {
        self.peers.get(to as usize).map_or(0, Peer::backlog)
    }

    fn state(&self, peer: ProcessId) -> State {
        match self.peers.get(peer as usize).map(|p| &p.phase) {
            None | Some(Phase::Unopened | Phase::Greeting { .. }) => State::Unopened,
            Some(Phase::Up) if !self.peers[peer as usize].told_closed => State::Up,
            Some(Phase::Up | Phase::Closed) => State::Closed,
            Some(Phase::Broken(reason)) => State::Broken(Broken { peer, reason: reason.clone() }),
        }
    }

    fn cut(&mut self, peer: ProcessId, reason: &str) {
        if peer != self.me && (peer as usize) < self.peers.len() {
            self.break_link(peer, reason.into(), true);
            self.carrier.peer_is_lost(peer);
        }
    }

    fn close(&mut self) {
        if std::mem::replace(&mut self.closing, true) {
            return;
        }
        let goodbye = FrameHead { control: CLOSING, ..FrameHead::default() };
        for peer in 0..self.peers.len() as ProcessId {
            let p = &mut self.peers[peer as usize];
            if matches!(p.phase, Phase::Up | Phase::Greeting { .. }) {
                let head = p.outbox.number(&goodbye, 0);
                p.outbox.keep(head, &[]);
                self.push(peer);
            }
        }
    }

    fn prepare_sleep(&mut self) -> bool {
        let ready = |p: &ProcessId| self.peers[*p as usize].inbox.is_ready();
        self.pending.is_empty() && !self.up.iter().any(ready) && self.carrier.may_sleep()
    }

    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        if let Some(fd) = self.carrier.descriptor() {
            each(fd);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let peers = self.peers.iter().filter_map(|p| match (&p.phase, &p.ending, &p.failing) {
            (Phase::Greeting { until }, _, _) => Some(*until),
            (_, Some(ending), _) => ending.next_look(),
            (Phase::Up, _, Some((_, since))) => Some(*since + GRACE),
            _ => None,
        });
        let again = self.stuck.then(|| now + AGAIN);
        peers.chain(again).chain(self.carrier.nap().map(|n| now + n)).min()
    }

    fn notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }
}
