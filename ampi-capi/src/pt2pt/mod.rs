//! Point-to-point communication (MPI-5.0 chapter 3).
//!
//! | file | what |
//! |---|---|
//! | [`queue`] | matching queues |
//! | [`request`] | requests and their pool |
//! | [`message`] | messages without a receive, buffer pools |
//! | [`rendezvous`] | long and synchronous messages |
//! | [`afar`] | messages between processes |
//! | this file | sending, and what the handlers do with what arrives |
//! | [`calls`] | the blocking and nonblocking calls |
//! | [`wait`], [`inquire`], [`probe`], [`persistent`], [`bsend`], [`status`] | their chapters' calls |
//!
//! A message to a rank of the same PE is matched at the sender and copied once, straight into the posted buffer. To
//! another PE it travels in a cell (up to 40 bytes), in a pooled buffer (up to 16 KiB), or by [`rendezvous`]; to another
//! process in a frame ([`afar`]). One path per pair of PEs keeps MPI's order (§3.5).

pub mod afar;
pub mod bsend;
pub mod calls;
pub mod inquire;
pub mod message;
pub mod persistent;
pub mod probe;
pub mod queue;
pub mod rendezvous;
pub mod request;
pub mod status;
pub mod wait;

pub use bsend::{bsend, bsend_init, buffer_attach, buffer_detach, buffer_flush, ibsend};
pub use calls::*;
pub use inquire::*;
pub use persistent::*;
pub use probe::*;
pub use wait::*;

use crate::abi::constants as c;
use crate::datatype::DatatypeRef;
use crate::memory::{self, Address};
use crate::rank::Rank;
use ampi_core::image::guest::Guest;
use ampi_core::net::{Delivery, Head, INLINE};
use ampi_core::pe::{Handler, Pe, Task};
use message::{Body, Buffer, EAGER_BYTES_MAX, Large, Message, Pools};
use queue::{EXACT, MatchQueue, Pattern};
use request::{Kind, Outcome, Pool, Request, Target};
use std::cell::Cell;

const EAGER_INLINE: u8 = 0;
const EAGER_POOLED: u8 = 1;
const RENDEZVOUS: u8 = 2;
const CLEAR_TO_SEND: u8 = 3;
const SENT: u8 = 4;
const RECEIVED: u8 = 5;
const TAKE_BACK: u8 = 6;
const TAKEN_BACK: u8 = 7;

/// Kinds of messages this chapter sends, for [`ampi_core::pe::Job::new`].
pub const HANDLERS: [(u8, Handler); 8] = [
    (EAGER_INLINE, on_inline),
    (EAGER_POOLED, on_pooled),
    (RENDEZVOUS, on_rendezvous),
    (CLEAR_TO_SEND, rendezvous::on_clear_to_send),
    (SENT, rendezvous::on_sent),
    (RECEIVED, rendezvous::on_received),
    (TAKE_BACK, rendezvous::on_take_back),
    (TAKEN_BACK, rendezvous::on_taken_back),
];
/// First kind that other chapters may use.
pub const KINDS_USED: u8 = 8;

/// Cells behind a full ring from which a sending rank lets others run first.
const BACKLOG_MAX: usize = 512;

/// The point-to-point state of one rank.
#[derive(Default)]
#[repr(C)] // what every call looks at comes first
pub struct State {
    task: Cell<Option<&'static Task>>,
    pools: Cell<Option<&'static Pools>>,
    /// Completions still missing before the rank's task is woken.
    waiting_for: Cell<u32>,
    pub posted: MatchQueue<Request>,
    pub unexpected: MatchQueue<Message>,
    pub requests: Pool,
    /// The rank waits for an unexpected message (probe).
    probing: Cell<Option<Pattern>>,
    pub bsend: bsend::State,
}

