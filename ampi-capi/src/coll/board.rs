//! The board: how the ranks of a process meet in a collective operation (MPI-5.0 chapter 6).
//!
//! Every collective call of a communicator has a sequence number; ranks with equal numbers meet on one *board*, an array
//! of entries indexed by communicator rank. A rank pins its call (buffers, counts, operation) to the board and blocks,
//! or goes on if the call is nonblocking. All ranks share an address space, so whoever executes the operation reads and
//! writes the buffers in place: no message carries data.
//!
//! ```text
//! rank:  pin entry ─ last of its PE? ─ no ──────────────────────────────> block
//!                        │ yes: board.pes_arrived += 1
//!                        │ last PE?  ─ no ─────────────────────────────> block
//!                        │ yes: little work:  execute everything here; FINISH to all PEs
//!                        │      much work:    RUN phase 0 to all PEs
//! PE on RUN k:    execute its part of phase k; pes_done += 1; the last one sends RUN k+1, or FINISH after the last phase
//! PE on FINISH:   wake its blocked members (one chain, O(1)), complete its nonblocking ones; last PE: board is free
//! ```
//!
//! Invariants:
//! 1. `entries[r]` is written by the PE of member r before it counts as arrived; others read it only after all have
//!    arrived (`pes_arrived` is AcqRel).
//! 2. A call's memory (the blocked rank's stack, or a box owned by its request) lives until that rank is told FINISH.
//! 3. A rank's sequence numbers are consecutive, so a PE's open boards form a window `first..first+len`.
//! 4. Boards are pooled by their communicator, never freed; one is reused only after every PE has done FINISH.
//! 5. Guest code (user-defined operations) runs only in the call of the rank that arrives last, never on RUN.
//!
//! Between processes a board will be one process's share of the operation; the exchange then sits between the last
//! arrival and the execution.
//!
//! # Safety
//! Raw pointers to calls of other ranks, valid by 2; interior mutability across PEs, ordered by 1.
#![allow(unsafe_code)]

use super::{Call, Likeness, small};
use crate::comm::Shared;
use crate::memory::Address;
use crate::pt2pt::request::{Outcome, Request};
use crate::rank::Rank;
use ampi_core::net::{Delivery, Head};
use ampi_core::pe::{Chain, Handler, Pe, PeId};
use std::cell::{Cell, UnsafeCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const RUN: u8 = crate::pt2pt::KINDS_USED;
const FINISH: u8 = RUN + 1;

/// Kinds of messages of this chapter.
pub const HANDLERS: [(u8, Handler); 2] = [(RUN, on_run), (FINISH, on_finish)];

/// One member's place on a board: a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Entry {
    call: *const Call,
    nonblocking: bool,
    /// Length of the small contribution; [`small::TOO_LONG`] when it is none.
    kept_bytes: u8,
    /// A small contribution (see [`small`]).
    kept: [u64; small::BYTES / 8],
}

const _: () = assert!(size_of::<Entry>() == 64);

/// A meeting of all members of a communicator.
pub struct Board {
    shared: Cell<Option<&'static Shared>>,
    /// Keeps the communicator's shared part alive while the board is in use.
    keep: UnsafeCell<Option<Arc<Shared>>>,
    seq: Cell<u64>,
    entries: UnsafeCell<Vec<Entry>>,
    /// What the members must agree on, NONE before the first PE is complete: to notice a mismatch.
    likeness: AtomicU64,
    pes_arrived: AtomicU32,
    pes_done: AtomicU32,
    pes_finished: AtomicU32,
    /// Result of a small operation.
    result: UnsafeCell<[u128; small::BYTES / 16]>,
    /// Its length, where members may wrongly expect another; [`small::TOO_LONG`] when the operation was not a small one.
    pub(super) result_bytes: Cell<u8>,
    /// Memory for intermediate results; written by the executors of a phase, read in the next.
    scratch: Mutex<Vec<u128>>,
}

// SAFETY: invariants 1 and 2.
unsafe impl Sync for Board {}
// SAFETY: as above; boards are handed from PE to PE.
unsafe impl Send for Board {}

