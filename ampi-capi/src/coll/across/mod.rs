//! Collectives of communicators whose members live in several processes.
//!
//! ```text
//! members of a process meet on its board ─ all here? ─ yes: a service task of the last one's PE takes over
//!      service task:  exchange with the other processes (frames), do this process's share, FINISH to its PEs
//! ```
//!
//! | file | what |
//! |---|---|
//! | [`talk`] | frames between the processes of one operation |
//! | `moves` | broadcast by a tree; the others pair by pair |
//! | `small` | reductions and scans of a few bytes: contributions to whoever needs them |
//! | `reduce` | longer ones: a chain of processes in rank order, or everything to one process |
//! | `agree` | new communicators |
//!
//! Results are those of one process, bit by bit: contributions are combined in rank order, small ones in the same blocks
//! of ranks, whatever process they come from.
//!
//! A board has entries for all members; those of other processes are empty, but where this says otherwise.

mod agree;
mod moves;
mod reduce;
mod small;
pub mod talk;

use super::board::Board;
use super::meeting;
use super::{Call, Operation};
use crate::rank::Rank;
use ampi_core::pe::Pe;
use std::borrow::Cow;
use talk::Talk;

/// All members of this process have come to `board`, `me` with member number `r` last: starts the exchange.
pub(super) fn begin(me: &'static Rank, board: &'static Board, r: usize) {
    me.p2p.pe().serve_with(move |pe| {
        carry_out(pe, me, board, board.call(r));
        meeting::tell_finish(pe, board);
    });
}

fn carry_out(pe: &'static Pe, me: &'static Rank, board: &'static Board, call: &Call) {
    let talk = Talk::new(pe, me, board, call);
    match &call.operation {
        Operation::Barrier => barrier(&talk),
        Operation::Move(m) => moves::run(&talk, board, m),
        Operation::Reduce(r) if super::small::bytes(call).is_some() => small::run(&talk, board, call, r),
        Operation::Reduce(r) => reduce::run(&talk, board, call, r),
        Operation::Agree(a) if a.wish.is_nothing() => barrier(&talk),
        Operation::Agree(_) => agree::run(&talk, board),
    }
    talk.over();
}

/// In round k every process hears from the one 2^k before it: after the last round, of all.
fn barrier(talk: &Talk) {
    let n = talk.processes();
    let mut distance = 1;
    let mut step = 0;
    while distance < n {
        talk.send((talk.own() + distance) % n, step, &[]);
        talk.receive((talk.own() + n - distance) % n, step);
        distance *= 2;
        step += 1;
    }
}

/// Bytes that `root` has (`Some` there) to all, along a binomial tree. Long ones in segments, so that all levels of the
/// tree work at the same time.
fn to_all<'a>(talk: &Talk, root: usize, bytes: Option<Cow<'a, [u8]>>) -> Cow<'a, [u8]> {
    const SEGMENT_BYTES_MIN: usize = 128 << 10;
    const SEGMENTS_MAX: usize = 1000;
    let n = talk.processes();
    let place = (talk.own() + n - root) % n;
    // whoever has it sends to the one half as many places ahead as there are left
    let lowest = if place == 0 { n.next_power_of_two() } else { 1 << place.trailing_zeros() };
    let children = || {
        std::iter::successors(Some(lowest / 2), |d| Some(d / 2))
            .take_while(|&d| d > 0)
            .filter(move |d| place + d < n)
            .map(move |d| (place + d + root) % n)
    };
    if let Some(bytes) = bytes {
        let segment = SEGMENT_BYTES_MIN.max(bytes.len().div_ceil(SEGMENTS_MAX));
        let length = (bytes.len() as u64).to_le_bytes();
        for (step, part) in (0..).zip(bytes.chunks(segment).chain(bytes.is_empty().then_some(&[][..]))) {
            children().for_each(|child| talk.send(child, step, &[&length, part]));
        }
        return bytes;
    }
    let parent = (place - lowest + root) % n;
    let mut all = Vec::new();
    for step in 0.. {
        let frame = talk.receive(parent, step);
        children().for_each(|child| talk.send(child, step, &[&frame]));
        let (length, part) = frame.split_at(8);
        let length = u64::from_le_bytes(length.try_into().expect("eight bytes")) as usize;
        if step == 0 {
            all.reserve_exact(length);
        }
        all.extend_from_slice(part);
        if all.len() >= length {
            break;
        }
    }
    Cow::Owned(all)
}
