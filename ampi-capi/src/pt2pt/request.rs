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
use crate::datatype::Datatype;
use crate::error::MpiError;
use crate::handle::{self, Handle, HandleKind};
use crate::memory::{self, Address};
use crate::rank::Rank;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

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
    pub typed: Option<(i64, Arc<Datatype>)>,
}

/// A finishing touch that runs when the owner sees the completion (nonblocking communicator creation, `MPI_Ibsend` …).
pub type Epilogue = Box<dyn FnOnce(&'static Rank) -> Result<(), MpiError>>;

/// One request.
#[repr(align(64))]
pub struct Request {
    links: Links<Request>,
    // plain words, each in its own cell: copying structs through the stack costs store-forwarding stalls
    key: Cell<u64>,
    mask: Cell<u64>,
    context: Cell<u32>,
    phase: Cell<Phase>,
    kind: Cell<Kind>,
    /// The owner waits for it and counts on `waiting_for`.
    pub(super) awaited: Cell<bool>,
    /// Its user has given it up: recycle on completion.
    pub(super) orphan: Cell<bool>,
    /// Chare of the peer's rank, for reports: world rank or u32::MAX (any).
    pub(super) peer: Cell<u32>,
    at: Cell<Address>,
    capacity: Cell<usize>,
    has_type: Cell<bool>,
    typed: RefCell<Option<(i64, Arc<Datatype>)>>,
    source: Cell<i32>,
    tag: Cell<i32>,
    error: Cell<i32>,
    cancelled: Cell<bool>,
    bytes: Cell<u64>,
    sent: Cell<u64>,
    pub(super) transfer: Transfer,
    pub(super) persistent: RefCell<Option<Persistent>>,
    pub(super) epilogue: Cell<Option<Epilogue>>,
    has_epilogue: Cell<bool>,
    /// The send half of an isendrecv, completed together.
    pub(super) also: Cell<Option<&'static Request>>,
    /// The collective call that a board refers to until completion.
    call: Cell<Option<&'static Call>>,
    /// Packed bytes that a transfer offers.
    kept: Cell<Option<Payload>>,
    has_kept: Cell<bool>,
    /// Communicator whose error handler an error of this operation goes to.
    pub(super) comm: Cell<usize>,
    handle: Cell<u32>,
    index: u32,
    generation: Cell<u32>,
}

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
            kind: Cell::new(Kind::Send),
            awaited: Cell::new(false),
            orphan: Cell::new(false),
            peer: Cell::new(u32::MAX),
            at: Cell::new(Address::NULL),
            capacity: Cell::new(0),
            has_type: Cell::new(false),
            typed: RefCell::new(None),
            source: Cell::new(0),
            tag: Cell::new(0),
            error: Cell::new(0),
            cancelled: Cell::new(false),
            bytes: Cell::new(0),
            sent: Cell::new(0),
            transfer: Transfer::new(),
            persistent: RefCell::new(None),
            epilogue: Cell::new(None),
            has_epilogue: Cell::new(false),
            also: Cell::new(None),
            call: Cell::new(None),
            kept: Cell::new(None),
            has_kept: Cell::new(false),
            comm: Cell::new(c::MPI_COMM_WORLD),
            handle: Cell::new(0),
            index,
            generation: Cell::new(0),
        }
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
    pub fn is_persistent(&self) -> bool {
        self.persistent.borrow().is_some()
    }
    #[inline(always)]
    pub fn outcome(&self) -> Outcome {
        Outcome {
            source: self.source.get(),
            tag: self.tag.get(),
            error: self.error.get(),
            cancelled: self.cancelled.get(),
            bytes: self.bytes.get(),
            sent: self.sent.get(),
        }
    }
    #[inline(always)]
    pub(super) fn set_outcome(&self, o: &Outcome) {
        self.source.set(o.source);
        self.tag.set(o.tag);
        self.error.set(o.error);
        self.cancelled.set(o.cancelled);
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
            self.has_type.set(true);
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
        (!self.has_type.get()).then(|| self.at.get())
    }
    /// Puts the first `n` bytes of a message, which lie at `from`, where they go.
    #[inline(always)]
    pub(super) fn deposit(&self, from: Address, n: usize) {
        if !self.has_type.get() {
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
        self.cancelled.set(false);
        self.bytes.set(n as u64);
        self.sent.set(sent as u64);
        self.over(owner);
    }
    pub(super) fn index(&self) -> u32 {
        self.index
    }
    /// Keeps `bytes` until the operation completes (packed data that the receiver will fetch).
    pub(super) fn keep_until_done(&self, payload: Payload) {
        self.kept.set(Some(payload));
        self.has_kept.set(true);
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
        if self.has_kept.replace(false)
            && let Some(Payload::Pooled(b, _)) = self.kept.take()
        {
            pools.give_back(b);
        }
    }
    pub fn set_epilogue(&self, f: Epilogue) {
        self.epilogue.set(Some(f));
        self.has_epilogue.set(true);
    }
    #[inline(always)]
    pub(super) fn take_epilogue(&self) -> Option<Epilogue> {
        if self.has_epilogue.replace(false) { self.epilogue.take() } else { None }
    }
    /// The handle the program knows it by.
    pub fn handle(&self) -> Handle {
        Handle(self.handle.get() as usize)
    }
    /// The communicator (its handle) whose error handler gets errors of this operation.
    pub fn comm(&self) -> Handle {
        Handle(self.comm.get())
    }
    pub fn set_comm(&self, comm: Handle) {
        self.comm.set(comm.0);
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
    free: RefCell<Vec<&'static Request>>,
}

impl Pool {
    /// A free request, made Active; without a handle.
    #[inline(always)]
    pub fn take(&self, kind: Kind) -> &'static Request {
        let r = match self.free.borrow_mut().pop() {
            Some(r) => r,
            None => self.grow(),
        };
        r.kind.set(kind);
        r.phase.set(Phase::Active);
        r.set_outcome(&Outcome::EMPTY);
        r
    }

    #[cold]
    #[inline(never)]
    fn grow(&self) -> &'static Request {
        let mut all = self.all.borrow_mut();
        let r: &'static Request = Box::leak(Box::new(Request::new(all.len() as u32)));
        all.push(r);
        r
    }

    /// Gives a request back; nobody refers to it any more.
    #[inline(always)]
    pub fn recycle(&self, r: &'static Request) {
        debug_assert!(r.phase() != Phase::Free && !r.awaited.get());
        r.phase.set(Phase::Free);
        r.orphan.set(false);
        r.also.set(None);
        self.withdraw(r);
        if r.has_type.replace(false) {
            r.typed.replace(None);
        }
        self.free.borrow_mut().push(r);
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