/// A PE's view of an open board.
struct Open {
    board: Option<&'static Board>,
    /// Of the call that came first on this PE, to compare the others with.
    first: Likeness,
    arrived: u32,
    finished: bool,
    blocked: Chain,
    nonblocking: Vec<(&'static Rank, &'static Request)>,
}

/// One PE's side of a communicator.
#[derive(Default)]
pub struct Side {
    first: u64,
    open: VecDeque<Box<Open>>,
    /// Boxed, since a blocked member's chain must stay where it is.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Open>>,
}

impl Side {
    fn at(&mut self, seq: u64) -> &mut Open {
        let i = (seq - self.first) as usize;
        while self.open.len() <= i {
            let fresh = self.spare.pop().unwrap_or_else(|| {
                Box::new(Open {
                    board: None,
                    first: Likeness::of_word(Likeness::NONE),
                    arrived: 0,
                    finished: false,
                    blocked: Chain::new(),
                    nonblocking: Vec::new(),
                })
            });
            self.open.push_back(fresh);
        }
        &mut self.open[i]
    }

    fn close_finished(&mut self) {
        while let Some(front) = self.open.front()
            && front.finished
        {
            if let Some(mut o) = self.open.pop_front() {
                o.board = None;
                o.arrived = 0;
                o.finished = false;
                self.spare.push(o);
            }
            self.first += 1;
        }
    }
}

/// Boards of one communicator that are in use or spare.
#[derive(Default)]
pub struct Boards {
    open: VecDeque<(u64, &'static Board)>,
    spare: Vec<&'static Board>,
}

impl Board {
    fn new() -> &'static Board {
        Box::leak(Box::new(Board {
            shared: Cell::new(None),
            keep: UnsafeCell::new(None),
            seq: Cell::new(0),
            entries: UnsafeCell::new(Vec::new()),
            likeness: AtomicU64::new(Likeness::NONE),
            pes_arrived: AtomicU32::new(0),
            pes_done: AtomicU32::new(0),
            pes_finished: AtomicU32::new(0),
            result: UnsafeCell::new([0; small::BYTES / 16]),
            result_bytes: Cell::new(0),
            scratch: Mutex::new(Vec::new()),
        }))
    }

    /// The communicator whose members meet here.
    pub fn shared(&self) -> &'static Shared {
        self.shared.get().expect("a board in use belongs to a communicator")
    }

    fn keeper(&self) -> &'static Arc<Shared> {
        // SAFETY: set while the board is in use; the caller is one of the PEs that have not finished yet.
        unsafe { (*self.keep.get()).as_ref().expect("a board in use belongs to a communicator") }
    }

    /// Number of members.
    #[inline(always)]
    pub fn size(&self) -> usize {
        // SAFETY: the vector's length changes only while the board is set up.
        unsafe { (*self.entries.get()).len() }
    }

    /// The call of member `r`; only after all have arrived.
    #[inline(always)]
    pub fn call(&self, r: usize) -> &Call {
        // SAFETY: invariants 1 and 2.
        unsafe { &*(&(*self.entries.get()))[r].call }
    }

    /// Memory of at least `bytes` bytes that all executors of this operation see at the same place.
    pub(super) fn scratch(&self, bytes: usize) -> Address {
        let mut memory = self.scratch.lock().unwrap_or_else(|e| e.into_inner());
        if memory.len() * 16 < bytes {
            // only the first to ask grows it: every executor asks for the same size
            *memory = vec![0u128; bytes.div_ceil(16)];
        }
        Address(memory.as_mut_ptr() as usize)
    }

    /// The members that live on `pe`.
    pub fn members_on(&self, pe: PeId) -> impl Iterator<Item = usize> + '_ {
        self.shared().members_on(pe).iter().map(|&r| r as usize)
    }

    #[inline(always)]
    fn pin(&self, r: usize, call: *const Call, nonblocking: bool, kept: Option<usize>) {
        // SAFETY: invariant 1: only member r's PE writes entry r.
        unsafe {
            let entry = (*self.entries.get()).as_mut_ptr().add(r);
            (*entry).call = call;
            (*entry).nonblocking = nonblocking;
            (*entry).kept_bytes = kept.map_or(small::TOO_LONG, |n| n as u8);
        }
    }

    /// Where member `r`'s small contribution is kept.
    #[inline(always)]
    pub(super) fn kept(&self, r: usize) -> Address {
        // SAFETY: within the vector, whose length changes only while the board is set up.
        Address(unsafe { &raw mut (*(*self.entries.get()).as_mut_ptr().add(r)).kept } as usize)
    }

    /// The length of what is kept there.
    #[inline(always)]
    pub(super) fn kept_bytes(&self, r: usize) -> u8 {
        // SAFETY: as in `call`.
        unsafe { (&(*self.entries.get()))[r].kept_bytes }
    }

    /// Where the result of a small operation is kept.
    #[inline(always)]
    pub(super) fn result(&self) -> Address {
        Address(self.result.get() as usize)
    }

    #[inline(always)]
    pub(super) fn is_nonblocking(&self, r: usize) -> bool {
        // SAFETY: as in `call`.
        unsafe { (&(*self.entries.get()))[r].nonblocking }
    }
}

