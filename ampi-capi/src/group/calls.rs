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
