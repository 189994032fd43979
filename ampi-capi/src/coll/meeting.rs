//! Meeting on a board: what the PE of a member does when it calls a collective, and when it is told to go on.
//!
//! [`Side`] is one PE's part of a communicator: its open boards. The picture and the invariants are in [`super::board`].
//!
//! # Safety
//! A side is touched by the thread of its PE only; boards are valid by the invariants of [`super::board`].
#![allow(unsafe_code)]

use super::board::{Board, LONG, NONBLOCKING};
use super::{Call, Likeness, across, small};
use crate::comm::Shared;
use crate::pt2pt::request::{Outcome, Request};
use crate::rank::Rank;
use ampi_core::net::{Delivery, Head};
use ampi_core::pe::{Chain, Handler, Pe};
use std::collections::VecDeque;
use std::sync::Arc;

const RUN: u8 = crate::pt2pt::KINDS_USED;
const FINISH: u8 = RUN + 1;

/// Kinds of messages of this chapter.
pub const HANDLERS: [(u8, Handler); 2] = [(RUN, on_run), (FINISH, on_finish)];

/// A PE's view of an open board.
struct Open {
    board: &'static Board,
    /// Of the call that came first on this PE, to compare the others with.
    first: Likeness,
    arrived: u32,
    /// What holds of some member here.
    some: u8,
    finished: bool,
    blocked: Chain,
    nonblocking: Vec<(&'static Rank, &'static Request, Arc<Shared>)>,
}

/// One PE's side of a communicator.
#[derive(Default)]
#[repr(align(128))]
pub struct Side {
    first: u64,
    open: VecDeque<Box<Open>>,
    /// Boxed, since a blocked member's chain must stay where it is.
    #[allow(clippy::vec_box)]
    spare: Vec<Box<Open>>,
    /// The board that was opened last, `None` before the first; whether this PE has done FINISH for it.
    newest: Option<&'static Board>,
    newest_finished: bool,
    /// Boards that this PE has released last.
    boards: Vec<&'static Board>,
}

impl Side {
    /// The view of board `seq`, which is open or the next to be opened.
    #[inline(always)]
    fn at(&mut self, seq: u64, shared: &Arc<Shared>, call: &Call) -> &mut Open {
        let i = (seq - self.first) as usize;
        if i == self.open.len() {
            self.open_next(seq, shared, call);
        }
        &mut self.open[i]
    }

    fn open_next(&mut self, seq: u64, shared: &Arc<Shared>, call: &Call) {
        let board = match self.newest {
            None => shared.boards.first(shared, seq),
            Some(newest) => newest.following(seq, shared, &mut self.boards),
        };
        if let Some(newest) = self.newest.replace(board)
            && self.newest_finished
        {
            self.release(newest, shared);
        }
        self.newest_finished = false;
        let first = call.likeness();
        let open = match self.spare.pop() {
            Some(mut open) => {
                (open.board, open.first, open.arrived, open.some, open.finished) =
                    (board, first, 0, 0, false);
                open
            }
            None => Box::new(Open {
                board,
                first,
                arrived: 0,
                some: 0,
                finished: false,
                blocked: Chain::new(),
                nonblocking: Vec::new(),
            }),
        };
        self.open.push_back(open);
    }

    /// This PE is through with `board`.
    fn release(&mut self, board: &'static Board, shared: &Shared) {
        if board.release() {
            if self.boards.len() < SPARE_MAX {
                self.boards.push(board);
            } else {
                shared.boards.put(board);
            }
        }
    }

    /// FINISH for board `seq`: its view, which stays where it is until `close_finished`.
    fn finished(&mut self, seq: u64, shared: &Shared) -> &mut Open {
        let i = (seq - self.first) as usize;
        let board = self.open[i].board;
        if self.newest.is_some_and(|newest| std::ptr::eq(newest, board)) {
            self.newest_finished = true;
        } else {
            self.release(board, shared);
        }
        self.open[i].finished = true;
        &mut self.open[i]
    }

    fn close_finished(&mut self) {
        while self.open.front().is_some_and(|front| front.finished) {
            self.spare.extend(self.open.pop_front());
            self.first += 1;
        }
    }
}

/// Spare boards that a PE keeps for itself; more go to where all PEs find them.
const SPARE_MAX: usize = 2;

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
        let open = (*shared.side(pe.id()).get()).at(seq, shared, call);
        if open.first != call.likeness() {
            super::mismatch(me, call, Ok(open.first));
        }
        let board = open.board;
        board.pin(r as usize, call, request.is_some(), kept);
        match kept {
            Some(n) => small::keep(call, n, board.kept(r as usize)),
            None => {
                open.some |= LONG;
                if let Some(plain) = call.as_plain() {
                    board.keep_plain(r as usize, plain);
                }
            }
        }
        open.arrived += 1;
        if let Some(q) = request {
            open.some |= NONBLOCKING;
            open.nonblocking.push((me, q, shared.clone()));
        }
        if open.arrived == here {
            board.note(open.some);
        }
        (board, open.arrived == here, &*std::ptr::from_ref(&open.blocked))
    };
    if all_here && kept.is_some() {
        small::combine(board, call, shared.members_on(pe.id()));
    }
    if all_here && board.arrive(me, call) {
        if shared.spread().is_some() {
            match request {
                None => {
                    pe.block_in_after(blocked, || across::begin(me, board, r as usize));
                    if kept.is_some() {
                        small::take(board, r as usize, call);
                    }
                }
                Some(_) => across::begin(me, board, r as usize),
            }
            return;
        }
        // the last of all: `me` is in its own call, so user-defined operations may run here
        let small = kept.is_some() && small::execute(board, call);
        if !small {
            board.set_result_bytes(small::TOO_LONG);
        }
        if small || shared.pes_involved() == 1 || call.is_small(board) {
            if !small {
                (0..call.phases()).for_each(|phase| call.run(board, phase, None, call));
            }
            tell_finish(pe, board);
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

/// The operation is complete for the members of this process.
pub(super) fn tell_finish(pe: &'static Pe, board: &'static Board) {
    tell(pe, board, FINISH, 0);
    finish(pe, board);
}

fn board_of(d: &Delivery<'_>) -> &'static Board {
    let address = u64::from_ne_bytes(*d.data.first_chunk().expect("eight bytes"));
    // SAFETY: put there by `tell`; members of this PE wait for it (invariant 4).
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
    if board.done() == pes * (phase + 1) {
        if phase + 1 < phases {
            tell(pe, board, RUN, phase + 1);
            run(pe, board, phase + 1);
        } else {
            tell_finish(pe, board);
        }
    }
}

/// Releases the members on this PE.
fn finish(pe: &'static Pe, board: &'static Board) {
    let shared = board.shared();
    let side = shared.side(pe.id());
    let nonblocking = {
        // SAFETY: only this PE's thread uses its side.
        let side = unsafe { &mut *side.get() };
        let open = side.finished(board.seq(), shared);
        pe.wake_chain(&open.blocked);
        let list = std::mem::take(&mut open.nonblocking);
        side.close_finished();
        list
    };
    // the last reference to the communicator may be among them: from here on neither board nor side is touched
    for (rank, request, _shared) in nonblocking {
        request.complete(rank, Outcome::EMPTY);
    }
}
