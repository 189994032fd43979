//! Frames that wait to leave to one process, and those whose payload the network is reading.
//!
//! ```text
//! frames   | packed, pieces under way | packed … | cursor: next to be packed | …
//! ```
//!
//! 1. Short payloads, heads, and what lies scattered are copied into packets; a stretch of at least [`APART_MIN`] bytes of
//!    a long payload is sent from where it is, as pieces that the packet announces.
//! 2. A payload belongs to the network from the post of its first piece to the end of its last. Its token is told then.
//! 3. Frames leave the queue in order.

use super::carrier::Begun;
use super::packet::PIECES_MAX;
use crate::wire::frame::{FrameHead, HEAD_BYTES};
use crate::wire::link::SHORT_MAX;
use crate::wire::place::Lent;
use std::collections::VecDeque;
use std::io::IoSlice;

/// Shorter stretches of a long payload are copied.
const APART_MIN: usize = 8 << 10;
/// Slices that are looked at together.
const SLICES: usize = 64;

/// Frames to one process.
#[derive(Default)]
pub struct Outbox {
    frames: VecDeque<Frame>,
    /// Index of the first frame that is not packed as a whole.
    cursor: usize,
    /// Announced and not posted.
    planned: VecDeque<Piece>,
    /// Posted: number and piece.
    flying: Vec<(u32, Piece)>,
    /// Bytes that are not packed, or announced and not sent.
    bytes: usize,
    sequence: u32,
    frames_ever: u64,
    /// How many pieces have been posted, wrapping.
    pieces_out: u32,
}

struct Frame {
    id: u64,
    head: [u8; HEAD_BYTES],
    body: Body,
    /// Bytes of head and body that are copied or announced.
    packed: usize,
    /// Pieces that are planned or flying.
    pieces: u32,
}

enum Body {
    Copied(Vec<u8>),
    Lent(Lent),
}

#[derive(Clone, Copy)]
struct Piece {
    frame: u64,
    at: *const u8,
    len: usize,
}

// SAFETY: the address is that of a payload in `frames`, which may be sent, too.
unsafe impl Send for Piece {}

impl Frame {
    fn len(&self) -> usize {
        HEAD_BYTES
            + match &self.body {
                Body::Copied(bytes) => bytes.len(),
                Body::Lent(lent) => lent.len(),
            }
    }

    fn is_short(&self) -> bool {
        self.len() <= HEAD_BYTES + SHORT_MAX
    }

    /// The body from what is packed on.
    fn rest(&self) -> Vec<IoSlice<'_>> {
        let done = self.packed.saturating_sub(HEAD_BYTES);
        let mut slices = Vec::new();
        match &self.body {
            Body::Copied(bytes) => slices.push(IoSlice::new(&bytes[done..])),
            Body::Lent(lent) => lent.slices_from(done, &mut slices, SLICES),
        }
        slices.retain(|s| !s.is_empty());
        slices
    }
}

impl Outbox {
    /// Nothing waits to be packed or posted.
    pub fn is_idle(&self) -> bool {
        self.cursor == self.frames.len() && self.planned.is_empty()
    }

    /// Are there pieces that are announced and not posted?
    pub fn has_planned(&self) -> bool {
        !self.planned.is_empty()
    }

    /// Nothing waits, and the network reads nothing.
    pub fn is_empty(&self) -> bool {
        self.is_idle() && self.flying.is_empty()
    }

    /// Bytes that have not left.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many pieces have been posted, wrapping.
    pub fn pieces_out(&self) -> u32 {
        self.pieces_out
    }

    /// The head of the next frame, as it travels.
    pub fn number(&mut self, head: &FrameHead, len_bytes: usize) -> [u8; HEAD_BYTES] {
        let head = FrameHead { sequence: self.sequence, len_bytes: len_bytes as u64, ..*head };
        self.sequence = self.sequence.wrapping_add(1);
        head.encode()
    }

    pub fn keep(&mut self, head: [u8; HEAD_BYTES], payload: &[&[u8]]) {
        self.add(head, Body::Copied(payload.concat()));
    }

    pub fn lend(&mut self, head: [u8; HEAD_BYTES], lent: Lent) {
        self.add(head, Body::Lent(lent));
    }

