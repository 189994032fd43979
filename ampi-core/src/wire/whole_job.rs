//! A whole job of real processes: bootstrap, shared memory, mesh and libfabric together, undisturbed and with a process
//! killed at some moment. This test is the launcher; its own executable, started again with [`helper`] as its only test, the processes.

use super::bootstrap::{
    Client, Event, HostIdentity, Join, Limits, OnMismatch, Plan, Process, Server, host_name,
};
use super::frame::FrameHead;
use super::link::{Broken, Link, Sink, State};
use super::ofi;
use super::place::{Lent, Place};
use super::rules::Numbers;
use super::secret::Secret;
use super::shm::Shm;
use super::stream::{Address, Listener};
use super::tcp::{Mesh, Options};
use super::{ProcessId, bootstrap};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const JOB: &str = "AMPI_WIRE_TEST_JOB";
pub const PROCESSES: u32 = 3;
const FRAMES: u64 = 300;
const SOON: Duration = Duration::from_secs(20);
/// Exit code of a process that has noticed that another one died.
const NOTICED: i32 = 7;

fn limits() -> Limits {
    Limits { gather: SOON, heartbeat: Duration::from_millis(100), ..Limits::default() }
}

/// Counts what arrives, by sender; fails if it is out of order.
#[derive(Default)]
struct Counted {
    next: [u64; PROCESSES as usize],
    closed: usize,
    released: u64,
}

impl Counted {
    fn arrived(&mut self, from: ProcessId, head: &FrameHead) {
        assert_eq!(head.key, self.next[from as usize]);
        self.next[from as usize] += 1;
    }
}

impl Sink for Counted {
    fn frame(&mut self, from: ProcessId, head: &FrameHead, _: &[u8]) {
        self.arrived(from, head);
    }
    fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
        Place::owned(head.len_bytes as usize)
    }
    fn placed(&mut self, from: ProcessId, head: &FrameHead, place: Place) {
        assert!(place.into_bytes().iter().all(|b| *b == head.key as u8));
        self.arrived(from, head);
    }
    fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
    fn released(&mut self, _: ProcessId, _: u64, _: bool) {
        self.released += 1;
    }
    fn broken(&mut self, _: &Broken) {}
    fn closed(&mut self, _: ProcessId) {
        self.closed += 1;
    }
}

/// Exchanges frames with all others over `link`; an error when one of them is lost.
pub fn exchange(
    link: &mut dyn Link,
    me: ProcessId,
    processes: u32,
    events: &Receiver<Event>,
) -> Result<(), String> {
    let others: Vec<ProcessId> = (0..processes).filter(|p| *p != me).collect();
    let mut counted = Counted::default();
    let end = Instant::now() + SOON;
    let lost = |link: &mut dyn Link, others: &[ProcessId]| -> Result<(), String> {
        assert!(Instant::now() < end, "the exchange does not end");
        if let Ok(Event::Lost { process, reason }) = events.try_recv() {
            link.cut(process, &reason);
            return Err(reason);
        }
        for peer in others {
            if let State::Broken(broken) = link.state(*peer) {
                return Err(broken.to_string());
            }
        }
        Ok(())
    };
    for key in 0..FRAMES {
        for &to in &others {
            let head = FrameHead::new(1, 2, 3, key);
            let len = if key % 50 == 0 { 300_000 } else { key as usize };
            let sent = match key % 2 {
                0 => link.lend(to, &head, Lent::owned(vec![key as u8; len], key)),
                _ => link.send(to, &head, &[&vec![key as u8; len]]),
            };
            sent.map_err(|b| b.to_string())?;
        }
        link.poll(16, &mut counted);
        lost(link, &others)?;
    }
    while others.iter().any(|p| counted.next[*p as usize] < FRAMES) || link.flush() > 0 {
        link.poll(64, &mut counted);
        lost(link, &others)?;
    }
    link.close();
    while counted.closed < others.len() {
        link.poll(64, &mut counted);
        lost(link, &others)?;
    }
    link.poll(64, &mut counted);
    assert_eq!(counted.released, FRAMES / 2 * others.len() as u64);
    Ok(())
}

