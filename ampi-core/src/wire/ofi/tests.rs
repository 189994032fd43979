//! Links over the providers that this machine has: the rules of every link, death, strangers.
//!
//! Other providers (of hardware that not every machine has) are tried with
//! `AMPI_WIRE_TEST_PROVIDERS=verbs;ofi_rxm,psm3 cargo test -p ampi-core --lib wire::ofi`.

use super::*;
use crate::wire::frame::FrameHead;
use crate::wire::link::{Link, State};
use crate::wire::place::Lent;
use crate::wire::rules::{self, Kept, Net, SOON};
use std::process::{Command, Stdio};
use std::time::Instant;

fn options(provider: &str) -> Options {
    Options { provider: Some(provider.into()), address: Some([127, 0, 0, 1].into()), ..Options::default() }
}

/// Names of the providers to try that work here; says which do not, and why.
fn present(usual: &[&str]) -> Vec<String> {
    let wanted = std::env::var("AMPI_WIRE_TEST_PROVIDERS").ok();
    let wanted: Vec<&str> = wanted.as_ref().map_or(usual.to_vec(), |w| w.split(',').collect());
    let works = |name: &&str| match Endpoint::open(&local(name)) {
        Ok(endpoint) if endpoint.provider() == *name => true,
        Ok(endpoint) => {
            println!("skipped: asked for {name}, libfabric gives {}", endpoint.provider());
            false
        }
        Err(e) => {
            println!("skipped: {name}: {e}");
            false
        }
    };
    wanted.into_iter().filter(works).map(String::from).collect()
}

fn local(provider: &str) -> Options {
    match provider {
        "shm" => Options { address: None, ..options(provider) },
        _ => options(provider),
    }
}

fn links_of(n: u32, options: &Options, secret: impl Fn(u32) -> Secret, limit: Duration) -> Vec<Fabric> {
    let endpoints: Vec<Endpoint> = (0..n).map(|_| Endpoint::open(options).unwrap()).collect();
    let addresses: Vec<_> = endpoints.iter().map(|e| Some(e.address().clone())).collect();
    let end = |(me, endpoint)| link(endpoint, me, secret(me), &addresses, limit).unwrap();
    (0..).zip(endpoints).map(end).collect()
}

fn links(n: u32, provider: &str) -> Vec<Fabric> {
    let secret = Secret::random().unwrap();
    links_of(n, &local(provider), |_| secret.clone(), SOON)
}

/// The provider that everything is tried with.
const USUAL: &[&str] = &["tcp;ofi_rxm"];
/// Without `shm`: in 1.17 it cannot do without an end that is closed in the same process. It is tried by a whole job.
const ALL: &[&str] = &["tcp;ofi_rxm", "sockets"];

#[test]
fn providers_are_named_and_an_unknown_one_is_a_sentence() {
    match providers(&Options::default()) {
        Ok(names) => println!("providers: {names:?}"),
        Err(e) => return println!("skipped: {e}"),
    }
    let unknown = Endpoint::open(&Options { provider: Some("no-such".into()), ..Options::default() });
    let error = unknown.err().unwrap().to_string();
    assert!(error.contains("no-such"), "{error}");
    let nowhere = Endpoint::open(&Options { address: Some([203, 0, 113, 77].into()), ..Options::default() });
    assert!(nowhere.is_err());
}

#[test]
#[allow(unsafe_code)]
fn providers_do_not_keep_the_signals_of_faults() {
    let handlers = || -> Vec<usize> {
        let of = |signal| {
            // SAFETY: a plain structure that the call fills in.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, std::ptr::null(), &mut action);
                action.sa_sigaction
            }
        };
        [libc::SIGSEGV, libc::SIGBUS, libc::SIGTERM, libc::SIGINT, libc::SIGABRT]
            .into_iter()
            .map(of)
            .collect()
    };
    let before = handlers();
    for provider in present(&["tcp;ofi_rxm", "shm"]) {
        let endpoint = Endpoint::open(&local(&provider)).unwrap();
        assert_eq!(handlers(), before, "{provider}");
        drop(endpoint);
    }
}

