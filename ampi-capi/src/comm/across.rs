//! Agreeing on communicators whose members are in several processes: wishes and decisions as bytes.
//!
//! ```text
//! wish       member (4 bytes)  0                                     the same group
//!                              1                                     in no group
//!                              2  color (4)  key (4)
//!                              3  n (4)  n world ranks (4 each)      this group
//! decision   n (4)  n contexts (4 each)  the wishes of all members
//! ```
//!
//! From the wishes every process makes the same list of groups; the i-th has the i-th context.

use super::create::{Wish, agreement, grant};
use crate::coll::board::Board;
use crate::comm::{Shared, shared};
use crate::group::Group;
use ampi_core::pe::Job;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The wishes of `members`, who are in this process.
pub(crate) fn wishes(board: &Board, members: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for &r in members {
        bytes.extend(r.to_le_bytes());
        match &agreement(board.call(r as usize)).wish {
            Wish::Same | Wish::Nothing => bytes.push(0),
            Wish::Color(None, _) => bytes.push(1),
            Wish::Color(Some(color), key) => {
                bytes.push(2);
                bytes.extend(color.to_le_bytes());
                bytes.extend(key.to_le_bytes());
            }
            Wish::Group(group) => {
                bytes.push(3);
                bytes.extend((group.size() as u32).to_le_bytes());
                group.iter().for_each(|world| bytes.extend(world.to_le_bytes()));
            }
        }
    }
    bytes
}

/// A decision from the wishes of all.
pub(crate) fn number(job: &Job, old: &Group, wishes: &[u8]) -> Vec<u8> {
    let groups = groups(old, wishes).len() as u32;
    let mut bytes = groups.to_le_bytes().to_vec();
    shared::contexts(job, groups).for_each(|context| bytes.extend(context.to_le_bytes()));
    bytes.extend_from_slice(wishes);
    bytes
}

/// Carries a decision out for `members`, who are in this process.
pub(crate) fn decide(board: &Board, job: &Job, members: &[u32], decision: &[u8]) {
    let old = &board.shared().group;
    let mut decision = Bytes(decision);
    let n = decision.word();
    let contexts: Vec<u32> = (0..n).map(|_| decision.word()).collect();
    for (group, context) in groups(old, decision.0).into_iter().zip(contexts) {
        let mine: Vec<u32> = members
            .iter()
            .copied()
            .filter(|&r| old.world_rank(r as usize).is_some_and(|world| group.contains(world)))
            .collect();
        if !mine.is_empty() {
            let shared = Shared::with_context(context, Arc::new(group), job);
            mine.iter().for_each(|&r| grant(board, r as usize, &shared));
        }
    }
}

/// The groups that come of the wishes of all members of `old`.
fn groups(old: &Group, wishes: &[u8]) -> Vec<Group> {
    let mut wishes = Bytes(wishes);
    let mut same = false;
    let mut colors: BTreeMap<i32, Vec<(i32, u32)>> = BTreeMap::new();
    let mut listed: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    while !wishes.0.is_empty() {
        let member = wishes.word();
        match wishes.byte() {
            0 => same = true,
            2 => {
                let (color, key) = (wishes.word() as i32, wishes.word() as i32);
                colors.entry(color).or_default().push((key, member));
            }
            3 => {
                let n = wishes.word();
                let group: Vec<u32> = (0..n).map(|_| wishes.word()).collect();
                let own = old.world_rank(member as usize);
                if own.is_some_and(|world| group.contains(&world)) {
                    // members of one new communicator pass equal groups; different groups are disjoint
                    listed.entry(group[0]).or_insert(group);
                }
            }
            _ => {}
        }
    }
    let colors = colors.into_values().map(|mut members| {
        members.sort_unstable(); // by key, then old rank
        members.iter().filter_map(|&(_, r)| old.world_rank(r as usize)).collect()
    });
    let others = colors.chain(listed.into_values()).map(Group::from_world_ranks);
    same.then(|| old.clone()).into_iter().chain(others).collect()
}

/// Bytes that are read from the front.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn word(&mut self) -> u32 {
        let (word, rest) = self.0.split_first_chunk().expect("a decision is whole");
        self.0 = rest;
        u32::from_le_bytes(*word)
    }

    fn byte(&mut self) -> u8 {
        let (byte, rest) = self.0.split_first().expect("a decision is whole");
        self.0 = rest;
        *byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(member: u32, kind: u8, words: &[u32]) -> Vec<u8> {
        let mut bytes = member.to_le_bytes().to_vec();
        bytes.push(kind);
        words.iter().for_each(|w| bytes.extend(w.to_le_bytes()));
        bytes
    }

    fn lists(wishes: &[Vec<u8>]) -> Vec<Vec<u32>> {
        let old = Group::from_world_ranks(vec![10, 11, 12, 13]);
        groups(&old, &wishes.concat()).iter().map(|g| g.iter().collect()).collect()
    }

    #[test]
    fn the_order_in_which_wishes_come_does_not_matter() {
        let wishes =
            [wish(3, 2, &[1, 0]), wish(0, 2, &[1, 5]), wish(2, 1, &[]), wish(1, 2, &[-7i32 as u32, 0])];
        assert_eq!(lists(&wishes), [vec![11], vec![13, 10]]);
        let turned = [wishes[1].clone(), wishes[2].clone(), wishes[3].clone(), wishes[0].clone()];
        assert_eq!(lists(&turned), lists(&wishes));
    }

    #[test]
    fn the_same_and_listed_groups() {
        assert_eq!(lists(&[wish(1, 0, &[]), wish(0, 0, &[])]), [[10, 11, 12, 13]]);
        let listed =
            [wish(0, 3, &[2, 12, 10]), wish(2, 3, &[2, 12, 10]), wish(1, 3, &[0]), wish(3, 3, &[1, 13])];
        assert_eq!(lists(&listed), [vec![12, 10], vec![13]]);
    }
}
