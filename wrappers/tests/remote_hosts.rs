//! Agents over a real ssh: two hosts as network, process and mount namespaces, each with its own sshd, joined by one cable.
//!
//! Needs root, `unshare`, `nsenter`, `ip`, `ssh` and `sshd` (Debian: openssh-server, iproute2); what is missing is printed and
//! the test skipped. Nothing outside of a temporary folder and these namespaces is touched, and all traffic stays in them.

mod far;
mod hosts;

use ampi_wrappers::launch::place::Host;
use ampi_wrappers::launch::remote::{Event, News, Order, Shell, Start};
use far::{Far, Heard};
use hosts::Hosts;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(10);

fn agent() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ampirun"))
}

fn open(names: &[&str], shell: &Shell, agent: &Path) -> Result<Far, String> {
    let hosts: Vec<Host> = names.iter().map(|n| Host::named(*n)).collect();
    let hosts: Vec<(usize, &Host)> = hosts.iter().enumerate().collect();
    Far::open(&hosts, shell, agent, LIMIT)
}

fn order(process: u32, script: &str) -> Order {
    let words = ["worker", "-c", script].map(OsString::from).to_vec();
    Order {
        folder: "/tmp".into(),
        secret: "5ec7e7".into(),
        environment: vec![("WHERE".into(), "a 'far' place".into())],
        starts: vec![Start { process, path: "/bin/sh".into(), words, environment: vec![], folder: None }],
    }
}

/// What came.
#[derive(Debug, Default)]
struct Story {
    events: Vec<Event>,
    heard: Vec<Heard>,
}

/// Until `enough` came.
fn follow(fleet: &mut Far, enough: impl Fn(&Story) -> bool) -> Story {
    let mut story = Story::default();
    let until = Instant::now() + LIMIT;
    while !enough(&story) {
        assert!(Instant::now() < until && !fleet.is_over(), "it takes too long: {story:?}");
        story.events.extend(fleet.next(Duration::from_millis(20)));
        story.heard.extend(fleet.heard());
    }
    story
}

fn closed(story: &Story) -> Vec<Result<(), String>> {
    let of = |e: &Event| if let News::Closed(result) = &e.news { Some(result.clone()) } else { None };
    story.events.iter().filter_map(of).collect()
}

/// Of the process that has the number of its host.
fn output(story: &Story, host: usize) -> String {
    let of = story.heard.iter().filter(|(process, _, _)| *process as usize == host);
    of.map(|(_, _, text)| text.as_str()).collect()
}

/// Processes with this word in their command line, on all hosts.
fn processes_with(word: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = entries.filter_map(|e| std::fs::read(e.path().join("cmdline")).ok());
    lines.filter(|l| l.split(|b| *b == 0).any(|w| w == word.as_bytes())).count()
}

fn wait_for_none(word: &str) {
    let until = Instant::now() + Duration::from_secs(3);
    while processes_with(word) > 0 {
        assert!(Instant::now() < until, "a process with {word} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn jobs_over_two_hosts_run_and_fail_in_good_order() {
    let hosts = match Hosts::up() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    runs_and_ends(&hosts);
    closing_ends_all(&hosts);
    failures_are_one_sentence(&hosts);
    a_host_that_dies_is_told(hosts);
}

fn runs_and_ends(hosts: &Hosts) {
    let mut fleet = open(&["h1", "h2"], &hosts.shell(), agent()).unwrap();
    let names: Vec<&str> = fleet.facts().iter().map(|(_, hello)| hello.host.as_str()).collect();
    assert_eq!(names, ["h1", "h2"]);
    let script = "cat /proc/sys/kernel/hostname; echo \"$WHERE\"; pwd; echo ${#AMPI_SECRET}";
    fleet.order(0, &order(0, script)).unwrap();
    fleet.order(1, &order(1, script)).unwrap();
    let events = follow(&mut fleet, |e| closed(e).len() == 2);
    assert_eq!(closed(&events), [Ok(()), Ok(())]);
    for (place, name) in ["h1", "h2"].iter().enumerate() {
        assert_eq!(output(&events, place), format!("{name}\na 'far' place\n/tmp\n6\n"));
    }
}

fn closing_ends_all(hosts: &Hosts) {
    // A number that no other process sleeps for.
    let word = format!("86400.{}", std::process::id());
    let mut fleet = open(&["h1", "h2"], &hosts.shell(), agent()).unwrap();
    fleet.order(0, &order(0, "echo on; exec sleep 1000")).unwrap();
    fleet.order(1, &order(1, &format!("echo on; exec sleep {word}"))).unwrap();
    follow(&mut fleet, |e| !output(e, 0).is_empty() && !output(e, 1).is_empty());
    assert_eq!(processes_with(&word), 1);
    drop(fleet);
    wait_for_none(&word);
}

fn failures_are_one_sentence(hosts: &Hosts) {
    for (names, part) in [
        (vec!["h1", "closed-port"], "closed-port runs no ssh server (connection refused)"),
        (vec!["wrong-key"], "wrong-key accepts none of your ssh keys"),
        (vec!["stranger"], "the host key of stranger is not known here; ssh stranger once by hand"),
        (vec!["nowhere"], "nowhere cannot be reached"),
        (vec!["no.such.host.invalid"], "no.such.host.invalid: "),
    ] {
        let why = open(&names, &hosts.shell(), agent()).err().unwrap();
        assert!(why.contains(part) && !why.contains('\n'), "{names:?}: {why}");
    }
    let why = open(&["h2"], &hosts.shell(), Path::new("/no/such/ampirun")).err().unwrap();
    assert!(why.starts_with("h2 has no /no/such/ampirun; the same version"), "{why}");
}

fn a_host_that_dies_is_told(mut hosts: Hosts) {
    let mut fleet = open(&["h1", "h2"], &hosts.shell(), agent()).unwrap();
    for place in 0..2 {
        fleet.order(place, &order(place as u32, "echo on; exec sleep 1000")).unwrap();
    }
    follow(&mut fleet, |e| !output(e, 0).is_empty() && !output(e, 1).is_empty());
    hosts.crash(1);
    let events = follow(&mut fleet, |e| !closed(e).is_empty());
    let why = closed(&events)[0].clone().unwrap_err();
    assert!(why.starts_with("the connection to h2 broke"), "{why}");
}
