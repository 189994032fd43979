//! Collective communication (MPI-5.0 chapter 6).
//!
//! | file | what |
//! |---|---|
//! | [`board`] | where the members meet, who executes |
//! | [`meeting`] | what a PE does when its ranks arrive, and when it is told to go on |
//! | [`across`] | the same with members in several processes |
//! | [`movement`] | broadcast, gather, scatter, allgather, alltoall: one rule for all |
//! | `small` | contributions of a few bytes, kept on the board |
//! | [`reduction`] | reduce, allreduce, reduce_scatter, scan, exscan |
//! | [`calls`] | the MPI calls: checks, then a [`Call`] pinned to the board |
//!
//! Results do not depend on where ranks live: data movement has no order, and every reduction combines contributions in
//! rank order.

pub mod across;
pub mod board;
pub mod calls;
pub mod meeting;
pub mod movement;
pub mod reduction;
mod small;

use crate::abi::constants as c;
use crate::comm::create::Agreement;
use crate::error::{MpiError, MpiResult};
use crate::rank::Rank;
use ampi_core::pe::PeId;
use board::Board;
use movement::Movement;
use reduction::Reduction;
use std::cell::Cell;

/// What a collective does.
pub enum Operation {
    Barrier,
    Move(Movement),
    Reduce(Reduction),
    /// The members agree on something (a new communicator).
    Agree(Agreement),
}

/// One member's call of a collective, pinned to a board until the operation is complete.
pub struct Call {
    /// The MPI function, for reports.
    pub name: &'static str,
    likeness: Likeness,
    pub operation: Operation,
    /// `MPI_SUCCESS` or what went wrong for this member, set by whoever executed.
    error: Cell<i32>,
}

/// Names of the kinds, for the report of a mismatch.
const KINDS: [&str; 16] = [
    "",
    "barrier",
    "broadcast",
    "gather",
    "scatter",
    "allgather",
    "alltoall",
    "reduce",
    "allreduce",
    "reduce_scatter",
    "scan",
    "exscan",
    "creation of a communicator",
    "end of MPI",
    "gather to all of sizes",
    "",
];

impl Call {
    #[inline(always)]
    pub fn new(name: &'static str, operation: Operation) -> Call {
        let likeness = match &operation {
            Operation::Barrier => Likeness::of(1),
            Operation::Move(m) => Likeness { root: m.root(), ..Likeness::of(m.kind()) },
            Operation::Reduce(r) => {
                Likeness { kind: r.kind(), root: r.root(), bytes: r.bytes(), how: r.how.mark() }
            }
            Operation::Agree(a) => Likeness::of(if a.wish.is_nothing() { 13 } else { 12 }),
        };
        Call { name, likeness, operation, error: Cell::new(c::MPI_SUCCESS) }
    }

    #[inline(always)]
    pub(super) fn likeness(&self) -> Likeness {
        self.likeness
    }

    /// So little work that one rank does it faster than several PEs agree on shares of it.
    #[inline(always)]
    fn is_small(&self, board: &Board) -> bool {
        match &self.operation {
            Operation::Barrier | Operation::Agree(_) => true,
            Operation::Move(m) => m.is_small(board.size()),
            Operation::Reduce(r) => r.is_small(board.size()),
        }
    }

    #[inline(always)]
    fn as_plain(&self) -> Option<movement::Plain> {
        match &self.operation {
            Operation::Move(m) => m.as_plain(),
            _ => None,
        }
    }

    #[inline(always)]
    fn phases(&self) -> u32 {
        match &self.operation {
            Operation::Barrier | Operation::Agree(_) | Operation::Move(_) => 1,
            Operation::Reduce(r) => r.phases(),
        }
    }

    /// Executes phase `phase` for the members on `pe`, or for all (`None`). `executor` is the call of the rank on whose
    /// stack this runs (when for all).
    #[inline(always)]
    fn run(&self, board: &Board, phase: u32, pe: Option<PeId>, executor: &Call) {
        match &self.operation {
            Operation::Barrier => {}
            Operation::Move(_) => movement::run(board, pe),
            Operation::Reduce(r) => reduction::run(board, phase, pe, r),
            Operation::Agree(_) => crate::comm::create::decide(board, executor),
        }
    }

    pub(crate) fn fail(&self, class: i32) {
        self.error.set(class);
    }

    /// How the operation ended for this member.
    pub fn result(&self) -> MpiResult {
        match self.error.get() {
            c::MPI_SUCCESS => Ok(()),
            c::MPI_ERR_TRUNCATE => {
                Err(MpiError::new(c::MPI_ERR_TRUNCATE, "more data was sent than the receive buffer holds"))
            }
            c::MPI_ERR_COUNT => {
                Err(MpiError::new(c::MPI_ERR_COUNT, "less data was sent than this member expects"))
            }
            class => Err(MpiError::new(class, "the operation failed on another rank")),
        }
    }
}

/// What all members of a communicator must agree on when they meet (MPI-5.0 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    kind: u32,
    /// -1 where there is none.
    root: i64,
    /// Length of the vector of a reduction, else 0.
    bytes: i64,
    /// What a reduction does with elements of its type ([`How::mark`]), else 0.
    how: usize,
}

impl Likeness {
    const fn of(kind: u32) -> Likeness {
        Likeness { kind, root: -1, bytes: 0, how: 0 }
    }

    /// In one word, with a 1 at its end to count with: the kind, and of the rest a hash.
    #[inline(always)]
    fn mark(self) -> u64 {
        let rest = (self.bytes as u64 ^ (self.root as u64).rotate_left(24) ^ self.how as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            >> 24;
        u64::from(self.kind) << 56 | rest << 16 | 1
    }

    fn kind_of_mark(mark: u64) -> u32 {
        (mark >> 56) as u32
    }
}

/// Root and length, as far as they matter, in words.
fn told(l: &Likeness) -> String {
    match (l.root, l.kind) {
        (-1, _) => format!("{} bytes", l.bytes),
        (root, 7) => format!("root {root}, {} bytes", l.bytes),
        (root, _) => format!("root {root}"),
    }
}

/// Two members differ in what they must agree on: nothing sensible can follow. `other`: what a member brought, or only its
/// kind.
#[cold]
fn mismatch(me: &'static Rank, mine: &Call, other: Result<Likeness, u32>) -> ! {
    let (rank, name, l) = (me.world_rank, mine.name, &mine.likeness);
    let kind = other.map_or_else(|kind| kind, |o| o.kind);
    let text = if kind != l.kind {
        format!(
            "collective mismatch: rank {rank} is in {name} while another member of the communicator is in another \
             collective, {}; all members must call the same collectives in the same order",
            KINDS[kind as usize % KINDS.len()]
        )
    } else {
        let theirs = match other {
            Ok(o) if (o.root, o.bytes) != (l.root, l.bytes) => told(&o),
            Ok(_) => "another operation or datatype".into(),
            Err(_) => "something else".into(),
        };
        format!(
            "collective mismatch: rank {rank} is in {name} with {} while another member of the communicator gave \
             {theirs}; all members must give the same root, operation, count and datatype",
            told(l)
        )
    };
    crate::errhandler::abort_job(me, &text, 1)
}
