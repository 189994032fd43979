//! How a process takes its place in a job: meet the launcher, meet the others, choose transports.
//!
//! | asked for | same host | other hosts |
//! |---|---|---|
//! | auto | shared memory; where that is impossible, Unix-domain sockets | TCP |
//! | shm | shared memory, else the job does not start | none: the job does not start |
//! | tcp | TCP | TCP |

use super::ProcessId;
use super::bootstrap::{Client, Event, Fingerprint, HostIdentity, Join, Limits, Process, Table, host_name};
use super::link::Link;
use super::routed::Routed;
use super::secret::{self, Secret};
use super::shm::Shm;
use super::stream::{Address, Listener};
use super::tcp::{Mesh, Options};
use crate::error::{Error, Result};
use crate::job::{Isolate, JobSpec, SECRET, Transport};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long processes of a host may take to share memory.
const MEETING: Duration = Duration::from_secs(20);
/// Abstract names of listeners that hand out shared memory begin so.
const MEMORY: &str = "ampi-memory-";

/// A process that has its place.
pub struct Started {
    pub client: Client,
    pub link: Box<dyn Link>,
    pub table: Arc<Table>,
    /// Worth a line each to a user who wants to know.
    pub notes: Vec<String>,
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
        let listeners = Listeners::open(&spec.transport, &server)?;
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
        let (link, notes) = self.listeners.connect(me, &self.transport, self.secret, &table, &give_up)?;
        Ok(Started { client, link, table, notes })
    }
}

/// Where this process takes connections of others.
struct Listeners {
    mesh: Vec<Listener>,
    memory: Option<Listener>,
}

/// A name in the kernel's table that nobody else has.
fn own_name(prefix: &str) -> Result<Address> {
    let random = secret::random()?;
    let random: String = random[..12].iter().map(|b| format!("{b:02x}")).collect();
    Ok(Address::Abstract(format!("{prefix}{random}")))
}

impl Listeners {
    fn open(transport: &Transport, server: &Address) -> Result<Listeners> {
        // on the launcher's word: one host, or several
        let ip = if server.is_local() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
        let tcp = || Listener::bind(&Address::any_port(IpAddr::V4(ip)));
        let unix = || Listener::bind(&own_name("ampi-mesh-")?);
        let memory = || Listener::bind(&own_name(MEMORY)?).map(Some);
        Ok(match transport {
            Transport::Auto if server.is_local() => Listeners { mesh: vec![unix()?], memory: memory()? },
            Transport::Auto => Listeners { mesh: vec![unix()?, tcp()?], memory: memory()? },
            Transport::Shm => Listeners { mesh: vec![], memory: memory()? },
            Transport::Tcp => Listeners { mesh: vec![tcp()?], memory: None },
            Transport::Ofi(_) | Transport::Host(_) => {
                let why = format!("{transport} is not in this version");
                return Err(Error::Setting { name: "--transport".into(), why });
            }
        })
    }

    fn addresses(&self) -> Vec<Address> {
        self.mesh.iter().chain(&self.memory).map(|l| l.address().clone()).collect()
    }

    fn connect(
        self,
        me: ProcessId,
        transport: &Transport,
        secret: Secret,
        table: &Table,
        over: &dyn Fn() -> bool,
    ) -> Result<(Box<dyn Link>, Vec<String>)> {
        let processes = table.processes.len() as u32;
        let is_memory = |a: &Address| matches!(a, Address::Abstract(name) if name.starts_with(MEMORY));
        let here = |q: ProcessId| table.on_host_of(me).any(|p| p.index == q);
        let mut links: Vec<Box<dyn Link>> = Vec::new();
        let mut notes = Vec::new();
        let mut by_memory = vec![false; processes as usize];
        if let Some(listener) = &self.memory {
            let others = table.on_host_of(me).filter(|p| p.index != me);
            let peers: Vec<_> = others
                .filter_map(|p| Some((p.index, p.listen.iter().find(|a| is_memory(a))?.clone())))
                .collect();
            let mut shm = Shm::meet(me, processes, &secret, listener, &peers, Instant::now() + MEETING, over);
            notes = shm.notes();
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
                let fits = |a: &&Address| !is_memory(a) && (here(p.index) || !a.is_local());
                p.listen.iter().filter(fits).cloned().collect()
            });
            let mesh = Mesh::new(me, secret, self.mesh, addresses.collect(), Options::default())?;
            links.push(Box::new(mesh));
            let last = links.len() - 1;
            route = by_memory.iter().map(|reached| if *reached { 0 } else { last }).collect();
        }
        Ok((if links.len() == 1 { links.remove(0) } else { Box::new(Routed::new(links, route)) }, notes))
    }
}
