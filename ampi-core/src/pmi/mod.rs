//! Processes that somebody else started (`mpiexec` of MPICH, `srun`, Open MPI's `mpirun`, PRRTE): who they are, and a
//! board on which they tell each other their addresses before any connection exists.
//!
//! ```text
//! mpiexec, srun, mpirun ──starts──► process 0, 1, … n-1
//!        ▲                             │
//!        └── PMI-1, PMI-2 or PMIx ─────┘   publish("wire", address) · fence · lookup(1, "wire") → address
//! ```
//!
//! | file | what it is |
//! |---|---|
//! | [`detect`] | which of them started this process, from the environment alone |
//! | [`value`] | any bytes as texts that every process manager keeps whole |
//! | [`mapping`] | `PMI_process_mapping`: which process is on which host |
//! | `channel` | the socket to the process manager: lines and sized messages, with time limits |
//! | [`pmi1`] | the wire protocol PMI-1.1: MPICH's hydra, Slurm |
//! | [`pmi2`] | the wire protocol PMI-2: Slurm, hydra |
//! | [`pmix`] | PMIx through the `libpmix.so.2` of the system, opened at run time |
//!
//! Rules:
//! 1. What a process has published is seen by the others after a fence that both have passed, not before.
//! 2. A process connects once, and ends what it connected: most process managers take a process that goes away without
//!    [`Client::end`] for a failure of the job.
//! 3. Several processes without a process manager to talk to are an error, never several jobs of one process.
//! 4. Programs must not see the variables of rule 2's connection: [`detect::PRIVATE_VARIABLES`].

mod channel;
pub mod detect;
pub mod mapping;
pub mod pmi1;
pub mod pmi2;
pub mod pmix;
#[cfg(test)]
mod scripted;
pub mod value;

pub use detect::{Interface, Offer, detect};

use crate::error::Result;

/// A connection to the process manager that started this process.
pub trait Client: Send {
    /// What is spoken: `PMI-1`, `PMI-2` or `PMIx`.
    fn name(&self) -> &'static str;
    /// Number of this process in the job, 0-based.
    fn rank(&self) -> usize;
    /// Processes of the job.
    fn size(&self) -> usize;
    /// Host of each process as a number, 0-based in the order of the hosts; `None` when the process manager does not say.
    fn hosts(&mut self) -> Result<Option<Vec<usize>>>;
    /// Puts `value` on the board under this process and `key` (see [`value::KEY_BYTES_MAX`]). Once per key.
    fn publish(&mut self, key: &str, value: &[u8]) -> Result<()>;
    /// Waits until all processes of the job are here; after it, what they published before it can be looked up.
    fn fence(&mut self) -> Result<()>;
    /// What process `rank` published under `key`; `None`: nothing.
    fn lookup(&mut self, rank: usize, key: &str) -> Result<Option<Vec<u8>>>;
    /// Asks for the end of the whole job with this exit code. Returns when it was asked for; the process manager then
    /// kills this process too, so the caller exits.
    fn abort(&mut self, code: u8, why: &str) -> Result<()>;
    /// Leaves in good order.
    fn end(&mut self) -> Result<()>;
}

/// Connects to whom `offer` names; `None` for [`Offer::Alone`].
pub fn connect(offer: &Offer) -> Result<Option<Box<dyn Client>>> {
    Ok(match offer {
        Offer::Alone => None,
        Offer::Pmi1 { descriptor, rank, size } => {
            let channel = channel::Channel::inherited("PMI-1", *descriptor)?;
            Some(Box::new(pmi1::Pmi1::over(channel, *rank, *size)?))
        }
        Offer::Pmi1Port { address, id } => Some(Box::new(pmi1::Pmi1::to_port(address, id)?)),
        Offer::Pmi2 { descriptor, rank, size, job } => {
            let channel = channel::Channel::inherited("PMI-2", *descriptor)?;
            Some(Box::new(pmi2::Pmi2::over(channel, *rank, *size, job)?))
        }
        Offer::Pmix { .. } => Some(Box::new(pmix::Pmix::connect()?)),
    })
}
