//! Server and clients over real sockets, and everything that goes wrong with them. Processes that are killed are
//! processes: this test's own executable, started again with [`helper`] as its only test.

use super::*;
use crate::wire::secret::Secret;
use crate::wire::stream::{self, Listener, Stream};
use rustix::event::{PollFd, PollFlags};
use std::io::{IoSlice, IoSliceMut};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{self, JoinHandle};
use std::time::Instant;

const SOON: Duration = Duration::from_secs(10);

fn limits() -> Limits {
    Limits {
        gather: SOON,
        handshake: Duration::from_secs(5),
        heartbeat: Duration::from_millis(50),
        silence: Duration::from_secs(5),
    }
}

fn plan(processes: u32) -> Plan {
    Plan { processes, on_mismatch: OnMismatch::Refuse, limits: limits() }
}

fn server(plan: Plan) -> (Server, Secret) {
    let secret = Secret::random().unwrap();
    (Server::bind(&"tcp:127.0.0.1:0".parse().unwrap(), secret.clone(), plan).unwrap(), secret)
}

fn process(index: ProcessId) -> Process {
    Process {
        index,
        pid: std::process::id(),
        host: HostIdentity::read().unwrap(),
        host_name: host_name(),
        listen: vec![
            "unix:@somewhere".parse().unwrap(),
            format!("tcp:0.0.0.0:{}", 9000 + index).parse().unwrap(),
        ],
        first_pe: 2 * index,
        pes: 2,
    }
}

fn join(server: &Address, secret: &Secret, index: ProcessId) -> Join {
    Join {
        server: server.clone(),
        secret: secret.clone(),
        process: process(index),
        fingerprint: vec![("libc".into(), "2.36".into())],
        limits: limits(),
    }
}

type Joining = JoinHandle<(crate::error::Result<Client>, Receiver<Event>)>;

fn spawn(join: Join) -> Joining {
    thread::spawn(move || {
        let (say, hear) = channel();
        (Client::join(join, move |e| drop(say.send(e))), hear)
    })
}

/// Steps the server until `found` is in its events; all events up to then.
fn until(server: &mut Server, found: impl Fn(&Event) -> bool) -> Vec<Event> {
    let end = Instant::now() + SOON;
    let mut all = Vec::new();
    while Instant::now() < end {
        all.extend(server.step(Duration::from_millis(20)));
        if all.iter().any(&found) {
            return all;
        }
    }
    panic!("not within {SOON:?}; what came: {all:?}")
}

fn ready(event: &Event) -> bool {
    matches!(event, Event::Ready(_))
}

fn failure(events: &[Event]) -> String {
    events.iter().find_map(|e| if let Event::Failed(why) = e { Some(why.clone()) } else { None }).unwrap()
}

/// A job of `n` clients in threads, all of them ready.
fn job(n: u32) -> (Server, Vec<(Client, Receiver<Event>)>) {
    let (mut server, secret) = server(plan(n));
    let joining: Vec<Joining> = (0..n).map(|i| spawn(join(server.address(), &secret, i))).collect();
    until(&mut server, ready);
    let joined = joining.into_iter().map(|j| j.join().unwrap());
    let clients = joined.map(|(client, events)| (client.unwrap(), events)).collect();
    (server, clients)
}

#[test]
fn all_get_the_table_meet_at_barriers_and_leave_in_order() {
    let (mut server, clients) = job(3);
    let table = clients[0].0.table().clone();
    assert_eq!((table.processes.len(), table.pes()), (3, 6));
    assert_eq!(table.process_of_pe(3).unwrap().index, 1);
    assert_eq!(table.on_host_of(1).count(), 3);
    assert!(table.process_of_pe(6).is_none());
    // an unspecified address has become the one that the server sees
    assert_eq!(table.processes[2].listen[1].to_string(), "tcp:127.0.0.1:9002");
    let reached = AtomicU32::new(0);
    thread::scope(|scope| {
        for (client, _) in clients {
            let reached = &reached;
            scope.spawn(move || {
                for round in 1..=20 {
                    reached.fetch_add(1, Ordering::SeqCst);
                    client.barrier(SOON).unwrap();
                    assert!(reached.load(Ordering::SeqCst) >= 3 * round);
                }
                let index = client.table().processes.len() as i32;
                client.finish(40 + index, SOON).unwrap();
            });
        }
        let events = until(&mut server, |e| matches!(e, Event::AllEnded { .. }));
        assert!(events.contains(&Event::AllEnded { codes: vec![Some(43); 3] }));
        assert!(!events.iter().any(|e| matches!(e, Event::Lost { .. })), "{events:?}");
    });
}

