//! Groups: ordered sets of ranks (MPI-5.0 §7.3).
//!
//! A member is the number of a rank in the job ("world rank"). Groups never change and are cheap to clone. Most are
//! progressions (all ranks, every fourth rank), kept as three numbers; others are a list, with a sorted index for
//! looking members up once somebody asks.
//!
//! Invariants: members are distinct; a progression is never kept as a list; a list has at least two members.

pub mod calls;
mod sets;

use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;
use std::sync::{Arc, OnceLock};

/// An ordered set of world ranks.
#[derive(Debug, Clone)]
pub struct Group(Members);

#[derive(Debug, Clone)]
enum Members {
    /// `first + i * stride` for `i` in `0..len`.
    Progression {
        first: i64,
        stride: i64,
        len: u32,
    },
    List(Arc<List>),
}

#[derive(Debug)]
struct List {
    world: Box<[u32]>,
    /// Group ranks sorted by world rank; made at the first look-up in a group too large to scan.
    by_world: OnceLock<Box<[u32]>>,
}

/// Groups up to this size are scanned.
const SCAN: usize = 16;

/// How two groups relate (MPI_Group_compare).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Same members, same order: MPI_IDENT.
    Ident,
    /// Same members, other order: MPI_SIMILAR.
    Similar,
    /// MPI_UNEQUAL.
    Unequal,
}

impl Comparison {
    pub fn value(self) -> i32 {
        match self {
            Comparison::Ident => c::MPI_IDENT,
            Comparison::Similar => c::MPI_SIMILAR,
            Comparison::Unequal => c::MPI_UNEQUAL,
        }
    }
}

impl Group {
    /// MPI_GROUP_EMPTY.
    pub const EMPTY: Group = Group(Members::Progression { first: 0, stride: 1, len: 0 });

    /// World ranks `0..size`: the group of MPI_COMM_WORLD.
    pub fn world(size: u32) -> Group {
        Group(Members::Progression { first: 0, stride: 1, len: size })
    }

    /// The group of one rank: that of MPI_COMM_SELF.
    pub fn single(world: u32) -> Group {
        Group(Members::Progression { first: world as i64, stride: 1, len: 1 })
    }

    /// The group with these members in this order. They must be distinct: callers that cannot know check first.
    pub fn from_world_ranks(world: Vec<u32>) -> Group {
        let first = world.first().map_or(0, |w| *w as i64);
        let stride = world.get(1).map_or(1, |w| *w as i64 - first);
        let regular = world.iter().enumerate().all(|(i, w)| *w as i64 == first + i as i64 * stride);
        if regular {
            return Group(Members::Progression { first, stride, len: world.len() as u32 });
        }
        Group(Members::List(Arc::new(List { world: world.into(), by_world: OnceLock::new() })))
    }

    /// MPI_Group_size (MPI-5.0 §7.3.1).
    #[inline]
    pub fn size(&self) -> usize {
        match &self.0 {
            Members::Progression { len, .. } => *len as usize,
            Members::List(list) => list.world.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// The world rank of a group rank.
    #[inline]
    pub fn world_rank(&self, rank: usize) -> Option<u32> {
        match &self.0 {
            Members::Progression { first, stride, len } => {
                (rank < *len as usize).then(|| (first + rank as i64 * stride) as u32)
            }
            Members::List(list) => list.world.get(rank).copied(),
        }
    }

    /// The group rank of a world rank: constant time in progressions, logarithmic in lists. MPI_Group_rank
    /// (MPI-5.0 §7.3.1) asks this for the calling rank; `None` is MPI_UNDEFINED.
    #[inline]
    pub fn rank_of(&self, world: u32) -> Option<usize> {
        match &self.0 {
            Members::Progression { first, stride, len } => {
                let distance = world as i64 - first;
                let rank = distance / stride;
                (distance % stride == 0 && 0 <= rank && rank < *len as i64).then_some(rank as usize)
            }
            Members::List(list) => list.rank_of(world),
        }
    }

    pub fn contains(&self, world: u32) -> bool {
        self.rank_of(world).is_some()
    }

    /// World rank of member 0 if the members are consecutive world ranks: known without a look at them, since a
    /// progression is never kept as a list.
    pub fn first_of_consecutive(&self) -> Option<u32> {
        match self.0 {
            Members::Progression { first, stride: 1, .. } => Some(first as u32),
            _ => None,
        }
    }

    /// The members' world ranks in group order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u32> + '_ {
        // Every rank below the size has a world rank.
        (0..self.size()).map(|rank| self.world_rank(rank).unwrap_or(0))
    }

    /// MPI_Group_translate_ranks (MPI-5.0 §7.3.1): MPI_PROC_NULL stays, members that `other` lacks are MPI_UNDEFINED.
    pub fn translate_ranks(&self, ranks: &[i32], other: &Group) -> MpiResult<Vec<i32>> {
        let translate = |(i, rank): (usize, &i32)| {
            if *rank == c::MPI_PROC_NULL {
                return Ok(c::MPI_PROC_NULL);
            }
            let world = self.member("ranks1", i, *rank)?;
            Ok(other.rank_of(world).map_or(c::MPI_UNDEFINED, |r| r as i32))
        };
        ranks.iter().enumerate().map(translate).collect()
    }

    /// MPI_Group_compare (MPI-5.0 §7.3.1).
    pub fn compare(&self, other: &Group) -> Comparison {
        if self.size() != other.size() {
            return Comparison::Unequal;
        }
        if self.iter().eq(other.iter()) {
            return Comparison::Ident;
        }
        // Members are distinct and equally many, so one inclusion is enough.
        if self.iter().all(|w| other.contains(w)) { Comparison::Similar } else { Comparison::Unequal }
    }

    /// The world rank of entry `i` of the rank array `what`, or MPI_ERR_RANK.
    fn member(&self, what: &str, i: usize, rank: i32) -> MpiResult<u32> {
        match usize::try_from(rank).ok().and_then(|r| self.world_rank(r)) {
            Some(world) => Ok(world),
            None => {
                mpi_err!(
                    MPI_ERR_RANK,
                    "{what}[{i}] is {rank}, the group's ranks are 0 to {}",
                    self.size() as i64 - 1
                )
            }
        }
    }
}

impl List {
    fn rank_of(&self, world: u32) -> Option<usize> {
        if self.world.len() <= SCAN {
            return self.world.iter().position(|w| *w == world);
        }
        let by_world = self.by_world.get_or_init(|| {
            let mut ranks: Box<[u32]> = (0..self.world.len() as u32).collect();
            ranks.sort_unstable_by_key(|r| self.world[*r as usize]);
            ranks
        });
        let at = by_world.binary_search_by_key(&world, |r| self.world[*r as usize]).ok()?;
        Some(by_world[at] as usize)
    }
}

/// Same members in the same order.
impl PartialEq for Group {
    fn eq(&self, other: &Group) -> bool {
        self.compare(other) == Comparison::Ident
    }
}

impl Eq for Group {}
