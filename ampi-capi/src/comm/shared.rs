//! The part of a communicator that its members share: context, group, where the members live, boards of collectives.
//!
//! # Safety
//! `sides[p]` is touched by the thread of PE p only.
#![allow(unsafe_code)]

use crate::coll::board::Boards;
use crate::coll::meeting::Side;
use crate::group::Group;
use ampi_core::pe::{Job, PeId};
use ampi_core::wire::ProcessId;
use std::cell::UnsafeCell;
use std::collections::BTreeMap;
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
    spread: Option<Spread>,
}

/// Where the members are, when they are in several processes.
pub struct Spread {
    /// Each process with members, in rising order: its number and its members (communicator ranks, rising).
    pub processes: Box<[(ProcessId, Box<[u32]>)]>,
    /// This process's place in the list.
    pub own: usize,
}

// SAFETY: see the module; everything else is immutable or synchronized.
unsafe impl Sync for Shared {}
// SAFETY: the sides' raw pointers are to calls that outlive their boards (coll::board, invariant 2).
unsafe impl Send for Shared {}

/// Contexts are handed out by counting; the first two are those of the predefined communicators. Of n processes each hands
/// out every n-th.
static CONTEXTS_TAKEN: AtomicU32 = AtomicU32::new(0);
pub const WORLD_CONTEXT: u32 = 0;
pub const SELF_CONTEXT: u32 = 1;

/// `n` contexts that no communicator has.
pub fn contexts(job: &Job, n: u32) -> impl Iterator<Item = u32> + use<> {
    let at = job.position();
    let taken = CONTEXTS_TAKEN.fetch_add(n, Ordering::Relaxed);
    (taken..taken + n).map(move |i| SELF_CONTEXT + 1 + i * at.processes + at.process)
}

impl Shared {
    /// The shared part of a new communicator of `group`, whose members are all in this process.
    pub fn new(group: Arc<Group>, job: &Job) -> Arc<Shared> {
        contexts(job, 1).map(|context| Shared::with_context(context, group.clone(), job)).next().expect("one")
    }

    /// As `new`, for the predefined ones and those of several processes: each process makes its own.
    pub fn with_context(context: u32, group: Arc<Group>, job: &Job) -> Arc<Shared> {
        let pes = job.pes() as usize;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); pes];
        let mut elsewhere: BTreeMap<ProcessId, Vec<u32>> = BTreeMap::new();
        for (r, world) in group.iter().enumerate() {
            match job.process_of(world) {
                Some(process) => elsewhere.entry(process).or_default().push(r as u32),
                None => members[job.find(world).1 as usize].push(r as u32),
            }
        }
        let spread = (!elsewhere.is_empty()).then(|| {
            let process = job.position().process;
            let mut here: Vec<u32> = members.iter().flatten().copied().collect();
            here.sort_unstable();
            elsewhere.insert(process, here);
            let own = elsewhere.keys().position(|p| *p == process).unwrap_or(0);
            Spread { processes: elsewhere.into_iter().map(|(p, m)| (p, m.into())).collect(), own }
        });
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
            spread,
        })
    }

    #[inline(always)]
    pub fn size(&self) -> usize {
        self.group.size()
    }
    /// Where the members are, if in several processes.
    #[inline(always)]
    pub fn spread(&self) -> Option<&Spread> {
        self.spread.as_ref()
    }
    /// Members on the PE `pe` of this process.
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