/// The life of a process: join, meet, exchange over memory, then over the mesh, then by libfabric if a provider is named, leave.
fn live(
    me: ProcessId,
    server: Address,
    secret: Secret,
    provider: Option<&str>,
) -> Result<(), (Option<Client>, String)> {
    let fail = |e: crate::error::Error| (None, e.to_string());
    let own = |what: &str| format!("unix:@ampi-job-{what}-{}", std::process::id()).parse();
    let listener = Listener::bind(&own("mesh").map_err(fail)?).map_err(fail)?;
    let memory = Listener::bind(&own("shm").map_err(fail)?).map_err(fail)?;
    let tcp = Listener::bind(&"tcp:0.0.0.0:0".parse().map_err(fail)?).map_err(fail)?;
    let endpoint =
        provider.map(|name| ofi::Endpoint::open(&fabric_options(name))).transpose().map_err(fail)?;
    let fabric = endpoint.as_ref().map(|e| e.address().clone());
    let process = Process {
        index: me,
        pid: std::process::id(),
        host: HostIdentity::read().map_err(fail)?,
        host_name: host_name(),
        // the even ones are reached by a Unix socket, the odd ones by TCP
        listen: vec![
            if me.is_multiple_of(2) { listener.address() } else { tcp.address() }.clone(),
            memory.address().clone(),
        ]
        .into_iter()
        .chain(fabric)
        .collect(),
        first_pe: me,
        pes: 1,
    };
    let (say, events) = channel();
    let join = Join { server, secret: secret.clone(), process, fingerprint: vec![], limits: limits() };
    let client = Client::join(join, move |e| drop(say.send(e))).map_err(fail)?;
    let table = client.table().clone();
    let result = (|| {
        let host = table.on_host_of(me).filter(|p| p.index != me);
        let peers: Vec<_> = host.map(|p| (p.index, p.listen[1].clone())).collect();
        let until = Instant::now() + SOON;
        let over = || events.try_recv().is_ok();
        let mut shm = Shm::meet(me, PROCESSES, &secret, &memory, &peers, until, &over);
        if let Some(note) = shm.notes().pop() {
            return Err(note);
        }
        exchange(&mut shm, me, PROCESSES, &events)?;
        client.barrier(SOON).map_err(|e| e.to_string())?;
        let addresses = table.processes.iter().map(|p| vec![p.listen[0].clone()]).collect();
        let mesh = Mesh::new(me, secret.clone(), vec![listener, tcp], addresses, Options::default());
        exchange(&mut mesh.map_err(|e| e.to_string())?, me, PROCESSES, &events)?;
        if let Some(endpoint) = endpoint {
            client.barrier(SOON).map_err(|e| e.to_string())?;
            let is_fabric = |a: &&Address| matches!(a, Address::Fabric { .. });
            let addresses: Vec<Option<Address>> =
                table.processes.iter().map(|p| p.listen.iter().find(is_fabric).cloned()).collect();
            let link = ofi::link(endpoint, me, secret, &addresses, SOON);
            exchange(&mut link.map_err(|e| e.to_string())?, me, PROCESSES, &events)?;
        }
        client.barrier(SOON).map_err(|e| e.to_string())
    })();
    match result {
        Ok(()) => client.finish(0, SOON).map_err(fail),
        Err(reason) => Err((Some(client), reason)),
    }
}

fn fabric_options(provider: &str) -> ofi::Options {
    let address = if provider == "shm" { None } else { Some([127, 0, 0, 1].into()) };
    ofi::Options { provider: Some(provider.into()), address, ..ofi::Options::default() }
}

/// Not a test of its own: one process of the jobs below.
#[test]
fn helper() {
    let Ok(text) = std::env::var(JOB) else { return };
    let words: Vec<&str> = text.split(' ').collect();
    let (me, server) = (words[0].parse().unwrap(), words[1].parse().unwrap());
    match live(me, server, Secret::from_hex(words[2]).unwrap(), words.get(3).copied()) {
        Ok(()) => {}
        // a failure of the exchange itself has ended the process with a panic
        Err((Some(client), _)) => client.finish(NOTICED, SOON).unwrap(),
        Err((None, _)) => {}
    }
}

