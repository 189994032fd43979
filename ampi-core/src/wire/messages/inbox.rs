//! What arrives from one process: packets in the order of their numbers, and the pieces of the long payload that is under way.
//!
//! 1. A packet is taken after the one before, and after all pieces that the one before announced. So the frames and the
//!    payloads are one stream of bytes, in order.
//! 2. Pieces are received straight into their place. What the place has no room for goes to memory of its own and is forgotten.
//! 3. A place belongs to the network while a piece for it is posted.

use super::buffers::Buffers;
use super::carrier::{Begun, Carrier, Operation, Tag};
use super::packet::{Header, PIECE_BYTES_MAX};
use crate::wire::ProcessId;
use crate::wire::incoming::Incoming;
use crate::wire::link::Sink;
use std::collections::{BTreeMap, VecDeque};

/// Receives posted ahead.
pub const PIECES_AHEAD: usize = 8;

/// The receiving side of one pair.
pub struct Inbox {
    from: ProcessId,
    pub incoming: Incoming,
    /// Token of its pieces.
    pub piece_token: u32,
    /// Packets that have arrived, by number.
    held: BTreeMap<u32, u32>,
    /// How many packets are taken, wrapping: the number of the next.
    taken: u32,
    /// The packet that is being taken.
    current: Option<Current>,
    /// Lengths of pieces that are announced and not posted.
    expected: VecDeque<u32>,
    posted: Vec<Piece>,
    /// How many pieces have been posted, wrapping.
    pieces_in: u32,
    /// Bytes of the payload that the posted pieces hold.
    ahead: u64,
}

struct Current {
    buffer: u32,
    header: Header,
    at: usize,
}

struct Piece {
    number: u32,
    len: u32,
    /// In the payload.
    from: u64,
    /// Where it goes when its place is too small.
    apart: Option<Box<[u8]>>,
    done: bool,
}

impl Inbox {
    pub fn new(from: ProcessId) -> Inbox {
        Inbox {
            from,
            incoming: Incoming::new(from),
            piece_token: 0,
            held: BTreeMap::new(),
            taken: 0,
            current: None,
            expected: VecDeque::new(),
            posted: Vec::new(),
            pieces_in: 0,
            ahead: 0,
        }
    }

    /// How many packets are taken, wrapping.
    pub fn taken(&self) -> u32 {
        self.taken
    }

    /// How many pieces have been posted, wrapping.
    pub fn pieces_in(&self) -> u32 {
        self.pieces_in
    }

