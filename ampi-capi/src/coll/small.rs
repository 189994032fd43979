//! Small reductions: contributions of at most [`BYTES`] bytes travel in the board's entries.
//!
//! The ranks of a PE are woken one after the other, each with a cold cache. If the executor had to fetch every rank's
//! contribution through its call and its buffer, and store into every rank's receive buffer, each rank would cost
//! several misses. So a rank copies its contribution into its entry while it has it at hand, the executor walks the
//! entries, which lie side by side, and every rank copies the result from the board when it runs again.
//!
//! Why the result is still there then: a board's result is written when an operation *completes*, and the next one on the
//! same communicator cannot complete before this rank has arrived in it, hence has read this one. Nonblocking calls look
//! at their result much later, so the executor stores theirs directly.

use super::board::Board;
use super::reduction::{How, Reduction, Shape};
use super::{Call, Operation};
use crate::memory::{self, Address};

/// Room in an entry.
pub const BYTES: usize = 48;

/// The calling member's contribution, if the operation is a small one: where it is and its length (0: it only receives).
#[inline(always)]
pub(super) fn contribution(call: &Call) -> Option<(Address, usize)> {
    match &call.operation {
        Operation::Reduce(r) => {
            let n = reduced_bytes(r)?;
            Some((r.send.unwrap_or(r.recv), n))
        }
        _ => None,
    }
}

#[inline(always)]
fn reduced_bytes(r: &Reduction) -> Option<usize> {
    let n = (r.count * r.ty.extent()) as usize;
    let dense = r.ty.extent() == r.ty.size();
    (matches!(r.how, How::Kernel(_)) && r.shape != Shape::Scatter && n <= BYTES && dense).then_some(n)
}

/// Does it for all members; all have arrived. `executor` is any member's call.
pub(super) fn execute(board: &Board, executor: &Call) {
    if let Operation::Reduce(r) = &executor.operation {
        reduce(board, r);
    }
    for r in (0..board.size()).filter(|&r| board.is_nonblocking(r)) {
        take(board, r, board.call(r));
    }
}

fn reduce(board: &Board, r: &Reduction) {
    let (How::Kernel(kernel), Some(n)) = (r.how, reduced_bytes(r)) else { return };
    let (acc, count) = (board.result(), r.count as usize);
    if n == 0 {
        return;
    }
    memory::copy(acc, board.kept(0), n);
    for i in 1..board.size() {
        let mine = board.kept(i);
        match r.shape {
            Shape::Scan => {
                kernel.apply(mine, acc, count);
                memory::copy(mine, acc, n);
            }
            Shape::Exscan => {
                let mut before = [0u8; BYTES];
                let spare = Address(before.as_mut_ptr() as usize);
                memory::copy(spare, acc, n);
                kernel.apply(mine, acc, count);
                memory::copy(mine, spare, n);
            }
            _ => kernel.apply(mine, acc, count),
        }
    }
}

/// Gives member `r`, whose call this is, what it receives.
#[inline(always)]
pub(super) fn take(board: &Board, r: usize, call: &Call) {
    let Operation::Reduce(a) = &call.operation else { return };
    let Some(n) = reduced_bytes(a) else { return };
    match a.shape {
        Shape::Reduce(root) if root as usize != r => {}
        Shape::Exscan if r == 0 => {}
        Shape::Scan | Shape::Exscan => memory::copy(a.recv, board.kept(r), n),
        _ => memory::copy(a.recv, board.result(), n),
    }
}
