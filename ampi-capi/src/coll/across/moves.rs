//! Data movement between processes: each sends every other what its sources owe to receivers there.
//!
//! ```text
//! frame from process p to process q:   length of every block (8 bytes), for receivers r of q, sources s of p:   bytes
//! where lengths differ:                all ones (8 bytes),              for receivers r of q, sources s of p:   length, bytes
//! ```
//!
//! Where a source gives every receiver the same (gather, allgather), its block is in the frame once. A broadcast goes along a
//! tree. Frames go round: in turn k a process sends to the one k places ahead and hears from the one k places behind.

use super::super::board::Board;
use super::super::movement::{self, ALLTOALL, BROADCAST, Movement, SCATTER, Who};
use super::super::small;
use super::talk::Talk;
use std::borrow::Cow;

pub(super) fn run(talk: &Talk, board: &'static Board, m: &Movement) {
    match m.sources {
        Who::One(root) if m.what == BROADCAST => broadcast(talk, board, root),
        _ => exchange(talk, board, m),
    }
}

fn broadcast(talk: &Talk, board: &'static Board, root: u32) {
    let here = talk.home(root) == talk.own();
    let own = here.then(|| movement::whole_of(board, root as usize));
    let bytes = super::to_all(talk, talk.home(root), own);
    let members = &talk.spread.processes[talk.own()].1;
    let receivers = members.iter().map(|&r| r as usize).filter(|&r| r != root as usize);
    // members that expect a few bytes look for them on the board
    let (waiting, others): (Vec<usize>, Vec<usize>) =
        receivers.partition(|&r| small::bytes(board.call(r)).is_some());
    small::leave_result(board, &bytes);
    waiting
        .into_iter()
        .filter(|&r| board.is_nonblocking(r))
        .for_each(|r| small::take(board, r, board.call(r)));
    others.into_iter().for_each(|r| movement::receive_whole(board, r, &bytes));
}

/// The members among `all` that are senders (receivers).
fn those<'a>(who: Who, all: &'a [u32]) -> Cow<'a, [u32]> {
    match who {
        Who::All => Cow::Borrowed(all),
        Who::One(r) => Cow::Owned(all.iter().copied().filter(|&m| m == r).collect()),
    }
}

fn exchange(talk: &Talk, board: &'static Board, m: &Movement) {
    let n = talk.processes();
    let members = |p: usize| &talk.spread.processes[p].1[..];
    let (sources, receivers) =
        (those(m.sources, members(talk.own())), those(m.receivers, members(talk.own())));
    // a source has a block for each receiver, or one for all
    let each = matches!(m.what, ALLTOALL | SCATTER);
    let plain = match (m.sources, m.receivers) {
        (Who::All, Who::All) => movement::plain_bytes(board, members(talk.own())),
        _ => None,
    };
    match plain {
        Some(bytes) => movement::move_plain(board, &receivers, &sources, bytes),
        None => {
            for (r, s) in receivers.iter().flat_map(|&r| sources.iter().map(move |&s| (r, s))) {
                movement::move_block(board, r as usize, s as usize);
            }
        }
    }
    for k in 1..n {
        let (to, from) = ((talk.own() + k) % n, (talk.own() + n - k) % n);
        let there = those(m.receivers, members(to));
        if !sources.is_empty() && !there.is_empty() {
            let there = if each { &there[..] } else { &there[..1] };
            let mut payload = movement::begin_blocks(plain);
            match plain {
                Some(bytes) => movement::pack_plain(board, there, &sources, bytes, &mut payload),
                None => {
                    for (r, s) in there.iter().flat_map(|&r| sources.iter().map(move |&s| (r, s))) {
                        movement::pack_block(board, r as usize, s as usize, &mut payload);
                    }
                }
            }
            talk.send(to, 0, &[&payload]);
        }
        let there = those(m.sources, members(from));
        if !there.is_empty() && !receivers.is_empty() {
            let frame = talk.receive(from, 0);
            let mut blocks = movement::Packed::new(&frame);
            if let Some(bytes) = plain.filter(|&n| n as u64 == blocks.length) {
                movement::unpack_plain(board, &receivers, &there, bytes, blocks.blocks, each);
            } else if each {
                for (r, s) in receivers.iter().flat_map(|&r| there.iter().map(move |&s| (r, s))) {
                    movement::unpack_block(board, r as usize, s as usize, blocks.next());
                }
            } else {
                for &s in there.iter() {
                    let block = blocks.next();
                    receivers
                        .iter()
                        .for_each(|&r| movement::unpack_block(board, r as usize, s as usize, block));
                }
            }
        }
    }
}
