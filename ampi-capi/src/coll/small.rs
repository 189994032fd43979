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
use crate::op::Kernel;
use std::cmp::Ordering;

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
        for r in board.nonblocking() {
            take(board, r, board.call(r));
        }
    }
    done
}

fn broadcast(board: &Board, root: usize) -> bool {
    if board.some_long() {
        return false;
    }
    let n = board.kept_bytes(root);
    board.set_result_bytes(n);
    memory::copy(board.result(), board.kept(root), usize::from(n));
    true
}

/// All members have given the same length: the board compares it when they arrive.
fn reduce(board: &Board, r: &Reduction) -> bool {
    let Some(fold) = Fold::of(board, r) else { return false };
    board.set_result_bytes(fold.bytes as u8);
    if fold.bytes == 0 {
        return true;
    }
    let (n, acc) = (board.size(), board.result());
    if matches!(r.shape, Shape::Scan | Shape::Exscan) {
        fold.scan(acc, n, r.shape);
        return true;
    }
    for first in (0..n).step_by(BLOCK) {
        if !board.is_combined(first) {
            fold.block(first, n.min(first + BLOCK));
        }
        if first == 0 {
            memory::copy(acc, board.kept(0), fold.bytes);
        } else {
            fold.kernel.apply(board.kept(first), acc, fold.count);
        }
    }
    true
}

/// Members whose contributions are combined among themselves first. Always the same ones, wherever they live: so the
/// result does not depend on placement.
const BLOCK: usize = 16;

/// Combines the blocks whose members all live on this PE, while other PEs do theirs: whoever arrives last then fetches a
/// line per block, not per member. `members` are those of this PE, ascending; all of them have arrived.
#[inline(always)]
pub(super) fn combine(board: &Board, call: &Call, members: &[u32]) {
    if let Operation::Reduce(r) = &call.operation
        && board.shared().pes_involved() > 1
        && matches!(r.shape, Shape::All | Shape::Reduce(_))
        && let Some(fold) = Fold::of(board, r)
    {
        fold.own_blocks(members);
    }
}

/// The first members of the contributions of `members` (ascending), each with the end of its block if it stands for a
/// whole one: what [`contributions`] writes down and [`set_contributions`] reads.
fn pieces(members: &[u32], n: usize, in_blocks: bool) -> impl Iterator<Item = (usize, Option<usize>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let first = *members.get(at)? as usize;
        let end = n.min(first + BLOCK);
        let last = at + (end - first) - 1;
        let whole = in_blocks
            && first.is_multiple_of(BLOCK)
            && members.get(last).is_some_and(|&m| m as usize == end - 1);
        at = if whole { last + 1 } else { at + 1 };
        Some((first, whole.then_some(end)))
    })
}

/// What `members`, those of this process, contribute, for the other processes.
pub(super) fn contributions(board: &Board, r: &Reduction, members: &[u32], in_blocks: bool) -> Vec<u8> {
    let Some(fold) = Fold::of(board, r) else { return Vec::new() };
    let mut bytes = Vec::with_capacity(members.len() * fold.bytes);
    for (first, whole) in pieces(members, board.size(), in_blocks) {
        if let Some(end) = whole
            && !board.is_combined(first)
        {
            fold.block(first, end);
            board.set_combined(first, true);
        }
        bytes.extend_from_slice(memory::view(board.kept(first), fold.bytes));
    }
    bytes
}

/// Puts what `members`, those of another process, contribute into their entries.
pub(super) fn set_contributions(
    board: &Board,
    r: &Reduction,
    members: &[u32],
    in_blocks: bool,
    bytes: &[u8],
) {
    let Some(fold) = Fold::of(board, r) else { return };
    for (i, (first, whole)) in pieces(members, board.size(), in_blocks).enumerate() {
        let value = bytes.get(i * fold.bytes..(i + 1) * fold.bytes).expect("members agree on the length");
        memory::store(board.kept(first), value);
        board.set_combined(first, whole.is_some());
    }
}

/// The result of an operation that was executed here.
pub(super) fn result(board: &Board) -> Vec<u8> {
    memory::view(board.result(), usize::from(board.result_bytes())).to_vec()
}

/// Leaves a result from another process for the members of this one. More than a wrong program's members expect stays away,
/// but its length shows.
pub(super) fn leave_result(board: &Board, bytes: &[u8]) {
    memory::store(board.result(), &bytes[..bytes.len().min(BYTES)]);
    board.set_result_bytes(bytes.len().min(BYTES + 1) as u8);
}

/// A reduction over what the entries keep.
struct Fold<'a> {
    board: &'a Board,
    kernel: Kernel,
    count: usize,
    bytes: usize,
}

impl Fold<'_> {
    #[inline(always)]
    fn of<'a>(board: &'a Board, r: &Reduction) -> Option<Fold<'a>> {
        let (How::Kernel(kernel), Some(bytes)) = (r.how, reduced_bytes(r)) else { return None };
        Some(Fold { board, kernel, count: r.count as usize, bytes })
    }

    /// Combines members `first..end` in the entry of the first.
    #[inline(always)]
    fn block(&self, first: usize, end: usize) {
        let acc = self.board.kept(first);
        for r in first + 1..end {
            self.kernel.apply(self.board.kept(r), acc, self.count);
        }
    }

    fn own_blocks(&self, members: &[u32]) {
        for (first, whole) in pieces(members, self.board.size(), true) {
            if let Some(end) = whole {
                self.block(first, end);
                self.board.set_combined(first, true);
            }
        }
    }

    fn scan(&self, acc: Address, n: usize, shape: Shape) {
        memory::copy(acc, self.board.kept(0), self.bytes);
        for i in 1..n {
            let mine = self.board.kept(i);
            let mut before = [0u8; BYTES];
            let spare = Address(before.as_mut_ptr() as usize);
            memory::copy(spare, acc, self.bytes);
            self.kernel.apply(mine, acc, self.count);
            memory::copy(mine, if shape == Shape::Scan { acc } else { spare }, self.bytes);
        }
    }
}

/// Gives member `r`, whose call this is, what it receives.
#[inline(always)]
pub(super) fn take(board: &Board, r: usize, call: &Call) {
    if board.result_bytes() == TOO_LONG {
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
            let sent = usize::from(board.result_bytes());
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
            match sent.cmp(&room) {
                Ordering::Greater => call.fail(c::MPI_ERR_TRUNCATE),
                Ordering::Less => call.fail(c::MPI_ERR_COUNT),
                Ordering::Equal => {}
            }
        }
        _ => {}
    }
}
