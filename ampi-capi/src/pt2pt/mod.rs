//! Point-to-point communication (MPI-5.0 chapter 3).
//!
//! | file | what |
//! |---|---|
//! | [`queue`] | matching queues |
//! | [`request`] | requests and their pool |
//! | [`message`] | messages without a receive, buffer pools |
//! | [`rendezvous`] | long and synchronous messages |
//! | this file | sending, and what the handlers do with what arrives |
//! | [`calls`] | the blocking and nonblocking calls |
//! | [`wait`], [`probe`], [`persistent`], [`bsend`], [`status`] | their chapters' calls |
//!
//! A message to a rank of the same PE is matched at the sender and copied once, straight into the posted buffer. To
//! another PE it travels in a cell (up to 40 bytes), in a pooled buffer (up to 16 KiB), or by [`rendezvous`]. One path per
//! pair of PEs keeps MPI's order (§3.5).

pub mod bsend;
pub mod calls;
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
pub use persistent::*;
pub use probe::*;
pub use wait::*;

use crate::abi::constants as c;
use crate::datatype::Datatype;
use crate::memory::{self, Address};
use crate::rank::Rank;
use ampi_core::net::{Delivery, Head, INLINE};
use ampi_core::pe::{Handler, Pe, Task};
use message::{Body, Buffer, EAGER_BYTES_MAX, Message, Pools};
use queue::{EXACT, MatchQueue, Pattern};
use request::{Kind, Outcome, Pool, Request, Target};
use std::cell::Cell;
use std::sync::Arc;

const EAGER_INLINE: u8 = 0;
const EAGER_POOLED: u8 = 1;
const RENDEZVOUS: u8 = 2;
const CLEAR_TO_SEND: u8 = 3;
const SENT: u8 = 4;
const RECEIVED: u8 = 5;

/// Kinds of messages this chapter sends, for [`ampi_core::pe::Job::new`].
pub const HANDLERS: [(u8, Handler); 6] = [
    (EAGER_INLINE, on_inline),
    (EAGER_POOLED, on_pooled),
    (RENDEZVOUS, on_rendezvous),
    (CLEAR_TO_SEND, rendezvous::on_clear_to_send),
    (SENT, rendezvous::on_sent),
    (RECEIVED, rendezvous::on_received),
];
/// First kind that other chapters may use.
pub const KINDS_USED: u8 = 6;

/// Cells behind a full ring from which a sending rank lets others run first.
const BACKLOG_MAX: usize = 512;

/// The point-to-point state of one rank.
#[derive(Default)]
pub struct State {
    pub posted: MatchQueue<Request>,
    pub unexpected: MatchQueue<Message>,
    pub requests: Pool,
    pub bsend: bsend::State,
    /// Completions still missing before the rank's task is woken.
    waiting_for: Cell<u32>,
    /// The rank waits for an unexpected message (probe).
    probing: Cell<Option<Pattern>>,
    task: Cell<Option<&'static Task>>,
    pools: Cell<Option<&'static Pools>>,
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
        let left = self.waiting_for.get() - 1;
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
}

impl Payload {
    /// The bytes of `count` elements of `ty` at `buf`: in place where they are contiguous, else packed.
    #[inline(always)]
    pub fn of(me: &'static Rank, buf: Address, count: i64, ty: &Arc<Datatype>) -> Payload {
        match ty.is_contiguous(count) {
            Some((offset, bytes)) => Payload::Place(buf.add(offset), bytes as usize),
            None => Payload::packed(me, buf, count, ty),
        }
    }