impl State {
    /// Binds the rank to its task and its PE's pools, before it runs.
    pub fn bind(&self, task: &'static Task, pools: &'static Pools) {
        self.task.set(Some(task));
        self.pools.set(Some(pools));
    }
    #[inline(always)]
    pub fn task(&self) -> &'static Task {
        self.task.get().expect("a rank has a task")
    }
    #[inline(always)]
    pub fn pe(&self) -> &'static Pe {
        self.task().pe()
    }
    #[inline(always)]
    pub fn pools(&self) -> &'static Pools {
        self.pools.get().expect("a rank has its PE's pools")
    }
    /// What a rank that is blocked in a probe looks for, for reports.
    pub fn probing(&self) -> Option<Pattern> {
        self.probing.get()
    }
    #[inline(always)]
    fn one_done(&self, owner: &'static Rank) {
        // a rank that waits for any of several may see more complete before it runs
        let left = self.waiting_for.get().saturating_sub(1);
        self.waiting_for.set(left);
        if left == 0 {
            let task = owner.p2p.task();
            task.pe().wake(task);
        }
    }
}

/// Where a message goes and what it is matched by.
#[derive(Clone, Copy)]
pub struct Envelope {
    /// World rank of the receiver.
    pub to: u32,
    pub context: u32,
    /// Source (in the communicator) << 32 | tag.
    pub key: u64,
}

/// The bytes of a message to send.
pub enum Payload {
    /// In the user's buffer.
    Place(Address, usize),
    /// Packed into an eager buffer.
    Pooled(Buffer, usize),
    /// Packed, too long for that.
    Heap(Box<[u8]>),
    /// Copied to where other processes of the host see it.
    Shown(Large),
}

impl Payload {
    /// `count` elements of `ty` at `buf`, packed.
    #[cold]
    fn packed(me: &'static Rank, buf: Address, count: i64, ty: &DatatypeRef) -> Payload {
        let bytes = (ty.size() * count) as usize;
        if bytes <= EAGER_BYTES_MAX {
            let b = me.p2p.pools().buffer(bytes);
            memory::pack(ty, buf, 0, b.address(), bytes);
            Payload::Pooled(b, bytes)
        } else {
            let mut heap = vec![0u8; bytes].into_boxed_slice();
            memory::pack(ty, buf, 0, Address(heap.as_mut_ptr() as usize), bytes);
            Payload::Heap(heap)
        }
    }

    fn place(&self) -> (Address, usize) {
        match self {
            Payload::Place(at, n) => (*at, *n),
            Payload::Pooled(b, n) => (b.address(), *n),
            Payload::Heap(h) => (Address(h.as_ptr() as usize), h.len()),
            Payload::Shown(b) => (b.address(), 0),
        }
    }
}

impl Target {
    /// Where a receive of `count` elements of `ty` at `buf` puts its bytes.
    #[inline(always)]
    pub fn of(buf: Address, count: i64, ty: &DatatypeRef) -> Target {
        match ty.is_contiguous(count) {
            Some((offset, bytes)) => Target { at: buf.add(offset), capacity: bytes as usize, typed: None },
            None => {
                let capacity = (ty.size() * count) as usize;
                Target { at: buf, capacity, typed: Some((count, ty.clone())) }
            }
        }
    }
}

/// Sends `count` elements of `ty` at `buf`; as [`send_place`].
#[inline(always)]
pub fn send_elements(
    me: &'static Rank,
    e: &Envelope,
    buf: Address,
    count: i64,
    ty: &DatatypeRef,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    match ty.is_contiguous(count) {
        Some((offset, bytes)) => send_place(me, e, buf.add(offset), bytes as usize, synchronous, with),
        None => transmit(me, e, Payload::packed(me, buf, count, ty), synchronous, with),
    }
}

/// Sends a payload that may be ours; as [`send_place`].
#[inline(never)]
pub fn transmit(
    me: &'static Rank,
    e: &Envelope,
    payload: Payload,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let (at, bytes) = payload.place();
    let pending = send_place(me, e, at, bytes, synchronous, with);
    match (pending, payload) {
        (Some(r), payload) if !r.keeps() => r.keep_until_done(payload),
        (_, Payload::Pooled(b, _)) => me.p2p.pools().give_back(b),
        _ => {}
    }
    pending
}