#[test]
fn frames_arrive_in_order_by_every_provider() {
    for provider in present(ALL) {
        rules::frames_arrive_in_order(links(2, &provider), 31);
        rules::frames_arrive_in_order(links(4, &provider), 32);
    }
}

#[test]
fn frames_arrive_with_registered_memory_and_without_a_descriptor() {
    for provider in present(USUAL) {
        let secret = Secret::random().unwrap();
        let options = Options { register: true, ..local(&provider) };
        rules::frames_arrive_in_order(links_of(3, &options, |_| secret.clone(), SOON), 33);
        let options = Options { nap: true, ..local(&provider) };
        let mut links = links_of(2, &options, |_| secret.clone(), SOON);
        assert!(links[0].deadline().is_some() && links[0].prepare_sleep());
        links[0].wait_for(&mut |_| panic!("it shall have no descriptor"));
        rules::a_hundred_megabytes_arrive(links);
    }
}

#[test]
fn a_peer_that_does_not_poll_is_waited_for_without_waiting() {
    for provider in present(ALL) {
        rules::what_does_not_fit_is_kept(links(2, &provider));
    }
}

#[test]
fn a_cut_in_the_middle_of_a_long_payload_is_told_on_both_sides() {
    for provider in present(ALL) {
        rules::a_cut_is_told_on_both_sides(links(2, &provider));
    }
}

#[test]
fn closing_is_not_breaking() {
    for provider in present(ALL) {
        rules::a_close_is_no_break(links(2, &provider));
    }
}

#[test]
fn a_hundred_megabytes_and_every_wake_up() {
    for provider in present(ALL) {
        rules::a_hundred_megabytes_arrive(links(2, &provider));
    }
}

#[test]
fn nothing_to_do_is_sleep() {
    for provider in present(ALL) {
        rules::an_idle_link_sleeps(links(2, &provider));
    }
}

#[test]
fn another_secret_breaks_the_link_with_that_reason() {
    for provider in present(USUAL) {
        let limit = Duration::from_millis(300);
        let mut net = Net::new(links_of(2, &local(&provider), |_| Secret::random().unwrap(), limit));
        net.send(0, 1, 1, b"a");
        net.until("the failure", |net| !net.kept[0].broken.is_empty());
        let reason = &net.kept[0].broken[0].reason;
        assert!(reason.contains("does not know the secret"), "{reason}");
        assert!(net.links[1].notes()[0].contains("from process 0"));
        assert!(net.kept[1].broken.is_empty() && net.frames() == 0);
    }
}

#[test]
fn a_stranger_who_knows_the_address_is_dropped() {
    for provider in present(USUAL) {
        let secret = Secret::random().unwrap();
        let endpoints: Vec<Endpoint> = (0..3).map(|_| Endpoint::open(&local(&provider)).unwrap()).collect();
        let addresses: Vec<_> = endpoints.iter().map(|e| Some(e.address().clone())).collect();
        let mut all: Vec<Fabric> = Vec::new();
        for (me, endpoint) in (0..).zip(endpoints) {
            // the last says to be process 1, too
            let (me, secret) = if me == 2 { (1, Secret::random().unwrap()) } else { (me, secret.clone()) };
            all.push(link(endpoint, me, secret, &addresses, SOON).unwrap());
        }
        let mut net = Net::new(all);
        net.send(2, 0, 7, b"from a stranger");
        let end = Instant::now() + SOON;
        let mut notes = vec![];
        while notes.is_empty() && Instant::now() < end {
            net.poll();
            notes = net.links[0].notes();
        }
        assert!(notes[0].contains("does not know the secret"), "{notes:?}");
        net.send(1, 0, 8, b"from process 1");
        net.until("the frame", |net| net.frames() == 1);
        assert_eq!(net.kept[0].frames[0].1.key, 8);
        assert!(net.kept[0].broken.is_empty() && net.kept[1].broken.is_empty());
    }
}

#[test]
fn addresses_of_another_provider_are_refused() {
    for provider in present(USUAL) {
        let endpoint = Endpoint::open(&local(&provider)).unwrap();
        let text = endpoint.address().to_string();
        assert_eq!(text.parse::<Address>().unwrap(), *endpoint.address());
        let other = Some("ofi:verbs:0011".parse().unwrap());
        let refused = link(endpoint, 0, Secret::random().unwrap(), &[other], SOON).err().unwrap();
        assert!(refused.to_string().contains("process 0 has ofi:verbs:0011"), "{refused}");
    }
}

