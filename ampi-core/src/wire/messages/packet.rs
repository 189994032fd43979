//! Packets: what travels between two processes beside the pieces of long payloads.
//!
//! ```text
//!  0.. 4  from        process that sends it
//!  4.. 8  number      Data: of this packet, from 0, wrapping. Farewell: of the next packet that will never come
//!  8..16  token       proves that it is from there: known to the two processes only. Hello: 0
//! 16      kind        1 Hello   2 Data   3 Credit   4 Farewell
//! 18..20  pieces      Data: so many pieces follow, after the bytes
//! 20..24  taken       how many of the receiver's Data packets the sender has taken, wrapping
//! 24..28  len         of the bytes
//! 28..32  pieces_out  Farewell: how many pieces have been sent at all, wrapping
//! 32..    lengths     of the pieces, 4 bytes each; then the bytes: frames as they follow each other,
//!                     or a Hello, or the reason of a Farewell
//! ```
//!
//! Little-endian. A frame with a short payload is in one packet as a whole.

use crate::wire::ProcessId;
use crate::wire::frame::HEAD_BYTES;
use crate::wire::handshake::VERSION;
use crate::wire::link::SHORT_MAX;
use crate::wire::secret::{BYTES, Proof, Secret};

/// Length of a [`Header`].
pub const HEADER_BYTES: usize = 32;
/// The longest packet: the frame with the longest payload that is handed out whole fits.
pub const PACKET_BYTES: usize = HEADER_BYTES + HEAD_BYTES + SHORT_MAX;
/// Frames are put together into packets up to this length: many networks copy that much and no more.
pub const GATHERED_BYTES: usize = 16 << 10;
/// Pieces announced by one packet.
pub const PIECES_MAX: usize = 64;
/// The longest piece.
pub const PIECE_BYTES_MAX: usize = 1 << 20;
/// The reason in a Farewell is cut after so many bytes.
const REASON_MAX: usize = 400;

const MAGIC: &[u8; 8] = b"ampimsgs";
const HELLO_BYTES: usize = 8 + 2 + 2 + 4 + BYTES + BYTES;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    Hello = 1,
    Data = 2,
    Credit = 3,
    Farewell = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub from: ProcessId,
    pub number: u32,
    pub token: u64,
    pub kind: Kind,
    pub pieces: u16,
    pub taken: u32,
    pub len: u32,
    pub pieces_out: u32,
}

impl Header {
    pub fn write(&self, to: &mut [u8]) {
        to[0..4].copy_from_slice(&self.from.to_le_bytes());
        to[4..8].copy_from_slice(&self.number.to_le_bytes());
        to[8..16].copy_from_slice(&self.token.to_le_bytes());
        to[16..18].copy_from_slice(&[self.kind as u8, 0]);
        to[18..20].copy_from_slice(&self.pieces.to_le_bytes());
        to[20..24].copy_from_slice(&self.taken.to_le_bytes());
        to[24..28].copy_from_slice(&self.len.to_le_bytes());
        to[28..32].copy_from_slice(&self.pieces_out.to_le_bytes());
    }

    /// The header of a packet that is exactly as long as it says; `None` for anything else.
    pub fn read(packet: &[u8]) -> Option<Header> {
        let word =
            |at: usize| u32::from_le_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]);
        if packet.len() < HEADER_BYTES {
            return None;
        }
        let kind = match packet[16] {
            1 => Kind::Hello,
            2 => Kind::Data,
            3 => Kind::Credit,
            4 => Kind::Farewell,
            _ => return None,
        };
        let header = Header {
            from: word(0),
            number: word(4),
            token: word(8) as u64 | (word(12) as u64) << 32,
            kind,
            pieces: (word(16) >> 16) as u16,
            taken: word(20),
            len: word(24),
            pieces_out: word(28),
        };
        let whole = header.body_at() + header.len as usize == packet.len();
        (whole && header.pieces as usize <= PIECES_MAX).then_some(header)
    }

    /// Where the bytes begin.
    pub fn body_at(&self) -> usize {
        HEADER_BYTES + 4 * self.pieces as usize
    }
}

/// What the two sides of a pair say first: a fresh random number, and the proof that they know the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    pub nonce: [u8; BYTES],
}

impl Hello {
    fn proof(&self, secret: &Secret, from: ProcessId, to: ProcessId) -> Proof {
        secret.proof(
            "hello by message",
            &[&VERSION.to_le_bytes(), &from.to_le_bytes(), &to.to_le_bytes(), &self.nonce],
        )
    }

    /// The whole packet.
    pub fn packet(&self, secret: &Secret, from: ProcessId, to: ProcessId) -> Vec<u8> {
        let header = Header {
            from,
            number: 0,
            token: 0,
            kind: Kind::Hello,
            pieces: 0,
            taken: 0,
            len: HELLO_BYTES as u32,
            pieces_out: 0,
        };
        let mut packet = vec![0; HEADER_BYTES];
        header.write(&mut packet);
        packet.extend(MAGIC);
        packet.extend(VERSION.to_le_bytes());
        packet.extend([0; 2]);
        packet.extend(to.to_le_bytes());
        packet.extend(self.nonce);
        packet.extend(self.proof(secret, from, to).as_bytes());
        packet
    }

