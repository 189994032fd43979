//! Long and synchronous messages: the bytes stay at the sender until a receive matches, then move in one copy.
//!
//! ```text
//!   sender's PE                              receiver's PE
//!   RENDEZVOUS {transfer, bytes, index} ───> match (now or when the receive is posted)
//!                                            short or strided: copy all, complete the receive
//!                                     <───── SENT {index}: complete the send
//!                                            long (>= SPLIT): share the copying
//!   copy chunks from the front        <───── CLEAR_TO_SEND {transfer}      copy chunks from the back
//!   whoever finishes the last chunk completes its own side and tells the other (SENT or RECEIVED)
//! ```
//!
//! A send is cancelled by TAKE_BACK {transfer, index}: if the receiver's PE still has the message without a receive, it
//! forgets it and answers TAKEN_BACK {index}; else the send completes as usual.
//!
//! Two cores copying halves beat one memcpy because each copies the same half every time (its cache stays warm), and a
//! sender that is busy elsewhere costs nothing: the receiver takes all chunks itself.
//!
//! Invariants:
//! 1. A transfer's plain fields are written by one side at a time: by the sender before RENDEZVOUS is put, by the receiver
//!    between the match and CLEAR_TO_SEND; the rings' release/acquire orders them.
//! 2. Chunks are claimed with one counter: front and back claims together never exceed `chunks`, so they never meet.
//! 3. The sender's request (which holds the transfer) is completed only after the last chunk; CLEAR_TO_SEND comes before
//!    SENT on the same link, so it never finds a recycled transfer.
//! 4. TAKE_BACK may find the send completed and its transfer announced anew: the new announcement comes after it on the
//!    link to the same rank, and elsewhere nobody asks, so it takes back no other message.
//!
//! # Safety
//! `Transfer` is shared by two PEs under invariant 1.
#![allow(unsafe_code)]

use super::message::Message;
use super::request::{Outcome, Request};
use super::{CLEAR_TO_SEND, Envelope, RECEIVED, RENDEZVOUS, SENT, TAKE_BACK, TAKEN_BACK, afar, settle};
use crate::memory::{self, Address};
use crate::rank::Rank;
use ampi_core::image::guest::Guest;
use ampi_core::net::{Delivery, Head};
use ampi_core::pe::Pe;
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

/// From this length on both sides copy.
const SPLIT_BYTES_MIN: usize = 48 << 10;
const CHUNK_BYTES: usize = 64 << 10;

/// A message whose bytes are still at the sender. Lives in the sender's request.
pub struct Transfer {
    from: Cell<Address>,
    bytes: Cell<usize>,
    /// World rank of the sender, and the index of its request.
    sender: Cell<u32>,
    index: Cell<u32>,
    // the shared copy
    to: Cell<Address>,
    chunk_bytes: Cell<usize>,
    chunks: Cell<u32>,
    length: Cell<usize>,
    receiver: Cell<u32>,
    receiver_request: Cell<Option<&'static Request>>,
    claimed: AtomicU32,
    copied: AtomicU32,
}

// SAFETY: invariant 1.
unsafe impl Sync for Transfer {}

impl Transfer {
    pub(super) fn new() -> Transfer {
        Transfer {
            from: Cell::new(Address::NULL),
            bytes: Cell::new(0),
            sender: Cell::new(0),
            index: Cell::new(0),
            to: Cell::new(Address::NULL),
            chunk_bytes: Cell::new(0),
            chunks: Cell::new(0),
            length: Cell::new(0),
            receiver: Cell::new(0),
            receiver_request: Cell::new(None),
            claimed: AtomicU32::new(0),
            copied: AtomicU32::new(0),
        }
    }

    /// Fills in what the sender knows.
    pub(super) fn offer(&self, me: &Rank, index: u32, from: Address, bytes: usize) {
        self.from.set(from);
        self.bytes.set(bytes);
        self.sender.set(me.world_rank);
        self.index.set(index);
    }

    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// The bytes lie elsewhere now.
    pub(super) fn move_to(&self, from: Address) {
        self.from.set(from);
    }

    pub(super) fn from(&self) -> Address {
        self.from.get()
    }

