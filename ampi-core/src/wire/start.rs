//! How a process takes its place in a job: meet the launcher, meet the others, choose transports.
//!
//! | asked for | same host | other hosts |
//! |---|---|---|
//! | auto | one shared memory ([`Together`]); else rings between two processes; else Unix-domain sockets | TCP |
//! | shm | shared memory, else the job does not start | none: the job does not start |
//! | tcp | TCP | TCP |
//! | ofi | libfabric, one provider for the whole job | the same |
//! | mpi | the library of the `mpiexec` that has started the tasks of the job | the same |

use super::ProcessId;
use super::bell::Bell;
use super::bootstrap::{Client, Event, Fingerprint, HostIdentity, Join, Limits, Process, Table, host_name};
use super::faulty::{Clock, Faults, Faulty};
use super::host_library::{self, Host};
use super::link::Link;
use super::ofi;
use super::routed::Routed;
use super::secret::{self, Secret};
use super::shm::{HostMemory, Meeting, Shm};
use super::stream::{Address, Listener};
use super::tcp::{Mesh, Options};
use crate::arena;
use crate::error::{Error, Result};
use crate::job::{Isolate, JobSpec, PES_MAX, SECRET, Transport};
use std::net::{IpAddr, Ipv4Addr, UdpSocket};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A process that computes does not answer: how long others wait for their connection to it. Dead ones are told of by the
/// launcher.
const OPENING: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long processes of a host may take to share memory.
const MEETING: Duration = Duration::from_secs(20);
/// Abstract names of bells begin so.
const BELL: &str = "ampi-bell-";
/// Set to `off`, processes of a host exchange frames only: for tests, and for who suspects the shared memory.
const SWITCH: &str = "AMPI_SHARED_MEMORY";
/// A list of disturbances; here `wire=SEED`: frames wait for random times, so that those of different processes overtake each
/// other, and polls find nothing though something is there. For tests.
const STRESS: &str = "AMPI_STRESS";
/// As long as a frame then waits, and of a million polls so many find nothing.
const DELAY_NS_MAX: u64 = 300_000;
const STALLS_PER_MILLION: u32 = 100_000;
/// Abstract names of listeners that hand out shared memory begin so.
const MEMORY: &str = "ampi-memory-";

/// A process that has its place, and links to the others.
pub struct Started {
    pub link: Box<dyn Link>,
    /// Processes of this host share their memory.
    pub together: Option<Together>,
    /// The memory file of this host, for that.
    pub memory: Option<OwnedFd>,
    /// Worth a line each to a user who wants to know.
    pub notes: Vec<String>,
}

/// Processes of one host that share their memory.
pub struct Together {
    pub bell: Bell,
    /// The others with whom it is shared.
    pub others: Vec<ProcessId>,
}

/// Before a process has joined: everything it needs for that.
pub struct Entrance {
    server: Address,
    secret: Secret,
    transport: Transport,
    process: Process,
    listeners: Listeners,
    limits: Limits,
    /// Memory of ranks is memory that can be shared.
    together: bool,
}

impl Entrance {
    /// For the process that `spec` describes, with the secret of the environment.
    pub fn open(spec: &JobSpec) -> Result<Entrance> {
        let secret = std::env::var(SECRET).map_err(|_| Error::Setting {
            name: SECRET.into(),
            why: "it is not set, so this process cannot join its job".into(),
        })?;
        let server: Address = spec.server.parse()?;
        let process = Process {
            index: spec.process as ProcessId,
            pid: std::process::id(),
            host: HostIdentity::read()?,
            host_name: host_name(),
            listen: Vec::new(),
            first_pe: spec.first_pe as u32,
            pes: spec.pes as u32,
        };
        // as the launcher's server has them
        let mut limits = Limits::default();
        if server.is_local() {
            limits.silence = Duration::MAX;
        }
        if spec.isolate == Isolate::Process {
            limits.gather = Duration::MAX;
        }
        let (secret, listeners) = (Secret::from_hex(&secret)?, Listeners::default());
        let together = spec.isolate != Isolate::Process;
        let transport = spec.transport.clone();
        Ok(Entrance { server, secret, transport, process, listeners, limits, together })
    }

