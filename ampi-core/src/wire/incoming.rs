//! Frames put together from the pieces in which they arrive.
//!
//! 1. Sequence numbers rise by one: a frame that is missing or double is an error, not a surprise.
//! 2. At most [`SHORT_MAX`] bytes of a frame are asked for in one piece; longer payloads go to their place piece by piece.

use super::ProcessId;
use super::frame::{CLOSING, FrameHead, HEAD_BYTES, PAYLOAD_MAX, USER};
use super::link::{SHORT_MAX, Sink};
use super::place::Place;

/// The receiving side of one connection.
pub(super) struct Incoming {
    peer: ProcessId,
    sequence: u32,
    long: Option<Long>,
    closed: bool,
}

/// A long payload that has begun.
struct Long {
    head: FrameHead,
    place: Place,
    done: u64,
}

impl Incoming {
    pub fn new(peer: ProcessId) -> Incoming {
        Incoming { peer, sequence: 0, long: None, closed: false }
    }

    /// Has the other side said that nothing follows?
    pub fn closed(&self) -> bool {
        self.closed
    }

    /// Takes what it can use of `bytes`, which follow what was taken before; at most `max` frames. Returns the bytes taken
    /// and the frames handed out. What is left over is the beginning of a frame that is not whole yet.
    pub fn take(&mut self, bytes: &[u8], max: u32, sink: &mut dyn Sink) -> Result<(usize, u32), String> {
        let (mut used, mut frames) = (0, 0);
        while used < bytes.len() && frames < max && !self.closed {
            let rest = &bytes[used..];
            if let Some(long) = &mut self.long {
                let n = long.missing().min(rest.len() as u64) as usize;
                let room = long.place.rest(long.done as usize);
                let kept = n.min(room.len());
                room[..kept].copy_from_slice(&rest[..kept]);
                used += n;
                frames += self.arrived(n, sink);
                continue;
            }
            let Some(head) = rest.first_chunk::<HEAD_BYTES>() else { break };
            let head = FrameHead::decode(head);
            self.check(&head)?;
            if head.len_bytes > SHORT_MAX as u64 {
                let place = sink.place(self.peer, &head);
                self.long = Some(Long { head, place, done: 0 });
                used += HEAD_BYTES;
            } else {
                let end = HEAD_BYTES + head.len_bytes as usize;
                let Some(frame) = rest.get(..end) else { break };
                used += end;
                if head.control == CLOSING {
                    self.closed = true;
                } else {
                    sink.frame(self.peer, &head, &frame[HEAD_BYTES..]);
                    frames += 1;
                }
            }
            self.sequence = self.sequence.wrapping_add(1);
        }
        Ok((used, frames))
    }

    fn check(&self, head: &FrameHead) -> Result<(), String> {
        if head.sequence != self.sequence {
            return Err(format!("frame {} arrived where frame {} was due", head.sequence, self.sequence));
        }
        if head.len_bytes > PAYLOAD_MAX
            || head.control > CLOSING
            || (head.control != USER && head.len_bytes > 0)
        {
            return Err(format!("a damaged frame arrived: {head:?}"));
        }
        Ok(())
    }

    /// The memory that the next bytes shall be read into; `None` when they shall be given to [`Incoming::take`].
    pub fn room(&mut self) -> Option<&mut [u8]> {
        let long = self.long.as_mut()?;
        let missing = long.missing().min(usize::MAX as u64) as usize;
        let room = long.place.rest(long.done as usize);
        let n = room.len().min(missing);
        if n == 0 { None } else { Some(&mut room[..n]) }
    }

    /// The place of the long payload from its byte `from` on, at most `len` bytes of it: fewer, or none, where it is too
    /// small. `None` when so many bytes are not due there.
    pub fn stretch(&mut self, from: u64, len: usize) -> Option<&mut [u8]> {
        let long = self.long.as_mut()?;
        if from < long.done || from.checked_add(len as u64)? > long.head.len_bytes {
            return None;
        }
        let room = long.place.rest(usize::try_from(from).unwrap_or(usize::MAX));
        let n = room.len().min(len);
        Some(&mut room[..n])
    }

    /// Copies `bytes` to the place of the long payload from its byte `from` on, as far as they fit.
    pub fn fill(&mut self, from: u64, bytes: &[u8]) {
        if let Some(long) = &mut self.long {
            let room = long.place.rest(usize::try_from(from).unwrap_or(usize::MAX));
            let n = room.len().min(bytes.len());
            room[..n].copy_from_slice(&bytes[..n]);
        }
    }

    /// How many bytes of the long payload are here.
    pub fn done(&self) -> u64 {
        self.long.as_ref().map_or(0, |l| l.done)
    }

    /// `n` bytes of the long payload are here; the number of frames that are complete by that.
    pub fn arrived(&mut self, n: usize, sink: &mut dyn Sink) -> u32 {
        let Some(long) = &mut self.long else { return 0 };
        long.done += n as u64;
        if long.missing() > 0 {
            return 0;
        }
        if let Some(Long { head, place, .. }) = self.long.take() {
            sink.placed(self.peer, &head, place);
        }
        1
    }