struct Children(Vec<Child>);
impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // those that have ended already cannot be killed
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a job and kills process 1 after a while, if `kill_after` says so. The exit codes that the processes told.
fn run(kill_after: Option<Duration>, provider: Option<&str>) -> Result<Vec<Option<i32>>, String> {
    let secret = Secret::random().unwrap();
    let plan = Plan { processes: PROCESSES, on_mismatch: OnMismatch::Refuse, limits: limits() };
    let mut server = Server::bind(&"tcp:127.0.0.1:0".parse().unwrap(), secret.clone(), plan).unwrap();
    let start = |me: ProcessId| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "wire::whole_job::helper"])
            .env(
                JOB,
                [&me.to_string(), &server.address().to_string(), &secret.to_hex(), provider.unwrap_or("")]
                    .join(" ")
                    .trim(),
            )
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut children = Children((0..PROCESSES).map(start).collect());
    let begin = Instant::now();
    let mut to_kill = kill_after;
    let mut reaped = [false; PROCESSES as usize];
    while begin.elapsed() < 2 * SOON {
        for event in server.step(Duration::from_millis(2)) {
            match event {
                bootstrap::Event::AllEnded { codes } => return Ok(codes),
                bootstrap::Event::Failed(reason) => return Err(reason),
                _ => {}
            }
        }
        if to_kill.is_some_and(|after| begin.elapsed() >= after) {
            to_kill = None;
            children.0[1].kill().unwrap();
        }
        for (index, child) in children.0.iter_mut().enumerate() {
            if !reaped[index]
                && let Ok(Some(status)) = child.try_wait()
            {
                reaped[index] = true;
                server.process_died(index as ProcessId, &status.to_string());
            }
        }
    }
    panic!("the job does not end");
}

#[test]
fn an_undisturbed_job() {
    assert_eq!(run(None, None), Ok(vec![Some(0); PROCESSES as usize]));
}

/// The provider, if it works here; else says why not.
fn present(provider: &str) -> Option<&str> {
    match ofi::Endpoint::open(&fabric_options(provider)) {
        Ok(_) => Some(provider),
        Err(e) => {
            println!("skipped: {provider}: {e}");
            None
        }
    }
}

#[test]
fn an_undisturbed_job_by_libfabric() {
    for provider in ["tcp;ofi_rxm", "shm"].into_iter().filter_map(present) {
        assert_eq!(run(None, Some(provider)), Ok(vec![Some(0); PROCESSES as usize]), "{provider}");
    }
}

#[test]
fn a_process_killed_at_any_moment_is_noticed_by_all_others() {
    let provider = present("tcp;ofi_rxm");
    let begin = Instant::now();
    run(None, provider).unwrap();
    let whole_us = begin.elapsed().as_micros() as u64;
    let mut numbers = Numbers(1);
    let (mut early, mut late, mut after) = (0, 0, 0);
    for round in 0..12 {
        // a third while the processes start and join
        let range = if round % 3 == 0 { whole_us / 30 } else { whole_us };
        let moment = Duration::from_micros(numbers.below(range.max(1)));
        match run(Some(moment), provider) {
            Err(reason) => {
                early += 1;
                assert!(reason.contains("process 1 "), "{reason}");
            }
            Ok(codes) if codes[1].is_some() => {
                after += 1;
                assert_eq!(codes, [Some(0), Some(0), Some(0)]);
            }
            Ok(codes) => {
                late += 1;
                // one that was through with everything may have left before
                let fine = |code: Option<i32>| matches!(code, Some(0 | NOTICED));
                assert!(fine(codes[0]) && fine(codes[2]), "{codes:?}");
            }
        }
    }
    println!(
        "a job takes {whole_us} us; killed before the start {early}, in the middle {late}, after the end {after}"
    );
}
