//! Requests (MPI-5.0 §3.7): operations that have been started, and the pool of them that each rank keeps.
//!
//! ```text
//!            ┌──────── free list ────────┐
//!            v                           │
//! take() → Active ── complete() ──→ Complete ── released by wait/test ─┘
//!            ^                           │
//!            └─── start() of a persistent request ← Inactive ←┘
//! ```
//!
//! Requests are never freed, only recycled, so queues and other PEs may keep plain references to one while its operation
//! is in flight. Invariants:
//! 1. Only the owner rank's PE touches a request, but for [`Transfer`], whose atomics both sides use.
//! 2. A request is in a matching queue exactly while it is an Active receive that no message has matched.
//! 3. The handle of a request is valid while `handle != 0`; blocking calls use requests without a handle.
//!
//! # Safety
//! `keep_call` leaks a box and `take_call` takes it back, once.
#![allow(unsafe_code)]

use super::Payload;
use super::message::Pools;
use super::persistent::Persistent;
use super::queue::{Entry, Links, Pattern};
use super::rendezvous::Transfer;
use crate::abi::constants as c;
use crate::coll::Call;
use crate::datatype::DatatypeRef;
use crate::error::MpiError;
use crate::handle::{self, Handle, HandleKind};
use crate::memory::{self, Address};
use crate::rank::Rank;
use ampi_core::arena::commons;
use std::cell::{Cell, RefCell};

/// Where a request is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Free,
    /// A persistent request that is not started.
    Inactive,
    Active,
    Complete,
}

/// What a request stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Send,
    Receive,
    Collective,
}

/// What a completed operation tells (MPI-5.0 §3.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub source: i32,
    pub tag: i32,
    /// An `MPI_ERR_*` class or `MPI_SUCCESS`.
    pub error: i32,
    pub cancelled: bool,
    /// Bytes received.
    pub bytes: u64,
    /// Bytes of the message, more than received when it was truncated.
    pub sent: u64,
}

impl Outcome {
    /// The empty status (MPI-5.0 §3.7.3).
    pub const EMPTY: Outcome = Outcome {
        source: c::MPI_ANY_SOURCE,
        tag: c::MPI_ANY_TAG,
        error: c::MPI_SUCCESS,
        cancelled: false,
        bytes: 0,
        sent: 0,
    };
    /// What a receive from `MPI_PROC_NULL` tells (MPI-5.0 §3.10).
    pub const PROC_NULL: Outcome = Outcome { source: c::MPI_PROC_NULL, ..Outcome::EMPTY };
}

/// Where received bytes go: `capacity` bytes at `at`, or as `typed` says (elements of a datatype at `at`).
pub struct Target {
    pub at: Address,
    pub capacity: usize,
    pub typed: Option<(i64, DatatypeRef)>,
}

