//! Small collectives: contributions of at most [`BYTES`] bytes travel in the board's entries.
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
use super::movement::{BROADCAST, Blocks, Who};
use super::reduction::{How, Reduction, Shape};
use super::{Call, Operation};
use crate::abi::constants as c;
use crate::memory::{self, Address};

/// Room in an entry.
pub const BYTES: usize = 48;
/// Instead of a length: more than an entry holds.
pub const TOO_LONG: u8 = u8::MAX;

/// Bytes of the operation, if it is a small one. All members of a correct program come to the same answer: it depends on
/// the signature of the types only, never on how a member's data lies in memory.
#[inline(always)]
pub(super) fn bytes(call: &Call) -> Option<usize> {
    match &call.operation {
        Operation::Reduce(r) => reduced_bytes(r),
        Operation::Move(m) if m.what == BROADCAST => {
            // both sides of the broadcast know the length from their own arguments
            let n = m.send.whole_bytes().or_else(|| m.recv.whole_bytes())?;
            (n <= BYTES as i64).then_some(n as usize)
        }
        _ => None,
    }
}

/// Puts the member's contribution, `n` bytes, into its entry at `to`.
#[inline(always)]
pub(super) fn keep(call: &Call, n: usize, to: Address) {
    match &call.operation {
        Operation::Reduce(r) => memory::copy(to, r.send.unwrap_or(r.recv), n),
        Operation::Move(m) => match (m.send.place(), &m.send) {
            (Some((at, _)), _) => memory::copy(to, at, n),
            (None, Blocks::Whole { at, ty, .. }) => memory::pack(ty, *at, 0, to, n),
            _ => {}
        },
        _ => {}
    }
}

#[inline(always)]
fn reduced_bytes(r: &Reduction) -> Option<usize> {
    let n = (r.count * r.ty.extent()) as usize;
    let dense = r.ty.extent() == r.ty.size();
    (matches!(r.how, How::Kernel(_)) && r.shape != Shape::Scatter && n <= BYTES && dense).then_some(n)
}

/// Does it for all members; all have arrived. `executor` is any member's call. False when a wrong program has members
/// that expect something longer, and nothing is done.
#[inline(always)]
pub(super) fn execute(board: &Board, executor: &Call) -> bool {
    let done = match &executor.operation {
        Operation::Reduce(r) => reduce(board, r),
        Operation::Move(m) => match m.sources {
            Who::One(root) => broadcast(board, root as usize),
            _ => false,
        },
        _ => false,
    };
    if done {
        for r in (0..board.size()).filter(|&r| board.is_nonblocking(r)) {
            take(board, r, board.call(r));
        }
    }
    done
}

fn broadcast(board: &Board, root: usize) -> bool {
    if (0..board.size()).any(|r| board.kept_bytes(r) == TOO_LONG) {
        return false;
    }
    let n = board.kept_bytes(root);
    board.result_bytes.set(n);
    memory::copy(board.result(), board.kept(root), usize::from(n));
    true
}

/// All members have given the same length: the board compares it when they arrive.
fn reduce(board: &Board, r: &Reduction) -> bool {
    let (How::Kernel(kernel), Some(n)) = (r.how, reduced_bytes(r)) else { return false };
    let (acc, count) = (board.result(), r.count as usize);
    board.result_bytes.set(n as u8);
    if n == 0 {
        return true;
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
    true
}

/// Gives member `r`, whose call this is, what it receives.
#[inline(always)]
pub(super) fn take(board: &Board, r: usize, call: &Call) {
    if board.result_bytes.get() == TOO_LONG {
        return;
    }
    match &call.operation {
        Operation::Reduce(a) => {
            let Some(n) = reduced_bytes(a) else { return };
            match a.shape {
                Shape::Reduce(root) if root as usize != r => {}
                Shape::Exscan if r == 0 => {}
                Shape::Scan | Shape::Exscan => memory::copy(a.recv, board.kept(r), n),
                _ => memory::copy(a.recv, board.result(), n),
            }
        }
        Operation::Move(m) => {
            let sent = usize::from(board.result_bytes.get());
            let room = match (m.recv.place(), &m.recv) {
                (Some((at, room)), _) => {
                    memory::copy(at, board.result(), room.min(sent));
                    room
                }
                (None, Blocks::Whole { at, count, ty }) => {
                    let room = (count * ty.size()) as usize;
                    memory::unpack(ty, *at, board.result(), room.min(sent));
                    room
                }
                _ => return,
            };
            if sent > room {
                call.fail(c::MPI_ERR_TRUNCATE);
            }
        }
        _ => {}
    }
}
