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
//! Boards of a communicator form a chain: board n points to board n+1, which the first PE that needs it appends. So PEs
//! agree on boards without a lock, and a barrier of two PEs moves four cache lines: the link, the count of arrivals, the
//! FINISH message, the count of releases.
//!
//! Invariants:
//! 1. `entries[r]` is written by the PE of member r before it counts as arrived; others read it only after all have
//!    arrived (`arrived` is AcqRel).
//! 2. A call's memory (the blocked rank's stack, or a box owned by its request) lives until that rank is told FINISH.
//! 3. A rank's sequence numbers are consecutive, so a PE opens boards in order, and its open ones are a window
//!    `first..first+len`.
//! 4. Boards belong to their communicator. A PE uses one only while members on it hold the communicator: a blocked member
//!    through its call, a nonblocking one through the list of [`super::meeting::Side`].
//! 5. A PE has released a board when it has done FINISH and opened the next one (it needs the link no more). The PE that
//!    releases it last keeps it for reuse.
//! 6. Guest code (user-defined operations) runs only in the call of the rank that arrives last, never on RUN.
//!
//! Where members live in several processes, each process has boards of its own; an exchange between them ([`super::across`])
//! then stands in place of the execution.
//!
//! # Safety
//! Raw pointers to calls of other ranks, valid by 2, and to boards, valid by 4; interior mutability across PEs, ordered
//! by 1.
#![allow(unsafe_code)]

use super::movement::Plain;
use super::{Call, Likeness, small};
use crate::comm::Shared;
use crate::memory::Address;
use crate::rank::Rank;
use ampi_core::pe::PeId;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// One member's place on a board: a cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Entry {
    call: *const Call,
    nonblocking: bool,
    /// Length of the small contribution; [`small::TOO_LONG`] when it is none.
    kept_bytes: u8,
    /// `kept` is that of this member and those after it, combined ([`small::combine`]).
    combined: bool,
    /// A small contribution (see [`small`]).
    kept: [u64; small::BYTES / 8],
}

/// Instead of a length: a [`Plain`] is kept.
const PLAIN: u8 = small::TOO_LONG - 1;

const _: () = assert!(size_of::<Entry>() == 64);
const _: () = assert!(size_of::<Plain>() <= small::BYTES && align_of::<Plain>() <= align_of::<[u64; 1]>());

impl Entry {
    const EMPTY: Entry = Entry {
        call: std::ptr::null(),
        nonblocking: false,
        kept_bytes: 0,
        combined: false,
        kept: [0; small::BYTES / 8],
    };
}

/// What every PE adds to: a line of its own.
#[repr(align(128))]
struct Meeting {
    /// For each PE whose members have all arrived: 1, and what they agree on in the higher bits ([`Likeness::mark`]).
    arrived: AtomicU64,
    /// What holds of some member: [`NONBLOCKING`], [`LONG`]. Written before the writer's PE counts as arrived.
    some: AtomicU8,
    /// The board of the next collective, null before somebody needs it.
    next: AtomicPtr<Board>,
}

/// A member's call is nonblocking.
pub(super) const NONBLOCKING: u8 = 1;
/// A member's contribution is no small one.
pub(super) const LONG: u8 = 2;

/// The same, for what is off the critical path.
#[repr(align(128))]
struct Leaving {
    pes_done: AtomicU32,
    pes_released: AtomicU32,
}

/// Result of a small operation.
#[repr(align(128))]
struct Small {
    value: UnsafeCell<[u128; small::BYTES / 16]>,
    /// Its length, where members may wrongly expect another; [`small::TOO_LONG`] when the operation was not a small one.
    bytes: Cell<u8>,
}

/// A meeting of all members of a communicator.
pub struct Board {
    meeting: Meeting,
    leaving: Leaving,
    small: Small,
    seq: Cell<u64>,
    shared: Cell<Option<&'static Shared>>,
    entries: UnsafeCell<Box<[Entry]>>,
    /// Memory for intermediate results; written by the executors of a phase, read in the next.
    scratch: Mutex<Vec<u128>>,
}

// SAFETY: invariants 1 and 2.
unsafe impl Sync for Board {}
// SAFETY: as above; boards are handed from PE to PE.
unsafe impl Send for Board {}

/// The boards of one communicator, which owns them.
#[derive(Default)]
pub struct Boards {
    #[allow(clippy::vec_box)] // their addresses are known to PEs
    all: Mutex<Vec<Box<Board>>>,
    spare: Mutex<Vec<&'static Board>>,
    first: AtomicPtr<Board>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

impl Boards {
    /// The board of the first collective.
    pub(super) fn first(&self, shared: &Arc<Shared>, seq: u64) -> &'static Board {
        link(&self.first, seq, shared, &mut Vec::new())
    }