    fn address(&'static self) -> u64 {
        self as *const Transfer as u64
    }

    fn at(address: u64) -> &'static Transfer {
        // SAFETY: the address came out of a cell that `announce` or `clear_to_send` put; requests are never freed.
        unsafe { &*(address as *const Transfer) }
    }

    /// Copies chunks until none is left to claim. `front`: from the first chunk on, else from the last back. Returns true
    /// to the side that finished the last one.
    fn copy_chunks(&self, front: bool) -> bool {
        let (chunks, size, length) = (self.chunks.get(), self.chunk_bytes.get(), self.length.get());
        let (to, from) = (self.to.get(), self.from.get());
        let mut mine = 0;
        loop {
            if self.claimed.fetch_add(1, Ordering::Relaxed) >= chunks {
                return false;
            }
            let k = (if front { mine } else { chunks - 1 - mine }) as usize;
            mine += 1;
            let at = k * size;
            memory::copy(to.add(at as i64), from.add(at as i64), size.min(length - at));
            if self.copied.fetch_add(1, Ordering::AcqRel) + 1 == chunks {
                return true;
            }
        }
    }
}

/// Tells the receiver's PE (not this one) that a message waits here.
pub(super) fn announce(pe: &Pe, to_pe: u32, e: &Envelope, t: &'static Transfer) {
    let head = Head { dst: e.to, context: e.context, key: e.key, kind: RENDEZVOUS, inline_len: 16 };
    pe.send_to(to_pe, &head, words(t.address(), t.bytes.get() as u64).as_flattened());
}

/// The transfer and length inside a RENDEZVOUS cell.
pub(super) fn announced(d: &Delivery<'_>) -> (&'static Transfer, usize) {
    let (t, bytes) = read_words(d);
    (Transfer::at(t), bytes as usize)
}

/// Moves the bytes of `t` to the receive `r`, which has just matched it; completes both, now or soon.
pub(super) fn pull(me: &'static Rank, r: &'static Request, t: &'static Transfer, key: u64) {
    let pe = me.p2p.pe();
    let (bytes, sender) = (t.bytes.get(), t.sender.get());
    let length = bytes.min(r.capacity());
    let (sender_chare, sender_pe) = pe.chare(sender);
    let local = sender_pe == pe.id();
    if let Some(to) = r.one_place()
        && !local
        && length >= SPLIT_BYTES_MIN
        // a neighbour cannot write to what it does not see
        && (sender_pe < pe.job().pes() || Guest::shows(to.0, length))
    {
        let chunk = if length < 2 * CHUNK_BYTES { length.div_ceil(128) * 64 } else { CHUNK_BYTES };
        t.to.set(to);
        t.length.set(length);
        t.chunk_bytes.set(chunk);
        t.chunks.set(length.div_ceil(chunk) as u32);
        t.receiver.set(me.world_rank);
        t.receiver_request.set(Some(r));
        t.claimed.store(0, Ordering::Relaxed);
        t.copied.store(0, Ordering::Relaxed);
        r.set_outcome(&settle(key, bytes, length));
        let head = Head { dst: sender, context: 0, key: 0, kind: CLEAR_TO_SEND, inline_len: 8 };
        pe.send_to(sender_pe, &head, &t.address().to_ne_bytes());
        if t.copy_chunks(false) {
            tell_sent(pe, t);
            r.complete(me, r.outcome());
        }
        return;
    }
    r.deposit(t.from.get(), length);
    if local {
        finish_send(Rank::of_chare(sender_chare), t.index.get());
    } else {
        tell_sent(pe, t);
    }
    r.received(me, key, bytes, length);
}

fn tell_sent(pe: &Pe, t: &Transfer) {
    let head = Head { dst: t.sender.get(), context: t.index.get(), key: 0, kind: SENT, inline_len: 0 };
    pe.send_to(pe.chare(t.sender.get()).1, &head, &[]);
}

/// The bytes of send `index` of `owner` may be changed again.
pub(super) fn finish_send(owner: &'static Rank, index: u32) {
    let r = owner.p2p.requests.at(index);
    r.drop_kept(owner.p2p.pools());
    r.complete(owner, Outcome::EMPTY);
}

