//! The calls of MPI-5.0 §7.3: groups as objects of a rank.
//!
//! A group without members is always `MPI_GROUP_EMPTY`. Since every call may return it, it may be freed like others;
//! it lives on.

use super::Group;
use crate::abi::constants as c;
use crate::abi::kinds::{Array, HandleInOut, Out, OutHandle};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::rank::Rank;
use std::rc::Rc;
use std::sync::Arc;

/// What a handle of a group names.
pub struct GroupObject {
    pub group: Arc<Group>,
}

impl Object for GroupObject {
    const KIND: HandleKind = HandleKind::Group;
    const NULL: usize = c::MPI_GROUP_NULL;
    const NULL_NAME: &'static str = "MPI_GROUP_NULL";
    const ERROR: i32 = c::MPI_ERR_GROUP;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.groups
    }
    fn predefined(handle: Handle) -> Option<Self> {
        (handle.0 == c::MPI_GROUP_EMPTY).then(|| GroupObject { group: Arc::new(Group::EMPTY) })
    }
}

type G<'a> = &'a Rc<GroupObject>;

/// A new handle for `group`, or `MPI_GROUP_EMPTY`.
pub fn publish(me: &'static Rank, group: Arc<Group>) -> MpiResult<Handle> {
    if group.is_empty() {
        return Ok(Handle(c::MPI_GROUP_EMPTY));
    }
    me.groups.insert(Rc::new(GroupObject { group }))
}

fn create(me: &'static Rank, group: Group, newgroup: OutHandle) -> MpiResult {
    newgroup.set(publish(me, Arc::new(group))?);
    Ok(())
}

/// `MPI_Group_size` — the number of processes. MPI-5.0 §7.3.1.
pub fn size(_me: &'static Rank, group: G, size: Out<i32>) -> MpiResult {
    size.set(group.group.size() as i32);
    Ok(())
}

/// `MPI_Group_rank` — the caller's rank, or `MPI_UNDEFINED` if it is no member. MPI-5.0 §7.3.1.
pub fn rank(me: &'static Rank, group: G, rank: Out<i32>) -> MpiResult {
    rank.set(group.group.rank_of(me.world_rank).map_or(c::MPI_UNDEFINED, |r| r as i32));
    Ok(())
}

/// `MPI_Group_translate_ranks` — the ranks in `group2` of the processes with ranks `ranks1` in `group1`:
/// `MPI_UNDEFINED` for processes that it lacks, `MPI_PROC_NULL` for itself. MPI-5.0 §7.3.1.
pub fn translate_ranks(
    _me: &'static Rank,
    group1: G,
    n: i32,
    ranks1: Array<i32>,
    group2: G,
    ranks2: Array<i32>,
) -> MpiResult {
    let translated = group1.group.translate_ranks(&ranks1.to_vec(n as usize)?, &group2.group)?;
    for (place, rank) in ranks2.of(n as usize)?.iter().zip(translated) {
        place.set(rank);
    }
    Ok(())
}

/// `MPI_Group_compare` — `MPI_IDENT`, `MPI_SIMILAR` (other order) or `MPI_UNEQUAL`. MPI-5.0 §7.3.1.
pub fn compare(_me: &'static Rank, group1: G, group2: G, result: Out<i32>) -> MpiResult {
    result.set(group1.group.compare(&group2.group).value());
    Ok(())
}

/// `MPI_Group_union` — all of `group1`, then those of `group2` that it lacks. MPI-5.0 §7.3.2.
pub fn union(me: &'static Rank, group1: G, group2: G, newgroup: OutHandle) -> MpiResult {
    create(me, group1.group.union(&group2.group), newgroup)
}

/// `MPI_Group_intersection` — the processes of both, in the order of `group1`. MPI-5.0 §7.3.2.
pub fn intersection(me: &'static Rank, group1: G, group2: G, newgroup: OutHandle) -> MpiResult {
    create(me, group1.group.intersection(&group2.group), newgroup)
}

/// `MPI_Group_difference` — the processes of `group1` that `group2` lacks. MPI-5.0 §7.3.2.
pub fn difference(me: &'static Rank, group1: G, group2: G, newgroup: OutHandle) -> MpiResult {
    create(me, group1.group.difference(&group2.group), newgroup)
}

/// `MPI_Group_incl` — the processes with the listed ranks, in the list's order. MPI-5.0 §7.3.2.
pub fn incl(me: &'static Rank, group: G, n: i32, ranks: Array<i32>, newgroup: OutHandle) -> MpiResult {
    create(me, group.group.incl(&ranks.to_vec(n as usize)?)?, newgroup)
}

/// `MPI_Group_excl` — all but the processes with the listed ranks. MPI-5.0 §7.3.2.
pub fn excl(me: &'static Rank, group: G, n: i32, ranks: Array<i32>, newgroup: OutHandle) -> MpiResult {
    create(me, group.group.excl(&ranks.to_vec(n as usize)?)?, newgroup)
}

