//! Rings between processes: the rules of every link, and what is special about memory. The ends are threads here, except
//! where one has to be killed.

use super::*;
use crate::error::Error;
use crate::wire::rules::{self, Kept, SOON};
use crate::wire::stream::{self};
use rustix::event::{PollFd, PollFlags};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

static NAMES: AtomicU32 = AtomicU32::new(0);

fn listener() -> Listener {
    let name = format!("unix:@ampi-shm-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
    Listener::bind(&name.parse().unwrap()).unwrap()
}

fn soon() -> Instant {
    Instant::now() + SOON
}

/// `n` ends, each met in a thread of its own, with the secret that `secret` gives it.
fn hosts(n: u32, secret: impl Fn(u32) -> Secret, until: Instant) -> Vec<Shm> {
    let listeners: Vec<Listener> = (0..n).map(|_| listener()).collect();
    let addresses: Vec<Address> = listeners.iter().map(|l| l.address().clone()).collect();
    let meeting: Vec<_> = (0..n)
        .zip(listeners)
        .map(|(me, listener)| {
            let peers: Vec<_> = (0..n).zip(addresses.clone()).filter(|(p, _)| *p != me).collect();
            let secret = secret(me);
            std::thread::spawn(move || Shm::meet(me, n, &secret, &listener, &peers, until, &|| false))
        })
        .collect();
    meeting.into_iter().map(|m| m.join().unwrap()).collect()
}

fn links(n: u32) -> Vec<Shm> {
    let secret = Secret::random().unwrap();
    let mut links = hosts(n, |_| secret.clone(), soon());
    assert!(links.iter_mut().all(|l| l.notes().is_empty()));
    links
}

#[test]
fn frames_arrive_in_order() {
    rules::frames_arrive_in_order(links(2), 21);
    rules::frames_arrive_in_order(links(4), 22);
}

#[test]
fn a_full_ring_is_waited_for_without_waiting() {
    rules::what_does_not_fit_is_kept(links(2));
}

#[test]
fn a_cut_in_the_middle_of_a_long_payload_is_told_on_both_sides() {
    rules::a_cut_is_told_on_both_sides(links(2));
}

#[test]
fn closing_is_not_breaking() {
    rules::a_close_is_no_break(links(2));
}

#[test]
fn a_hundred_megabytes_and_every_wake_up() {
    rules::a_hundred_megabytes_arrive(links(2));
}

#[test]
fn nothing_to_do_is_sleep() {
    rules::an_idle_link_sleeps(links(2));
}

#[test]
fn another_secret_is_not_met_and_both_sides_know() {
    let mut links = hosts(2, |_| Secret::random().unwrap(), Instant::now() + Duration::from_millis(300));
    assert!(!links[0].reaches(1) && !links[1].reaches(0));
    assert!(links[0].notes()[0].contains("another secret"));
    assert!(links[1].notes()[0].contains("does not know the secret"));
    let error = links[0].send(1, &FrameHead::new(1, 2, 3, 4), &[]).unwrap_err();
    assert!(error.to_string().contains("not reached through shared memory"));
}

#[test]
fn one_who_does_not_come_is_a_note() {
    let (mine, silent) = (listener(), listener());
    let secret = Secret::random().unwrap();
    let until = Instant::now() + Duration::from_millis(100);
    let peers = [(0, silent.address().clone()), (2, mine.address().clone())];
    let mut shm = Shm::meet(1, 3, &secret, &mine, &peers, until, &|| false);
    let notes = shm.notes();
    assert!(notes[0].contains("process 0") && notes[0].contains("did not answer in time"), "{notes:?}");
    assert!(notes[1].contains("process 2") && notes[1].contains("did not come in time"), "{notes:?}");
}

#[test]
fn a_host_without_memory_for_it_says_so_on_both_sides() {
    let (mine, theirs, secret) = (listener(), listener(), Secret::random().unwrap());
    let (address, key) = (mine.address().clone(), secret.clone());
    let other =
        std::thread::spawn(move || Shm::meet(1, 2, &key, &theirs, &[(0, address)], soon(), &|| false));
    let refuse = || Err(Error::Memory { what: "memfd".into(), why: "not permitted".into() });
    let peers = [(1, mine.address().clone())];
    let (me, until, give_up) = (0, soon(), &|| false);
    let meeting = Meeting { me, secret: &secret, listener: &mine, peers: &peers, until, give_up };
    let (met, notes) = meet::meet(&meeting, &refuse, &mut HostMemory::default());
    assert!(met.is_empty());
    let mut other = other.join().unwrap();
    assert!(!other.reaches(0));
    for (notes, peer) in [(notes, 1), (other.notes(), 0)] {
        let text = format!("shared memory with process {peer}");
        assert!(
            notes.len() == 1 && notes[0].contains(&text) && notes[0].contains("not permitted"),
            "{notes:?}"
        );
    }
}

#[test]
fn waiting_is_given_up_when_the_job_is_over() {
    let (mine, secret, begin) = (listener(), Secret::random().unwrap(), Instant::now());
    let shm = Shm::meet(0, 2, &secret, &mine, &[(1, mine.address().clone())], soon(), &|| true);
    assert!(!shm.reaches(1) && begin.elapsed() < Duration::from_secs(1));
}

const STEP: &str = "AMPI_WIRE_TEST_SHM";

/// Not a test of its own: the process that the next test starts and kills.
#[test]
fn helper() {
    let Ok(text) = std::env::var(STEP) else { return };
    let words: Vec<&str> = text.split(' ').collect();
    let (address, secret) = (words[0].parse().unwrap(), Secret::from_hex(words[1]).unwrap());
    let mut shm = Shm::meet(1, 2, &secret, &listener(), &[(0, address)], soon(), &|| false);
    shm.send(0, &FrameHead::new(1, 2, 3, 4), &[b"first"]).unwrap();
    shm.lend(0, &FrameHead::new(1, 2, 3, 5), Lent::owned(vec![7; 10 << 20], 1)).unwrap();
    std::thread::sleep(SOON);
}

#[test]
fn a_killed_process_is_told_after_all_that_it_had_sent() {
    let (mine, secret) = (listener(), Secret::random().unwrap());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wire::shm::tests::helper"])
        .env(STEP, format!("{} {}", mine.address(), secret.to_hex()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut shm = Shm::meet(0, 2, &secret, &mine, &[(1, mine.address().clone())], soon(), &|| false);
    assert!(shm.reaches(1), "{:?}", shm.notes());
    let mut kept = Kept::default();
    let end = soon();
    while !shm.peer(1).unwrap().incoming.position().contains("of 10485760") {
        assert!(Instant::now() < end, "the long payload does not begin");
        shm.poll(1, &mut kept);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    while kept.broken.is_empty() && Instant::now() < end {
        shm.poll(64, &mut kept);
        if kept.broken.is_empty() && shm.prepare_sleep() {
            let mut fds = Vec::new();
            shm.wait_for(&mut |fd| fds.push(fd.try_clone_to_owned().unwrap()));
            stream::wait(&mut [PollFd::new(&fds[0], PollFlags::IN)], end);
        }
    }
    assert_eq!(kept.frames.len(), 1);
    assert_eq!(kept.lost.len(), 1);
    let reason = &kept.broken[0].reason;
    assert!(reason.contains("gone in frame 1, after ") && reason.contains(" of 10485760 bytes"), "{reason}");
}
