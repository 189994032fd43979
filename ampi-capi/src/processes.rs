//! This process in a job of several: it joins, hears what happens to the others, and ends with them.
//!
//! ```text
//! start   entrance ─ program loaded ─ join (table of processes) ─ links ─ PEs run
//! end     last rank here has ended ─ barrier of all processes, while PE 0 still serves ─ stop ─ exit code to the launcher
//! else    a process is lost, or aborts: the launcher tells the user and all processes; we leave at once
//! ```
//!
//! In a job of one process nothing of this exists.

use crate::coll::across::talk;
use crate::comm::making;
use crate::pt2pt::afar;
use crate::say::say;
use crate::worker;
use ampi_core::arena::{self, Backing};
use ampi_core::error::Result;
use ampi_core::job::{Deadlock, JobSpec};
use ampi_core::pe::neighbours::Neighbours;
use ampi_core::pe::remote::{Above, FrameHandler};
use ampi_core::pe::{Handler, Job, Position};
use ampi_core::wire::ProcessId;
use ampi_core::wire::bootstrap::{Client, Event, Fingerprint, Table};
use ampi_core::wire::link::{Broken, Link};
use ampi_core::wire::start::{Entrance, Started, Together};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// How long a process whose link to another is broken waits for the launcher to say why.
const NEWS: Duration = Duration::from_secs(3);
/// How long the launcher may take to confirm an orderly end.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longer than any job.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

struct Membership {
    client: Mutex<Option<Arc<Client>>>,
    table: Arc<Table>,
    own: ProcessId,
}

static MEMBERSHIP: OnceLock<Membership> = OnceLock::new();
/// The job ends: what breaks now is of no interest.
static ENDING: AtomicBool = AtomicBool::new(false);

/// A process that has joined but not started.
pub struct Joined {
    pub table: Arc<Table>,
    own: ProcessId,
    link: Box<dyn Link>,
    together: Option<Together>,
    memory: Option<OwnedFd>,
}

/// Joins the job; `fingerprint` must be the same everywhere.
pub fn join(spec: &JobSpec, entrance: Entrance, fingerprint: Fingerprint) -> Result<Joined> {
    let (client, entered) = entrance.enter(fingerprint, heard)?;
    let (own, table) = (spec.process as ProcessId, client.table().clone());
    let membership = Membership { client: Mutex::new(Some(Arc::new(client))), table: table.clone(), own };
    assert!(MEMBERSHIP.set(membership).is_ok(), "a process joins once");
    let Started { link, together, memory, notes } = entered.connect()?;
    if spec.verbose {
        for note in notes {
            say(format_args!("process {}: {note}", spec.process));
        }
    }
    Ok(Joined { table, own, link, together, memory })
}

impl Joined {
    /// Where the memory of ranks comes from.
    pub fn backing(&mut self) -> Backing {
        let shape = Neighbours::shape(self.own, &self.table);
        match self.memory.take() {
            Some(memory) => Backing::Shared(arena::Together { memory, shape }),
            None => Backing::Private,
        }
    }

    /// The PEs of this process, which know those of its neighbours. After the arena was reserved.
    pub fn job(&mut self, spec: &JobSpec, handlers: &[(u8, Handler)]) -> &'static Job {
        let position = Position {
            process: self.own,
            processes: self.table.processes.len() as u32,
            first_pe: spec.first_pe as u32,
            pes_of_host: self.table.on_host_of(self.own).map(|p| p.pes).sum(),
        };
        let neighbours = self.together.take().map(|t| Neighbours::of(self.own, &self.table, t));
        Job::among(spec.pes as u32, spec.ranks as u32, handlers, position, neighbours)
    }

    /// Connects the PEs with those of the other processes.
    pub fn connect(self, job: &'static Job, spec: &JobSpec) -> Result<()> {
        let handlers: Vec<(u8, FrameHandler)> =
            afar::FRAMES.into_iter().chain(talk::FRAMES).chain(making::FRAMES).collect();
        job.connect(self.link, Above { handlers, released: afar::released, broken })?;
        if spec.deadlock != Deadlock::Off
            && let Some(client) = client()
        {
            client.watch(|| job.silence());
        }
        Ok(())
    }
}