/// A finishing touch that runs when the owner sees the completion (nonblocking communicator creation, `MPI_Ibsend` …).
pub type Epilogue = Box<dyn FnOnce(&'static Rank) -> Result<(), MpiError>>;

/// Bits of [`Request::extras`]: what only some requests have. Ending one that has none is a few plain stores.
mod extra {
    /// Received bytes are scattered as a datatype says.
    pub const TYPED: u8 = 1;
    pub const KEPT: u8 = 2;
    pub const EPILOGUE: u8 = 4;
    pub const PERSISTENT: u8 = 8;
    pub const ALSO: u8 = 16;
    /// The one request of a rank that stands for all sends that are over when they start; never recycled.
    pub const SHARED: u8 = 32;
    pub const CANCELLED: u8 = 64;
}

/// One request. What a short message touches lies in the first two cache lines: the line of matching, the line of the
/// outcome.
#[repr(C, align(64))]
pub struct Request {
    links: Links<Request>,
    // plain words, each in its own cell: copying structs through the stack costs store-forwarding stalls
    key: Cell<u64>,
    mask: Cell<u64>,
    context: Cell<u32>,
    phase: Cell<Phase>,
    /// The owner waits for it and counts on `waiting_for`.
    pub(super) awaited: Cell<bool>,
    /// Its user has given it up: recycle on completion.
    pub(super) orphan: Cell<bool>,
    extras: Cell<u8>,

    at: Cell<Address>,
    capacity: Cell<usize>,
    bytes: Cell<u64>,
    sent: Cell<u64>,
    source: Cell<i32>,
    tag: Cell<i32>,
    error: Cell<i32>,
    handle: Cell<u32>,
    index: u32,
    generation: Cell<u32>,
    /// Chare of the peer's rank, for reports: world rank or u32::MAX (any).
    pub(super) peer: Cell<u32>,
    /// Communicator whose error handler an error of this operation goes to (its handle).
    comm: Cell<u32>,

    kind: Cell<Kind>,
    typed: RefCell<Option<(i64, DatatypeRef)>>,
    persistent: RefCell<Option<Persistent>>,
    epilogue: Cell<Option<Epilogue>>,
    /// The send half of an isendrecv, completed together.
    also: Cell<Option<&'static Request>>,
    /// The collective call that a board refers to until completion.
    call: Cell<Option<&'static Call>>,
    /// Packed bytes that a transfer offers.
    kept: Cell<Option<Payload>>,
    pub(super) transfer: Transfer,
}

const _: () = assert!(std::mem::offset_of!(Request, at) == 64 && std::mem::offset_of!(Request, kind) == 128);

impl Entry for Request {
    #[inline(always)]
    fn links(&self) -> &Links<Request> {
        &self.links
    }
    #[inline(always)]
    fn pattern(&self) -> Pattern {
        Pattern { key: self.key.get(), mask: self.mask.get(), context: self.context.get() }
    }
}

impl Request {
    fn new(index: u32) -> Request {
        Request {
            links: Links::default(),
            key: Cell::new(0),
            mask: Cell::new(0),
            context: Cell::new(0),
            phase: Cell::new(Phase::Free),
            awaited: Cell::new(false),
            orphan: Cell::new(false),
            extras: Cell::new(0),
            at: Cell::new(Address::NULL),
            capacity: Cell::new(0),
            bytes: Cell::new(0),
            sent: Cell::new(0),
            source: Cell::new(0),
            tag: Cell::new(0),
            error: Cell::new(0),
            handle: Cell::new(0),
            index,
            generation: Cell::new(0),
            peer: Cell::new(u32::MAX),
            comm: Cell::new(c::MPI_COMM_WORLD as u32),
            kind: Cell::new(Kind::Send),
            typed: RefCell::new(None),
            persistent: RefCell::new(None),
            epilogue: Cell::new(None),
            also: Cell::new(None),
            call: Cell::new(None),
            kept: Cell::new(None),
            transfer: Transfer::new(),
        }
    }

    #[inline(always)]
    fn has(&self, extra: u8) -> bool {
        self.extras.get() & extra != 0
    }
    #[inline(always)]
    fn add(&self, extra: u8) {
        self.extras.set(self.extras.get() | extra);
    }
    #[inline(always)]
    fn remove(&self, extra: u8) -> bool {
        let before = self.extras.get();
        self.extras.set(before & !extra);
        before & extra != 0
    }

    #[inline(always)]
    pub fn phase(&self) -> Phase {
        self.phase.get()
    }
    #[inline(always)]
    pub fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
    }
    #[inline(always)]
    pub fn kind(&self) -> Kind {
        self.kind.get()
    }
    #[inline(always)]
    pub fn is_active(&self) -> bool {
        self.phase.get() == Phase::Active
    }
    /// Nothing is left to do for a completed request but to tell its outcome.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.extras.get() == 0 && self.error.get() == c::MPI_SUCCESS
    }
    /// It stands for all sends that are over ([`Pool::done_send`]).
    #[inline(always)]
    pub(super) fn is_shared(&self) -> bool {
        self.extras.get() == extra::SHARED
    }
    pub fn is_persistent(&self) -> bool {
        self.has(extra::PERSISTENT)
    }
    /// Keeps the arguments of a persistent request.
    pub(super) fn set_persistent(&self, p: Option<Persistent>) {
        if p.is_some() {
            self.add(extra::PERSISTENT);
        } else {
            self.remove(extra::PERSISTENT);
        }
        self.persistent.replace(p);
    }
    pub(super) fn persistent(&self) -> Option<Persistent> {
        if self.is_persistent() { self.persistent.borrow().clone() } else { None }
    }
    /// The send that is completed together with this receive.
    #[inline(always)]
    pub(super) fn also(&self) -> Option<&'static Request> {
        if self.has(extra::ALSO) { self.also.get() } else { None }
    }
    pub(super) fn set_also(&self, send: Option<&'static Request>) {
        if send.is_some() {
            self.add(extra::ALSO);
            self.also.set(send);
        }
    }
    pub(super) fn take_also(&self) -> Option<&'static Request> {
        if self.remove(extra::ALSO) { self.also.take() } else { None }
    }
    #[inline(always)]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            source: self.source.get(),
            tag: self.tag.get(),
            error: self.error.get(),
            cancelled: self.has(extra::CANCELLED),
            bytes: self.bytes.get(),
            sent: self.sent.get(),
        }
    }
    #[inline(always)]
    pub(super) fn set_outcome(&self, o: &Outcome) {
        self.source.set(o.source);
        self.tag.set(o.tag);
        self.error.set(o.error);
        if o.cancelled {
            self.add(extra::CANCELLED);
        } else {
            self.remove(extra::CANCELLED);
        }
        self.bytes.set(o.bytes);
        self.sent.set(o.sent);
    }
    #[inline(always)]
    pub(super) fn set_pattern(&self, p: &Pattern) {
        self.key.set(p.key);
        self.mask.set(p.mask);
        self.context.set(p.context);
    }
    /// Where the received bytes go.
    #[inline(always)]
    pub(super) fn set_target(&self, t: Target) {
        self.at.set(t.at);
        self.capacity.set(t.capacity);
        if t.typed.is_some() {
            self.add(extra::TYPED);
            self.typed.replace(t.typed);
        }
    }
    #[inline(always)]
    pub(super) fn capacity(&self) -> usize {
        self.capacity.get()
    }
    /// The one place where received bytes go, if they are not scattered.
    #[inline(always)]
    pub(super) fn one_place(&self) -> Option<Address> {
        (!self.has(extra::TYPED)).then(|| self.at.get())
    }
    /// Puts the first `n` bytes of a message, which lie at `from`, where they go.
    #[inline(always)]
    pub(super) fn deposit(&self, from: Address, n: usize) {
        if !self.has(extra::TYPED) {
            return memory::copy(self.at.get(), from, n);
        }
        if let Some((_, ty)) = &*self.typed.borrow() {
            memory::unpack(ty, self.at.get(), from, n);
        }
    }
    /// The operation is over; as [`Request::complete`] with the outcome of a received message, field by field.
    #[inline(always)]
    pub(super) fn received(&'static self, owner: &'static Rank, key: u64, sent: usize, n: usize) {
        self.source.set((key >> 32) as i32);
        self.tag.set(key as u32 as i32);
        self.error.set(if sent > n { c::MPI_ERR_TRUNCATE } else { c::MPI_SUCCESS });
        self.bytes.set(n as u64);
        self.sent.set(sent as u64);
        self.over(owner);
    }
    /// Does it keep bytes already?
    pub(super) fn keeps(&self) -> bool {
        self.has(extra::KEPT)
    }
    /// Received bytes that were kept first (they go to several places): puts the first `n` where they belong.
    pub(super) fn deposit_kept(&self, n: usize) {
        if self.remove(extra::KEPT)
            && let Some(Payload::Heap(bytes)) = self.kept.take()
        {
            self.deposit(Address(bytes.as_ptr() as usize), n);
        }
    }
    pub(super) fn index(&self) -> u32 {
        self.index
    }
    /// Keeps `bytes` until the operation completes (packed data that the receiver will fetch).
    pub(super) fn keep_until_done(&self, payload: Payload) {
        self.kept.set(Some(payload));
        self.add(extra::KEPT);
    }
    /// Keeps a collective's call in place until [`Request::take_call`].
    pub fn keep_call(&self, call: Box<Call>) -> &'static Call {
        let call: &'static Call = Box::leak(call);
        self.call.set(Some(call));
        call
    }
    /// The call back, when the operation is over.
    pub fn take_call(&self) -> Option<Box<Call>> {
        // SAFETY: the reference came from `Box::leak` in `keep_call`, is taken once, and the board is done with it.
        self.call.take().map(|c| unsafe { Box::from_raw(std::ptr::from_ref(c).cast_mut()) })
    }
    pub fn is_awaited(&self) -> bool {
        self.awaited.get()
    }
    /// World rank of the peer, if it is one.
    pub fn peer(&self) -> Option<u32> {
        Some(self.peer.get()).filter(|&p| p != u32::MAX)
    }
    pub(super) fn drop_kept(&self, pools: &Pools) {
        if self.remove(extra::KEPT)
            && let Some(payload) = self.kept.take()
        {
            match payload {
                Payload::Pooled(b, _) => pools.give_back(b),
                Payload::Shown(b) => pools.give_back_large(b),
                Payload::Heap(_) | Payload::Place(..) => {}
            }
        }
    }
    pub fn set_epilogue(&self, f: Epilogue) {
        self.epilogue.set(Some(f));
        self.add(extra::EPILOGUE);
    }
    #[inline(always)]
    pub(super) fn take_epilogue(&self) -> Option<Epilogue> {
        if self.remove(extra::EPILOGUE) { self.epilogue.take() } else { None }
    }
    /// The handle the program knows it by.
    pub fn handle(&self) -> Handle {
        Handle(self.handle.get() as usize)
    }
    /// The communicator (its handle) whose error handler gets errors of this operation.
    pub fn comm(&self) -> Handle {
        Handle(self.comm.get() as usize)
    }
    pub fn set_comm(&self, comm: Handle) {
        self.comm.set(comm.0 as u32);
    }

    /// The operation is over: tells the owner if it waits. On the owner's PE.
    #[inline(always)]
    pub fn complete(&'static self, owner: &'static Rank, outcome: Outcome) {
        self.set_outcome(&outcome);
        self.over(owner);
    }

    #[inline(always)]
    fn over(&'static self, owner: &'static Rank) {
        debug_assert!(self.is_active());
        self.phase.set(Phase::Complete);
        if self.awaited.get() {
            self.awaited.set(false);
            owner.p2p.one_done(owner);
        } else if self.orphan.get() {
            drop(self.take_epilogue());
            drop(self.take_call());
            owner.p2p.requests.recycle(self);
        }
    }
}