/// `MPI_Group_range_incl` — the processes with the ranks first, first + stride, … up to last, of all ranges.
/// MPI-5.0 §7.3.2.
pub fn range_incl(
    me: &'static Rank,
    group: G,
    n: i32,
    ranges: Array<[i32; 3]>,
    newgroup: OutHandle,
) -> MpiResult {
    create(me, group.group.range_incl(&ranges.to_vec(n as usize)?)?, newgroup)
}

/// `MPI_Group_range_excl` — all but the processes that `MPI_Group_range_incl` would take. MPI-5.0 §7.3.2.
pub fn range_excl(
    me: &'static Rank,
    group: G,
    n: i32,
    ranges: Array<[i32; 3]>,
    newgroup: OutHandle,
) -> MpiResult {
    create(me, group.group.range_excl(&ranges.to_vec(n as usize)?)?, newgroup)
}

/// `MPI_Group_free` — the handle becomes `MPI_GROUP_NULL`; communicators keep their groups. MPI-5.0 §7.3.3.
pub fn free(me: &'static Rank, group: HandleInOut<GroupObject>) -> MpiResult {
    me.groups.remove(group.handle());
    group.set_null();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::kinds::look_up;
    use crate::abi::kinds::on_stack::{array, handle, out, variable};

    /// Rank 2 of 6, and a handle for all.
    fn start() -> (&'static Rank, Rc<GroupObject>) {
        let me: &'static Rank = Box::leak(Rank::new(2, 6));
        let all = publish(me, Arc::new(Group::world(6))).unwrap();
        (me, find(me, all))
    }

    fn find(me: &'static Rank, handle: Handle) -> Rc<GroupObject> {
        look_up(me, handle, "group").unwrap()
    }

    fn made(me: &'static Rank, call: impl FnOnce(OutHandle) -> MpiResult) -> Rc<GroupObject> {
        let mut new = Handle(c::MPI_GROUP_NULL);
        call(handle(&mut new)).unwrap();
        find(me, new)
    }

    fn rank_in(me: &'static Rank, g: G) -> i32 {
        let mut r = -1;
        rank(me, g, out(&mut r)).unwrap();
        r
    }

    #[test]
    fn ranks_follow_the_processes_through_groups() {
        let (me, all) = start();
        let part = made(me, |new| incl(me, &all, 3, array(&mut [5, 2, 0]), new));
        let rest = made(me, |new| difference(me, &all, &part, new));
        assert_eq!((rank_in(me, &all), rank_in(me, &part), rank_in(me, &rest)), (2, 1, c::MPI_UNDEFINED));
        let mut translated = [7; 3];
        translate_ranks(me, &part, 3, array(&mut [0, 2, c::MPI_PROC_NULL]), &all, array(&mut translated))
            .unwrap();
        assert_eq!(translated, [5, 0, c::MPI_PROC_NULL]);
        let mut relation = -1;
        let again = made(me, |new| union(me, &part, &rest, new));
        compare(me, &again, &all, out(&mut relation)).unwrap();
        assert_eq!(relation, c::MPI_SIMILAR);
        let even = made(me, |new| range_incl(me, &all, 1, array(&mut [[0, 5, 2]]), new));
        let odd = made(me, |new| range_excl(me, &all, 1, array(&mut [[0, 5, 2]]), new));
        let mut n = -1;
        size(me, &made(me, |new| intersection(me, &even, &part, new)), out(&mut n)).unwrap();
        assert_eq!((n, rank_in(me, &odd)), (2, c::MPI_UNDEFINED));
    }

    #[test]
    fn a_group_without_members_is_the_predefined_one_and_survives_free() {
        let (me, all) = start();
        let mut place = Handle(c::MPI_GROUP_NULL);
        excl(me, &all, 6, array(&mut [0, 1, 2, 3, 4, 5]), handle(&mut place)).unwrap();
        assert_eq!(place, Handle(c::MPI_GROUP_EMPTY));
        let empty = find(me, place);
        free(me, variable(&mut place, &empty)).unwrap();
        assert_eq!(place, Handle(c::MPI_GROUP_NULL));
        let empty = find(me, Handle(c::MPI_GROUP_EMPTY));
        assert_eq!(rank_in(me, &empty), c::MPI_UNDEFINED);
        assert_eq!(
            &*look_up::<GroupObject>(me, place, "group").err().unwrap().detail,
            "group is MPI_GROUP_NULL"
        );
    }

    #[test]
    fn a_freed_group_is_gone_and_wrong_ranks_are_named() {
        let (me, all) = start();
        let mut place = Handle(c::MPI_GROUP_NULL);
        let e = incl(me, &all, 2, array(&mut [1, 6]), handle(&mut place)).unwrap_err();
        assert_eq!((e.class.0, &*e.detail), (c::MPI_ERR_RANK, "ranks[1] is 6, the group's ranks are 0 to 5"));
        incl(me, &all, 1, array(&mut [1]), handle(&mut place)).unwrap();
        let (one, h) = (find(me, place), place);
        free(me, variable(&mut place, &one)).unwrap();
        let e = look_up::<GroupObject>(me, h, "group").err().unwrap();
        assert_eq!(e.class.0, c::MPI_ERR_GROUP);
        assert_eq!(me.groups.live_count(), 1);
    }
}