    fn take(&self) -> Option<&'static Board> {
        locked(&self.spare).pop()
    }

    pub(super) fn put(&self, board: &'static Board) {
        locked(&self.spare).push(board);
    }

    #[cold]
    fn make(&self) -> &'static Board {
        let board = Box::new(Board::new());
        // SAFETY: the box stays in the list as long as the communicator, which is as long as anybody uses it (invariant 4).
        let shown = unsafe { &*std::ptr::from_ref(&*board) };
        locked(&self.all).push(board);
        shown
    }
}

/// The board that `link` points to; appended there if it does not point to any.
#[inline(always)]
fn link(
    link: &AtomicPtr<Board>,
    seq: u64,
    shared: &Arc<Shared>,
    mine: &mut Vec<&'static Board>,
) -> &'static Board {
    // SAFETY: null or a board of the communicator (invariant 4).
    match unsafe { link.load(Ordering::Acquire).as_ref() } {
        Some(board) => board,
        None => append(link, seq, shared, mine),
    }
}

fn append(
    link: &AtomicPtr<Board>,
    seq: u64,
    shared: &Arc<Shared>,
    mine: &mut Vec<&'static Board>,
) -> &'static Board {
    let board = mine.pop().or_else(|| shared.boards.take()).unwrap_or_else(|| shared.boards.make());
    board.begin(seq, shared);
    let address = std::ptr::from_ref(board).cast_mut();
    match link.compare_exchange(std::ptr::null_mut(), address, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => board,
        Err(theirs) => {
            mine.push(board);
            // SAFETY: another PE has just put it there.
            unsafe { &*theirs }
        }
    }
}

impl Board {
    fn new() -> Board {
        Board {
            meeting: Meeting {
                arrived: AtomicU64::new(0),
                some: AtomicU8::new(0),
                next: AtomicPtr::new(std::ptr::null_mut()),
            },
            leaving: Leaving { pes_done: AtomicU32::new(0), pes_released: AtomicU32::new(0) },
            small: Small {
                value: UnsafeCell::new([0; small::BYTES / 16]),
                bytes: Cell::new(small::TOO_LONG),
            },
            seq: Cell::new(0),
            shared: Cell::new(None),
            entries: UnsafeCell::new(Box::default()),
            scratch: Mutex::new(Vec::new()),
        }
    }

    /// Makes a spare board, which nobody else sees, ready for collective `seq`.
    fn begin(&self, seq: u64, shared: &Arc<Shared>) {
        self.meeting.arrived.store(0, Ordering::Relaxed);
        self.meeting.some.store(0, Ordering::Relaxed);
        self.meeting.next.store(std::ptr::null_mut(), Ordering::Relaxed);
        self.leaving.pes_done.store(0, Ordering::Relaxed);
        self.leaving.pes_released.store(0, Ordering::Relaxed);
        self.seq.set(seq);
        // SAFETY: nobody else uses the board; the communicator lives at least as long as its boards are used (invariant 4).
        unsafe {
            self.shared.set(Some(&*Arc::as_ptr(shared)));
            let entries = &mut *self.entries.get();
            if entries.len() != shared.size() {
                *entries = vec![Entry::EMPTY; shared.size()].into_boxed_slice();
            }
        }
    }

