//! New groups from old ones (MPI-5.0 §7.3.2). The order of members follows the standard: first group first.

use super::Group;
use crate::error::MpiResult;
use crate::mpi_err;

impl Group {
    /// MPI_Group_union (MPI-5.0 §7.3.2): all of this group, then those of `other` that it lacks.
    pub fn union(&self, other: &Group) -> Group {
        let more = other.iter().filter(|w| !self.contains(*w));
        Group::from_world_ranks(self.iter().chain(more).collect())
    }

    /// MPI_Group_intersection (MPI-5.0 §7.3.2): the members that `other` has too, in this group's order.
    pub fn intersection(&self, other: &Group) -> Group {
        Group::from_world_ranks(self.iter().filter(|w| other.contains(*w)).collect())
    }

    /// MPI_Group_difference (MPI-5.0 §7.3.2): the members that `other` lacks, in this group's order.
    pub fn difference(&self, other: &Group) -> Group {
        Group::from_world_ranks(self.iter().filter(|w| !other.contains(*w)).collect())
    }

    /// MPI_Group_incl (MPI-5.0 §7.3.2): the named ranks, in the order of the list.
    pub fn incl(&self, ranks: &[i32]) -> MpiResult<Group> {
        self.chosen(ranks)?;
        let members = ranks.iter().filter_map(|r| self.world_rank(*r as usize));
        Ok(Group::from_world_ranks(members.collect()))
    }

    /// MPI_Group_excl (MPI-5.0 §7.3.2): all but the named ranks.
    pub fn excl(&self, ranks: &[i32]) -> MpiResult<Group> {
        let chosen = self.chosen(ranks)?;
        let members = self.iter().zip(chosen).filter(|(_, out)| !out).map(|(w, _)| w);
        Ok(Group::from_world_ranks(members.collect()))
    }

    /// MPI_Group_range_incl (MPI-5.0 §7.3.2): ranges of (first, last, stride).
    pub fn range_incl(&self, ranges: &[[i32; 3]]) -> MpiResult<Group> {
        self.incl(&self.expand(ranges)?)
    }

    /// MPI_Group_range_excl (MPI-5.0 §7.3.2): all but the ranges of (first, last, stride).
    pub fn range_excl(&self, ranges: &[[i32; 3]]) -> MpiResult<Group> {
        self.excl(&self.expand(ranges)?)
    }

    /// Which ranks the list names; an error if it names one that does not exist, or one twice.
    fn chosen(&self, ranks: &[i32]) -> MpiResult<Vec<bool>> {
        let mut chosen = vec![false; self.size()];
        for (i, rank) in ranks.iter().enumerate() {
            self.member("ranks", i, *rank)?;
            if std::mem::replace(&mut chosen[*rank as usize], true) {
                return mpi_err!(
                    MPI_ERR_RANK,
                    "ranks[{i}] is {rank}, which the list names before: ranks must be distinct"
                );
            }
        }
        Ok(chosen)
    }

