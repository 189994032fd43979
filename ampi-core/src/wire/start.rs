//! How a process takes its place in a job: meet the launcher, meet the others, choose transports.
//!
//! | asked for | same host | other hosts |
//! |---|---|---|
//! | auto | one shared memory ([`Together`]); else rings between two processes; else Unix-domain sockets | TCP |
//! | shm | shared memory, else the job does not start | none: the job does not start |
//! | tcp | TCP | TCP |

use super::ProcessId;
use super::bell::Bell;
use super::bootstrap::{Client, Event, Fingerprint, HostIdentity, Join, Limits, Process, Table, host_name};
use super::link::Link;
use super::routed::Routed;
use super::secret::{self, Secret};
use super::shm::{HostMemory, Meeting, Shm};
use super::stream::{Address, Listener};
use super::tcp::{Mesh, Options};
use crate::arena;
use crate::error::{Error, Result};
use crate::job::{Isolate, JobSpec, PES_MAX, SECRET, Transport};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long processes of a host may take to share memory.
const MEETING: Duration = Duration::from_secs(20);
/// Abstract names of bells begin so.
const BELL: &str = "ampi-bell-";
/// Set to `off`, processes of a host exchange frames only: for tests, and for who suspects the shared memory.
const SWITCH: &str = "AMPI_SHARED_MEMORY";
/// Abstract names of listeners that hand out shared memory begin so.
const MEMORY: &str = "ampi-memory-";

/// A process that has its place.
pub struct Started {
    pub client: Client,
    pub link: Box<dyn Link>,
    pub table: Arc<Table>,
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
}

impl Entrance {
    /// For the process that `spec` describes, with the secret of the environment.
    pub fn open(spec: &JobSpec) -> Result<Entrance> {
        let secret = std::env::var(SECRET).map_err(|_| Error::Setting {
            name: SECRET.into(),
            why: "it is not set, so this process cannot join its job".into(),
        })?;
        let server: Address = spec.server.parse()?;
        let listeners = Listeners::open(&spec.transport, &server, spec.isolate != Isolate::Process)?;
        let process = Process {
            index: spec.process as ProcessId,
            pid: std::process::id(),
            host: HostIdentity::read()?,
            host_name: host_name(),
            listen: listeners.addresses(),
            first_pe: spec.first_pe as u32,
            pes: spec.pes as u32,
        };
        let secret = Secret::from_hex(&secret)?;
        // as the launcher's server has them
        let mut limits = Limits::default();
        if server.is_local() {
            limits.silence = Duration::MAX;
        }
        if spec.isolate == Isolate::Process {
            limits.gather = Duration::MAX;
        }
        Ok(Entrance { server, secret, transport: spec.transport.clone(), process, listeners, limits })
    }

    fn join(&self, fingerprint: Fingerprint) -> Join {
        let (server, secret, process) = (self.server.clone(), self.secret.clone(), self.process.clone());
        Join { server, secret, process, fingerprint, limits: self.limits }
    }

    /// This process cannot take part: the launcher tells the user why, and ends the job with `code`.
    pub fn decline(self, code: i32, reason: &str) -> Result<()> {
        Client::decline(&self.join(Fingerprint::new()), code, reason)
    }

    /// Joins and meets the others. `on_event` is called by another thread.
    pub fn enter(
        self,
        fingerprint: Fingerprint,
        on_event: impl Fn(Event) + Send + 'static,
    ) -> Result<Started> {
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
        let (me, give_up) = (self.process.index, || over.load(Ordering::SeqCst));
        let Connected { link, together: host, notes } =
            self.listeners.connect(me, &self.transport, self.secret, &table, &give_up)?;
        let (memory, together) = host.unzip();
        Ok(Started { client, link, table, together, memory, notes })
    }
}

/// Where this process takes connections of others.
struct Listeners {
    mesh: Vec<Listener>,
    memory: Option<Listener>,
    bell: Option<(Bell, Address)>,
}

