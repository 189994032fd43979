//! Where the processes of a job meet: the launcher's server, its addresses as each host sees them, the secret.
//!
//! ```text
//! all on this host      unix:@ampi-<pid>-<random>                a name in the kernel's table, which leaves no file
//! several hosts         tcp:<address>:<port>                     the address by which that host reaches this one
//! ```
//!
//! 1. The address is the one that the other host saw when the remote shell came from here; only where the shell does not tell,
//!    the one from which this host would reach the other.
//! 2. Processes on this host use an address of other hosts too, when there are some: the others shall reach them where the server
//!    sees them.
//! 3. Who is silent is not lost when all processes are here: the kernel tells of their death, and a stopped job may go on.
//! 4. Workers come at once or never; ranks that are processes of their own come when they call `MPI_Init`, which may be late.

use super::Refusal;
use ampi_core::wire::bootstrap::{Limits, OnMismatch, Plan, Server};
use ampi_core::wire::secret::{self, Secret};
use ampi_core::wire::stream::Address;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::time::Duration;

/// What processes have to know to come.
pub struct Meeting {
    pub secret: Secret,
    /// What the server listens at.
    bound: Address,
    /// Place of a host, and the address by which it reaches this one.
    reached: Vec<(usize, IpAddr)>,
}

impl Meeting {
    /// The server's address for processes of a host, as text.
    pub fn address(&self, host: usize) -> String {
        let Address::Tcp(at) = &self.bound else { return self.bound.to_string() };
        let own = self.reached.iter().find(|(place, _)| *place == host).or(self.reached.first());
        own.map_or(self.bound.clone(), |(_, ip)| Address::Tcp(SocketAddr::new(*ip, at.port()))).to_string()
    }
}

/// Opens the server for `processes`; `reached`: the hosts that are not this one, and how they reach it. `direct`: rule 4.
pub fn open(
    processes: usize,
    reached: &[(usize, IpAddr)],
    direct: bool,
) -> Result<(Server, Meeting), Refusal> {
    let failed = |e: ampi_core::error::Error| Refusal { code: 1, why: e.to_string() };
    let secret = Secret::random().map_err(failed)?;
    let address = match reached {
        [] => {
            let random = secret::random().map_err(failed)?;
            let random: String = random[..8].iter().map(|b| format!("{b:02x}")).collect();
            Address::Abstract(format!("ampi-{}-{random}", std::process::id()))
        }
        // Takes both kinds.
        some if some.iter().any(|(_, ip)| ip.is_ipv6()) => Address::any_port(Ipv6Addr::UNSPECIFIED.into()),
        _ => Address::any_port(Ipv4Addr::UNSPECIFIED.into()),
    };
    let silence = if reached.is_empty() { Duration::MAX } else { Limits::default().silence };
    let gather = if direct { Duration::MAX } else { Limits::default().gather };
    let limits = Limits { silence, gather, ..Limits::default() };
    let plan = Plan { processes: processes as u32, on_mismatch: OnMismatch::Tell, limits };
    let server = Server::bind(&address, secret.clone(), plan).map_err(failed)?;
    let bound = server.address().clone();
    Ok((server, Meeting { secret, bound, reached: reached.to_vec() }))
}

/// The address by which the host called `name` reaches this one. `told`: what it says itself; `its`, `own`: the names that the
/// hosts have for themselves.
pub fn address_towards(name: &str, told: Option<IpAddr>, its: &str, own: &str) -> Result<IpAddr, Refusal> {
    if let Some(ip) = told {
        return Ok(ip);
    }
    if its == own {
        // A remote shell to this host, by a name that it does not know as its own.
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let name = name.rsplit('@').next().unwrap_or(name);
    let towards = [name, its].into_iter().find_map(from_which);
    towards.or_else(|| addresses(own).find(|ip| !ip.is_loopback())).ok_or_else(|| Refusal {
        code: 1,
        why: format!("no address is known by which {name} can reach this host ({own}); do the hosts know each other's names?"),
    })
}

fn addresses(name: &str) -> impl Iterator<Item = IpAddr> {
    (name, 9).to_socket_addrs().into_iter().flatten().map(|at| at.ip())
}

/// The address from which this host would send to the one called `name`. Nothing is sent.
fn from_which(name: &str) -> Option<IpAddr> {
    addresses(name).find_map(|ip| {
        let any: IpAddr =
            if ip.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((ip, 9)).ok()?;
        socket.local_addr().ok().map(|at| at.ip()).filter(|own| !own.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_of_one_host_meet_at_a_name() {
        let (server, meeting) = open(2, &[], false).unwrap();
        assert!(meeting.address(0).starts_with("unix:@ampi-"), "{}", meeting.address(0));
        assert_eq!(meeting.address(0), server.address().to_string());
        assert_ne!(open(2, &[], false).unwrap().1.address(0), meeting.address(0));
    }

    #[test]
    fn each_host_is_told_the_address_that_it_can_reach() {
        let far = [(1, "10.0.0.1".parse().unwrap()), (3, "10.9.0.1".parse().unwrap())];
        let (server, meeting) = open(4, &far, false).unwrap();
        let Address::Tcp(at) = server.address() else { panic!("{}", server.address()) };
        assert!(at.ip().is_unspecified());
        for (host, ip) in [(0, "10.0.0.1"), (1, "10.0.0.1"), (2, "10.0.0.1"), (3, "10.9.0.1")] {
            assert_eq!(meeting.address(host), format!("tcp:{ip}:{}", at.port()));
        }
        let (_, six) = open(2, &[(0, "fe80::1".parse().unwrap())], true).unwrap_or_else(|r| {
            println!("no IPv6 here: {}", r.why);
            open(2, &far, false).unwrap()
        });
        assert!(six.address(0).starts_with("tcp:"));
    }

    #[test]
    fn addresses_come_from_the_best_source() {
        let ip: IpAddr = "10.1.2.3".parse().unwrap();
        assert_eq!(address_towards("h2", Some(ip), "h2", "h1"), Ok(ip));
        assert_eq!(address_towards("h2", None, "h1", "h1"), Ok(Ipv4Addr::LOCALHOST.into()));
        let why = address_towards("me@no.such.host.invalid", None, "no.such.invalid", "none.invalid")
            .unwrap_err()
            .why;
        assert!(why.contains("by which no.such.host.invalid can reach this host (none.invalid)"), "{why}");
    }
}