    /// The ranks of ranges: first, first + stride, …, not beyond last.
    fn expand(&self, ranges: &[[i32; 3]]) -> MpiResult<Vec<i32>> {
        let mut ranks = Vec::new();
        for (i, [first, last, stride]) in ranges.iter().copied().enumerate() {
            let range = format_args!("ranges[{i}] is (first {first}, last {last}, stride {stride})");
            let (distance, step) = (last as i64 - first as i64, stride as i64);
            if stride == 0 {
                return mpi_err!(MPI_ERR_ARG, "{range}: stride must not be 0");
            }
            if distance.signum() * step.signum() < 0 {
                return mpi_err!(MPI_ERR_ARG, "{range}: the stride leads away from last");
            }
            let end = first as i64 + distance / step * step;
            let size = self.size() as i64;
            for rank in [first as i64, end] {
                if rank < 0 || rank >= size {
                    return mpi_err!(
                        MPI_ERR_RANK,
                        "{range}: it names rank {rank}, the group's ranks are 0 to {}",
                        size - 1
                    );
                }
            }
            ranks.extend((0..=distance / step).map(|k| (first as i64 + k * step) as i32));
            if ranks.len() > self.size() {
                return mpi_err!(MPI_ERR_RANK, "{range}: the ranges name a rank twice");
            }
        }
        Ok(ranks)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Comparison;
    use super::*;
    use crate::abi::constants as c;
    use proptest::prelude::*;

    fn group(world: &[u32]) -> Group {
        Group::from_world_ranks(world.to_vec())
    }

    fn class(r: MpiResult<Group>) -> i32 {
        r.unwrap_err().class.0
    }

    /// Distinct world ranks in any order; often a progression.
    fn members() -> impl Strategy<Value = Vec<u32>> {
        prop_oneof![
            prop::sample::subsequence((0..60u32).collect::<Vec<_>>(), 0..40).prop_shuffle(),
            (0..20u32, 1..5u32, 0..12u32).prop_map(|(f, s, n)| (0..n).map(|i| f + i * s).collect()),
            (0..20u32, 1..5u32, 0..12u32).prop_map(|(f, s, n)| (0..n).rev().map(|i| f + i * s).collect()),
        ]
    }

    proptest! {
        #[test]
        fn groups_behave_as_lists(a in members(), b in members()) {
            let (ga, gb) = (group(&a), group(&b));
            prop_assert_eq!(ga.size(), a.len());
            prop_assert_eq!(ga.iter().collect::<Vec<_>>(), a.clone());
            for w in 0..90 {
                prop_assert_eq!(ga.rank_of(w), a.iter().position(|x| *x == w));
            }
            let lacks = |list: &[u32], w: &u32| !list.contains(w);
            let union: Vec<u32> = a.iter().chain(b.iter().filter(|w| lacks(&a, w))).copied().collect();
            prop_assert_eq!(ga.union(&gb), group(&union));
            let both: Vec<u32> = a.iter().filter(|w| b.contains(w)).copied().collect();
            prop_assert_eq!(ga.intersection(&gb), group(&both));
            let only: Vec<u32> = a.iter().filter(|w| lacks(&b, w)).copied().collect();
            prop_assert_eq!(ga.difference(&gb), group(&only));
            let (mut sa, mut sb) = (a.clone(), b.clone());
            sa.sort_unstable();
            sb.sort_unstable();
            let expected = match (a == b, sa == sb) {
                (true, _) => Comparison::Ident,
                (_, true) => Comparison::Similar,
                _ => Comparison::Unequal,
            };
            prop_assert_eq!(ga.compare(&gb), expected);
            prop_assert_eq!(ga.compare(&group(&sa)) == Comparison::Unequal, false);
            let ranks: Vec<i32> = (0..a.len() as i32).collect();
            let translated: Vec<i32> =
                a.iter().map(|w| b.iter().position(|x| x == w).map_or(c::MPI_UNDEFINED, |p| p as i32)).collect();
            prop_assert_eq!(ga.translate_ranks(&ranks, &gb).unwrap(), translated);
        }

        #[test]
        fn incl_and_excl_share_the_group(a in members(), pick in any::<u64>()) {
            let g = group(&a);
            let ranks: Vec<i32> = (0..a.len() as i32).rev().filter(|r| pick >> (r % 64) & 1 == 1).collect();
            let incl = g.incl(&ranks).unwrap();
            prop_assert_eq!(incl.iter().collect::<Vec<_>>(), ranks.iter().map(|r| a[*r as usize]).collect::<Vec<_>>());
            let excl = g.excl(&ranks).unwrap();
            prop_assert_eq!(g.difference(&incl), excl.clone());
            prop_assert_eq!(incl.union(&excl).size(), g.size());
        }
    }

    /// MPI-5.0 §7.3.2: ranges ((6, 7, 1), (1, 6, 2), (0, 9, 4)) name 6, 7, 1, 3, 5, 0, 4, 8.
    #[test]
    fn the_standards_ranges() {
        let g = Group::world(10);
        let incl = g.range_incl(&[[6, 7, 1], [1, 6, 2], [0, 9, 4]]).unwrap();
        assert_eq!(incl.iter().collect::<Vec<_>>(), [6, 7, 1, 3, 5, 0, 4, 8]);
        let excl = g.range_excl(&[[6, 7, 1], [1, 6, 2], [0, 9, 4]]).unwrap();
        assert_eq!(excl.iter().collect::<Vec<_>>(), [2, 9]);
        let down = g.range_incl(&[[9, 0, -3]]).unwrap();
        assert_eq!(down.iter().collect::<Vec<_>>(), [9, 6, 3, 0]);
    }

    #[test]
    fn wrong_ranks_are_named() {
        let g = Group::world(4);
        assert_eq!(class(g.incl(&[0, 4])), c::MPI_ERR_RANK);
        assert!(g.incl(&[0, -1]).unwrap_err().detail.contains("ranks[1] is -1"));
        assert_eq!(class(g.incl(&[2, 1, 2])), c::MPI_ERR_RANK);
        assert_eq!(class(g.excl(&[3, 3])), c::MPI_ERR_RANK);
        assert_eq!(class(g.range_incl(&[[0, 3, 0]])), c::MPI_ERR_ARG);
        assert_eq!(class(g.range_incl(&[[3, 0, 1]])), c::MPI_ERR_ARG);
        assert_eq!(class(g.range_incl(&[[0, 4, 1]])), c::MPI_ERR_RANK);
        assert_eq!(class(g.range_incl(&[[0, 2, 1], [2, 3, 1]])), c::MPI_ERR_RANK);
        assert_eq!(class(g.range_incl(&[[0, i32::MAX, 1]])), c::MPI_ERR_RANK);
        assert_eq!(class(Group::EMPTY.incl(&[0])), c::MPI_ERR_RANK);
        // Last need not be a rank if the stride steps over it.
        assert_eq!(g.range_incl(&[[0, 5, 3]]).unwrap(), group(&[0, 3]));
        assert_eq!(
            g.translate_ranks(&[c::MPI_PROC_NULL, 1], &Group::EMPTY).unwrap(),
            [c::MPI_PROC_NULL, c::MPI_UNDEFINED]
        );
        assert_eq!(g.translate_ranks(&[7], &g).unwrap_err().class.0, c::MPI_ERR_RANK);
    }

    #[test]
    fn empty_groups_are_identical() {
        assert_eq!(Group::EMPTY.compare(&Group::world(0)), Comparison::Ident);
        assert_eq!(Group::world(3).excl(&[0, 1, 2]).unwrap(), Group::EMPTY);
        assert_eq!(Group::world(3).incl(&[]).unwrap(), Group::EMPTY);
    }
}