/// What came of meeting the others.
struct Connected {
    link: Box<dyn Link>,
    together: Option<(OwnedFd, Together)>,
    notes: Vec<String>,
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
    fn open(transport: &Transport, server: &Address, together: bool) -> Result<Listeners> {
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
        Ok(match transport {
            Transport::Auto if server.is_local() => {
                Listeners { mesh: vec![unix()?], memory: memory()?, bell: bell()? }
            }
            Transport::Auto => Listeners { mesh: vec![unix()?, tcp()?], memory: memory()?, bell: bell()? },
            Transport::Shm => Listeners { mesh: vec![], memory: memory()?, bell: bell()? },
            Transport::Tcp => Listeners { mesh: vec![tcp()?], memory: None, bell: None },
            Transport::Ofi(_) | Transport::Host(_) => {
                let why = format!("{transport} is not in this version");
                return Err(Error::Setting { name: "--transport".into(), why });
            }
        })
    }

    fn addresses(&self) -> Vec<Address> {
        let listeners = self.mesh.iter().chain(&self.memory).map(|l| l.address());
        listeners.chain(self.bell.iter().map(|b| &b.1)).cloned().collect()
    }

    fn connect(
        self,
        me: ProcessId,
        transport: &Transport,
        secret: Secret,
        table: &Table,
        over: &dyn Fn() -> bool,
    ) -> Result<Connected> {
        let processes = table.processes.len() as u32;
        let here = |q: ProcessId| table.on_host_of(me).any(|p| p.index == q);
        let mut links: Vec<Box<dyn Link>> = Vec::new();
        let (mut notes, mut together) = (Vec::new(), None);
        let mut by_memory = vec![false; processes as usize];
        if let Some(listener) = &self.memory {
            let others = table.on_host_of(me).filter(|p| p.index != me);
            let peers: Vec<_> = others
                .filter_map(|p| Some((p.index, p.listen.iter().find(|a| is_named(a, MEMORY))?.clone())))
                .collect();
            let (mut host, note) = host_memory(me, table, self.bell.is_some());
            let until = Instant::now() + MEETING;
            let meeting = Meeting { me, secret: &secret, listener, peers: &peers, until, give_up: over };
            let mut shm = Shm::meet_with(&meeting, processes, &mut host);
            notes = shm.notes();
            notes.extend(note);
            if let (Some(memory), Some((bell, _))) = (host.memory, self.bell) {
                let others = peers.iter().map(|p| p.0).filter(|&q| shm.is_together_with(q)).collect();
                together = Some((memory, Together { bell, others }));
            }
            (0..).zip(&mut by_memory).for_each(|(q, reached)| *reached = shm.reaches(q));
            links.push(Box::new(shm));
        }
        let unreached = (0..processes).find(|&q| q != me && !by_memory[q as usize]);
        if let (Transport::Shm, Some(q)) = (transport, unreached) {
            let why = match notes.pop() {
                _ if !here(q) => format!("process {q} is on another host"),
                Some(note) => note,
                None => format!("process {q} is not reached"),
            };
            return Err(Error::Setting { name: "--transport shm".into(), why });
        }
        let mut route = vec![0; processes as usize];
        if unreached.is_some() || links.is_empty() {
            let addresses = table.processes.iter().map(|p| {
                let fits = |a: &&Address| {
                    !is_named(a, MEMORY) && !is_named(a, BELL) && (here(p.index) || !a.is_local())
                };
                p.listen.iter().filter(fits).cloned().collect()
            });
            let mesh = Mesh::new(me, secret, self.mesh, addresses.collect(), Options::default())?;
            links.push(Box::new(mesh));
            let last = links.len() - 1;
            route = by_memory.iter().map(|reached| if *reached { 0 } else { last }).collect();
        }
        let link = if links.len() == 1 { links.remove(0) } else { Box::new(Routed::new(links, route)) };
        Ok(Connected { link, together, notes })
    }
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