    fn add(&mut self, head: [u8; HEAD_BYTES], body: Body) {
        let frame = Frame { id: self.frames_ever, head, body, packed: 0, pieces: 0 };
        self.frames_ever += 1;
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Copies what comes next into `room`: as many frames as `gathered` bytes hold, but at least one; adds the lengths of the
    /// pieces that follow. `room` holds any short frame. Returns the number of bytes.
    pub fn pack(
        &mut self,
        room: &mut [u8],
        gathered: usize,
        piece_max: usize,
        pieces: &mut Vec<u32>,
    ) -> usize {
        let mut used = 0;
        while pieces.is_empty()
            && let Some(frame) = self.frames.get_mut(self.cursor)
        {
            if frame.packed == 0 {
                let whole = if frame.is_short() { frame.len() } else { HEAD_BYTES };
                if used > 0 && used + whole > gathered {
                    break;
                }
                room[used..used + HEAD_BYTES].copy_from_slice(&frame.head);
                let mut at = used + HEAD_BYTES;
                if frame.is_short() {
                    while at < used + whole {
                        frame.packed = at - used;
                        for slice in frame.rest() {
                            room[at..at + slice.len()].copy_from_slice(&slice);
                            at += slice.len();
                        }
                    }
                }
                frame.packed = whole;
                used = at;
            }
            if frame.packed < frame.len() {
                let copied =
                    self.pack_long(&mut room[used..], gathered.saturating_sub(used), piece_max, pieces);
                used += copied;
            }
            let frame = &self.frames[self.cursor];
            if frame.packed < frame.len() {
                break;
            }
            self.cursor += 1;
        }
        self.bytes -= used;
        used
    }

    /// The next part of the long payload at the cursor: small stretches are copied, until a large one comes.
    fn pack_long(&mut self, room: &mut [u8], limit: usize, piece_max: usize, pieces: &mut Vec<u32>) -> usize {
        let limit = limit.min(room.len());
        let (mut used, mut packed) = (0, 0);
        let frame = &mut self.frames[self.cursor];
        let mut planned = 0;
        'slices: for slice in frame.rest() {
            if slice.len() < APART_MIN {
                let n = slice.len().min(limit - used);
                if !pieces.is_empty() || n == 0 {
                    break;
                }
                room[used..used + n].copy_from_slice(&slice[..n]);
                used += n;
                packed += n;
                continue;
            }
            for piece in slice.chunks(piece_max) {
                if pieces.len() == PIECES_MAX {
                    break 'slices;
                }
                pieces.push(piece.len() as u32);
                self.planned.push_back(Piece { frame: frame.id, at: piece.as_ptr(), len: piece.len() });
                packed += piece.len();
                planned += 1;
            }
        }
        frame.packed += packed;
        frame.pieces += planned;
        used
    }

    /// Hands the pieces that are planned to `post`, with their number, while at most `flying_max` are under way and the network takes
    /// them. An error when it never will.
    pub fn post_pieces(
        &mut self,
        flying_max: usize,
        mut post: impl FnMut(u32, *const u8, usize) -> Begun,
    ) -> Result<bool, String> {
        while self.flying.len() < flying_max
            && let Some(piece) = self.planned.front()
        {
            match post(self.pieces_out, piece.at, piece.len) {
                Begun::Yes => {
                    self.flying.push((self.pieces_out, *piece));
                    self.pieces_out = self.pieces_out.wrapping_add(1);
                    self.planned.pop_front();
                }
                Begun::Later => return Ok(false),
                Begun::Failed(why) => return Err(why),
            }
        }
        Ok(true)
    }

    /// The network does not read piece `number` any more.
    pub fn piece_is_gone(&mut self, number: u32) {
        let Some(at) = self.flying.iter().position(|(n, _)| *n == number) else { return };
        let (_, piece) = self.flying.remove(at);
        self.bytes = self.bytes.saturating_sub(piece.len);
        if let Some(frame) = self.frames.iter_mut().find(|f| f.id == piece.frame) {
            frame.pieces -= 1;
        }
    }

    /// Takes the frames out that are gone; adds the tokens of what was lent.
    pub fn gone(&mut self, tokens: &mut Vec<u64>) {
        while self.cursor > 0 && self.frames.front().is_some_and(|f| f.pieces == 0) {
            self.cursor -= 1;
            if let Some(Frame { body: Body::Lent(lent), .. }) = self.frames.pop_front() {
                tokens.push(lent.token);
            }
        }
    }