    /// Nothing more will come: the frame that has begun, and how much of it is here.
    pub fn give_up(&mut self) -> Option<(FrameHead, Place, u64)> {
        self.long.take().map(|l| (l.head, l.place, l.done))
    }

    /// Where the stream ended, for the sentence that reports it.
    pub fn position(&self) -> String {
        match &self.long {
            None => format!("after {} frames", self.sequence),
            Some(l) => {
                format!("in frame {}, after {} of {} bytes", l.head.sequence, l.done, l.head.len_bytes)
            }
        }
    }
}

impl Long {
    fn missing(&self) -> u64 {
        self.head.len_bytes - self.done
    }
}

#[cfg(test)]
mod tests {
    use super::super::link::Broken;
    use super::super::outgoing::Outgoing;
    use super::*;

    #[derive(Default)]
    struct Kept(Vec<(u32, Vec<u8>)>);
    impl Sink for Kept {
        fn frame(&mut self, _: ProcessId, head: &FrameHead, payload: &[u8]) {
            self.0.push((head.sequence, payload.to_vec()));
        }
        fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
            // one place is too small, as that of a receive with too small a buffer
            Place::owned(head.len_bytes as usize - if head.kind == 9 { 1000 } else { 0 })
        }
        fn placed(&mut self, _: ProcessId, head: &FrameHead, place: Place) {
            self.0.push((head.sequence, place.into_bytes()));
        }
        fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
        fn released(&mut self, _: ProcessId, _: u64, _: bool) {}
        fn broken(&mut self, _: &Broken) {}
        fn closed(&mut self, _: ProcessId) {}
    }

    fn payload(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + len) as u8).collect()
    }

    #[test]
    fn frames_are_whole_again_however_they_were_cut() {
        let lens = [0, 5, SHORT_MAX, SHORT_MAX + 1, 3, 50_000, 0];
        let mut out = Outgoing::default();
        let mut stream = Vec::new();
        for (i, &len) in lens.iter().enumerate() {
            stream.extend(out.number(&FrameHead::new(if i == 5 { 9 } else { 0 }, 0, 0, 0), len));
            stream.extend(payload(len));
        }
        for cut in [1, 31, 32, 33, 1000, 16_000, stream.len()] {
            let mut incoming = Incoming::new(0);
            let mut kept = Kept::default();
            let mut buffer = Vec::new();
            let mut frames = 0;
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                loop {
                    let (used, n) = incoming.take(&buffer, 1, &mut kept).unwrap();
                    buffer.drain(..used);
                    frames += n;
                    if used == 0 {
                        break;
                    }
                }
                assert!(buffer.len() < SHORT_MAX + HEAD_BYTES + cut);
            }
            assert!(buffer.is_empty() && frames == lens.len() as u32);
            for (i, &len) in lens.iter().enumerate() {
                let mut whole = payload(len);
                whole.truncate(if i == 5 { 49_000 } else { len });
                assert_eq!(kept.0[i], (i as u32, whole), "cut {cut} frame {i}");
            }
        }
    }

    #[test]
    fn a_missing_double_or_damaged_frame_is_an_error() {
        let head =
            |sequence, len_bytes, control| FrameHead { sequence, len_bytes, control, ..Default::default() };
        for (bad, word) in
            [(head(1, 0, 0), "was due"), (head(0, 1 << 50, 0), "damaged"), (head(0, 0, 7), "damaged")]
        {
            let error = Incoming::new(0).take(&bad.encode(), 9, &mut Kept::default()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        let mut incoming = Incoming::new(0);
        assert!(incoming.take(&head(0, 0, 0).encode(), 9, &mut Kept::default()).is_ok());
        assert!(incoming.take(&head(0, 0, 0).encode(), 9, &mut Kept::default()).is_err());
    }

    #[test]
    fn stretches_lie_within_what_is_due_and_within_the_place() {
        let mut incoming = Incoming::new(0);
        assert!(incoming.stretch(0, 1).is_none());
        let mut bytes = FrameHead { kind: 9, len_bytes: 100_000, ..Default::default() }.encode().to_vec();
        bytes.extend([1; 10]);
        incoming.take(&bytes, 9, &mut Kept::default()).unwrap();
        assert_eq!(incoming.done(), 10);
        let mut len = |from, len| incoming.stretch(from, len).map(|s| s.len());
        // the place has room for 99 000 bytes
        assert_eq!((len(10, 50), len(98_990, 100), len(99_500, 100)), (Some(50), Some(10), Some(0)));
        assert_eq!((len(9, 1), len(99_999, 2), len(u64::MAX, 2)), (None, None, None));
        incoming.fill(98_999, &[7, 8]);
        assert_eq!(incoming.stretch(98_999, 2).unwrap(), [7]);
    }

    #[test]
    fn says_where_it_ended() {
        let mut incoming = Incoming::new(0);
        let mut bytes = FrameHead { len_bytes: 100_000, ..Default::default() }.encode().to_vec();
        bytes.extend([1; 500]);
        incoming.take(&bytes, 9, &mut Kept::default()).unwrap();
        assert_eq!(incoming.position(), "in frame 0, after 500 of 100000 bytes");
        assert_eq!(incoming.give_up().unwrap().2, 500);
    }
}
