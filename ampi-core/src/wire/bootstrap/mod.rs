//! How the processes of a job find each other, start together, and hear of each other's end.
//!
//! ```text
//! launcher = server                              process = client
//!   bind                                           ← connect, handshake (both prove that they know the secret)
//!   gathering: slots fill                          ← Join: number, pid, host, addresses, PEs, fingerprint
//!              the job fails                       ← or Abort(code, reason) of one that cannot join
//!   all here, fingerprints compared                → Table
//!   running:   Barrier n when all have said it     ↔ Barrier n
//!              Lost, Exited, Abort to all          ↔ Abort, Exit(code); Bye confirms
//!              Alive both ways when nothing else is said
//!              Silent; Probe and Answer; Stuck; Part of each to process 0    (`silence`)
//! ```
//!
//! States of a process in the server: **missing** → **here** → **exited** (told its code) or **lost** (connection ended or
//! silent without having told). Rules:
//!
//! 1. The server has no thread: the launcher calls [`Server::step`]. A client has one, which sleeps in `poll`, so that signs of
//!    life leave and news arrive also while all PEs compute.
//! 2. Every death is an event for everybody else, once: [`Event::Lost`]. Nothing here ends a process.
//! 3. After `Join` every message is signed with the connection's own key and numbered: nobody on the way can add, repeat
//!    or change one. They are not encrypted; the secret is never sent.
//! 4. Every wait has a limit ([`Limits`]), and its failure a sentence that says who is missing.

mod channel;
mod client;
mod fingerprint;
mod host;
mod message;
mod server;
mod silence;
#[cfg(test)]
mod tests;

pub use client::{Client, Join};
pub use fingerprint::{Fingerprint, Mismatch};
pub use host::{HostIdentity, host_name};
pub use server::{OnMismatch, Plan, Server};
pub use silence::Traffic;

use super::ProcessId;
use super::stream::Address;
use std::sync::Arc;
use std::time::Duration;

/// As long as things may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the server's start to the last process's `Join`.
    pub gather: Duration,
    /// Connecting and proving who one is.
    pub handshake: Duration,
    /// A sign of life leaves this often.
    pub heartbeat: Duration,
    /// Who is not heard of for this long is lost. A stopped process (debugger) is silent too: `Duration::MAX` is never.
    pub silence: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            gather: Duration::from_secs(60),
            handshake: Duration::from_secs(5),
            heartbeat: Duration::from_secs(1),
            silence: Duration::from_secs(15),
        }
    }
}

/// A process of the job, as the others need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub index: ProcessId,
    /// In its own namespace.
    pub pid: u32,
    pub host: HostIdentity,
    pub host_name: String,
    /// Where it takes connections of other processes, the cheapest first. An unspecified IP address is replaced by the
    /// one that the launcher sees.
    pub listen: Vec<Address>,
    pub first_pe: u32,
    pub pes: u32,
}

/// All processes of the job, in the order of their numbers.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Table {
    pub processes: Vec<Process>,
    /// What is not the same everywhere.
    pub mismatches: Vec<Mismatch>,
}

impl Table {
    /// Number of PEs of the job.
    pub fn pes(&self) -> u32 {
        self.processes.iter().map(|p| p.pes).sum()
    }

    /// The process that hosts `pe`.
    pub fn process_of_pe(&self, pe: u32) -> Option<&Process> {
        self.processes.iter().find(|p| pe >= p.first_pe && pe - p.first_pe < p.pes)
    }

    /// Processes on the host of `process`, itself included.
    pub fn on_host_of(&self, process: ProcessId) -> impl Iterator<Item = &Process> {
        let host = self.processes.get(process as usize).map(|p| &p.host);
        self.processes.iter().filter(move |p| Some(&p.host) == host)
    }
}

/// What happened. The same words on both sides; who acts on it decides what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Server: a process is here, in good standing.
    Joined { process: ProcessId },
    /// Server: all are here and have the table.
    Ready(Arc<Table>),
    /// Client: nothing can happen any more in any process ([`Client::watch`]).
    Stuck,
    /// Client 0: what all processes have said to that ([`Client::say_part`]), in the order of their numbers.
    Parts(Vec<Vec<u8>>),
    /// Server: the job cannot start; the reason went to all who are here.
    Failed(String),
    /// A process died, or cannot be heard any more.
    Lost { process: ProcessId, reason: String },
    /// A process ended in good order.
    Exited { process: ProcessId, code: i32 },
    /// Somebody ends the job: a process, or the launcher (`None`).
    Aborted { by: Option<ProcessId>, code: i32, reason: String },
    /// Client: the launcher died, or cannot be heard any more.
    ServerLost { reason: String },
    /// Server: nobody is left. The code of each process; `None` for a lost one.
    AllEnded { codes: Vec<Option<i32>> },
    /// Server: worth one line to the user.
    Note(String),
}

/// "2, 5-7" for a list of numbers in rising order.
fn ranges(numbers: &[ProcessId]) -> String {
    let mut text = String::new();
    let mut rest = numbers;
    while let Some(&first) = rest.first() {
        let run = rest.iter().enumerate().take_while(|&(i, &n)| n == first + i as u32).count();
        let comma = if text.is_empty() { "" } else { ", " };
        match run {
            1 => text += &format!("{comma}{first}"),
            _ => text += &format!("{comma}{first}-{}", first + run as u32 - 1),
        }
        rest = &rest[run..];
    }
    text
}