    /// Keeps packet `number`, which is in `buffer`, until its turn. False when it is none of the next `window`.
    pub fn hold(&mut self, number: u32, buffer: u32, window: u32) -> bool {
        let next = self.taken.wrapping_add(self.current.is_some() as u32);
        number.wrapping_sub(self.taken) < window
            && number.wrapping_sub(next) < window
            && match self.held.entry(number) {
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(buffer);
                    true
                }
                _ => false,
            }
    }

    /// Is something here that can be handed out?
    pub fn is_ready(&self) -> bool {
        let waits = !self.posted.is_empty() || !self.expected.is_empty();
        if self.incoming.closed() {
            return false;
        }
        self.posted.iter().any(|p| p.done)
            || (!self.expected.is_empty() && self.posted.len() < PIECES_AHEAD)
            || (!waits && (self.current.is_some() || self.held.contains_key(&self.taken)))
    }

    /// Does the network write to a place?
    pub fn is_flying(&self) -> bool {
        self.posted.iter().any(|p| !p.done)
    }

    /// Takes what is here, at most `max` frames. Returns their number; an error when the stream is damaged.
    pub fn advance<C: Carrier>(
        &mut self,
        carrier: &mut C,
        buffers: &mut Buffers,
        max: u32,
        sink: &mut dyn Sink,
    ) -> Result<u32, String> {
        let mut frames = self.count(sink);
        loop {
            self.post(carrier)?;
            if !self.posted.is_empty() || !self.expected.is_empty() || self.incoming.closed() {
                return Ok(frames);
            }
            if self.current.is_none()
                && let Some(buffer) = self.held.remove(&self.taken)
            {
                // SAFETY: its receive is over.
                let whole = unsafe { buffers.bytes(buffer, super::packet::PACKET_BYTES) };
                let len = packet_len(whole);
                let header = Header::read(&whole[..len]).ok_or("a packet changed under way")?;
                self.current = Some(Current { buffer, header, at: header.body_at() });
            }
            let Some(current) = &mut self.current else { return Ok(frames) };
            let end = current.header.body_at() + current.header.len as usize;
            // SAFETY: its receive is over.
            let bytes = unsafe { buffers.bytes(current.buffer, end) };
            let (used, n) = self.incoming.take(&bytes[current.at..], max.saturating_sub(frames), sink)?;
            current.at += used;
            frames += n;
            if current.at < end && !self.incoming.closed() {
                if frames >= max {
                    return Ok(frames);
                }
                return Err("a packet held half a frame".into());
            }
            let lengths = bytes[super::packet::HEADER_BYTES..current.header.body_at()].chunks(4);
            self.expected.extend(lengths.map(|l| u32::from_le_bytes([l[0], l[1], l[2], l[3]])));
            buffers.give(current.buffer);
            self.current = None;
            self.taken = self.taken.wrapping_add(1);
            if frames >= max {
                self.post(carrier)?;
                return Ok(frames);
            }
        }
    }

    /// Posts receives for pieces that are announced.
    fn post<C: Carrier>(&mut self, carrier: &mut C) -> Result<(), String> {
        while self.posted.len() < PIECES_AHEAD
            && let Some(&len) = self.expected.front()
        {
            if len == 0 || len as usize > PIECE_BYTES_MAX {
                return Err(format!("a piece of {len} bytes was announced"));
            }
            let from = self.incoming.done() + self.ahead;
            let stretch = self.incoming.stretch(from, len as usize);
            let stretch = stretch.ok_or("pieces of no payload were announced")?;
            let mut apart = None;
            let at = match stretch.len() == len as usize {
                true => stretch.as_mut_ptr(),
                false => apart.insert(vec![0; len as usize].into_boxed_slice()).as_mut_ptr(),
            };
            let number = self.pieces_in;
            let operation = Operation::PieceIn { from: self.from, number };
            let tag = Tag::Piece { number, token: self.piece_token };
            // SAFETY: the place belongs to the network until the piece is over (rule 3); so does `apart`.
            match unsafe { carrier.receive(Some(self.from), tag, at, len as usize, None, operation) } {
                Begun::Yes => {}
                Begun::Later => return Ok(()),
                Begun::Failed(why) => return Err(why),
            }
            self.expected.pop_front();
            self.ahead += len as u64;
            self.pieces_in = number.wrapping_add(1);
            self.posted.push(Piece { number, len, from, apart, done: false });
        }
        Ok(())
    }

    /// Piece `number` is here as a whole, or will never be. An error when it is not as announced.
    pub fn piece_is_over(&mut self, number: u32, result: Result<usize, String>) -> Result<(), String> {
        let Some(at) = self.posted.iter().position(|p| p.number == number) else { return Ok(()) };
        let piece = &mut self.posted[at];
        match result {
            Ok(len) if len == piece.len as usize => {
                piece.done = true;
                Ok(())
            }
            Ok(len) => {
                let why = format!("a piece of {len} bytes arrived where {} were announced", piece.len);
                self.posted.remove(at);
                Err(why)
            }
            Err(why) => {
                self.posted.remove(at);
                Err(why)
            }
        }
    }

    /// Counts the pieces that are here; the number of frames that are complete by that.
    fn count(&mut self, sink: &mut dyn Sink) -> u32 {
        let mut frames = 0;
        while let Some(at) = self.posted.iter().position(|p| p.done) {
            let piece = self.posted.remove(at);
            if let Some(apart) = piece.apart {
                self.incoming.fill(piece.from, &apart);
            }
            self.ahead -= piece.len as u64;
            frames += self.incoming.arrived(piece.len as usize, sink);
        }
        frames
    }

    /// After the end: receives a piece that is still in the air and that nobody will look at. False when it cannot be now.
    pub fn sink_piece<C: Carrier>(&mut self, carrier: &mut C) -> bool {
        let mut apart = vec![0; PIECE_BYTES_MAX].into_boxed_slice();
        let number = self.pieces_in;
        let operation = Operation::PieceIn { from: self.from, number };
        let tag = Tag::Piece { number, token: self.piece_token };
        // SAFETY: `apart` is kept until the piece is over.
        let begun = unsafe {
            carrier.receive(Some(self.from), tag, apart.as_mut_ptr(), PIECE_BYTES_MAX, None, operation)
        };
        if begun == Begun::Yes {
            self.pieces_in = number.wrapping_add(1);
            self.posted.push(Piece { number, len: 0, from: 0, apart: Some(apart), done: false });
        }
        begun == Begun::Yes
    }

    /// After the end: piece `number` is over, whatever it was.
    pub fn forget_piece(&mut self, number: u32) {
        self.posted.retain(|p| p.number != number);
    }

    /// The end: packets that wait are dropped; nothing more is taken.
    pub fn stop(&mut self, buffers: &mut Buffers) {
        let current = self.current.take().map(|c| c.buffer);
        current.into_iter().chain(std::mem::take(&mut self.held).into_values()).for_each(|b| buffers.give(b));
        self.expected.clear();
        self.posted.retain(|p| !p.done);
    }

    /// Asks for the early end of the receives of pieces from number `from` on.
    pub fn cancel<C: Carrier>(&self, carrier: &mut C, from: u32) {
        let later = |p: &&Piece| !p.done && p.number.wrapping_sub(from) < 1 << 31;
        for piece in self.posted.iter().filter(later) {
            carrier.cancel(Operation::PieceIn { from: self.from, number: piece.number });
        }
    }

    /// Asks for the early end of all receives.
    pub fn cancel_all<C: Carrier>(&self, carrier: &mut C) {
        for piece in self.posted.iter().filter(|p| !p.done) {
            carrier.cancel(Operation::PieceIn { from: self.from, number: piece.number });
        }
    }
}

/// The length that the header of a packet tells; it was compared with the true one when the packet arrived.
fn packet_len(packet: &[u8]) -> usize {
    let word =
        |at: usize| u32::from_le_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]) as usize;
    let pieces = word(16) >> 16;
    (super::packet::HEADER_BYTES + 4 * pieces + word(24)).min(packet.len())
}
