//! Reductions and scans of a few bytes: each process tells the others its members' contributions, and whoever needs the
//! result combines them on its own board, as one process would.
//!
//! Contributions travel as they are combined: a block of ranks that all live in one process as one value, the ranks of a
//! block that is torn one by one. Which ones those are follows from where the members are, so it is not in the frame.
//!
//! Up to [`DIRECT_MAX`] processes everybody hears everybody; more, and one process combines and tells the others.

use super::super::board::Board;
use super::super::reduction::{Reduction, Shape};
use super::super::{Call, small};
use super::talk::Talk;
use std::borrow::Cow;

const DIRECT_MAX: usize = 16;

pub(super) fn run(talk: &Talk, board: &'static Board, call: &Call, r: &Reduction) {
    let own = talk.own();
    let members = |p: usize| &talk.spread.processes[p].1[..];
    // a scan needs every contribution by itself
    let in_blocks = matches!(r.shape, Shape::All | Shape::Reduce(_));
    let mine = small::contributions(board, r, members(own), in_blocks);
    let hear =
        |from: usize| small::set_contributions(board, r, members(from), in_blocks, &talk.receive(from, 0));
    let one = match r.shape {
        Shape::Reduce(root) => Some(talk.home(root)),
        Shape::All if talk.processes() > DIRECT_MAX => Some(0),
        _ => None,
    };
    match one {
        Some(one) if one != own => talk.send(one, 0, &[&mine]),
        Some(_) => talk.others().for_each(hear),
        None => {
            talk.others().for_each(|p| talk.send(p, 0, &[&mine]));
            talk.others().for_each(hear);
        }
    }
    if one.is_none_or(|one| one == own) {
        small::execute(board, call);
    }
    if let (Shape::All, Some(one)) = (r.shape, one) {
        let result = (one == own).then(|| Cow::Owned(small::result(board)));
        let bytes = super::to_all(talk, one, result);
        if one != own {
            small::leave_result(board, &bytes);
            board.nonblocking().for_each(|m| small::take(board, m, board.call(m)));
        }
    }
}