    /// Gives up everything that the network does not read: its tokens. The rest follows with further calls.
    pub fn give_up(&mut self) -> Vec<u64> {
        for piece in std::mem::take(&mut self.planned) {
            if let Some(frame) = self.frames.iter_mut().find(|f| f.id == piece.frame) {
                frame.pieces -= 1;
            }
        }
        let (flying, done): (VecDeque<Frame>, _) =
            std::mem::take(&mut self.frames).into_iter().partition(|f| f.pieces > 0);
        self.frames = flying;
        self.cursor = self.frames.len();
        self.bytes = 0;
        let lent = |f: Frame| if let Body::Lent(lent) = f.body { Some(lent.token) } else { None };
        done.into_iter().filter_map(lent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that leaves, as one stream of bytes, posting and ending pieces as `flying_max` allows.
    fn stream(out: &mut Outbox, gathered: usize, piece_max: usize, tokens: &mut Vec<u64>) -> Vec<u8> {
        let mut stream = Vec::new();
        let mut room = vec![0; HEAD_BYTES + SHORT_MAX];
        let mut next = 0;
        while !out.is_empty() {
            let mut lengths = Vec::new();
            let n = out.pack(&mut room, gathered, piece_max, &mut lengths);
            assert!(n > 0 || !lengths.is_empty());
            stream.extend(&room[..n]);
            let mut seen = Vec::new();
            while seen.len() < lengths.len() {
                let before = seen.len();
                out.post_pieces(2, |number, at, len| {
                    assert_eq!(number, next);
                    next += 1;
                    // SAFETY: the payload is in the outbox, or the test's.
                    stream.extend(unsafe { std::slice::from_raw_parts(at, len) });
                    seen.push((number, len as u32));
                    Begun::Yes
                })
                .unwrap();
                // the later ones end first
                seen[before..].iter().rev().for_each(|(number, _)| out.piece_is_gone(*number));
            }
            assert!(seen.iter().map(|s| s.1).eq(lengths.iter().copied()));
            out.gone(tokens);
        }
        stream
    }

    #[test]
    fn leaves_as_one_stream_however_it_is_packed() {
        let bytes: Vec<u8> = (0..300_000).map(|i| (i % 251) as u8).collect();
        for (gathered, piece_max) in [(16 << 10, 1 << 20), (100, 10_000), (5000, 64 << 10)] {
            let mut out = Outbox::default();
            let mut whole = Vec::new();
            for (i, len) in [5, 0, SHORT_MAX, SHORT_MAX + 1, 100_000, 7, 300_000].into_iter().enumerate() {
                let head = out.number(&FrameHead::new(i as u8, 0, 0, 0), len);
                whole.extend(head);
                whole.extend(&bytes[..len]);
                match i % 3 {
                    0 => out.keep(head, &[&bytes[..len / 3], &bytes[len / 3..len]]),
                    1 => out.lend(head, Lent::owned(bytes[..len].to_vec(), i as u64)),
                    _ => {
                        // small and large pieces in turns
                        let (a, b) = (len / 20, len / 2);
                        let part = |from: usize, to: usize| (bytes[from..to].as_ptr(), to - from);
                        let pieces =
                            vec![part(0, a), part(a, b), part(b, b), part(b, b + a), part(b + a, len)];
                        // SAFETY: `bytes` lives to the end of the test.
                        out.lend(head, unsafe { Lent::pieces(pieces, i as u64) });
                    }
                }
            }
            assert_eq!(out.bytes(), whole.len());
            let mut tokens = Vec::new();
            let seen = stream(&mut out, gathered, piece_max, &mut tokens);
            assert!(seen == whole, "gathered {gathered}");
            assert_eq!((out.bytes(), tokens), (0, vec![1, 2, 4, 5]));
        }
    }

    #[test]
    fn what_the_network_reads_is_given_back_only_afterwards() {
        let mut out = Outbox::default();
        for token in 0..3 {
            let head = out.number(&FrameHead::default(), 100_000);
            out.lend(head, Lent::owned(vec![1; 100_000], token));
        }
        let mut lengths = Vec::new();
        out.pack(&mut vec![0; 20_000], 16 << 10, 60_000, &mut lengths);
        assert_eq!(lengths, [60_000, 40_000]);
        assert_eq!(out.post_pieces(1, |_, _, _| Begun::Yes), Ok(true));
        assert_eq!(out.give_up(), [1, 2]);
        assert!(!out.is_empty() && out.bytes() == 0);
        let mut tokens = Vec::new();
        out.gone(&mut tokens);
        assert!(tokens.is_empty());
        out.piece_is_gone(0);
        out.gone(&mut tokens);
        assert_eq!(tokens, [0]);
        assert!(out.is_empty());
    }

    #[test]
    fn a_network_that_is_full_is_asked_again() {
        let mut out = Outbox::default();
        let head = out.number(&FrameHead::default(), 100_000);
        out.keep(head, &[&[1; 100_000]]);
        let mut lengths = Vec::new();
        out.pack(&mut vec![0; 20_000], 16 << 10, 1 << 20, &mut lengths);
        assert_eq!(out.post_pieces(9, |_, _, _| Begun::Later), Ok(false));
        assert!(!out.is_idle());
        assert_eq!(out.post_pieces(9, |_, _, _| Begun::Failed("x".into())), Err("x".into()));
        assert_eq!(out.post_pieces(9, |_, _, _| Begun::Yes), Ok(true));
        assert!(out.is_idle() && !out.is_empty());
        assert_eq!((out.bytes(), out.pieces_out()), (100_000, 1));
    }
}
