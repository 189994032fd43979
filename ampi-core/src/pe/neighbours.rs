//! PEs of other processes of this host, with which the memory is shared: cells go to them as to the PEs of this process.
//!
//! Numbers: a process's own PEs are `0..n` for itself; its neighbours follow, in the order of [`Neighbours::pes`]. Every
//! process counts differently, so a message never holds the number of a PE, but that of a chare.
//!
//! # Safety
//! Flags and rings lie in the commons at places that follow from the host's PE numbers, so that each ring has one sender
//! and one receiver.
#![allow(unsafe_code)]

use super::{Job, PeId, Peer, idle};
use crate::arena::commons::{self, Shape};
use crate::net::ring;
use crate::wire::ProcessId;
use crate::wire::bell::{Bell, BellRope};
use crate::wire::bootstrap::{Process, Table};
use crate::wire::start::{self, Together};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::AtomicU32;

/// The neighbours of a process.
#[derive(Debug)]
pub struct Neighbours {
    /// The host's number of this process's first PE.
    pub first: usize,
    pub pes: Vec<Neighbour>,
    pub bell: Bell,
}

/// One PE of another process of this host.
#[derive(Debug)]
pub struct Neighbour {
    pub process: ProcessId,
    /// In the job, and among the PEs of all processes of the host.
    pub number: PeId,
    pub on_host: usize,
    /// Of a PE that sleeps on descriptors.
    pub bell: Option<BellRope>,
}

impl Neighbours {
    /// Those of process `me`: the PEs of the processes with which it is `together`.
    pub fn of(me: ProcessId, table: &Table, together: Together) -> Neighbours {
        let mut on_host = 0;
        let (mut first, mut pes) = (0, Vec::new());
        for process in table.on_host_of(me) {
            if process.index == me {
                first = on_host;
            } else if together.others.contains(&process.index) {
                let rope = start::bell_of(process).and_then(|bell| BellRope::to(bell).ok());
                pes.extend((0..process.pes).map(|i| Neighbour {
                    process: process.index,
                    number: process.first_pe + i,
                    on_host: on_host + i as usize,
                    bell: rope.clone().filter(|_| i == 0),
                }));
            }
            on_host += process.pes as usize;
        }
        Neighbours { first, pes, bell: together.bell }
    }

    /// The commons that process `me` shares with the others of its host.
    pub fn shape(me: ProcessId, table: &Table) -> Shape {
        let all: Vec<&Process> = table.on_host_of(me).collect();
        Shape {
            host_pes: all.iter().map(|p| p.pes as usize).sum(),
            ring_bytes: ring::BYTES,
            processes: all.len(),
            own: all.iter().position(|p| p.index == me).unwrap_or(0),
        }
    }

    /// The place among the neighbours of PE `number` of `process`.
    pub(super) fn find(&self, process: ProcessId, number: PeId) -> Option<PeId> {
        self.pes.iter().position(|n| (n.process, n.number) == (process, number)).map(|place| place as PeId)
    }

    /// The place of the first PE of `process`, if its PEs are neighbours.
    pub(super) fn first_pe_of(&self, process: ProcessId) -> Option<PeId> {
        self.pes.iter().position(|n| n.process == process).map(|place| place as PeId)
    }

    /// Wakes the neighbour at `place`, whose `flag` has been claimed.
    #[cold]
    pub(super) fn wake(&self, place: PeId, flag: &AtomicU32) {
        match &self.pes[place as usize].bell {
            Some(rope) => self.bell.ring(rope),
            None => idle::wake(flag, true),
        }
    }

    pub(super) fn ears(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// The flags of `pes` PEs and of their neighbours.
pub(super) fn flags(pes: u32, neighbours: Option<&Neighbours>) -> Box<[&'static AtomicU32]> {
    #[repr(align(128))]
    #[derive(Default)]
    struct Flag(AtomicU32);
    match neighbours {
        None => (0..pes).map(|_| &Box::leak(Box::<Flag>::default()).0).collect(),
        Some(n) => {
            let own = n.first..n.first + pes as usize;
            own.chain(n.pes.iter().map(|n| n.on_host)).map(flag).collect()
        }
    }
}

fn flag(on_host: usize) -> &'static AtomicU32 {
    let at = commons::flag(on_host).expect("neighbours have commons");
    // SAFETY: mapped for ever, aligned, and used as this word only.
    unsafe { &*(at as *const AtomicU32) }
}

/// Loom's rings do not lie at addresses of our choice: its PEs have no neighbours.
#[cfg(loom)]
pub(super) fn peers(_: &Job, _: PeId) -> Vec<Peer> {
    Vec::new()
}

/// The connections of PE `id` of `job` with its neighbours.
#[cfg(not(loom))]
pub(super) fn peers(job: &Job, id: PeId) -> Vec<Peer> {
    let Some(all) = &job.neighbours else { return Vec::new() };
    let own = all.first + id as usize;
    let ring = |from, to| commons::ring(from, to).expect("neighbours have commons");
    (job.pes()..)
        .zip(&all.pes)
        .map(|(place, n)| {
            let (out, into) = (ring(own, n.on_host), ring(n.on_host, own));
            // SAFETY: the ring from PE a to PE b has one sender, a, and one receiver, b; it was all zeros.
            Peer::new(place, unsafe { ring::port_at(out, into) })
        })
        .collect()
}