const STEP: &str = "AMPI_WIRE_TEST_OFI";

/// Not a test of its own: the process that the next test starts and kills.
#[test]
fn helper() {
    let Ok(text) = std::env::var(STEP) else { return };
    let words: Vec<&str> = text.split(' ').collect();
    let endpoint = Endpoint::open(&local(words[0])).unwrap();
    let own = endpoint.address().clone();
    let addresses = [Some(words[1].parse().unwrap()), Some(own.clone())];
    let secret = Secret::from_hex(words[2]).unwrap();
    let half = format!("{}.half", words[3]);
    std::fs::write(&half, own.to_string()).unwrap();
    std::fs::rename(half, words[3]).unwrap();
    let mut link = link(endpoint, 1, secret, &addresses, SOON).unwrap();
    link.send(0, &FrameHead::new(1, 2, 3, 4), &[b"first"]).unwrap();
    link.lend(0, &FrameHead::new(1, 2, 3, 5), Lent::owned(vec![7; 64 << 20], 1)).unwrap();
    let (mut kept, end) = (Kept::default(), Instant::now() + SOON);
    while Instant::now() < end {
        link.poll(9, &mut kept);
    }
}

#[test]
fn a_killed_process_is_told_when_something_is_sent_to_it_or_when_it_is_cut() {
    for provider in present(ALL) {
        for cut in [false, true] {
            killed(&provider, cut);
        }
    }
}

fn killed(provider: &str, cut: bool) {
    let endpoint = Endpoint::open(&local(provider)).unwrap();
    let file = std::env::temp_dir().join(format!("ampi-ofi-{}-{}", std::process::id(), cut));
    let secret = Secret::random().unwrap();
    let told = [provider, &endpoint.address().to_string(), &secret.to_hex(), &file.display().to_string()];
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "wire::ofi::tests::helper"])
        .env(STEP, told.join(" "))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let end = Instant::now() + SOON;
    let address = loop {
        match std::fs::read_to_string(&file).ok().and_then(|text| text.parse::<Address>().ok()) {
            Some(address) => break address,
            None => assert!(Instant::now() < end, "the other process does not start"),
        }
    };
    std::fs::remove_file(&file).unwrap();
    let addresses = [Some(endpoint.address().clone()), Some(address)];
    let mut link = link(endpoint, 0, secret, &addresses, SOON).unwrap();
    let mut kept = Kept::default();
    // the long payload is on its way
    while kept.frames.is_empty() || link.backlog(1) > 0 || link.state(1) != State::Up {
        assert!(Instant::now() < end, "{provider}: nothing comes: {:?}", link.state(1));
        link.poll(1, &mut kept);
    }
    for _ in 0..20 {
        link.poll(1, &mut kept);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // what a provider leaves of a process that was killed
    let left = |name: &str| name.starts_with(&child.id().to_string());
    for entry in std::fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        if left(&entry.file_name().to_string_lossy()) {
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
    let begin = Instant::now();
    if cut {
        link.cut(1, "its process was killed");
    }
    let mut key = 0;
    while kept.broken.is_empty() && begin.elapsed() < SOON {
        link.poll(64, &mut kept);
        key += 1;
        if !cut && key % 1000 == 0 && link.backlog(1) < 1 << 20 {
            // until it is known to be broken, sending is allowed
            let _ = link.lend(1, &FrameHead::new(1, 2, 3, key), Lent::owned(vec![1; 100_000], key));
        }
        if !cut && begin.elapsed() > Duration::from_secs(5) && link.state(1) == State::Up {
            println!("{provider} does not tell that a process is dead: cut after 5 s");
            link.cut(1, "its process was killed");
        }
    }
    println!("{provider}, cut {cut}: {} after {:?}", kept.broken[0], begin.elapsed());
    assert_eq!(kept.frames.len(), 1, "{provider}");
    assert!(kept.lost.len() <= 1);
    assert!(begin.elapsed() < SOON);
}