/// Sends the `bytes` bytes at `at`. Returns `None` when they may be changed again already, else the request that will
/// tell (`with`, or a new one).
#[inline(always)]
pub fn send_place(
    me: &'static Rank,
    e: &Envelope,
    at: Address,
    bytes: usize,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let pe = me.p2p.pe();
    let (chare, to_pe) = pe.chare(e.to);
    if to_pe == pe.id() {
        return send_here(me, Rank::of_chare(chare), e, at, bytes, synchronous, with);
    }
    if let Some(process) = afar::process(pe, e.to, to_pe) {
        return afar::send(me, e, process, at, bytes, synchronous, with);
    }
    if bytes <= INLINE && !synchronous {
        let head =
            Head { dst: e.to, context: e.context, key: e.key, kind: EAGER_INLINE, inline_len: bytes as u8 };
        pe.send_to(to_pe, &head, memory::view(at, bytes));
    } else if bytes <= EAGER_BYTES_MAX && !synchronous {
        send_pooled(me, e, to_pe, at, bytes);
    } else {
        let r = offer(me, at, bytes, with);
        if to_pe >= pe.job().pes() {
            show(me, r, at, bytes);
        }
        rendezvous::announce(pe, to_pe, e, &r.transfer);
        return Some(r);
    }
    if pe.backlog(to_pe) > BACKLOG_MAX {
        pe.yield_now();
    }
    None
}

#[inline(never)]
fn send_pooled(me: &'static Rank, e: &Envelope, to_pe: u32, at: Address, bytes: usize) {
    let buffer = me.p2p.pools().buffer(bytes);
    memory::copy(buffer.address(), at, bytes);
    let head = Head { dst: e.to, context: e.context, key: e.key, kind: EAGER_POOLED, inline_len: 16 };
    let words = rendezvous::words(buffer.into_word(), bytes as u64);
    me.p2p.pe().send_to(to_pe, &head, words.as_flattened());
}

/// To a rank of the same PE: match it here.
#[inline(always)]
fn send_here(
    me: &'static Rank,
    to: &'static Rank,
    e: &Envelope,
    at: Address,
    bytes: usize,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    if let Some(r) = to.p2p.posted.take(&Pattern { key: e.key, mask: EXACT, context: e.context }) {
        let n = bytes.min(r.capacity());
        r.deposit(at, n);
        r.received(to, e.key, bytes, n);
        return None;
    }
    leave_here(me, to, e, at, bytes, synchronous, with)
}

/// No receive of `to`, on the same PE, matches yet.
#[inline(never)]
fn leave_here(
    me: &'static Rank,
    to: &'static Rank,
    e: &Envelope,
    at: Address,
    bytes: usize,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let pools = me.p2p.pools();
    if bytes > EAGER_BYTES_MAX || synchronous {
        let r = offer(me, at, bytes, with);
        arrived(to, pools.message(e.key, e.context, bytes, Body::Remote(&r.transfer)));
        return Some(r);
    }
    arrived(to, pools.message_of(e.key, e.context, at, bytes));
    None
}

/// A send request whose transfer offers the bytes.
#[inline(never)]
fn offer(me: &'static Rank, at: Address, bytes: usize, with: Option<&'static Request>) -> &'static Request {
    let r = with.unwrap_or_else(|| me.p2p.requests.take(Kind::Send));
    r.transfer.offer(me, r.index(), at, bytes);
    r
}

/// Sees to it that a neighbour can read the bytes of the send `r`: what lies outside the rank's own memory (constants, mapped
/// files, packed data) is copied once more.
#[cold]
fn show(me: &'static Rank, r: &'static Request, at: Address, bytes: usize) {
    if bytes > 0 && !Guest::shows(at.0, bytes) {
        let buffer = me.p2p.pools().large(bytes);
        memory::copy(buffer.address(), at, bytes);
        r.transfer.move_to(buffer.address());
        r.keep_until_done(Payload::Shown(buffer));
    }
}

