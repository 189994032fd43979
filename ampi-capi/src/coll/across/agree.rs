//! New communicators of members in several processes: one process hears all wishes and numbers what will come of them;
//! each makes its own side of the communicators that its members are in.

use super::super::board::Board;
use super::talk::Talk;
use crate::comm::across;
use std::borrow::Cow;

pub(super) fn run(talk: &Talk, board: &'static Board) {
    const DECIDES: usize = 0;
    let own = talk.own();
    let mine = across::wishes(board, &talk.spread.processes[own].1);
    let decision = if own == DECIDES {
        let mut all = mine;
        talk.others().for_each(|p| all.extend_from_slice(&talk.receive(p, 0)));
        Some(Cow::Owned(across::number(talk.pe.job(), &board.shared().group, &all)))
    } else {
        talk.send(DECIDES, 0, &[&mine]);
        None
    };
    let decision = super::to_all(talk, DECIDES, decision);
    across::decide(board, talk.pe.job(), &talk.spread.processes[own].1, &decision);
}