#[test]
fn every_family_of_addresses_will_do() {
    for address in ["unix:@ampi-bootstrap-PID", "tcp:[::1]:0"] {
        let address = address.replace("PID", &std::process::id().to_string()).parse().unwrap();
        let secret = Secret::random().unwrap();
        let mut server = match Server::bind(&address, secret.clone(), plan(2)) {
            Ok(server) => server,
            Err(e) => {
                println!("skipped: {e}");
                continue;
            }
        };
        let joining: Vec<Joining> = (0..2).map(|i| spawn(join(server.address(), &secret, i))).collect();
        until(&mut server, ready);
        joining.into_iter().for_each(|j| drop(j.join().unwrap().0.unwrap()));
    }
}

#[test]
fn an_abort_before_the_job_is_complete_ends_the_waiting() {
    let (mut server, secret) = server(plan(2));
    let waits = spawn(join(server.address(), &secret, 0));
    until(&mut server, |e| matches!(e, Event::Joined { .. }));
    server.abort(3, "interrupted");
    until_done(&mut server, &waits);
    let error = waits.join().unwrap().0.err().unwrap().to_string();
    assert!(error.contains("the job was ended: interrupted"), "{error}");
}

#[test]
fn one_that_cannot_join_ends_the_start_for_all() {
    let (mut server, secret) = server(plan(3));
    let waits = spawn(join(server.address(), &secret, 0));
    until(&mut server, |e| matches!(e, Event::Joined { .. }));
    let decliners = [1, 2].map(|index| {
        let join = join(server.address(), &secret, index);
        thread::spawn(move || Client::decline(&join, 126, "no such program"))
    });
    let events = until(&mut server, |e| matches!(e, Event::Failed(_)));
    let by = |by| Event::Aborted { by: Some(by), code: 126, reason: "no such program".into() };
    assert!(events.contains(&by(1)) || events.contains(&by(2)), "{events:?}");
    until_done(&mut server, &waits);
    for decliner in decliners {
        let events = until_done(&mut server, &decliner);
        assert!(!events.iter().any(|e| matches!(e, Event::Aborted { .. })), "told twice: {events:?}");
        decliner.join().unwrap().unwrap();
    }
    let error = waits.join().unwrap().0.err().unwrap().to_string();
    assert!(error.contains("cannot take part: no such program"), "{error}");
}

