//! Collective communication (MPI-5.0 chapter 6).
//!
//! | file | what |
//! |---|---|
//! | [`board`] | how the members meet, who executes |
//! | [`movement`] | broadcast, gather, scatter, allgather, alltoall: one rule for all |
//! | `small` | contributions of a few bytes, kept on the board |
//! | [`reduction`] | reduce, allreduce, reduce_scatter, scan, exscan |
//! | [`calls`] | the MPI calls: checks, then a [`Call`] pinned to the board |
//!
//! Results do not depend on where ranks live: data movement has no order, and every reduction combines contributions in
//! rank order.

pub mod board;
pub mod calls;
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
    pub fn new(name: &'static str, operation: Operation) -> Call {
        let kind = match &operation {
            Operation::Barrier => 1,
            Operation::Move(m) => m.kind(),
            Operation::Reduce(r) => r.kind(),
            Operation::Agree(_) => 12,
        };
        Call { name, kind, operation, error: Cell::new(c::MPI_SUCCESS) }
    }

    /// Kind of collective: all members must agree on it (MPI-5.0 §6.1).
    #[inline(always)]
    pub fn kind(&self) -> u32 {
        self.kind
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

/// Two members are in different collectives: nothing sensible can follow.
#[cold]
fn mismatch(me: &'static Rank, mine: &Call, other: &str) -> ! {
    mismatch_text(me, mine.name, other)
}

#[cold]
fn mismatch_of_kinds(me: &'static Rank, mine: &Call, other: u32) -> ! {
    mismatch_text(me, mine.name, KINDS[other as usize % KINDS.len()])
}

fn mismatch_text(me: &'static Rank, mine: &str, other: &str) -> ! {
    let text = format!(
        "collective mismatch: rank {} is in {mine} while another member of the communicator is in {other}; \
         all members must call the same collectives in the same order",
        me.world_rank
    );
    crate::errhandler::abort_job(me, &text, 1)
}