    /// Gets ready to be met by others.
    pub fn listen(&mut self) -> Result<()> {
        self.listeners = Listeners::open(&self.transport, &self.server, &self.process, self.together)?;
        self.process.listen = self.listeners.addresses();
        Ok(())
    }

    fn join(&self, fingerprint: Fingerprint) -> Join {
        let (server, secret, process) = (self.server.clone(), self.secret.clone(), self.process.clone());
        Join { server, secret, process, fingerprint, limits: self.limits }
    }

    /// This process cannot take part: the launcher tells the user why, and ends the job with `code`.
    pub fn decline(self, code: i32, reason: &str) -> Result<()> {
        Client::decline(&self.join(Fingerprint::new()), code, reason)
    }

    /// Joins. `on_event` is called by another thread.
    pub fn enter(
        self,
        fingerprint: Fingerprint,
        on_event: impl Fn(Event) + Send + 'static,
    ) -> Result<(Client, Entered)> {
        let over = Arc::new(AtomicBool::new(false));
        let told = over.clone();
        let on_event = move |event: Event| {
            if matches!(event, Event::Lost { .. } | Event::Aborted { .. } | Event::ServerLost { .. }) {
                told.store(true, Ordering::SeqCst);
            }
            on_event(event);
        };
        let client = Client::join(self.join(fingerprint), on_event)?;
        let table = client.table().clone();
        Ok((client, Entered { entrance: self, table, over }))
    }
}

/// A process that has joined: it knows who the others are.
pub struct Entered {
    entrance: Entrance,
    table: Arc<Table>,
    /// The job has ended meanwhile.
    over: Arc<AtomicBool>,
}

impl Entered {
    /// Meets the others.
    pub fn connect(self) -> Result<Started> {
        let Entrance { secret, transport, process, listeners, .. } = self.entrance;
        let others = Others {
            me: process.index,
            transport: &transport,
            secret,
            table: &self.table,
            over: &|| self.over.load(Ordering::SeqCst),
        };
        others.connect(listeners)
    }
}

/// Where this process takes connections of others.
#[derive(Default)]
struct Listeners {
    mesh: Vec<Listener>,
    memory: Option<Listener>,
    bell: Option<(Bell, Address)>,
    endpoint: Option<ofi::Endpoint>,
    host: Option<Host>,
}

/// The bell of `process`, if it has one.
pub fn bell_of(process: &Process) -> Option<&Address> {
    process.listen.iter().find(|a| is_named(a, BELL))
}

fn is_named(address: &Address, prefix: &str) -> bool {
    matches!(address, Address::Abstract(name) if name.starts_with(prefix))
}

/// A name in the kernel's table that nobody else has.
fn own_name(prefix: &str) -> Result<Address> {
    let random = secret::random()?;
    let random: String = random[..12].iter().map(|b| format!("{b:02x}")).collect();
    Ok(Address::Abstract(format!("{prefix}{random}")))
}

impl Listeners {
    /// `together`: memory of ranks is memory that can be shared; without it, pairs of processes have rings.
    fn open(transport: &Transport, server: &Address, process: &Process, together: bool) -> Result<Listeners> {
        // on the launcher's word: one host, or several
        let ip = if server.is_local() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let tcp = || Listener::bind(&Address::any_port(IpAddr::V4(ip)));
        let unix = || Listener::bind(&own_name("ampi-mesh-")?);
        let memory = || Listener::bind(&own_name(MEMORY)?).map(Some);
        let bell = || {
            if !together {
                return Ok(None);
            }
            let name = own_name(BELL)?;
            Ok::<_, Error>(Some((Bell::hang(&name)?, name)))
        };
        let none = Listeners::default;
        Ok(match transport {
            Transport::Auto if server.is_local() => {
                Listeners { mesh: vec![unix()?], memory: memory()?, bell: bell()?, ..none() }
            }
            Transport::Auto => {
                Listeners { mesh: vec![unix()?, tcp()?], memory: memory()?, bell: bell()?, ..none() }
            }
            Transport::Shm => Listeners { memory: memory()?, bell: bell()?, ..none() },
            Transport::Tcp => Listeners { mesh: vec![tcp()?], ..none() },
            Transport::Ofi(provider) => Listeners { endpoint: Some(endpoint(provider, server)?), ..none() },
            Transport::Host(path) => Listeners { host: Some(host(path, process.index)?), ..none() },
        })
    }

