//! Messages to and from ranks of other processes.
//!
//! ```text
//!   sender                                    receiver
//!   up to 16 KiB:  EAGER {context, key} bytes ────────> match, or keep the bytes
//!
//!   longer, or synchronous:
//!   OFFER {context, key} Offer ───────────────────────> match (now or when the receive is posted)
//!                 <───────────────── CLEAR {request of the sender; landing} length, request of the receiver
//!   DATA {landing} bytes, from where they are ────────> to where they belong, without another copy
//!   the send completes when they have left              the receive completes
//! ```
//!
//! A send is cancelled as between PEs ([`super::rendezvous`]): TAKE_BACK, answered by TAKEN_BACK if the message was there
//! without a receive; else the send completes as usual. One path per pair of processes keeps MPI's order (§3.5).

use super::message::Message;
use super::queue::{EXACT, Pattern};
use super::request::Request;
use super::{Body, Envelope, Payload, arrived, offer, receive_bytes, settle};
use crate::memory::{self, Address};
use crate::rank::Rank;
use ampi_core::pe::remote::{Frame, FrameHandler, LANDS};
use ampi_core::pe::{ELSEWHERE, Pe};
use ampi_core::wire::ProcessId;
use ampi_core::wire::frame::FrameHead;

const EAGER: u8 = 0;
const OFFER: u8 = 1;
const CLEAR: u8 = 2;
const DATA: u8 = 3 | LANDS;
const TAKE_BACK: u8 = 4;
const TAKEN_BACK: u8 = 5;
/// First kind of frame that other chapters may use.
pub const KINDS_USED: u8 = 6;

/// Kinds of frames of this chapter.
pub const FRAMES: [(u8, FrameHandler); 6] = [
    (EAGER, on_eager),
    (OFFER, on_offer),
    (CLEAR, on_clear),
    (DATA, on_data),
    (TAKE_BACK, on_take_back),
    (TAKEN_BACK, on_taken_back),
];

/// A message whose bytes wait at a rank of another process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    process: ProcessId,
    /// World rank of the sender, and the index of its request.
    sender: u32,
    index: u32,
}

/// Sends the `bytes` bytes at `at` to a rank of `process`; as [`super::send_place`].
#[cold]
#[inline(never)]
pub(super) fn send(
    me: &'static Rank,
    e: &Envelope,
    process: ProcessId,
    at: Address,
    bytes: usize,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let pe = me.p2p.pe();
    let head = |kind| FrameHead::new(kind, e.to, e.context, e.key);
    if synchronous || bytes > super::message::EAGER_BYTES_MAX {
        let r = offer(me, at, bytes, with);
        let words = [me.world_rank.to_le_bytes(), r.index().to_le_bytes()];
        pe.post(process, &head(OFFER), &[words.as_flattened(), &(bytes as u64).to_le_bytes()]);
        return Some(r);
    }
    pe.post(process, &head(EAGER), &[memory::view(at, bytes)]);
    while pe.congested(process) {
        pe.yield_now();
    }
    None
}

fn matching(head: &FrameHead) -> Pattern {
    Pattern { key: head.key, mask: EXACT, context: head.context }
}

/// The word number `i` of a frame's payload.
fn word(frame: &Frame<'_>, i: usize) -> u32 {
    let bytes = frame.payload().get(4 * i..4 * i + 4).and_then(|b| b.try_into().ok());
    u32::from_le_bytes(bytes.expect("a frame of this chapter has its words"))
}

fn long(frame: &Frame<'_>, i: usize) -> u64 {
    u64::from(word(frame, i)) | u64::from(word(frame, i + 1)) << 32
}

fn on_eager(_: &'static Pe, chare: usize, frame: Frame<'_>) {
    let bytes = frame.payload();
    receive_bytes(
        Rank::of_chare(chare),
        &matching(&frame.head),
        Address(bytes.as_ptr() as usize),
        bytes.len(),
    );
}

