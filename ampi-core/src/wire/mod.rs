//! Several processes in one job: how they find and trust each other, and frames between them.
//!
//! ```text
//!              launcher                      bootstrap::Server: rendezvous, barriers, who lives, who died
//!             /    |    \
//!    process 0  process 1  process 2         bootstrap::Client: one thread that sleeps in poll
//!         └── shm ──┘   └── tcp ──┘          link::Link: frames, in order, exactly once, or broken with a reason
//! ```
//!
//! | file | question it answers |
//! |---|---|
//! | [`secret`], [`handshake`] | does the other side belong to this job |
//! | [`stream`] | addresses, listeners and connections: TCP and Unix-domain behind one name |
//! | [`bootstrap`] | who else is in the job, and where; how does it start, end, and break |
//! | [`frame`], [`link`], [`place`] | what does a transport between processes give, and what does its user owe |
//! | `outgoing`, `incoming` | what every transport does with frames that are cut into pieces |
//! | [`tcp`], [`shm`] | the transports of the system itself: sockets, memory of a host |
//! | [`messages`] | one transport over whatever carries messages, and what such a carrier has to give |
//! | [`ofi`], [`host_library`] | carriers: libfabric's providers; the host's MPI library |
//! | `foreign` | libraries opened at run time |
//! | [`routed`] | several transports as one |
//! | [`bell`] | how is a sleeping process of this host woken |
//! | [`start`] | how does a process take its place in a job |
//! | [`loopback`], [`faulty`] | the transports of simulations: memory only; and anything can go wrong |
//!
//! Rules:
//! 1. Nothing is believed before it is authenticated, and everything that comes in has a limit: length, number, time.
//! 2. Nothing here ends the process. A failure is a value or an event; what it means is decided above.
//! 3. Frames from one process to another arrive in order and exactly once, or the link is broken and says why. A broken
//!    link stays broken.
//! 4. A link has no thread of its own and never waits: it moves when it is polled.
//!
//! The secret proves who opened a connection. What travels on a data link afterwards is neither encrypted nor signed: a
//! network on which somebody can alter TCP streams is no place for a job.

pub mod bell;
pub mod bootstrap;
pub mod faulty;
mod foreign;
pub mod frame;
pub mod handshake;
pub mod host_library;
mod incoming;
pub mod link;
pub mod loopback;
pub mod messages;
pub mod ofi;
mod outgoing;
pub mod place;
pub mod routed;
#[cfg(test)]
mod rules;
pub mod secret;
pub mod shm;
pub mod start;
pub mod stream;
pub mod tcp;
#[cfg(all(test, not(loom)))]
mod whole_job;

/// Number of a process in its job, 0-based.
pub type ProcessId = u32;
/// The launcher, where it takes part in a handshake.
pub const LAUNCHER: ProcessId = u32::MAX;
/// As many processes as a job can have.
pub const PROCESSES_MAX: u32 = 1 << 16;