    fn addresses(&self) -> Vec<Address> {
        let listeners = self.mesh.iter().chain(&self.memory).map(|l| l.address());
        let others = self.bell.iter().map(|b| &b.1).chain(self.endpoint.iter().map(|e| e.address()));
        listeners.chain(others).cloned().collect()
    }
}

/// The library of the host's `mpiexec`, which must be who has started this process's launcher. Waits for the others.
fn host(path: &str, me: ProcessId) -> Result<Host> {
    let refuse = |why: String| {
        let name = format!("--transport {}", Transport::Host(path.into()));
        Error::Setting { name, why }
    };
    let is_set = |name: &str| std::env::var_os(name).is_some();
    if !is_set("PMI_FD") && !is_set("PMI_PORT") {
        let why = match is_set("PMIX_RANK") {
            true => {
                "a PMIx server, as that of Open MPI's mpirun, serves one process of a task, which is ampirun; MPICH's \
                     mpiexec can do it, or take tcp or ofi"
            }
            false => {
                "the tasks have to be started by that library's own mpiexec, as in: mpiexec -n 4 ampirun --transport mpi"
            }
        };
        return Err(refuse(why.into()));
    }
    let path = Some(path).filter(|p| !p.is_empty()).map(String::from);
    let host = Host::join(&host_library::Options { path }).map_err(|e| refuse(e.to_string()))?;
    if host.me() != me {
        let (version, own, all) = (host.version(), host.me(), host.processes());
        return Err(refuse(format!(
            "in {version} this is process {own} of {all}, not {me}: is it the library of the mpiexec that was used?"
        )));
    }
    Ok(host)
}

/// An endpoint of libfabric, at the address by which this host is reached where the provider has such addresses.
fn endpoint(provider: &str, server: &Address) -> Result<ofi::Endpoint> {
    let address = match server {
        Address::Tcp(server) => {
            let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let towards = UdpSocket::bind(any).and_then(|socket| {
                socket.connect(server)?;
                socket.local_addr()
            });
            towards.ok().map(|at| at.ip())
        }
        _ => Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
    };
    let named = Some(provider).filter(|p| !p.is_empty()).map(String::from);
    let at = |address| {
        ofi::Endpoint::open(&ofi::Options { provider: named.clone(), address, ..ofi::Options::default() })
    };
    // what this provider takes for an address would be a name, the same for all
    let by_name = provider == "shm";
    address.filter(|_| !by_name).and_then(|ip| at(Some(ip)).ok()).map_or_else(|| at(None), Ok).map_err(|e| {
        let there = ofi::providers(&ofi::Options::default()).unwrap_or_default();
        let why = match there.is_empty() {
            true => e.to_string(),
            false => format!("{e}; there are {}", there.join(", ")),
        };
        Error::Setting { name: format!("--transport {}", Transport::Ofi(provider.into())), why }
    })
}

/// All processes of the job, and what it takes to meet them.
struct Others<'a> {
    me: ProcessId,
    transport: &'a Transport,
    secret: Secret,
    table: &'a Table,
    over: &'a dyn Fn() -> bool,
}

