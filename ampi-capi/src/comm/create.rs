//! How communicators come into being (MPI-5.0 §7.4.2): the members agree on a board, one of them decides for all.

use crate::coll::board::Board;
use crate::coll::{Call, Operation};
use crate::comm::Shared;
use crate::group::Group;
use ampi_core::pe::Pe;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a member brings to the agreement.
pub enum Wish {
    /// A communicator of the same group (dup, and cart_create of all).
    Same,
    /// Members with equal color together, ordered by key and old rank; `None`: in no group.
    Color(Option<i32>, i32),
    /// Exactly this group; members outside pass the empty group.
    Group(Arc<Group>),
    /// Nothing: the members only meet (end of MPI).
    Nothing,
}

impl Wish {
    pub fn is_nothing(&self) -> bool {
        matches!(self, Wish::Nothing)
    }
}

/// One member's part in creating a communicator.
pub struct Agreement {
    pub wish: Wish,
    /// What was decided for this member: the new communicator's shared part, if it is in one.
    pub outcome: RefCell<Option<Arc<Shared>>>,
}

impl Agreement {
    pub fn new(wish: Wish) -> Agreement {
        Agreement { wish, outcome: RefCell::new(None) }
    }
}

pub(super) fn agreement(call: &Call) -> &Agreement {
    match &call.operation {
        Operation::Agree(a) => a,
        _ => unreachable!("all members are in the same kind of collective (board)"),
    }
}

/// Decides for all members, who are in this process; runs on the PE of the member that came last.
pub(crate) fn decide(board: &Board, executor: &Call) {
    let n = board.size();
    let job = Pe::current().expect("collectives run on a PE").job();
    let old = &board.shared().group;
    match &agreement(executor).wish {
        Wish::Nothing => {}
        Wish::Same => {
            let shared = Shared::new(old.clone(), job);
            (0..n).for_each(|r| grant(board, r, &shared));
        }
        Wish::Color(..) => {
            let mut colors: BTreeMap<i32, Vec<(i32, usize)>> = BTreeMap::new();
            for r in 0..n {
                if let Wish::Color(Some(color), key) = agreement(board.call(r)).wish {
                    colors.entry(color).or_default().push((key, r));
                }
            }
            for members in colors.values_mut() {
                members.sort(); // by key, then old rank
                let ranks = members.iter().filter_map(|&(_, r)| old.world_rank(r)).collect();
                let shared = Shared::new(Arc::new(Group::from_world_ranks(ranks)), job);
                members.iter().for_each(|&(_, r)| grant(board, r, &shared));
            }
        }
        Wish::Group(_) => {
            // members of one new communicator pass equal groups; different groups are disjoint
            let mut made: BTreeMap<u32, Arc<Shared>> = BTreeMap::new();
            for r in 0..n {
                if let Wish::Group(group) = &agreement(board.call(r)).wish
                    && let (Some(world), Some(first)) = (old.world_rank(r), group.world_rank(0))
                    && group.contains(world)
                {
                    let shared = made.entry(first).or_insert_with(|| Shared::new(group.clone(), job));
                    grant(board, r, shared);
                }
            }
        }
    }
}

pub(super) fn grant(board: &Board, r: usize, shared: &Arc<Shared>) {
    *agreement(board.call(r)).outcome.borrow_mut() = Some(shared.clone());
}
