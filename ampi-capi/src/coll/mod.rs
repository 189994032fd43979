//! Collective communication (MPI-5.0 chapter 6).
//!
//! | file | what |
//! |---|---|
//! | [`board`] | where the members meet, who executes |
//! | [`meeting`] | what a PE does when its ranks arrive, and when it is told to go on |
//! | [`movement`] | broadcast, gather, scatter, allgather, alltoall: one rule for all |
//! | `small` | contributions of a few bytes, kept on the board |
//! | [`reduction`] | reduce, allreduce, reduce_scatter, scan, exscan |
//! | [`calls`] | the MPI calls: checks, then a [`Call`] pinned to the board |
//!
//! Results do not depend on where ranks live: data movement has no order, and every reduction combines contributions in
//! rank order.

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
    kind: u32,
    /// Bytes that every member must give equally many of: the vector of a reduction.
    length: i64,
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
        let (kind, length) = match &operation {
            Operation::Barrier => (1, 0),
            Operation::Move(m) => (m.kind(), 0),
            Operation::Reduce(r) => (r.kind(), r.count * r.ty.size()),
            Operation::Agree(_) => (12, 0),
        };
        Call { name, kind, length, operation, error: Cell::new(c::MPI_SUCCESS) }
    }

    #[inline(always)]
    pub(super) fn likeness(&self) -> Likeness {
        Likeness { kind: self.kind, length: self.length }
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
            class => Err(MpiError::new(class, "the operation failed on another rank")),
        }
    }
}

/// What all members of a communicator must agree on when they meet: kind of collective and length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Likeness {
    kind: u32,
    length: i64,
}

impl Likeness {
    /// In one word, with a 1 at its end to count with; longer lengths are cut.
    #[inline(always)]
    fn mark(self) -> u64 {
        u64::from(self.kind) << 56 | (self.length as u64 & ((1 << 40) - 1)) << 16 | 1
    }

    fn of_mark(mark: u64) -> Likeness {
        Likeness { kind: (mark >> 56) as u32, length: (mark >> 16 & ((1 << 40) - 1)) as i64 }
    }
}

/// Two members differ in what they must agree on: nothing sensible can follow.
#[cold]
fn mismatch(me: &'static Rank, mine: &Call, other: Likeness) -> ! {
    let (rank, name) = (me.world_rank, mine.name);
    let text = if other.kind == mine.kind {
        format!(
            "collective mismatch: rank {rank} is in {name} with {} bytes while another member of the communicator gave \
             {}; all members of a reduction must give the same count and datatype",
            mine.length, other.length
        )
    } else {
        format!(
            "collective mismatch: rank {rank} is in {name} while another member of the communicator is in {}; \
             all members must call the same collectives in the same order",
            KINDS[other.kind as usize % KINDS.len()]
        )
    };
    crate::errhandler::abort_job(me, &text, 1)
}