/// An unmatched message has come for `to`.
#[inline(always)]
fn arrived(to: &'static Rank, m: &'static Message) {
    to.p2p.unexpected.push(m);
    if to.p2p.probing.get().is_some() {
        to.p2p.probing.set(None);
        to.p2p.task().pe().wake(to.p2p.task());
    }
}

/// What the receive of a message of `bytes` bytes, of which `n` fitted, tells.
#[inline(always)]
pub(crate) fn settle(key: u64, bytes: usize, n: usize) -> Outcome {
    Outcome {
        source: (key >> 32) as i32,
        tag: key as u32 as i32,
        error: if bytes > n { c::MPI_ERR_TRUNCATE } else { c::MPI_SUCCESS },
        cancelled: false,
        bytes: n as u64,
        sent: bytes as u64,
    }
}

/// Starts the receive `r` (Active, in no queue): takes a message that is here or posts it.
#[inline(always)]
pub fn receive(me: &'static Rank, r: &'static Request, pattern: Pattern, target: Target) {
    r.set_pattern(&pattern);
    r.set_target(target);
    if !me.p2p.unexpected.is_empty()
        && let Some(m) = me.p2p.unexpected.take(&pattern)
    {
        return consume(me, r, m);
    }
    me.p2p.posted.push(r);
}

/// Gives the message `m` (in no queue) to the receive `r`.
#[inline(never)]
pub fn consume(me: &'static Rank, r: &'static Request, m: &'static Message) {
    let key = queue::Entry::pattern(m).key;
    if let Some(t) = m.transfer() {
        me.p2p.pools().recycle(m);
        return rendezvous::pull(me, r, t, key);
    }
    if let Some(offer) = m.offer() {
        let bytes = m.bytes.get();
        me.p2p.pools().recycle(m);
        return afar::pull(me, r, &offer, key, bytes);
    }
    let bytes = m.bytes.get();
    let n = bytes.min(r.capacity());
    m.with_bytes(|from| r.deposit(from, n));
    me.p2p.pools().recycle(m);
    r.received(me, key, bytes, n);
}

#[inline(always)]
fn matching(d: &Delivery<'_>) -> Pattern {
    Pattern { key: d.head.key, mask: EXACT, context: d.head.context }
}

fn on_inline(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(d);
    let bytes = d.head.inline_len as usize;
    receive_bytes(me, &p, Address(d.data.as_ptr() as usize), bytes);
}

/// A message has come whose bytes are at `from`, for now.
#[inline(always)]
fn receive_bytes(me: &'static Rank, p: &Pattern, from: Address, bytes: usize) {
    if let Some(r) = me.p2p.posted.take(p) {
        let n = bytes.min(r.capacity());
        r.deposit(from, n);
        r.received(me, p.key, bytes, n);
    } else {
        arrived(me, me.p2p.pools().message_of(p.key, p.context, from, bytes));
    }
}

fn on_pooled(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(d);
    let (buffer, bytes) = rendezvous::read_words(d);
    let (buffer, bytes) = (Buffer::from_word(buffer), bytes as usize);
    if let Some(r) = me.p2p.posted.take(&p) {
        let n = bytes.min(r.capacity());
        r.deposit(buffer.address(), n);
        me.p2p.pools().give_back(buffer);
        r.received(me, p.key, bytes, n);
    } else {
        arrived(me, me.p2p.pools().message(p.key, p.context, bytes, Body::Pooled(buffer)));
    }
}

fn on_rendezvous(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(d);
    let (transfer, bytes) = rendezvous::announced(d);
    match me.p2p.posted.take(&p) {
        Some(r) => rendezvous::pull(me, r, transfer, p.key),
        None => arrived(me, me.p2p.pools().message(p.key, p.context, bytes, Body::Remote(transfer))),
    }
}