impl Shared {
    /// The board with number `seq`: found, or taken into use by the first PE that comes.
    fn board(self: &Arc<Self>, seq: u64) -> &'static Board {
        let mut boards = self.boards.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(&(_, b)) = boards.open.iter().find(|(s, _)| *s == seq) {
            return b;
        }
        let b = boards.spare.pop().unwrap_or_else(Board::new);
        b.seq.set(seq);
        // SAFETY: a spare board is seen by nobody else (invariant 4); we hold the lock.
        unsafe {
            let keep = &mut *b.keep.get();
            *keep = Some(self.clone());
            // the Arc just stored keeps it alive until the board is spare again
            b.shared.set(Some(&*Arc::as_ptr(self)));
            let entries = &mut *b.entries.get();
            if entries.len() != self.size() {
                entries.resize(
                    self.size(),
                    Entry {
                        call: std::ptr::null(),
                        nonblocking: false,
                        kept_bytes: 0,
                        kept: [0; small::BYTES / 8],
                    },
                );
            }
        }
        b.likeness.store(Likeness::NONE, Ordering::Relaxed);
        b.pes_arrived.store(0, Ordering::Relaxed);
        b.pes_done.store(0, Ordering::Relaxed);
        b.pes_finished.store(0, Ordering::Relaxed);
        boards.open.push_back((seq, b));
        b
    }

    fn retire(self: &Arc<Self>, b: &'static Board) {
        let mut boards = self.boards.lock().unwrap_or_else(|e| e.into_inner());
        boards.open.retain(|(_, o)| !std::ptr::eq(*o, b));
        // SAFETY: every PE has finished (invariant 4) and `spare` is reached only under the lock that we hold.
        let last = unsafe { (*b.keep.get()).take() };
        boards.spare.push(b);
        drop(boards);
        drop(last); // perhaps the communicator's end: after the lock's
    }
}