impl Others<'_> {
    fn is_here(&self, q: ProcessId) -> bool {
        self.table.on_host_of(self.me).any(|p| p.index == q)
    }

    fn connect(self, listeners: Listeners) -> Result<Started> {
        let Listeners { mesh, memory: listener, bell, endpoint, host } = listeners;
        let (me, table) = (self.me, self.table);
        let processes = table.processes.len() as u32;
        let mut links: Vec<Box<dyn Link>> = Vec::new();
        let (mut notes, mut memory, mut together) = (Vec::new(), None, None);
        // what each is reached by, for people
        let mut by = vec![String::new(); processes as usize];
        let mut route = vec![usize::MAX; processes as usize];
        if let Some(listener) = &listener {
            let others = table.on_host_of(me).filter(|p| p.index != me);
            let peers: Vec<_> = others
                .filter_map(|p| Some((p.index, p.listen.iter().find(|a| is_named(a, MEMORY))?.clone())))
                .collect();
            let (mut host, note) = host_memory(me, table, bell.is_some());
            let until = Instant::now() + MEETING;
            let meeting =
                Meeting { me, secret: &self.secret, listener, peers: &peers, until, give_up: self.over };
            let mut shm = Shm::meet_with(&meeting, processes, &mut host);
            notes = shm.notes();
            notes.extend(note);
            for q in (0..processes).filter(|&q| shm.reaches(q)) {
                route[q as usize] = links.len();
                let how = if shm.is_together_with(q) { "shared memory" } else { "rings in shared memory" };
                by[q as usize] = how.into();
            }
            if let (Some(file), Some((bell, _))) = (host.memory, bell) {
                let others = peers.iter().map(|p| p.0).filter(|&q| shm.is_together_with(q)).collect();
                together = Some(Together { bell, others });
                memory = Some(file);
            }
            links.push(Box::new(shm));
        }
        let unreached = (0..processes).find(|&q| q != me && route[q as usize] == usize::MAX);
        if let (Transport::Shm, Some(q)) = (self.transport, unreached) {
            let why = match notes.pop() {
                _ if !self.is_here(q) => format!("process {q} is on another host"),
                Some(note) => note,
                None => format!("process {q} is not reached"),
            };
            return Err(Error::Setting { name: "--transport shm".into(), why });
        }
        if unreached.is_some() || links.is_empty() {
            let (link, how) = match (endpoint, host) {
                (Some(endpoint), _) => self.fabric(endpoint)?,
                (None, Some(host)) => self.by_host(host)?,
                (None, None) => self.mesh(mesh)?,
            };
            for (q, route) in (0..).zip(&mut route).filter(|(_, route)| **route == usize::MAX) {
                *route = links.len();
                by[q as usize] = how(q);
            }
            links.push(link);
        }
        route[me as usize] = 0;
        notes.push(reached_by(me, &by));
        let link: Box<dyn Link> =
            if links.len() == 1 { links.remove(0) } else { Box::new(Routed::new(links, route)) };
        let link = match stress()? {
            None => link,
            Some(seed) => {
                let faults = Faults {
                    seed: seed.wrapping_mul(u64::from(processes) + 1).wrapping_add(u64::from(me)),
                    delay_ns_max: DELAY_NS_MAX,
                    stalls_per_million: STALLS_PER_MILLION,
                    ..Faults::default()
                };
                notes.push(format!("frames are delayed ({STRESS}, seed {seed})"));
                Box::new(Faulty::new(link, processes, Clock::real(), faults))
            }
        };
        Ok(Started { link, together, memory, notes })
    }

    /// Sockets, and what those to a process are called.
    fn mesh(&self, listeners: Vec<Listener>) -> Result<(Box<dyn Link>, Naming)> {
        let addresses: Vec<Vec<Address>> = self
            .table
            .processes
            .iter()
            .map(|p| {
                let fits = |a: &&Address| {
                    let serves =
                        !is_named(a, MEMORY) && !is_named(a, BELL) && !matches!(a, Address::Fabric { .. });
                    serves && (self.is_here(p.index) || !a.is_local())
                };
                p.listen.iter().filter(fits).cloned().collect()
            })
            .collect();
        let local: Vec<bool> =
            addresses.iter().map(|all| all.first().is_some_and(Address::is_local)).collect();
        let options = Options { opening_limit: OPENING, ..Options::default() };
        let mesh = Mesh::new(self.me, self.secret.clone(), listeners, addresses, options)?;
        let how = move |q: ProcessId| if local[q as usize] { "Unix sockets" } else { "tcp" }.to_string();
        Ok((Box::new(mesh), Box::new(how)))
    }

    fn by_host(&self, host: Host) -> Result<(Box<dyn Link>, Naming)> {
        let version = host.version().replace("Version:", "");
        let version = version.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
        let link = host.link(self.secret.clone(), OPENING)?;
        Ok((link, Box::new(move |_| format!("the host's library ({version})"))))
    }

    /// An endpoint of libfabric: all processes have to have one of the same provider.
    fn fabric(&self, endpoint: ofi::Endpoint) -> Result<(Box<dyn Link>, Naming)> {
        let own = endpoint.provider().to_string();
        let all = self.table.processes.iter();
        let addresses = all.map(|p| p.listen.iter().find(|a| matches!(a, Address::Fabric { .. })).cloned());
        let addresses: Vec<Option<Address>> = addresses.collect();
        for (address, p) in addresses.iter().zip(&self.table.processes) {
            let other = match address {
                Some(Address::Fabric { provider, .. }) => provider.as_str(),
                _ => "none",
            };
            if other != own {
                let (mine, me) = (&self.table.processes[self.me as usize].host_name, self.me);
                let why = format!(
                    "libfabric's provider is {own} in process {me} on {mine}, but {other} in process {} on {}; name one that \
                     all hosts have, as in --transport ofi:tcp",
                    p.index, p.host_name
                );
                return Err(Error::Setting { name: format!("--transport {}", self.transport), why });
            }
        }
        let link = ofi::link(endpoint, self.me, self.secret.clone(), &addresses, OPENING)?;
        Ok((Box::new(link), Box::new(move |_| format!("libfabric ({own})"))))
    }
}