/// CLEAR_TO_SEND at the sender: help copying.
pub(super) fn on_clear_to_send(pe: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let t = Transfer::at(u64::from_ne_bytes(*d.data.first_chunk().expect("eight bytes")));
    if t.copy_chunks(true) {
        let request = t.receiver_request.get().expect("set before CLEAR_TO_SEND");
        let head = Head { dst: t.receiver.get(), context: 0, key: 0, kind: RECEIVED, inline_len: 8 };
        let (_, receiver_pe) = pe.chare(t.receiver.get());
        pe.send_to(receiver_pe, &head, &(request as *const Request as u64).to_ne_bytes());
        finish_send(Rank::of_chare(chare), t.index.get());
    }
}

/// SENT at the sender: the receiver has copied everything.
pub(super) fn on_sent(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    finish_send(Rank::of_chare(chare), d.head.context);
}

/// RECEIVED at the receiver: the sender finished the last chunk.
pub(super) fn on_received(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let address = u64::from_ne_bytes(*d.data.first_chunk().expect("eight bytes"));
    // SAFETY: the address of a request of this very rank, sent by `on_clear_to_send`; requests are never freed.
    let r: &'static Request = unsafe { &*(address as *const Request) };
    r.complete(Rank::of_chare(chare), r.outcome());
}

/// Cancels the active send `r` if no receive has matched its message: now, or soon when the receiver is on another PE.
pub(super) fn take_back(me: &'static Rank, r: &'static Request) {
    let Some(to) = r.peer() else { return };
    let pe = me.p2p.pe();
    let (chare, to_pe) = pe.chare(to);
    if to_pe == pe.id() {
        if forget(Rank::of_chare(chare), |m| carries(m, &r.transfer)) {
            cancelled(me, r);
        }
        return;
    }
    if let Some(process) = afar::process(pe, to, to_pe) {
        return afar::take_back(me, r, to, process);
    }
    let head = Head { dst: to, context: r.index(), key: 0, kind: TAKE_BACK, inline_len: 16 };
    let payload = words(r.transfer.address(), u64::from(me.world_rank));
    pe.send_to(to_pe, &head, payload.as_flattened());
}

fn carries(m: &Message, t: &Transfer) -> bool {
    m.transfer().is_some_and(|u| std::ptr::eq(u, t))
}

/// Removes the message that `is_it` knows from those that wait for a receive; false: it is not there (any more).
pub(super) fn forget(me: &'static Rank, is_it: impl Fn(&Message) -> bool) -> bool {
    let waiting = &me.p2p.unexpected;
    let Some(m) = waiting.iter().find(|m| is_it(m)) else {
        return false;
    };
    waiting.remove(m);
    me.p2p.pools().recycle(m);
    true
}

/// No receive will ever see the message of the send `r`.
pub(super) fn cancelled(me: &'static Rank, r: &'static Request) {
    r.drop_kept(me.p2p.pools());
    r.complete(me, Outcome { cancelled: true, ..Outcome::EMPTY });
}

/// TAKE_BACK at the receiver.
pub(super) fn on_take_back(pe: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let (transfer, sender) = read_words(d);
    if forget(Rank::of_chare(chare), |m| carries(m, Transfer::at(transfer))) {
        let sender = sender as u32;
        let head = Head { dst: sender, context: d.head.context, key: 0, kind: TAKEN_BACK, inline_len: 0 };
        pe.send_to(pe.chare(sender).1, &head, &[]);
    }
}

/// TAKEN_BACK at the sender: no receive will ever see the message.
pub(super) fn on_taken_back(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    cancelled(me, me.p2p.requests.at(d.head.context));
}

/// Two words as the start of a cell's payload.
pub(super) fn words(a: u64, b: u64) -> [[u8; 8]; 2] {
    [a.to_ne_bytes(), b.to_ne_bytes()]
}

/// The two words at the start of a cell's payload.
pub(super) fn read_words(d: &Delivery<'_>) -> (u64, u64) {
    let word = |i: usize| u64::from_ne_bytes(d.data[i..i + 8].try_into().expect("eight bytes"));
    (word(0), word(8))
}