    #[cold]
    fn packed(me: &'static Rank, buf: Address, count: i64, ty: &Arc<Datatype>) -> Payload {
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

    #[inline(always)]
    fn place(&self) -> (Address, usize) {
        match self {
            Payload::Place(at, n) => (*at, *n),
            Payload::Pooled(b, n) => (b.address(), *n),
            Payload::Heap(h) => (Address(h.as_ptr() as usize), h.len()),
        }
    }
}

impl Target {
    /// Where a receive of `count` elements of `ty` at `buf` puts its bytes.
    #[inline(always)]
    pub fn of(buf: Address, count: i64, ty: &Arc<Datatype>) -> Target {
        match ty.is_contiguous(count) {
            Some((offset, bytes)) => Target::Contiguous { at: buf.add(offset), capacity: bytes as usize },
            None => Target::Typed { at: buf, count, ty: ty.clone(), capacity: (ty.size() * count) as usize },
        }
    }
}

/// Sends. Returns `None` when the buffer is free again already, else the request that will tell (`with`, or a new one).
#[inline(always)]
pub fn transmit(
    me: &'static Rank,
    e: &Envelope,
    payload: Payload,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let pe = me.p2p.pe();
    let (chare, to_pe) = pe.chare(e.to);
    let (at, bytes) = payload.place();
    if to_pe == pe.id() {
        return send_here(me, Rank::of_chare(chare), e, payload, synchronous, with);
    }
    if bytes <= INLINE && !synchronous {
        let head =
            Head { dst: e.to, context: e.context, key: e.key, kind: EAGER_INLINE, inline_len: bytes as u8 };
        pe.send_to(to_pe, &head, memory::view(at, bytes));
        release(me, payload);
    } else if bytes <= EAGER_BYTES_MAX && !synchronous {
        send_pooled(me, e, to_pe, payload);
    } else {
        let r = offer(me, payload, with);
        rendezvous::announce(pe, to_pe, e, &r.transfer);
        return Some(r);
    }
    if pe.backlog(to_pe) > BACKLOG_MAX {
        pe.yield_now();
    }
    None
}

#[inline(never)]
fn send_pooled(me: &'static Rank, e: &Envelope, to_pe: u32, payload: Payload) {
    let (at, bytes) = payload.place();
    let buffer = match payload {
        Payload::Pooled(b, _) => b,
        other => {
            let b = me.p2p.pools().buffer(bytes);
            memory::copy(b.address(), at, bytes);
            release(me, other);
            b
        }
    };
    let (address, class) = buffer.into_words();
    let mut data = [0u8; 24];
    data[..8].copy_from_slice(&address.to_ne_bytes());
    data[8..16].copy_from_slice(&(bytes as u64).to_ne_bytes());
    data[16..].copy_from_slice(&class.to_ne_bytes());
    let head = Head { dst: e.to, context: e.context, key: e.key, kind: EAGER_POOLED, inline_len: 24 };
    me.p2p.pe().send_to(to_pe, &head, &data);
}

/// To a rank of the same PE: match it here.
#[inline(always)]
fn send_here(
    me: &'static Rank,
    to: &'static Rank,
    e: &Envelope,
    payload: Payload,
    synchronous: bool,
    with: Option<&'static Request>,
) -> Option<&'static Request> {
    let (at, bytes) = payload.place();
    if let Some(r) = to.p2p.posted.take(&Pattern { key: e.key, mask: EXACT, context: e.context }) {
        let n = bytes.min(r.target.borrow().capacity());
        deposit(r, at, n);
        r.complete(to, settle(e.key, bytes, n));
        release(me, payload);
        return None;
    }
    let pools = me.p2p.pools();
    if bytes > EAGER_BYTES_MAX || synchronous {
        let r = offer(me, payload, with);
        let m = pools.message(e.key, e.context, bytes, Body::Remote(&r.transfer));
        arrived(to, m);
        return Some(r);
    }
    let m = match payload {
        Payload::Pooled(b, n) => pools.message(e.key, e.context, n, Body::Pooled(b)),
        _ => pools.message_of(e.key, e.context, at, bytes),
    };
    arrived(to, m);
    None
}

/// A send request whose transfer offers `payload`.
#[inline(never)]
fn offer(me: &'static Rank, payload: Payload, with: Option<&'static Request>) -> &'static Request {
    let r = with.unwrap_or_else(|| me.p2p.requests.take(Kind::Send));
    let (at, bytes) = payload.place();
    r.transfer.offer(me, me.p2p.pe().id(), r.index(), at, bytes);
    match payload {
        Payload::Place(..) => {}
        Payload::Heap(h) => r.keep_until_done(h),
        Payload::Pooled(b, _) => {
            // synchronous and small: the bytes must outlive the call
            let h = memory::view(b.address(), bytes).to_vec().into_boxed_slice();
            r.transfer.offer(me, me.p2p.pe().id(), r.index(), Address(h.as_ptr() as usize), bytes);
            r.keep_until_done(h);
            me.p2p.pools().give_back(b);
        }
    }
    r
}

#[inline(always)]
fn release(me: &Rank, payload: Payload) {
    if let Payload::Pooled(b, _) = payload {
        me.p2p.pools().give_back(b);
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

/// Puts `n` bytes at `from` where the receive wants them.
#[inline(always)]
pub(crate) fn deposit(r: &Request, from: Address, n: usize) {
    match &*r.target.borrow() {
        Target::Contiguous { at, .. } => memory::copy(*at, from, n),
        Target::Typed { at, ty, .. } => memory::unpack(ty, *at, from, n),
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
    }
}

/// Starts the receive `r` (Active, in no queue): takes a message that is here or posts it.
#[inline(always)]
pub fn receive(me: &'static Rank, r: &'static Request, pattern: Pattern, target: Target) {
    r.pattern.set(pattern);
    *r.target.borrow_mut() = target;
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
    let bytes = m.bytes.get();
    let n = bytes.min(r.target.borrow().capacity());
    m.with_bytes(|from| deposit(r, from, n));
    me.p2p.pools().recycle(m);
    r.complete(me, settle(key, bytes, n));
}

#[inline(always)]
fn matching(d: &Delivery<'_>) -> Pattern {
    Pattern { key: d.head.key, mask: EXACT, context: d.head.context }
}

fn on_inline(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(d);
    let bytes = d.head.inline_len as usize;
    let from = Address(d.data.as_ptr() as usize);
    if let Some(r) = me.p2p.posted.take(&p) {
        let n = bytes.min(r.target.borrow().capacity());
        deposit(r, from, n);
        r.complete(me, settle(p.key, bytes, n));
    } else {
        arrived(me, me.p2p.pools().message_of(p.key, p.context, from, bytes));
    }
}

fn on_pooled(_: &'static Pe, chare: usize, d: &Delivery<'_>) {
    let me = Rank::of_chare(chare);
    let p = matching(d);
    let (address, bytes) = rendezvous::read_words(d);
    let class = u64::from_ne_bytes(d.data[16..24].try_into().expect("eight bytes"));
    let (buffer, bytes) = (Buffer::from_words(address, class), bytes as usize);
    if let Some(r) = me.p2p.posted.take(&p) {
        let n = bytes.min(r.target.borrow().capacity());
        deposit(r, buffer.address(), n);
        me.p2p.pools().give_back(buffer);
        r.complete(me, settle(p.key, bytes, n));
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