    /// The board of the collective after this one; `mine`: spare boards of the calling PE.
    #[inline(always)]
    pub(super) fn following(
        &self,
        seq: u64,
        shared: &Arc<Shared>,
        mine: &mut Vec<&'static Board>,
    ) -> &'static Board {
        link(&self.meeting.next, seq, shared, mine)
    }

    /// The communicator whose members meet here.
    pub fn shared(&self) -> &'static Shared {
        self.shared.get().expect("a board in use belongs to a communicator")
    }

    /// Number of members.
    #[inline(always)]
    pub fn size(&self) -> usize {
        // SAFETY: the vector's length changes only while the board is set up.
        unsafe { (&(*self.entries.get())).len() }
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
    pub(super) fn pin(&self, r: usize, call: *const Call, nonblocking: bool, kept: Option<usize>) {
        // SAFETY: invariant 1: only member r's PE writes entry r.
        unsafe {
            let entry = (*self.entries.get()).as_mut_ptr().add(r);
            (*entry).call = call;
            (*entry).nonblocking = nonblocking;
            (*entry).kept_bytes = kept.map_or(small::TOO_LONG, |n| n as u8);
            (*entry).combined = false;
        }
    }

    /// Where member `r`'s small contribution is kept.
    #[inline(always)]
    pub(super) fn kept(&self, r: usize) -> Address {
        // SAFETY: within the vector, whose length changes only while the board is set up.
        Address(unsafe { &raw mut (*(*self.entries.get()).as_mut_ptr().add(r)).kept } as usize)
    }

    /// Leaves member `r`'s part of an exchange in its entry.
    #[inline(always)]
    pub(super) fn keep_plain(&self, r: usize, plain: Plain) {
        // SAFETY: as in `pin`; `kept` is large and aligned enough (checked below).
        unsafe {
            let entry = (*self.entries.get()).as_mut_ptr().add(r);
            (*entry).kept_bytes = PLAIN;
            (&raw mut (*entry).kept).cast::<Plain>().write(plain);
        }
    }

    /// Member `r`'s part of an exchange, if it is a plain one; only after all have arrived.
    #[inline(always)]
    pub(super) fn plain(&self, r: usize) -> Option<Plain> {
        // SAFETY: as in `call`; `kept` holds what the mark says.
        unsafe {
            let entry = &(&(*self.entries.get()))[r];
            (entry.kept_bytes == PLAIN).then(|| (&raw const entry.kept).cast::<Plain>().read())
        }
    }

    /// The length of what is kept there.
    #[inline(always)]
    pub(super) fn kept_bytes(&self, r: usize) -> u8 {
        // SAFETY: as in `call`.
        unsafe { (&(*self.entries.get()))[r].kept_bytes }
    }

    #[inline(always)]
    pub(super) fn is_combined(&self, r: usize) -> bool {
        // SAFETY: as in `call`.
        unsafe { (&(*self.entries.get()))[r].combined }
    }

    /// Says so; by the PE of member r, before it counts as arrived; of another process's member by who executes.
    pub(super) fn set_combined(&self, r: usize, combined: bool) {
        // SAFETY: as in `pin`.
        unsafe { (*(*self.entries.get()).as_mut_ptr().add(r)).combined = combined };
    }

    /// Where the result of a small operation is kept.
    #[inline(always)]
    pub(super) fn result(&self) -> Address {
        Address(self.small.value.get() as usize)
    }

    /// Its length.
    #[inline(always)]
    pub(super) fn result_bytes(&self) -> u8 {
        self.small.bytes.get()
    }

    #[inline(always)]
    pub(super) fn set_result_bytes(&self, n: u8) {
        self.small.bytes.set(n);
    }

    /// Has a member something longer than the others, in a wrong program? After all have arrived.
    #[inline(always)]
    pub(super) fn some_long(&self) -> bool {
        self.meeting.some.load(Ordering::Relaxed) & LONG != 0
    }

    /// The members whose call is nonblocking; after all have arrived.
    #[inline(always)]
    pub(super) fn nonblocking(&self) -> impl Iterator<Item = usize> {
        let some = self.meeting.some.load(Ordering::Relaxed) & NONBLOCKING != 0;
        (0..if some { self.size() } else { 0 }).filter(|&r| self.is_nonblocking(r))
    }

    #[inline(always)]
    pub(super) fn is_nonblocking(&self, r: usize) -> bool {
        // SAFETY: as in `call`.
        unsafe { (&(*self.entries.get()))[r].nonblocking }
    }
}

impl Board {
    #[inline(always)]
    pub(super) fn seq(&self) -> u64 {
        self.seq.get()
    }

    /// Something holds of a member on the calling PE ([`NONBLOCKING`], [`LONG`]); before the PE arrives.
    #[inline(always)]
    pub(super) fn note(&self, some: u8) {
        if some != 0 {
            self.meeting.some.fetch_or(some, Ordering::Relaxed);
        }
    }

    /// One PE more has done its part of a phase; how many that makes, phases before counted.
    pub(super) fn done(&self) -> u32 {
        self.leaving.pes_done.fetch_add(1, Ordering::AcqRel) + 1
    }

    /// The calling PE is through with the board. Is it the last?
    #[inline(always)]
    pub(super) fn release(&self) -> bool {
        let pes = self.shared().pes_involved();
        pes == 1 || self.leaving.pes_released.fetch_add(1, Ordering::AcqRel) + 1 == pes
    }

    /// All members on the calling PE have arrived. Are they the last?
    #[inline(always)]
    pub(super) fn arrive(&self, me: &'static Rank, call: &Call) -> bool {
        let pes = self.shared().pes_involved();
        if pes == 1 {
            return true;
        }
        let mark = call.likeness().mark();
        let before = self.meeting.arrived.fetch_add(mark, Ordering::AcqRel);
        let others = before & 0xffff;
        if before != mark.wrapping_mul(others) {
            // the first PE that differs notices it: all before it brought the same
            super::mismatch(me, call, Err(Likeness::kind_of_mark((before - others) / others)));
        }
        others as u32 + 1 == pes
    }
}
