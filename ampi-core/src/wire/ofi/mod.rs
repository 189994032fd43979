//! Links by libfabric: verbs, EFA, Slingshot and whatever else has a provider; here mostly `tcp;ofi_rxm`.
//!
//! The library is opened when the first endpoint is, and not needed otherwise. What is asked of a provider is reliable
//! unconnected endpoints with tagged messages ([`endpoint`]); all the rest is [`messages`](super::messages).
//!
//! How a process makes one:
//!
//! ```text
//! let endpoint = Endpoint::open(&Options::default())?;          // before it joins
//! Process { listen: vec![…, endpoint.address().clone()], … }    // ofi:tcp;ofi_rxm:0200d4…: the provider, the endpoint's name
//! let addresses = one for each process of the table: the first of its `listen` that is an Address::Fabric
//! let link = ofi::link(endpoint, me, secret, &addresses, limit)?;
//! ```
//!
//! All processes have to use the same provider: what is not named is libfabric's first choice, which may differ between
//! hosts. [`link`] refuses an address of another one. A process without an address is one that this link does not reach.
//!
//! # Safety
//! Calls of a C library through the tables of functions in its objects, as its headers do: signatures and layouts are in
//! [`abi`]. Objects are closed in the order endpoint, regions, queue, address vector, domain, fabric; the memory of operations is
//! kept until their end or until the endpoint is closed.

mod abi;
mod endpoint;
mod library;
#[cfg(all(test, not(loom)))]
mod tests;

pub use endpoint::{Endpoint, providers};

use super::ProcessId;
use super::messages::Messages;
use super::secret::Secret;
use super::stream::Address;
use crate::error::Result;
use std::net::IpAddr;
use std::time::Duration;

/// Providers that are used only when they are named: they reach one host only, or are slow.
const SHY: [&str; 6] = ["shm", "sockets", "udp", "udp;ofi_rxd", "net", "net;ofi_rxm"];

/// A link by libfabric.
pub type Fabric = Messages<Endpoint>;

/// Which endpoint.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The provider's name, as `fi_info` prints it; `None`: the first of libfabric that reaches other hosts.
    pub provider: Option<String>,
    /// The address of this host that it shall use; `None`: the provider's choice.
    pub address: Option<IpAddr>,
    /// Does without a descriptor to wait for: messages take a quarter less time, as a provider with a descriptor has to make
    /// it readable and unreadable for each; but who sleeps has to come back and look, after 2 ms at most.
    pub nap: bool,
    /// Registers memory also where the provider does not ask for it.
    pub register: bool,
}

/// The end of process `me` at `endpoint`. `addresses` are those of all processes, its own included. A process that
/// does not answer within `opening_limit` is broken.
pub fn link(
    mut endpoint: Endpoint,
    me: ProcessId,
    secret: Secret,
    addresses: &[Option<Address>],
    opening_limit: Duration,
) -> Result<Fabric> {
    endpoint.introduce(addresses)?;
    Messages::new(endpoint, me, addresses.len() as u32, secret, opening_limit)
}