/// The seed by which frames are to be disturbed.
fn stress() -> Result<Option<u64>> {
    let Ok(text) = std::env::var(STRESS) else { return Ok(None) };
    let Some(seed) = text.split(',').find_map(|word| word.trim().strip_prefix("wire=")) else {
        return Ok(None);
    };
    let why = |_| Error::Setting { name: STRESS.into(), why: format!("wire={seed}: {seed} is no number") };
    seed.parse().map(Some).map_err(why)
}

/// Says by what a process is reached.
type Naming = Box<dyn Fn(ProcessId) -> String>;

/// `shared memory with 1, tcp with 2 and 3`
fn reached_by(me: ProcessId, by: &[String]) -> String {
    let mut kinds: Vec<(&str, Vec<String>)> = Vec::new();
    for (q, how) in by.iter().enumerate().filter(|(q, _)| *q != me as usize) {
        match kinds.iter_mut().find(|(kind, _)| kind == how) {
            Some((_, all)) => all.push(q.to_string()),
            None => kinds.push((how, vec![q.to_string()])),
        }
    }
    let told = kinds.iter().map(|(kind, all)| match all.split_last() {
        Some((last, others @ [_, ..])) => format!("{kind} with {} and {last}", others.join(", ")),
        _ => format!("{kind} with {}", all.concat()),
    });
    told.collect::<Vec<_>>().join(", ")
}

/// The memory of this host, if this process is the one that makes it; and why there is none.
fn host_memory(me: ProcessId, table: &Table, together: bool) -> (HostMemory, Option<String>) {
    let pes: u32 = table.on_host_of(me).map(|p| p.pes).sum();
    let lowest = table.on_host_of(me).map(|p| p.index).min() == Some(me);
    let off = !together || std::env::var(SWITCH).is_ok_and(|v| v == "off");
    if !lowest || off || pes as usize > PES_MAX {
        let note = (together && pes as usize > PES_MAX)
            .then(|| format!("{pes} PEs on a host are too many to share memory; they exchange frames"));
        return (HostMemory::default(), note);
    }
    match arena::Together::new_memory() {
        Ok(memory) => (HostMemory { memory: Some(memory), is_mine: true }, None),
        Err(e) => (HostMemory::default(), Some(e.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_reached_by_what_is_one_line() {
        let by = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        assert_eq!(reached_by(0, &by(&["", "tcp"])), "tcp with 1");
        let four = by(&["shared memory", "", "tcp", "tcp", "shared memory"]);
        assert_eq!(reached_by(1, &four), "shared memory with 0 and 4, tcp with 2 and 3");
        assert_eq!(reached_by(2, &by(&["tcp", "tcp", "", "tcp"])), "tcp with 0, 1 and 3");
    }

    #[test]
    fn an_endpoint_that_cannot_be_is_a_sentence_with_the_way_out() {
        let Err(error) = endpoint("no-such", &Address::Abstract("x".into())) else { panic!("no-such works") };
        let error = error.to_string();
        assert!(error.contains("--transport ofi:no-such"), "{error}");
        assert!(error.contains("there are ") || error.contains("install it"), "{error}");
    }
}
