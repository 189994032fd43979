//! Moving one small message, a *cell*, from PE to PE.
//!
//! A cell is one cache line: who it is for, two words that the receiver matches on, and up to [`INLINE`] bytes. Larger
//! payloads travel as a descriptor inside a cell (a pooled buffer, or a place to copy from). [`ring`] is the link
//! between two PEs of one process; links between processes implement the same [`Link`].
//!
//! Rules that every link keeps:
//! 1. cells of one sender PE to one receiver PE arrive in the order they were put;
//! 2. `put` never blocks: it refuses when there is no room;
//! 3. `poll` advances before it hands a cell out: the handler may itself send and poll.

pub mod ring;
pub(crate) mod sync;

/// Payload bytes that fit into a cell.
pub const INLINE: usize = 40;

/// What travels with every cell. The meaning of `key` and `context` is the business of `kind`'s handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Head {
    /// The chare it is for.
    pub dst: u32,
    pub context: u32,
    pub key: u64,
    /// Which handler takes it: 0..16.
    pub kind: u8,
    /// Length of the inline payload in bytes: 0..=INLINE.
    pub inline_len: u8,
}

/// One cell as the receiver sees it; valid only during the handler.
pub struct Delivery<'a> {
    pub head: Head,
    pub data: &'a [u8; INLINE],
}

impl Delivery<'_> {
    /// The inline payload.
    #[inline(always)]
    pub fn payload(&self) -> &[u8] {
        &self.data[..(self.head.inline_len as usize).min(INLINE)]
    }
}

/// A connection from this PE to one other PE.
pub trait Link {
    /// Puts one cell; false when there is no room.
    fn put(&self, head: &Head, payload: &[u8]) -> bool;
    /// Hands cells that are here to `take`, at most `max` and until it returns false; returns how many.
    fn poll(&self, max: u32, take: &mut dyn FnMut(&Delivery<'_>) -> bool) -> u32;
}