/// Takes part in collective number `seq` of `shared` as member `r`. Blocking (`request` is `None`): returns when the
/// operation is complete for this member. Nonblocking: returns at once; `request` completes later. The caller keeps
/// `call` in place until then.
#[inline(always)]
pub fn meet(
    me: &'static Rank,
    shared: &Arc<Shared>,
    r: u32,
    seq: u64,
    call: &Call,
    request: Option<&'static Request>,
) {
    let pe = me.p2p.pe();
    let here = shared.members_on(pe.id()).len() as u32;
    let kept = small::bytes(call);
    // SAFETY: only this PE's thread uses its side; the borrow ends with the block. `blocked` is in a box that stays open
    // until FINISH, which wakes us.
    let (board, all_here, blocked) = unsafe {
        let open = (*shared.side(pe.id()).get()).at(seq);
        let board = match open.board {
            Some(b) => b,
            None => {
                let b = shared.board(seq);
                open.board = Some(b);
                open.first = call.likeness();
                b
            }
        };
        if open.first != call.likeness() {
            super::mismatch(me, call, open.first);
        }
        board.pin(r as usize, call, request.is_some(), kept);
        if let Some(n) = kept {
            small::keep(call, n, board.kept(r as usize));
        }
        open.arrived += 1;
        if let Some(q) = request {
            open.nonblocking.push((me, q));
        }
        (board, open.arrived == here, &*std::ptr::from_ref(&open.blocked))
    };
    if all_here {
        let pes = shared.pes_involved();
        let mine = call.likeness().word();
        let before = board.likeness.swap(mine, Ordering::AcqRel);
        if before != Likeness::NONE && before != mine {
            super::mismatch(me, call, Likeness::of_word(before));
        }
        if board.pes_arrived.fetch_add(1, Ordering::AcqRel) + 1 == pes {
            // the last of all: `me` is in its own call, so user-defined operations may run here
            let small = kept.is_some() && small::execute(board, call);
            if !small {
                board.result_bytes.set(small::TOO_LONG);
            }
            if small || pes == 1 || call.is_small(board) {
                if !small {
                    (0..call.phases()).for_each(|phase| call.run(board, phase, None, call));
                }
                tell(pe, board, FINISH, 0);
                finish(pe, board);
                if kept.is_some() && request.is_none() {
                    small::take(board, r as usize, call);
                }
                return;
            }
            tell(pe, board, RUN, 0);
            match request {
                None => pe.block_in_after(blocked, || run(pe, board, 0)),
                Some(_) => run(pe, board, 0),
            }
            return;
        }
    }
    if request.is_none() {
        pe.block_in(blocked);
        if kept.is_some() {
            small::take(board, r as usize, call);
        }
    }
}

/// Sends `kind` to the other PEs that have members.
fn tell(pe: &Pe, board: &'static Board, kind: u8, phase: u32) {
    let address = (board as *const Board as u64).to_ne_bytes();
    for &(other, member) in board.shared().representatives() {
        if other != pe.id() {
            let head = Head { dst: member, context: phase, key: 0, kind, inline_len: 8 };
            pe.send_to(other, &head, &address);
        }
    }
}

fn board_of(d: &Delivery<'_>) -> &'static Board {
    let address = u64::from_ne_bytes(*d.data.first_chunk().expect("eight bytes"));
    // SAFETY: put there by `tell`; boards are never freed (invariant 4).
    unsafe { &*(address as *const Board) }
}

fn on_run(pe: &'static Pe, _: usize, d: &Delivery<'_>) {
    run(pe, board_of(d), d.head.context);
}

fn on_finish(pe: &'static Pe, _: usize, d: &Delivery<'_>) {
    finish(pe, board_of(d));
}

/// This PE's part of a phase; the last PE starts the next phase or finishes.
fn run(pe: &'static Pe, board: &'static Board, phase: u32) {
    // Count first, read what is needed after: once `pes_done` is full the others may go on.
    let pes = board.shared().pes_involved();
    let representative = board.members_on(pe.id()).next().expect("a PE with members");
    let call = board.call(representative);
    let phases = call.phases();
    call.run(board, phase, Some(pe.id()), call);
    if board.pes_done.fetch_add(1, Ordering::AcqRel) + 1 == pes * (phase + 1) {
        if phase + 1 < phases {
            tell(pe, board, RUN, phase + 1);
            run(pe, board, phase + 1);
        } else {
            tell(pe, board, FINISH, 0);
            finish(pe, board);
        }
    }
}

/// Releases the members on this PE.
fn finish(pe: &'static Pe, board: &'static Board) {
    let shared = board.keeper();
    let seq = board.seq.get();
    let side = shared.side(pe.id());
    let nonblocking = {
        // SAFETY: only this PE's thread uses its side.
        let side = unsafe { &mut *side.get() };
        let open = side.at(seq);
        pe.wake_chain(&open.blocked);
        open.finished = true;
        let list = std::mem::take(&mut open.nonblocking);
        side.close_finished();
        list
    };
    for (rank, request) in nonblocking {
        request.complete(rank, Outcome::EMPTY);
    }
    let pes = shared.pes_involved();
    if board.pes_finished.fetch_add(1, Ordering::AcqRel) + 1 == pes {
        shared.retire(board);
    }
}
