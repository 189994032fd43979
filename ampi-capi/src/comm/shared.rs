//! The part of a communicator that its members share: context, group, where the members live, boards of collectives.
//!
//! # Safety
//! `sides[p]` is touched by the thread of PE p only.
#![allow(unsafe_code)]

use crate::coll::board::Boards;
use crate::coll::meeting::Side;
use crate::group::Group;
use ampi_core::pe::{Job, PeId};
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// See the module.
pub struct Shared {
    /// Context of its messages: no other communicator of the job has it.
    pub context: u32,
    pub group: Arc<Group>,
    /// Members (communicator ranks) on each PE.
    members: Box<[Box<[u32]>]>,
    /// For each PE with members: the PE and the world rank of one of them.
    representatives: Box<[(PeId, u32)]>,
    sides: Box<[UnsafeCell<Side>]>,
    pub(crate) boards: Boards,
}

// SAFETY: see the module; everything else is immutable or synchronized.
unsafe impl Sync for Shared {}
// SAFETY: the sides' raw pointers are to calls that outlive their boards (coll::board, invariant 2).
unsafe impl Send for Shared {}

/// Contexts are handed out by counting; the first two are those of the predefined communicators.
static NEXT_CONTEXT: AtomicU32 = AtomicU32::new(2);
pub const WORLD_CONTEXT: u32 = 0;
pub const SELF_CONTEXT: u32 = 1;

impl Shared {
    /// The shared part of a new communicator of `group`.
    pub fn new(group: Arc<Group>, job: &Job) -> Arc<Shared> {
        Shared::with_context(NEXT_CONTEXT.fetch_add(1, Ordering::Relaxed), group, job)
    }

    /// As `new`, for the predefined ones.
    pub fn with_context(context: u32, group: Arc<Group>, job: &Job) -> Arc<Shared> {
        let pes = job.pes() as usize;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); pes];
        for (r, world) in group.iter().enumerate() {
            members[job.find(world).1 as usize].push(r as u32);
        }
        let representatives = members
            .iter()
            .enumerate()
            .filter_map(|(pe, m)| m.first().map(|&r| (pe as PeId, group.world_rank(r as usize).unwrap_or(0))))
            .collect();
        Arc::new(Shared {
            context,
            group,
            members: members.into_iter().map(Vec::into_boxed_slice).collect(),
            representatives,
            sides: (0..pes).map(|_| UnsafeCell::new(Side::default())).collect(),
            boards: Boards::default(),
        })
    }

    #[inline(always)]
    pub fn size(&self) -> usize {
        self.group.size()
    }
    #[inline(always)]
    pub fn members_on(&self, pe: PeId) -> &[u32] {
        &self.members[pe as usize]
    }
    #[inline(always)]
    pub fn representatives(&self) -> &[(PeId, u32)] {
        &self.representatives
    }
    #[inline(always)]
    pub fn pes_involved(&self) -> u32 {
        self.representatives.len() as u32
    }
    #[inline(always)]
    pub(crate) fn side(&self, pe: PeId) -> &UnsafeCell<Side> {
        &self.sides[pe as usize]
    }
}