/// The requests of one rank.
#[derive(Default)]
pub struct Pool {
    all: RefCell<Vec<&'static Request>>,
    /// Free requests, linked; the last that was given back is the first to be taken.
    free: Cell<Option<&'static Request>>,
    shared: Cell<Option<&'static Request>>,
}

impl Pool {
    /// A free request, made Active; without a handle and without an outcome.
    #[inline(always)]
    pub fn take(&self, kind: Kind) -> &'static Request {
        let r = match self.free.get() {
            Some(r) => {
                self.free.set(r.links.spare());
                r
            }
            None => self.grow(),
        };
        r.kind.set(kind);
        r.phase.set(Phase::Active);
        r
    }

    #[cold]
    #[inline(never)]
    fn grow(&self) -> &'static Request {
        let mut all = self.all.borrow_mut();
        let r = commons::keep(Request::new(all.len() as u32));
        all.push(r);
        r
    }

    /// Gives a request back; nobody refers to it any more.
    #[inline(always)]
    pub fn recycle(&self, r: &'static Request) {
        debug_assert!(r.phase() != Phase::Free && !r.awaited.get());
        if r.extras.get() != 0 {
            if r.has(extra::SHARED) {
                return;
            }
            r.typed.replace(None);
            r.extras.set(0);
        }
        r.phase.set(Phase::Free);
        r.orphan.set(false);
        self.withdraw(r);
        r.links.set_spare(self.free.replace(Some(r)));
    }

    /// The handle of a send that is over already: one request stands for all of them.
    #[inline(always)]
    pub fn done_send(&self) -> Handle {
        match self.shared.get() {
            Some(r) => r.handle(),
            None => self.make_shared(),
        }
    }

    #[cold]
    fn make_shared(&self) -> Handle {
        let r = self.take(Kind::Send);
        r.set_outcome(&Outcome::EMPTY);
        r.set_phase(Phase::Complete);
        r.add(extra::SHARED);
        self.shared.set(Some(r));
        self.publish(r)
    }

    /// The program's handle of `r` is no longer valid.
    #[inline(always)]
    pub(super) fn withdraw(&self, r: &Request) {
        if r.handle.get() != 0 {
            r.handle.set(0);
            r.generation.set(r.generation.get().wrapping_add(1));
        }
    }

    /// The handle under which the program will know `r`.
    #[inline(always)]
    pub fn publish(&self, r: &'static Request) -> Handle {
        let h = handle::encode(HandleKind::Request, r.generation.get(), r.index);
        r.handle.set(h.0 as u32);
        h
    }

    /// The live request that `handle` names.
    #[inline(always)]
    pub fn find(&self, handle: Handle) -> Option<&'static Request> {
        let r = *self.all.borrow().get(handle::index_of(handle))?;
        (r.handle.get() as usize == handle.0 && handle.0 != 0).then_some(r)
    }

    /// The request with this index.
    pub(super) fn at(&self, index: u32) -> &'static Request {
        self.all.borrow()[index as usize]
    }

    /// Requests that are not free: for reports.
    pub fn live(&self) -> Vec<&'static Request> {
        self.all.borrow().iter().copied().filter(|r| r.phase() != Phase::Free).collect()
    }
}
