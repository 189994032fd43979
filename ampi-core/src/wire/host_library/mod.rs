//! Links through the MPI library of the host: whatever network its vendor has made it for serves us, too.
//!
//! Used when that library's own `mpiexec` has started the processes (`mpiexec.mpich -n 4 …`, `mpirun.openmpi -n 4 …`):
//! its library is opened at run time ([`library`]) and used for nothing but messages ([`carrier`]). All the
//! rest is [`messages`](super::messages). The words of MPI that this needs are names of symbols, in strings: to the
//! layers here it is one more network, and knows nothing of what our own MPI does above.
//!
//! How a process makes one:
//!
//! ```text
//! let host = Host::join(&Options::default())?;       // once in a process; waits until all have begun, as MPI_Init does
//! host.me(), host.processes()                        // number in our job = rank in the host's world
//! let link = host.link(secret, limit)?;              // Process.listen stays without it: nothing is to be published
//! ```
//!
//! When the link is dropped, the host's library ends with it: all processes have to drop theirs at about the same time, after
//! they have closed. It cannot begin again in the same process. A host's library cannot tell a sleeper that
//! something has come: who sleeps comes back after a short time ([`Link::deadline`]). When a process dies, the host's `mpiexec`
//! usually ends all others at once.
//!
//! Nobody but the processes that `mpiexec` started can send here; still each has to prove that it knows the secret.
//!
//! # Safety
//! Calls of a C library with the standard's signatures. Handles and constants of the two families are compared with the
//! installed headers by a test. Memory is the library's until the operation is over ([`messages`](super::messages)).

mod carrier;
mod library;
#[cfg(all(test, not(loom)))]
mod tests;

use super::ProcessId;
use super::link::Link;
use super::messages::Messages;
use super::secret::Secret;
use crate::error::Result;
use library::Library;
use std::time::Duration;

/// Which library.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// File or name of the library; `None`: that of the `mpiexec` which has started this process.
    pub path: Option<String>,
}

/// This process in the host's world.
pub struct Host {
    library: Library,
    version: String,
    me: ProcessId,
    processes: u32,
}

impl Host {
    /// Opens the library and begins. Waits for the other processes of the host's world.
    pub fn join(options: &Options) -> Result<Host> {
        let (library, version) = library::open(options.path.as_deref(), true)?;
        let (me, processes) = match &library {
            Library::Integers(functions) => functions.begin()?,
            Library::Addresses(functions) => functions.begin()?,
        };
        Ok(Host { library, version, me, processes })
    }

    /// Number of this process.
    pub fn me(&self) -> ProcessId {
        self.me
    }

    /// How many there are.
    pub fn processes(&self) -> u32 {
        self.processes
    }

    /// What the library says of itself, in one line.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The link to all others. A process that does not answer within `opening_limit` is broken.
    pub fn link(self, secret: Secret, opening_limit: Duration) -> Result<Box<dyn Link>> {
        let Host { library, me, processes: n, .. } = self;
        Ok(match library {
            Library::Integers(f) => {
                Box::new(Messages::new(carrier::Host::new(f, n), me, n, secret, opening_limit)?)
            }
            Library::Addresses(f) => {
                Box::new(Messages::new(carrier::Host::new(f, n), me, n, secret, opening_limit)?)
            }
        })
    }
}