fn on_offer(_: &'static Pe, chare: usize, frame: Frame<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(&frame.head);
    let offer = Offer { process: frame.from, sender: word(&frame, 0), index: word(&frame, 1) };
    let bytes = long(&frame, 2) as usize;
    match me.p2p.posted.take(&p) {
        Some(r) => pull(me, r, &offer, p.key, bytes),
        None => arrived(me, me.p2p.pools().message(p.key, p.context, bytes, Body::Afar(offer))),
    }
}

/// Asks for the bytes of `offer`, which the receive `r` has just matched.
#[cold]
pub(super) fn pull(me: &'static Rank, r: &'static Request, offer: &Offer, key: u64, bytes: usize) {
    let pe = me.p2p.pe();
    let length = bytes.min(r.capacity());
    let to = match r.one_place() {
        Some(to) => to,
        None => {
            let mut heap = vec![0u8; length].into_boxed_slice();
            let to = Address(heap.as_mut_ptr() as usize);
            r.keep_until_done(Payload::Heap(heap));
            to
        }
    };
    r.set_outcome(&settle(key, bytes, length));
    let landing = memory::land(pe.job(), to, length);
    let head = FrameHead::new(CLEAR, offer.sender, offer.index, landing);
    let words = [me.world_rank.to_le_bytes(), r.index().to_le_bytes()];
    pe.post(offer.process, &head, &[&(length as u64).to_le_bytes(), words.as_flattened()]);
}

/// CLEAR at the sender: its bytes leave.
fn on_clear(pe: &'static Pe, chare: usize, frame: Frame<'_>) {
    let me = Rank::of_chare(chare);
    let index = frame.head.context;
    let (length, receiver, request) = (long(&frame, 0) as usize, word(&frame, 2), word(&frame, 3));
    let head = FrameHead::new(DATA, receiver, request, frame.head.key);
    let token = u64::from(me.world_rank) << 32 | u64::from(index);
    let from = me.p2p.requests.at(index).transfer.from();
    pe.lend(frame.from, &head, memory::lent(from, length, token));
}

/// The bytes of the send that `token` names have left.
pub fn released(pe: &'static Pe, token: u64) {
    let (sender, index) = ((token >> 32) as u32, token as u32);
    let (chare, at) = pe.chare(sender);
    if at == pe.id() {
        return super::rendezvous::finish_send(Rank::of_chare(chare), index);
    }
    pe.job().run_on(at, move |_| super::rendezvous::finish_send(Rank::of_chare(chare), index));
}

/// DATA at the receiver: the bytes are where they landed.
fn on_data(_: &'static Pe, chare: usize, frame: Frame<'_>) {
    let me = Rank::of_chare(chare);
    let r = me.p2p.requests.at(frame.head.context);
    let outcome = r.outcome();
    r.deposit_kept(outcome.bytes as usize);
    r.complete(me, outcome);
}

/// Asks for the message of the active send `r` back.
#[cold]
pub(super) fn take_back(me: &'static Rank, r: &'static Request, to: u32, process: ProcessId) {
    let head = FrameHead::new(TAKE_BACK, to, r.index(), 0);
    me.p2p.pe().post(process, &head, &[&me.world_rank.to_le_bytes()]);
}

fn on_take_back(pe: &'static Pe, chare: usize, frame: Frame<'_>) {
    let offer = Offer { process: frame.from, sender: word(&frame, 0), index: frame.head.context };
    if super::rendezvous::forget(Rank::of_chare(chare), |m: &Message| m.offer() == Some(offer)) {
        pe.post(frame.from, &FrameHead::new(TAKEN_BACK, offer.sender, offer.index, 0), &[]);
    }
}

fn on_taken_back(_: &'static Pe, chare: usize, frame: Frame<'_>) {
    let me = Rank::of_chare(chare);
    super::rendezvous::cancelled(me, me.p2p.requests.at(frame.head.context));
}

/// The process of the rank `to`, if that is not this one.
#[inline(always)]
pub(super) fn process(pe: &Pe, to: u32, to_pe: u32) -> Option<ProcessId> {
    if to_pe == ELSEWHERE { pe.job().process_of(to) } else { None }
}