fn client() -> Option<Arc<Client>> {
    MEMBERSHIP.get()?.client.lock().unwrap_or_else(|e| e.into_inner()).clone()
}

/// A number that processes of the same host have in common.
pub fn host() -> i32 {
    MEMBERSHIP.get().and_then(|m| m.table.on_host_of(m.own).map(|p| p.index as i32).min()).unwrap_or(0)
}

/// For the names of ranks and PEs in sentences: on which host they are, where there are several.
pub fn host_told() -> String {
    let Some(m) = MEMBERSHIP.get() else { return String::new() };
    let processes = &m.table.processes;
    match processes.get(m.own as usize) {
        Some(own) if processes.iter().any(|p| p.host != own.host) => format!(" (host {})", own.host_name),
        _ => String::new(),
    }
}

/// What the launcher says. In the thread that listens to it.
fn heard(event: Event) {
    match event {
        // the launcher has told the user
        Event::Lost { .. } if !ENDING.load(Ordering::SeqCst) => worker::quit(1),
        Event::Aborted { code, .. } => worker::quit(if code == 0 { 1 } else { code }),
        Event::ServerLost { reason } if !ENDING.load(Ordering::SeqCst) => {
            let own = MEMBERSHIP.get().map_or(0, |m| m.own);
            say(format_args!("process {own}: the launcher is gone: {reason}"));
            worker::quit(1);
        }
        Event::Stuck => {
            if let Some(client) = client() {
                client.say_part(worker::stuck_part().into_bytes());
            }
        }
        Event::Parts(parts) => {
            // not here: the end of the job is told by this very thread
            let tell = move || worker::stuck(&parts);
            if std::thread::Builder::new().name("ampi-stuck".into()).spawn(tell).is_err() {
                worker::quit(1);
            }
        }
        _ => {}
    }
}

/// The launcher hears of a dead process, too, and knows more: it has its word first.
fn broken(broken: &Broken) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if ENDING.load(Ordering::SeqCst) || TOLD.swap(true, Ordering::SeqCst) {
        return;
    }
    let (own, text) = (MEMBERSHIP.get().map_or(0, |m| m.own), broken.to_string());
    let wait = move || {
        std::thread::sleep(NEWS);
        if !ENDING.load(Ordering::SeqCst) {
            say(format_args!("process {own}: {text}; the job cannot go on"));
            worker::leave(1);
        }
    };
    if std::thread::Builder::new().name("ampi-broken".into()).spawn(wait).is_err() {
        worker::leave(1);
    }
}

/// All ranks of this process have ended: stops its PEs as soon as that is so everywhere.
pub fn ranks_ended(job: &'static Job) {
    let Some(client) = client() else { return job.stop() };
    let wait = move || match client.barrier(FOR_EVER) {
        Ok(()) => {
            ENDING.store(true, Ordering::SeqCst);
            job.stop();
        }
        // whatever it is, the launcher says it
        Err(_) => {
            std::thread::sleep(NEWS);
            worker::quit(1);
        }
    };
    if std::thread::Builder::new().name("ampi-end".into()).spawn(wait).is_err() {
        worker::leave(1);
    }
}

/// Tells the others that the job ends with `code`, for a reason that the user has been told.
pub fn abort(code: i32) {
    ENDING.store(true, Ordering::SeqCst);
    if let Some(client) = client() {
        client.abort(code, "");
    }
}

/// This process has joined but cannot start: the launcher tells the user why. `false`: it has not joined.
pub fn give_up(code: i32, why: &str) -> bool {
    ENDING.store(true, Ordering::SeqCst);
    let client = client();
    if let Some(client) = &client {
        client.abort(code, why);
    }
    client.is_some()
}

/// Leaves the job in good order.
pub fn finish(code: i32) {
    let taken = MEMBERSHIP.get().and_then(|m| m.client.lock().unwrap_or_else(|e| e.into_inner()).take());
    // the thread of the last barrier lets go of it at any moment
    let mut client = taken;
    for _ in 0..1000 {
        match client.map(Arc::try_unwrap) {
            None => return,
            Some(Ok(client)) => {
                // a launcher that is gone does not matter any more
                let _ = client.finish(code, FAREWELL);
                return;
            }
            Some(Err(shared)) => client = Some(shared),
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