#[test]
fn a_hundred_processes() {
    let begin = Instant::now();
    let (mut server, clients) = job(100);
    let leaving: Vec<_> = clients
        .into_iter()
        .map(|(client, _)| {
            thread::spawn(move || {
                client.barrier(SOON).unwrap();
                client.finish(0, SOON).unwrap();
            })
        })
        .collect();
    until(&mut server, |e| matches!(e, Event::AllEnded { .. }));
    leaving.into_iter().for_each(|l| l.join().unwrap());
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

#[test]
fn one_who_does_not_come_is_named() {
    let limits = Limits { gather: Duration::from_millis(300), ..limits() };
    let (mut server, secret) = server(Plan { limits, ..plan(4) });
    let there = spawn(join(server.address(), &secret, 1));
    let why = failure(&until(&mut server, |e| matches!(e, Event::Failed(_))));
    assert!(why.contains("3 of 4 processes have not joined the job: 0, 2-3"), "{why}");
    // those who did come hear it too
    until_done(&mut server, &there);
    let error = there.join().unwrap().0.err().unwrap().to_string();
    assert!(error.contains("have not joined the job: 0, 2-3"), "{error}");
}

fn until_done<T>(server: &mut Server, thread: &JoinHandle<T>) -> Vec<Event> {
    let end = Instant::now() + SOON;
    let mut all = Vec::new();
    while !thread.is_finished() && Instant::now() < end {
        all.extend(server.step(Duration::from_millis(10)));
    }
    all
}

#[test]
fn another_secret_is_dropped_and_told_of_once() {
    let (mut server, secret) = server(plan(1));
    for round in 0..3 {
        let stranger = spawn(join(server.address(), &Secret::random().unwrap(), 0));
        let events = until_done(&mut server, &stranger);
        let error = stranger.join().unwrap().0.err().unwrap().to_string();
        assert!(error.contains("does not know the secret"), "{error}");
        let later = server.step(Duration::from_millis(50));
        let notes =
            events.iter().chain(&later).filter(|e| matches!(e, Event::Note(t) if t.contains("secret")));
        assert_eq!(notes.count(), if round == 0 { 1 } else { 0 });
    }
    let right = spawn(join(server.address(), &secret, 0));
    until(&mut server, ready);
    right.join().unwrap().0.unwrap().finish_in(&mut server);
}

impl Client {
    /// Leaves while `server` listens.
    fn finish_in(self, server: &mut Server) {
        let leaving = thread::spawn(move || self.finish(0, SOON));
        until_done(server, &leaving);
        leaving.join().unwrap().unwrap();
    }
}

#[test]
fn a_port_scanner_disturbs_nobody() {
    let limits = Limits { handshake: Duration::from_millis(200), ..limits() };
    let (mut server, secret) = server(Plan { limits, ..plan(1) });
    let open = || {
        let stream = Stream::open(server.address()).unwrap();
        stream::wait(&mut [PollFd::new(&stream, PollFlags::OUT)], Instant::now() + SOON);
        stream
    };
    let (talks, mut silent, gone) = (open(), open(), open());
    drop(gone);
    let mut garbage = vec![0u8; 100_000];
    garbage.iter_mut().enumerate().for_each(|(i, b)| *b = (i * 31) as u8);
    // the server may close in the middle of it
    let _ = talks.write(&[IoSlice::new(&garbage)]);
    let mut half = open();
    half.write(&[IoSlice::new(b"ampiwire\x01\x00")]).unwrap();
    let right = spawn(join(server.address(), &secret, 0));
    until(&mut server, ready);
    // those who say too little are dropped when their time is over
    let end = Instant::now() + Duration::from_millis(400);
    while Instant::now() < end {
        server.step(Duration::from_millis(20));
    }
    for stream in [&mut silent, &mut half] {
        assert_eq!(stream.read(&mut [IoSliceMut::new(&mut [0; 8])]).unwrap(), Some(0));
    }
    right.join().unwrap().0.unwrap().finish_in(&mut server);
}

#[test]
fn different_fingerprints_are_explained() {
    for on_mismatch in [OnMismatch::Refuse, OnMismatch::Tell] {
        let (mut server, secret) = server(Plan { on_mismatch, ..plan(2) });
        let mut other = join(server.address(), &secret, 1);
        other.fingerprint[0].1 = "2.41".into();
        other.process.host_name = "h2".into();
        let joining = [spawn(join(server.address(), &secret, 0)), spawn(other)];
        let wanted = |e: &Event| ready(e) || matches!(e, Event::Failed(_));
        let events = until(&mut server, wanted);
        joining.iter().for_each(|j| drop(until_done(&mut server, j)));
        for joined in joining.map(|j| j.join().unwrap().0) {
            let text = match joined {
                Ok(client) => client.table().mismatches[0].sentence.clone(),
                Err(e) => e.to_string(),
            };
            assert!(text.contains("libc is \"2.36\" in process 0"), "{text}");
            assert!(text.contains("and \"2.41\" in process 1 (host h2)"), "{text}");
        }
        assert_eq!(events.iter().any(ready), on_mismatch == OnMismatch::Tell);
    }
}

#[test]
fn wrong_numbers_are_refused_with_a_reason() {
    let (mut server, secret) = server(plan(2));
    let first = spawn(join(server.address(), &secret, 0));
    until(&mut server, |e| matches!(e, Event::Joined { process: 0 }));
    let mut liar = join(server.address(), &secret, 1);
    liar.process.index = 7;
    for (join, reason) in [
        (join(server.address(), &secret, 0), "process 0 is here already (pid"),
        (join(server.address(), &secret, 2), "no process 2 in a job of 2"),
        (liar, "no process 7 in a job of 2"),
    ] {
        let refused = spawn(join);
        until_done(&mut server, &refused);
        let error = refused.join().unwrap().0.err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
    // PEs that overlap
    let mut second = join(server.address(), &secret, 1);
    second.process.first_pe = 1;
    let second = spawn(second);
    let why = failure(&until(&mut server, |e| matches!(e, Event::Failed(_))));
    assert!(why.contains("process 1 says that its first PE is 1, expected 2"), "{why}");
    for joined in [first, second] {
        until_done(&mut server, &joined);
        assert!(joined.join().unwrap().0.is_err());
    }
}

#[test]
fn a_handle_can_be_used_by_all_threads() {
    fn check<T: Send + Sync>() {}
    check::<Client>();
}

#[test]
fn an_abort_reaches_everybody_else() {
    let (mut server, clients) = job(3);
    clients[1].0.abort(7, "had enough");
    let by_client = Event::Aborted { by: Some(1), code: 7, reason: "had enough".into() };
    until(&mut server, |e| *e == by_client);
    for i in [0, 2] {
        assert_eq!(clients[i].1.recv_timeout(SOON).unwrap(), by_client);
    }
    server.abort(9, "time limit");
    for (_, events) in &clients {
        let by_launcher = Event::Aborted { by: None, code: 9, reason: "time limit".into() };
        assert_eq!(events.recv_timeout(SOON).unwrap(), by_launcher);
    }
}

#[test]
fn a_lost_process_is_an_event_for_all_and_ends_barriers() {
    let (mut server, mut clients) = job(3);
    drop(clients.remove(1));
    let waiting: Vec<_> = clients
        .into_iter()
        .map(|(client, events)| {
            thread::spawn(move || {
                let error = client.barrier(SOON).unwrap_err().to_string();
                assert!(error.contains("process 1 is lost"), "{error}");
                assert!(matches!(events.recv_timeout(SOON).unwrap(), Event::Lost { process: 1, .. }));
                client.finish(3, SOON).unwrap();
            })
        })
        .collect();
    let events = until(&mut server, |e| matches!(e, Event::AllEnded { .. }));
    assert!(events.contains(&Event::AllEnded { codes: vec![Some(3), None, Some(3)] }));
    assert_eq!(events.iter().filter(|e| matches!(e, Event::Lost { .. })).count(), 1);
    waiting.into_iter().for_each(|w| w.join().unwrap());
}

#[test]
fn one_that_leaves_early_ends_the_barriers_of_the_others() {
    let (mut server, mut clients) = job(2);
    let (stays, leaves) = (clients.remove(0).0, clients.remove(0).0);
    let waiting = thread::spawn(move || stays.barrier(SOON).unwrap_err().to_string());
    leaves.finish_in(&mut server);
    until_done(&mut server, &waiting);
    assert!(waiting.join().unwrap().contains("process 1 has left with code 0"));
}

#[test]
fn a_barrier_has_a_time_limit() {
    let (_server, clients) = job(2);
    let error = clients[0].0.barrier(Duration::from_millis(50)).unwrap_err().to_string();
    assert!(error.contains("not all processes came within"), "{error}");
}

#[test]
fn a_lost_server_is_an_event_and_hangs_nobody() {
    let (server, clients) = job(2);
    drop(server);
    for (client, events) in clients {
        assert!(matches!(events.recv_timeout(SOON).unwrap(), Event::ServerLost { .. }));
        assert!(client.barrier(SOON).is_err());
        client.abort(1, "nobody listens");
        assert!(client.finish(0, SOON).is_err());
    }
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_an_error_in_time() {
    let nowhere = Listener::bind(&"tcp:127.0.0.1:0".parse().unwrap()).unwrap();
    let mut join_it = join(nowhere.address(), &Secret::random().unwrap(), 0);
    join_it.limits.handshake = Duration::from_millis(100);
    let (silent, _) = spawn(join_it).join().unwrap();
    assert!(silent.err().unwrap().to_string().contains("did not answer in time"));
    let address = nowhere.address().clone();
    drop(nowhere);
    let (refused, _) = spawn(join(&address, &Secret::random().unwrap(), 0)).join().unwrap();
    assert!(refused.err().unwrap().to_string().contains("refused"));
}

#[test]
fn silence_is_noticed_on_both_sides() {
    let short = Duration::from_millis(300);
    // a client whose thread never says anything
    let limits = Limits { silence: short, ..limits() };
    let (mut server, secret) = server(Plan { limits, ..plan(1) });
    let mut quiet = join(server.address(), &secret, 0);
    quiet.limits.heartbeat = Duration::from_secs(100);
    let quiet = spawn(quiet);
    let events = until(&mut server, |e| matches!(e, Event::Lost { .. }));
    assert!(
        events.iter().any(|e| matches!(e, Event::Lost { reason, .. } if reason.contains("not been heard")))
    );
    quiet.join().unwrap().0.ok();
    // a server that is not stepped any more
    let (mut server, secret) = server_again();
    let mut impatient = join(server.address(), &secret, 0);
    impatient.limits.silence = short;
    let impatient = spawn(impatient);
    until(&mut server, ready);
    let (client, events) = impatient.join().unwrap();
    let lost = events.recv_timeout(SOON).unwrap();
    assert!(matches!(&lost, Event::ServerLost { reason } if reason.contains("not been heard")), "{lost:?}");
    drop(client);
}

fn server_again() -> (Server, Secret) {
    server(plan(1))
}

// ---- processes that are killed

const STEP: &str = "AMPI_WIRE_TEST_STEP";

/// Not a test of its own: the process that the tests below start and kill. Stops at the step that the variable names.
#[test]
fn helper() {
    let Ok(text) = std::env::var(STEP) else { return };
    let words: Vec<&str> = text.split(' ').collect();
    let (step, address, secret) = (words[0], words[1].parse().unwrap(), Secret::from_hex(words[2]).unwrap());
    let stop = || loop {
        thread::sleep(SOON);
    };
    if step == "before" {
        stop();
    }
    if step == "connected" {
        let _stream = Stream::open(&address).unwrap();
        stop();
    }
    let client = Client::join(join(&address, &secret, 1), |_| {});
    if step == "table" {
        stop();
    }
    let client = client.unwrap();
    client.barrier(SOON).unwrap();
    if step == "barrier" {
        stop();
    }
    client.finish(5, SOON).unwrap();
    if step == "finished" {
        stop();
    }
}

fn start(step: &str, server: &Server, secret: &Secret) -> Killed {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wire::bootstrap::tests::helper"])
        .env(STEP, format!("{step} {} {}", server.address(), secret.to_hex()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Killed(child)
}

struct Killed(Child);
impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[test]
fn killed_before_it_joins() {
    for step in ["before", "connected"] {
        let (mut server, secret) = server(plan(2));
        let other = spawn(join(server.address(), &secret, 0));
        let child = start(step, &server, &secret);
        until(&mut server, |e| matches!(e, Event::Joined { process: 0 }));
        drop(child);
        server.process_died(1, "killed by signal 9");
        let why = failure(&until(&mut server, |e| matches!(e, Event::Failed(_))));
        assert_eq!(why, "process 1 ended before it joined the job: killed by signal 9");
        until_done(&mut server, &other);
        assert!(other.join().unwrap().0.is_err());
    }
}

#[test]
fn killed_while_the_others_are_awaited() {
    let (mut server, secret) = server(plan(2));
    let child = start("table", &server, &secret);
    until(&mut server, |e| matches!(e, Event::Joined { process: 1 }));
    drop(child);
    let why = failure(&until(&mut server, |e| matches!(e, Event::Failed(_))));
    assert!(why.contains("process 1 (pid") && why.contains("was lost while the job started"), "{why}");
    let late = spawn(join(server.address(), &secret, 0));
    until_done(&mut server, &late);
    assert!(late.join().unwrap().0.err().unwrap().to_string().contains("has failed"));
}

#[test]
fn killed_after_the_table_or_at_a_barrier() {
    for step in ["table", "barrier"] {
        let (mut server, secret) = server(plan(2));
        let child = start(step, &server, &secret);
        let other = spawn(join(server.address(), &secret, 0));
        until(&mut server, ready);
        let (client, events) = other.join().unwrap();
        let mut client = client.unwrap();
        if step == "barrier" {
            let waiting = thread::spawn(move || (client.barrier(SOON), client));
            until_done(&mut server, &waiting);
            let (reached, back) = waiting.join().unwrap();
            reached.unwrap();
            client = back;
        }
        let killed = Instant::now();
        drop(child);
        until(&mut server, |e| matches!(e, Event::Lost { process: 1, .. }));
        assert!(matches!(events.recv_timeout(SOON).unwrap(), Event::Lost { process: 1, .. }));
        assert!(killed.elapsed() < Duration::from_secs(1));
        drop(client);
    }
}

#[test]
fn killed_after_it_has_left_is_no_event() {
    let (mut server, secret) = server(plan(2));
    let child = start("finished", &server, &secret);
    let other = spawn(join(server.address(), &secret, 0));
    until(&mut server, ready);
    let (client, _events) = other.join().unwrap();
    let client = client.unwrap();
    let leaving = thread::spawn(move || {
        client.barrier(SOON).unwrap();
        client.finish(6, SOON).unwrap();
    });
    let mut events = until(&mut server, |e| matches!(e, Event::Exited { process: 1, .. }));
    drop(child);
    server.process_died(1, "killed by signal 9");
    events.extend(until_done(&mut server, &leaving));
    events.extend(server.step(Duration::from_millis(50)));
    assert!(events.contains(&Event::Exited { process: 1, code: 5 }));
    assert!(events.contains(&Event::AllEnded { codes: vec![Some(6), Some(5)] }), "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Lost { .. } | Event::Failed(_))), "{events:?}");
}