    /// Reads and checks the bytes of a Hello from process `from` to process `to`.
    pub fn check(
        bytes: &[u8],
        secret: &Secret,
        from: ProcessId,
        to: ProcessId,
    ) -> Result<Hello, &'static str> {
        if bytes.len() != HELLO_BYTES || !bytes.starts_with(MAGIC) {
            return Err("what came is not this protocol");
        }
        if bytes[8..10] != VERSION.to_le_bytes() {
            return Err("it is of another version of Adaptive MPI");
        }
        if bytes[12..16] != to.to_le_bytes() {
            return Err("its greeting is for another process");
        }
        let mut nonce = [0; BYTES];
        nonce.copy_from_slice(&bytes[16..16 + BYTES]);
        let mut proof = [0; BYTES];
        proof.copy_from_slice(&bytes[16 + BYTES..]);
        let hello = Hello { nonce };
        match hello.proof(secret, from, to) == proof {
            true => Ok(hello),
            false => Err("it does not know the secret of this job"),
        }
    }
}

/// What two processes know after their Hellos, for one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tokens {
    pub packet: u64,
    pub piece: u32,
}

impl Tokens {
    /// Those of what `from` sends to `to`.
    pub fn of(secret: &Secret, from: (ProcessId, &Hello), to: (ProcessId, &Hello)) -> Tokens {
        let parts: [&[u8]; 4] = [&from.0.to_le_bytes(), &to.0.to_le_bytes(), &from.1.nonce, &to.1.nonce];
        let proof = secret.proof("tokens of a direction", &parts);
        let bytes = proof.as_bytes();
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        Tokens { packet: word(0) as u64 | (word(4) as u64) << 32, piece: word(8) }
    }
}

/// A reason as the bytes of a Farewell.
pub fn reason_bytes(reason: &str) -> &[u8] {
    let end = (0..=reason.len().min(REASON_MAX)).rev().find(|&i| reason.is_char_boundary(i)).unwrap_or(0);
    &reason.as_bytes()[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_lies_about_lengths_are_noticed() {
        let header = Header {
            from: 0x0102_0304,
            number: 0x0506_0708,
            token: 0x090a_0b0c_0d0e_0f10,
            kind: Kind::Farewell,
            pieces: 2,
            taken: 0x1112_1314,
            len: 5,
            pieces_out: 0x1516_1718,
        };
        let mut packet = vec![0; header.body_at() + 5];
        header.write(&mut packet);
        assert_eq!(Header::read(&packet), Some(header));
        for end in 0..packet.len() {
            assert_eq!(Header::read(&packet[..end]), None);
        }
        for (at, bad) in [(16, 0), (16, 5), (18, 3), (24, 6)] {
            let mut packet = packet.clone();
            packet[at] = bad;
            assert_eq!(Header::read(&packet), None, "byte {at}");
        }
        let many = Header { pieces: PIECES_MAX as u16 + 1, len: 0, ..header };
        let mut packet = vec![0; many.body_at()];
        many.write(&mut packet);
        assert_eq!(Header::read(&packet), None);
    }

    #[test]
    fn a_hello_is_believed_from_its_sender_to_its_receiver_with_the_secret_only() {
        let (secret, other) = (Secret::random().unwrap(), Secret::random().unwrap());
        let hello = Hello { nonce: [7; BYTES] };
        let packet = hello.packet(&secret, 3, 5);
        let header = Header::read(&packet).unwrap();
        assert_eq!((header.kind, header.from), (Kind::Hello, 3));
        let bytes = &packet[HEADER_BYTES..];
        assert_eq!(Hello::check(bytes, &secret, 3, 5), Ok(hello));
        assert!(Hello::check(bytes, &other, 3, 5).unwrap_err().contains("secret"));
        assert!(Hello::check(bytes, &secret, 4, 5).unwrap_err().contains("secret"));
        assert!(Hello::check(bytes, &secret, 3, 6).unwrap_err().contains("another process"));
        for at in 0..bytes.len() {
            let mut bad = bytes.to_vec();
            bad[at] ^= 1;
            // two bytes mean nothing
            assert!(Hello::check(&bad, &secret, 3, 5).is_err() || (10..12).contains(&at), "byte {at}");
        }
    }

    #[test]
    fn tokens_differ_by_direction_and_by_every_nonce() {
        let secret = Secret::random().unwrap();
        let (a, b, c) = (Hello { nonce: [1; 32] }, Hello { nonce: [2; 32] }, Hello { nonce: [3; 32] });
        let one = Tokens::of(&secret, (0, &a), (1, &b));
        assert_eq!(one, Tokens::of(&secret, (0, &a), (1, &b)));
        for other in [
            Tokens::of(&secret, (1, &b), (0, &a)),
            Tokens::of(&secret, (0, &a), (1, &c)),
            Tokens::of(&Secret::random().unwrap(), (0, &a), (1, &b)),
        ] {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        assert_eq!(reason_bytes("short"), b"short");
        let long = "ä".repeat(REASON_MAX);
        assert_eq!(std::str::from_utf8(reason_bytes(&long)).unwrap().len(), REASON_MAX);
    }
}
