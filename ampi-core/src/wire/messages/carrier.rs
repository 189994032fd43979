//! What a network that carries messages has to give, so that [`Messages`](super::Messages) can be a link over it.
//!
//! 1. Messages are reliable: each arrives once, whole, or its sender hears of a failure, or the peer is dead.
//! 2. Messages of one process with the same tag meet the receives of that tag in the order in which both were posted.
//! 3. Memory belongs to the carrier from a successful `send` or `receive` until [`Carrier::poll`] names the operation, or
//!    until the carrier is dropped.
//! 4. No call waits. Only a drop may, for a short time.

use crate::wire::ProcessId;
use std::cell::UnsafeCell;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

/// What a message is, for the network's own matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    Packet,
    /// Part of a long payload. `token` is known to the two processes only.
    Piece {
        number: u32,
        token: u32,
    },
}

/// An operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    PacketIn { buffer: u32 },
    PacketOut { to: ProcessId, buffer: u32 },
    PieceIn { from: ProcessId, number: u32 },
    PieceOut { to: ProcessId, number: u32 },
}

/// What became of an attempt to begin an operation.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum Begun {
    Yes,
    /// The network takes nothing more now; the same can be tried again later.
    Later,
    /// It will never work.
    Failed(String),
}

/// An operation that is over.
#[derive(Debug)]
pub struct Done {
    pub operation: Operation,
    /// Length of the message in bytes; or why it failed, also when it was cancelled.
    pub result: Result<usize, String>,
}

/// For how long a sleeper leaves a network alone that cannot wake it: an eighth of the time in which nothing has happened.
pub fn nap_after(idle: Duration) -> Duration {
    (idle / 8).clamp(Duration::from_micros(20), Duration::from_millis(2))
}

/// Memory that the network and its user write in turns. Only addresses of it are handed out.
pub struct Memory(Box<[UnsafeCell<u8>]>);

// SAFETY: it gives out addresses and no references; who uses them promises not to do so at the same time as others.
unsafe impl Send for Memory {}
// SAFETY: the same.
unsafe impl Sync for Memory {}

impl Memory {
    pub fn new(len_bytes: usize) -> Memory {
        Memory((0..len_bytes).map(|_| UnsafeCell::new(0)).collect())
    }

    /// The address of byte `offset`.
    pub fn at(&self, offset: usize) -> *mut u8 {
        self.0[offset].get()
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Memory that the carrier knows already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(pub usize);

/// One process's access to a network.
pub trait Carrier: Send {
    /// The longest message in bytes; at least [`PACKET_BYTES`](super::packet::PACKET_BYTES).
    fn message_max(&self) -> usize;
    /// The longest message in bytes that [`Carrier::inject`] takes; may be 0.
    fn inject_max(&self) -> usize;
    /// How many receives for packets shall be posted.
    fn ring(&self) -> u32;
    /// Makes `peer` known. Once, before anything else is done with it.
    fn reach(&mut self, peer: ProcessId) -> Result<(), String>;
    /// Tells of memory that will be used again and again. The carrier keeps it for as long as the network may use it.
    fn register(&mut self, memory: Arc<Memory>) -> Result<Region, String>;
    /// Begins to send `len` bytes at `at`, which lie in `region` if that is named.
    ///
    /// # Safety
    /// They are valid and not written to until the operation is over or the carrier is dropped.
    unsafe fn send(
        &mut self,
        to: ProcessId,
        tag: Tag,
        at: *const u8,
        len: usize,
        region: Option<Region>,
        operation: Operation,
    ) -> Begun;
    /// Sends a short message of which no end is told; `bytes` are free again when this returns.
    fn inject(&mut self, to: ProcessId, tag: Tag, bytes: &[u8]) -> Begun;
    /// Begins to receive at most `len` bytes to `at`, from anybody if `from` is not named.
    ///
    /// # Safety
    /// They are valid for writes, and nobody else touches them, until the operation is over or the carrier is dropped.
    unsafe fn receive(
        &mut self,
        from: Option<ProcessId>,
        tag: Tag,
        at: *mut u8,
        len: usize,
        region: Option<Region>,
        operation: Operation,
    ) -> Begun;
    /// Asks for the early end of a receive. It is over when `poll` says so.
    fn cancel(&mut self, operation: Operation);
    /// Nothing is to be expected from `peer` any more: it is dead, or cannot be reached.
    fn peer_is_lost(&mut self, peer: ProcessId);
    /// Moves on; adds what is over. An error when the network as a whole is lost.
    fn poll(&mut self, done: &mut Vec<Done>) -> Result<(), String>;
    /// Will [`Carrier::descriptor`] tell of everything that happens from now on? False when something is here already.
    fn may_sleep(&mut self) -> bool;
    /// Becomes readable when a poll is due; `None` when the network cannot tell.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
    /// For how long a sleeper may leave it alone; the shorter, the fresher the last event.
    fn nap(&self) -> Option<Duration>;
}
