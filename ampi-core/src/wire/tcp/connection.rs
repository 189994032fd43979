//! One open connection: its stream, and what has been read ahead of the frames.
//!
//! A read asks for as much as fits into a buffer of 64 KiB, so that many short frames cost one call. In the middle of a
//! long payload the same call reads straight into the receiver's place and, behind it, the beginning of what follows.
//!
//! What lies in the buffer of a long payload has to be copied once more. So where long payloads come, little is read ahead:
//! their head and not much more; where short frames fill that, twice as much the next time.

use crate::wire::incoming::Incoming;
use crate::wire::link::Sink;
use crate::wire::outgoing::Outgoing;
use crate::wire::stream::Stream;
use std::io::{IoSlice, IoSliceMut};

const BUFFER_BYTES: usize = 64 << 10;
/// As much is read ahead at least.
const AHEAD_MIN: usize = 2 << 10;
/// Frames up to this length are put together before they are written: a call with one stretch of memory costs less.
const JOINED_MAX: usize = 1 << 10;
/// Slices of one write.
const SLICES_MAX: usize = 64;
/// A poll gives the other connections their turn after so much.
const READ_MAX: usize = 4 << 20;

pub struct Connection {
    pub stream: Stream,
    /// Bytes of the acceptor's verdict that go before everything else.
    preface: Vec<u8>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// As much of the buffer is filled by one read.
    ahead: usize,
    /// The stream has ended; the reason is told when the buffer is used up.
    ended: Option<String>,
}

/// What became of a connection in a call.
pub enum Flow {
    Open,
    /// The other side has said that nothing follows.
    Closed,
    Broken(String),
}

impl Connection {
    pub fn new(stream: Stream, preface: Vec<u8>) -> Connection {
        let buffer = vec![0; BUFFER_BYTES].into_boxed_slice();
        Connection { stream, preface, buffer, start: 0, end: 0, ahead: BUFFER_BYTES, ended: None }
    }

    /// Is something here that can be handed out without reading?
    pub fn has_buffered(&self) -> bool {
        self.start < self.end || self.ended.is_some()
    }

    /// Hands out at most `max` frames.
    pub fn read(&mut self, incoming: &mut Incoming, max: u32, sink: &mut dyn Sink) -> (u32, Flow) {
        let (mut frames, mut read) = (0, 0);
        loop {
            match incoming.take(&self.buffer[self.start..self.end], max - frames, sink) {
                Ok((used, n)) => {
                    self.start += used;
                    frames += n;
                }
                Err(damage) => return (frames, Flow::Broken(damage)),
            }
            if incoming.closed() {
                return (frames, Flow::Closed);
            }
            if frames >= max || read >= READ_MAX {
                return (frames, Flow::Open);
            }
            if let Some(reason) = self.ended.take() {
                return (frames, Flow::Broken(format!("{reason} {}", incoming.position())));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let end = (self.end + self.ahead).min(BUFFER_BYTES);
            let space = &mut self.buffer[self.end..end];
            let (got, asked, direct) = match incoming.room() {
                None => {
                    let asked = space.len();
                    (self.stream.read_one(space), asked, 0)
                }
                Some(room) => {
                    self.ahead = AHEAD_MIN;
                    let (direct, asked) = (room.len(), room.len() + space.len());
                    (self.stream.read(&mut [IoSliceMut::new(room), IoSliceMut::new(space)]), asked, direct)
                }
            };
            match got {
                Ok(None) => return (frames, Flow::Open),
                Ok(Some(0)) => self.ended = Some("the other side closed the connection".into()),
                Err(e) => self.ended = Some(format!("reading failed ({e})")),
                Ok(Some(n)) => {
                    frames += incoming.arrived(n.min(direct), sink);
                    self.end += n - n.min(direct);
                    read += n;
                    if n == asked && direct == 0 {
                        self.ahead = (2 * self.ahead).min(BUFFER_BYTES);
                    }
                    if n < asked && self.end == 0 {
                        // the kernel had no more: asking again now would cost a call for nothing
                        return (frames, Flow::Open);
                    }
                    if n < asked {
                        read = READ_MAX;
                    }
                }
            }
        }
    }

    /// Writes `head` and `payload` if nothing waits in front of them; how many bytes the kernel took.
    pub fn write_now(&mut self, head: &[u8], payload: &[&[u8]]) -> Result<usize, String> {
        if !self.preface.is_empty() || payload.len() >= SLICES_MAX {
            return Ok(0);
        }
        let failed = |e: std::io::Error| format!("writing failed ({e})");
        let len = head.len() + payload.iter().map(|p| p.len()).sum::<usize>();
        if len <= JOINED_MAX {
            let mut joined = [0; JOINED_MAX];
            let mut at = 0;
            for piece in std::iter::once(&head).chain(payload) {
                joined[at..at + piece.len()].copy_from_slice(piece);
                at += piece.len();
            }
            return self.stream.write_one(&joined[..len]).map_err(failed);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        slices[0] = IoSlice::new(head);
        for (slice, piece) in slices[1..].iter_mut().zip(payload) {
            *slice = IoSlice::new(piece);
        }
        self.stream.write(&slices[..=payload.len()]).map_err(failed)
    }

    /// Writes what waits; adds the tokens of lent payloads that are gone.
    pub fn write(&mut self, outgoing: &mut Outgoing, gone: &mut Vec<u64>) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("writing failed ({e})");
        while !self.preface.is_empty() {
            match self.stream.write(&[IoSlice::new(&self.preface)]).map_err(failed)? {
                0 => return Ok(()),
                n => drop(self.preface.drain(..n)),
            }
        }
        while !outgoing.is_empty() {
            let slices = outgoing.slices(SLICES_MAX, false);
            let asked: usize = slices.iter().map(|s| s.len()).sum();
            let n = self.stream.write(&slices).map_err(failed)?;
            outgoing.advance(n, gone);
            if n < asked {
                break;
            }
        }
        Ok(())
    }
}
