//! Frames that wait to leave, as one stream of bytes: the first may be half gone.

use super::frame::{FrameHead, HEAD_BYTES};
use super::place::Lent;
use std::collections::VecDeque;
use std::io::IoSlice;

/// The queue of one connection, and the numbers of its frames.
#[derive(Default)]
pub(super) struct Outgoing {
    frames: VecDeque<Frame>,
    /// Bytes that wait.
    bytes: usize,
    sequence: u32,
}

struct Frame {
    head: [u8; HEAD_BYTES],
    body: Body,
    /// Bytes of head and body that are gone.
    done: usize,
}

enum Body {
    Copied(Vec<u8>),
    Lent(Lent),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Body::Copied(bytes) => bytes.len(),
            Body::Lent(lent) => lent.len(),
        }
    }
}

impl Outgoing {
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The head of the next frame, as it travels.
    pub fn number(&mut self, head: &FrameHead, len_bytes: usize) -> [u8; HEAD_BYTES] {
        let head = FrameHead { sequence: self.sequence, len_bytes: len_bytes as u64, ..*head };
        self.sequence = self.sequence.wrapping_add(1);
        head.encode()
    }

    /// Keeps a copy of what is not gone yet: `done` bytes of `head` and `payload` are.
    pub fn keep(&mut self, head: [u8; HEAD_BYTES], payload: &[&[u8]], done: usize) {
        let mut skip = done.saturating_sub(HEAD_BYTES);
        let mut bytes = Vec::with_capacity(payload.iter().map(|p| p.len()).sum::<usize>() - skip);
        for piece in payload {
            let from = skip.min(piece.len());
            bytes.extend_from_slice(&piece[from..]);
            skip -= from;
        }
        let done = done.min(HEAD_BYTES);
        self.bytes += HEAD_BYTES - done + bytes.len();
        self.frames.push_back(Frame { head, body: Body::Copied(bytes), done });
    }

    pub fn lend(&mut self, head: [u8; HEAD_BYTES], lent: Lent) {
        self.bytes += HEAD_BYTES + lent.len();
        self.frames.push_back(Frame { head, body: Body::Lent(lent), done: 0 });
    }

    /// What leaves next, in at most `max_slices` pieces; from the first frame only if `one_frame`.
    pub fn slices(&self, max_slices: usize, one_frame: bool) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(max_slices.min(2 * self.frames.len()));
        for frame in self.frames.iter().take(if one_frame { 1 } else { usize::MAX }) {
            if slices.len() + 2 > max_slices {
                break;
            }
            if frame.done < HEAD_BYTES {
                slices.push(IoSlice::new(&frame.head[frame.done..]));
            }
            let done = frame.done.saturating_sub(HEAD_BYTES);
            match &frame.body {
                Body::Copied(bytes) if done < bytes.len() => slices.push(IoSlice::new(&bytes[done..])),
                Body::Copied(_) => {}
                Body::Lent(lent) => lent.slices_from(done, &mut slices, max_slices),
            }
        }
        slices
    }

    /// `n` bytes have left; adds the tokens of payloads that are gone.
    pub fn advance(&mut self, mut n: usize, gone: &mut Vec<u64>) {
        self.bytes -= n;
        while let Some(frame) = self.frames.front_mut() {
            let left = HEAD_BYTES + frame.body.len() - frame.done;
            if n < left {
                frame.done += n;
                return;
            }
            n -= left;
            if let Some(Frame { body: Body::Lent(lent), .. }) = self.frames.pop_front() {
                gone.push(lent.token);
            }
        }
    }

    /// Gives everything up; the tokens of payloads that did not leave.
    pub fn give_up(&mut self) -> Vec<u64> {
        self.bytes = 0;
        let lent = |f: Frame| if let Body::Lent(lent) = f.body { Some(lent.token) } else { None };
        self.frames.drain(..).filter_map(lent).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(slices: &[IoSlice<'_>]) -> Vec<u8> {
        slices.iter().flat_map(|s| s.to_vec()).collect()
    }

    #[test]
    fn leaves_as_one_stream_however_it_is_cut() {
        for cut in 1..40 {
            let mut out = Outgoing::default();
            let mut whole = Vec::new();
            for (i, payload) in [&b"abc"[..], b"", b"0123456789"].iter().enumerate() {
                let head = out.number(&FrameHead::new(i as u8, 0, 0, 0), payload.len());
                whole.extend(head);
                whole.extend(*payload);
                match i {
                    2 => out.lend(head, Lent::owned(payload.to_vec(), 77)),
                    _ => out.keep(head, &[&payload[..payload.len() / 2], &payload[payload.len() / 2..]], 0),
                }
            }
            assert_eq!(out.bytes(), whole.len());
            let (mut seen, mut gone) = (Vec::new(), Vec::new());
            while !out.is_empty() {
                assert!(gone.is_empty());
                let mut next = flat(&out.slices(4, false));
                next.truncate(cut);
                seen.extend(&next);
                out.advance(next.len(), &mut gone);
            }
            assert_eq!((seen, gone, out.bytes()), (whole, vec![77], 0));
        }
    }

    #[test]
    fn keeps_only_the_rest_of_a_frame_that_is_half_gone() {
        for done in 0..HEAD_BYTES + 5 {
            let mut out = Outgoing::default();
            let head = out.number(&FrameHead::new(1, 2, 3, 4), 5);
            out.keep(head, &[b"ab", b"", b"cde"], done);
            let whole: Vec<u8> = head.iter().copied().chain(*b"abcde").collect();
            assert_eq!(flat(&out.slices(4, true)), whole[done..]);
            assert_eq!(out.bytes(), whole.len() - done);
        }
    }

    #[test]
    fn giving_up_names_what_was_lent() {
        let mut out = Outgoing::default();
        for token in [5, 6] {
            let head = out.number(&FrameHead::default(), 1);
            out.lend(head, Lent::owned(vec![1], token));
        }
        assert_eq!(out.give_up(), [5, 6]);
        assert!(out.is_empty() && out.bytes() == 0);
    }
}
