//! The 32 bytes in front of every payload.
//!
//! ```text
//!  0      kind        which handler takes it
//!  1      control     0: a frame of the user; 1: the link's own "nothing follows"
//!  2.. 4  lane        free for the user of a kind
//!  4.. 8  dst         chare
//!  8..16  key         what the receiver matches on
//! 16..20  context
//! 20..24  sequence    number of the frame on its link, from 0, wrapping
//! 24..32  len_bytes   of the payload
//! ```
//!
//! Little-endian. `sequence`, `len_bytes` and `control` are filled in by the link.

use crate::net;

/// Length of an encoded [`FrameHead`].
pub const HEAD_BYTES: usize = 32;
/// The longest payload that is believed.
pub const PAYLOAD_MAX: u64 = 1 << 40;

pub(super) const USER: u8 = 0;
pub(super) const CLOSING: u8 = 1;

/// What travels with every payload. The meaning of `key`, `context` and `lane` is the business of `kind`'s handler.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameHead {
    pub kind: u8,
    pub(super) control: u8,
    pub lane: u16,
    /// The chare it is for.
    pub dst: u32,
    pub key: u64,
    pub context: u32,
    /// Filled in by the link.
    pub sequence: u32,
    /// Length of the payload in bytes; filled in by the link.
    pub len_bytes: u64,
}

impl FrameHead {
    pub fn new(kind: u8, dst: u32, context: u32, key: u64) -> FrameHead {
        FrameHead { kind, dst, context, key, ..FrameHead::default() }
    }

    /// The same with a lane.
    pub fn on_lane(self, lane: u16) -> FrameHead {
        FrameHead { lane, ..self }
    }

    /// As it travels.
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        bytes[0] = self.kind;
        bytes[1] = self.control;
        bytes[2..4].copy_from_slice(&self.lane.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.dst.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.context.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.len_bytes.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> FrameHead {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| word(at) as u64 | (word(at + 4) as u64) << 32;
        FrameHead {
            kind: bytes[0],
            control: bytes[1],
            lane: u16::from_le_bytes([bytes[2], bytes[3]]),
            dst: word(4),
            key: long(8),
            context: word(16),
            sequence: word(20),
            len_bytes: long(24),
        }
    }
}

/// A cell between PEs that goes on to another process.
impl From<net::Head> for FrameHead {
    fn from(head: net::Head) -> FrameHead {
        FrameHead::new(head.kind, head.dst, head.context, head.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_its_place() {
        let head = FrameHead {
            kind: 0x01,
            control: 0x02,
            lane: 0x0304,
            dst: 0x0506_0708,
            key: 0x090a_0b0c_0d0e_0f10,
            context: 0x1112_1314,
            sequence: 0x1516_1718,
            len_bytes: 0x191a_1b1c_1d1e_1f20,
        };
        let bytes = head.encode();
        assert_eq!(FrameHead::decode(&bytes), head);
        assert_eq!(
            (bytes[0], bytes[2], bytes[4], bytes[8], bytes[16], bytes[24]),
            (1, 4, 8, 0x10, 0x14, 0x20)
        );
        let cell = net::Head { dst: 1, context: 2, key: 3, kind: 4, inline_len: 5 };
        assert_eq!(FrameHead::from(cell), FrameHead::new(4, 1, 2, 3));
    }
}
