//! Reductions that are too long for the board.
//!
//! **Chain.** Where the members of each process are neighbours in the communicator, as they are at the start, processes are
//! ordered as their members are, and the vector goes from the first to the last in slices: each process combines its
//! members' slice with what came, in rank order, and hands it on, while the one before works on the next slice. What the
//! last has is the result; where all need it, it goes back the same way.
//!
//! **To one.** Otherwise, and for user-defined operations, all contributions go to one process, which sets them on its board
//! as if those members were its own and executes the operation as one process does.

use super::super::board::Board;
use super::super::reduction::{How, Part, Reduction, Shape, Stand};
use super::super::{Call, reduction};
use super::talk::Talk;

/// A process computes on a slice while the next slice travels.
const SLICE_BYTES_MIN: usize = 32 << 10;
const SLICES_MAX: usize = 1000;
/// Steps of the way back begin here.
const BACK: u16 = 0x4000;

pub(super) fn run(talk: &Talk, board: &'static Board, call: &Call, r: &Reduction) {
    if r.count == 0 {
        return;
    }
    match (r.how, order(talk)) {
        (How::Kernel(_), Some(order)) => chain(talk, board, r, &order),
        _ => to_one(talk, board, call, r),
    }
}

/// The processes in the order of their members; `None` where those are mixed.
fn order(talk: &Talk) -> Option<Vec<usize>> {
    let all = &talk.spread.processes;
    let neighbours = |m: &[u32]| m[m.len() - 1] - m[0] == m.len() as u32 - 1;
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|&p| all[p].1[0]);
    all.iter().all(|(_, members)| neighbours(members)).then_some(order)
}

fn chain(talk: &Talk, board: &'static Board, r: &Reduction, order: &[usize]) {
    let place = order.iter().position(|&p| p == talk.own()).expect("this process is one of them");
    let last = order.len() - 1;
    let mut part = Part::new(board, r, &talk.spread.processes[talk.own()].1);
    let slice = (SLICE_BYTES_MIN.max(part.bytes().div_ceil(SLICES_MAX)) / part.step()).max(1) as i64;
    let slices =
        || (0..).zip((0..r.count).step_by(slice as usize)).map(|(i, at)| (i, at, slice.min(r.count - at)));
    let target = match r.shape {
        Shape::Reduce(root) => Some(talk.home(root)),
        _ => None,
    };
    for (i, at, n) in slices() {
        let before = (place > 0).then(|| talk.receive(order[place - 1], i));
        let combined = part.absorb(at, n, before.as_deref());
        if place < last {
            talk.send(order[place + 1], i, &[combined]);
            continue;
        }
        match (r.shape, target) {
            (Shape::All, _) => talk.send(order[last - 1], BACK + i, &[combined]),
            (_, Some(p)) if p != talk.own() => talk.send(p, BACK + i, &[combined]),
            _ => {}
        }
        part.deliver(at, n, None);
    }
    match r.shape {
        Shape::All if place < last => {
            for (i, at, n) in slices() {
                let result = talk.receive(order[place + 1], BACK + i);
                if place > 0 {
                    talk.send(order[place - 1], BACK + i, &[&result]);
                }
                part.deliver(at, n, Some(&result));
            }
        }
        Shape::Reduce(_) if target == Some(talk.own()) && place < last => {
            for (i, at, n) in slices() {
                part.deliver(at, n, Some(&talk.receive(order[last], BACK + i)));
            }
        }
        Shape::Scatter if place == last => {
            for &p in &order[..last] {
                talk.send(p, BACK, &[&part.parts_of(&talk.spread.processes[p].1)]);
            }
            part.take_parts(None);
        }
        Shape::Scatter => part.take_parts(Some(&talk.receive(order[last], BACK))),
        _ => {}
    }
}

fn to_one(talk: &Talk, board: &'static Board, call: &Call, r: &Reduction) {
    let members = |p: usize| &talk.spread.processes[p].1[..];
    let one = match r.shape {
        Shape::Reduce(root) => talk.home(root),
        _ => 0,
    };
    if talk.own() != one {
        talk.send(one, 0, &[&reduction::packed_inputs(board, members(talk.own()))]);
        if !matches!(r.shape, Shape::Reduce(_)) {
            reduction::set_outputs(board, r, members(talk.own()), &talk.receive(one, BACK));
        }
        return;
    }
    let stands: Vec<(usize, Stand)> =
        talk.others().map(|p| (p, Stand::new(r, members(p), &talk.receive(p, 0)))).collect();
    stands.iter().for_each(|(p, stand)| stand.pin(board, members(*p)));
    let execute = || (0..call.phases()).for_each(|phase| call.run(board, phase, None, call));
    match r.how {
        How::Kernel(_) => execute(),
        // the program's function, with the program's private globals
        How::User(..) => talk.pe.on_behalf_of(talk.me.p2p.task(), execute),
    }
    if !matches!(r.shape, Shape::Reduce(_)) {
        for (p, stand) in &stands {
            talk.send(*p, BACK, &[&stand.outputs(r, members(*p))]);
        }
    }
}
