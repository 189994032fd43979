//! 7.3 Groups.

/// Chapter of the standard.
pub const TITLE: &str = "7.3 Groups";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Number of processes.
            small MPI_Group_size (group: Group, size: OutInt) = group::calls::size;
            /// Rank of the caller, or `MPI_UNDEFINED`.
            small MPI_Group_rank (group: Group, rank: OutInt) = group::calls::rank;
            /// Ranks of processes in another group.
            small MPI_Group_translate_ranks (group1: Group, n: NonNegative, ranks1: Ints, group2: Group, ranks2: OutInts) = group::calls::translate_ranks;
            /// Same processes, same order?
            small MPI_Group_compare (group1: Group, group2: Group, result: OutInt) = group::calls::compare;
            /// Processes of either group.
            small MPI_Group_union (group1: Group, group2: Group, newgroup: NewGroup) = group::calls::union;
            /// Processes of both groups.
            small MPI_Group_intersection (group1: Group, group2: Group, newgroup: NewGroup) = group::calls::intersection;
            /// Processes of the first group only.
            small MPI_Group_difference (group1: Group, group2: Group, newgroup: NewGroup) = group::calls::difference;
            /// The listed processes.
            small MPI_Group_incl (group: Group, n: NonNegative, ranks: Ints, newgroup: NewGroup) = group::calls::incl;
            /// All but the listed processes.
            small MPI_Group_excl (group: Group, n: NonNegative, ranks: Ints, newgroup: NewGroup) = group::calls::excl;
            /// The processes in ranges.
            small MPI_Group_range_incl (group: Group, n: NonNegative, ranges: Ranges, newgroup: NewGroup) = group::calls::range_incl;
            /// All but the processes in ranges.
            small MPI_Group_range_excl (group: Group, n: NonNegative, ranges: Ranges, newgroup: NewGroup) = group::calls::range_excl;
            /// Frees a group.
            small MPI_Group_free (group: GroupInOut) = group::calls::free;
        }
    };
}
pub(crate) use entries;
