//! The mesh over real sockets: the rules of every link, and what is special about connections.

use super::*;
use crate::wire::faulty::{Clock, Faults, Faulty};
use crate::wire::link::SHORT_MAX;
use crate::wire::rules::{self, Kept, Net, SOON};
use crate::wire::stream;
use rustix::event::{PollFd, PollFlags};
use std::io::{IoSlice, IoSliceMut};
use std::sync::atomic::{AtomicU32, Ordering};

static NAMES: AtomicU32 = AtomicU32::new(0);

fn local() -> String {
    format!("unix:@ampi-mesh-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed))
}

fn v4() -> String {
    "tcp:127.0.0.1:0".into()
}

fn options() -> Options {
    Options { opening_limit: Duration::from_secs(5), ..Options::default() }
}

/// A mesh of `n` processes, each with the secret that `secret` names, listening at an address that `address` gives.
fn mesh_of(n: u32, address: fn() -> String, secret: impl Fn(u32) -> Secret, options: &Options) -> Vec<Mesh> {
    let listeners: Vec<Listener> =
        (0..n).map(|_| Listener::bind(&address().parse().unwrap()).unwrap()).collect();
    let addresses: Vec<Vec<Address>> = listeners.iter().map(|l| vec![l.address().clone()]).collect();
    let end = |(me, l)| Mesh::new(me, secret(me), vec![l], addresses.clone(), options.clone()).unwrap();
    (0..).zip(listeners).map(end).collect()
}

fn mesh(n: u32, address: fn() -> String) -> Vec<Mesh> {
    let secret = Secret::random().unwrap();
    mesh_of(n, address, |_| secret.clone(), &options())
}

#[test]
fn frames_arrive_in_order_by_every_family() {
    rules::frames_arrive_in_order(mesh(3, v4), 11);
    rules::frames_arrive_in_order(mesh(2, local), 12);
    // more connections than are read directly
    rules::frames_arrive_in_order(mesh(8, v4), 13);
    if Listener::bind(&"tcp:[::1]:0".parse().unwrap()).is_ok() {
        rules::frames_arrive_in_order(mesh(2, || "tcp:[::1]:0".into()), 14);
    }
}

#[test]
fn a_peer_that_stops_reading_is_waited_for_without_waiting() {
    rules::what_does_not_fit_is_kept(mesh(2, v4));
    rules::what_does_not_fit_is_kept(mesh(2, local));
}

#[test]
fn a_cut_in_the_middle_of_a_long_payload_is_told_on_both_sides() {
    rules::a_cut_is_told_on_both_sides(mesh(2, v4));
    rules::a_cut_is_told_on_both_sides(mesh(2, local));
}

#[test]
fn closing_is_not_breaking() {
    rules::a_close_is_no_break(mesh(2, v4));
    rules::a_close_is_no_break(mesh(2, local));
}

#[test]
fn a_hundred_megabytes_and_every_wake_up() {
    rules::a_hundred_megabytes_arrive(mesh(2, v4));
}

#[test]
fn nothing_to_do_is_sleep() {
    rules::an_idle_link_sleeps(mesh(2, v4));
    rules::an_idle_link_sleeps(mesh(2, local));
}

#[test]
fn a_stranger_does_not_keep_anybody_awake() {
    let links = mesh(2, v4);
    let _silent = Stream::open(links[0].listeners[0].address()).unwrap();
    rules::an_idle_link_sleeps(links);
}

#[test]
fn frames_arrive_in_order_when_processes_are_suspended_at_random() {
    let faults = |seed| Faults { seed, delay_ns_max: 0, cuts_per_million: 0, stalls_per_million: 600_000 };
    let links = mesh(3, v4).into_iter();
    let faulty = (0..).zip(links).map(|(i, l)| Faulty::new(l, 3, Clock::default(), faults(i)));
    rules::frames_arrive_in_order(faulty.collect(), 15);
}

#[test]
fn congestion_control_can_be_chosen_and_an_unknown_one_is_a_note() {
    for (name, known) in [("reno", true), ("no-such-name", false)] {
        let options = Options { congestion: Some(name.into()), ..options() };
        let secret = Secret::random().unwrap();
        let mut net = Net::new(mesh_of(2, v4, |_| secret.clone(), &options));
        net.send(0, 1, 1, b"a");
        net.until("the frame", |net| net.frames() == 1);
        let Phase::Up(connection) = &net.links[0].peers[1].phase else { panic!("not up") };
        let used = rustix::net::sockopt::tcp_congestion(&connection.stream).unwrap();
        assert_eq!(used == name, known);
        assert_eq!(net.links[0].notes().len(), if known { 0 } else { 1 });
    }
}

#[test]
fn opened_from_both_sides_at_once_one_connection_is_left() {
    for round in 0..200u64 {
        let mut net = Net::new(mesh(2, if round % 2 == 0 { v4 } else { local }));
        let mut numbers = rules::Numbers(round);
        // both sides begin, and each gets a random number of turns before the other's
        net.send(0, 1, 1, b"a");
        net.send(1, 0, 2, b"b");
        for _ in 0..numbers.below(12) {
            let side = numbers.below(2) as usize;
            net.links[side].poll(9, &mut net.kept[side]);
        }
        net.until("both", |net| net.frames() == 2);
        for (from, to) in [(0, 1), (1, 0)] {
            net.send(from, to, 3, b"c");
            assert!(matches!(net.links[from].peers[to as usize].phase, Phase::Up(_)));
        }
        net.until("more", |net| net.frames() == 4);
        for _ in 0..50 {
            net.poll();
        }
        assert!(net.links.iter().all(|l| l.arrivals.is_empty() && l.notes.is_empty()), "round {round}");
        assert!(net.kept.iter().all(|k| k.broken.is_empty()), "round {round}");
    }
}

#[test]
fn opened_from_both_sides_at_once_by_threads() {
    for _ in 0..50 {
        let threads: Vec<_> = mesh(2, v4)
            .into_iter()
            .enumerate()
            .map(|(me, mut link)| {
                std::thread::spawn(move || {
                    let to = 1 - me as ProcessId;
                    for key in 0..100 {
                        link.send(to, &FrameHead::new(1, 2, 3, key), &[&[7; 100]]).unwrap();
                    }
                    let mut kept = Kept::default();
                    rules::sleep_and_poll(&mut link, &mut kept, |k| k.frames.len() == 100);
                    link.close();
                    rules::sleep_and_poll(&mut link, &mut kept, |k| !k.closed.is_empty());
                    assert!(kept.frames.iter().enumerate().all(|(i, f)| f.1.key == i as u64));
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
    }
}

#[test]
fn another_secret_breaks_the_link_with_that_reason() {
    let mut net = Net::new(mesh_of(2, v4, |_| Secret::random().unwrap(), &options()));
    net.send(0, 1, 1, b"a");
    net.until("the failure", |net| !net.kept[0].broken.is_empty());
    let reason = &net.kept[0].broken[0].reason;
    assert!(reason.contains("does not know the secret"), "{reason}");
    net.poll();
    let end = Instant::now() + SOON;
    let mut notes = vec![];
    while notes.is_empty() && Instant::now() < end {
        net.poll();
        notes = net.links[1].notes();
    }
    assert!(notes[0].contains("another secret"), "{notes:?}");
    assert!(net.kept[1].broken.is_empty());
}

#[test]
fn strangers_are_dropped_and_disturb_nobody() {
    let secret = Secret::random().unwrap();
    let options = Options { opening_limit: Duration::from_millis(150), ..options() };
    let mut net = Net::new(mesh_of(2, v4, |_| secret.clone(), &options));
    let address = net.links[1].listeners[0].address().clone();
    let strangers: Vec<Stream> = (0..3)
        .map(|_| {
            let stream = Stream::open(&address).unwrap();
            stream::wait(&mut [PollFd::new(&stream, PollFlags::OUT)], Instant::now() + SOON);
            stream
        })
        .collect();
    let mut garbage = vec![0xa5; 5000];
    garbage[..10].copy_from_slice(b"SSH-2.0-x\n");
    strangers[0].write(&[IoSlice::new(&garbage)]).unwrap();
    strangers[1].write(&[IoSlice::new(b"ampi")]).unwrap();
    net.send(0, 1, 1, b"a");
    net.until("the frame", |net| net.frames() == 1);
    for mut stranger in strangers {
        let mut ended = false;
        let end = Instant::now() + SOON;
        while !ended && Instant::now() < end {
            net.poll();
            // dropped: the end of the stream, or an error because not all garbage was read
            ended = !matches!(stranger.read(&mut [IoSliceMut::new(&mut [0; 8])]), Ok(None));
        }
        assert!(ended);
    }
    assert_eq!(net.links[1].notes().len(), 1, "told once");
    net.send(1, 0, 2, b"b");
    net.until("the answer", |net| net.frames() == 2);
}

#[test]
fn nobody_there_and_nobody_answers() {
    // a port where nobody listens
    let mut links = mesh(3, v4);
    links.truncate(2);
    let mut net = Net::new(links);
    net.send(0, 2, 1, b"a");
    net.until("the failure", |net| !net.kept[0].broken.is_empty());
    assert!(net.kept[0].broken[0].reason.contains("cannot be reached"), "{}", net.kept[0].broken[0]);
    // a listener that nobody polls
    let secret = Secret::random().unwrap();
    let options = Options { opening_limit: Duration::from_millis(50), ..options() };
    let mut links = mesh_of(2, v4, |_| secret.clone(), &options);
    let mut kept = Kept::default();
    links[0].lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(vec![1], 8)).unwrap();
    assert!(links[0].deadline().is_some());
    let end = Instant::now() + SOON;
    while kept.broken.is_empty() && Instant::now() < end {
        links[0].poll(9, &mut kept);
    }
    assert!(kept.broken[0].reason.contains("did not answer within 0.1 s"), "{}", kept.broken[0]);
    assert_eq!(kept.released, [(1, 8, false)]);
}

#[test]
fn the_second_address_is_tried_when_the_first_does_not_work() {
    let secret = Secret::random().unwrap();
    let listeners: Vec<Listener> = (0..2).map(|_| Listener::bind(&v4().parse().unwrap()).unwrap()).collect();
    let dead: Address = local().parse().unwrap();
    let addresses: Vec<Vec<Address>> =
        listeners.iter().map(|l| vec![dead.clone(), l.address().clone()]).collect();
    let end = |(me, l)| Mesh::new(me, secret.clone(), vec![l], addresses.clone(), options()).unwrap();
    let mut net = Net::new((0..).zip(listeners).map(end).collect());
    net.send(0, 1, 1, b"a");
    net.until("the frame", |net| net.frames() == 1);
}

#[test]
fn a_process_that_dies_is_told_with_the_place_where_the_stream_ended() {
    let mut links = mesh(2, v4);
    let mut dying = links.pop().unwrap();
    let mut kept = [Kept::default(), Kept::default()];
    dying.send(0, &FrameHead::new(1, 2, 3, 4), &[b"x"]).unwrap();
    dying.lend(0, &FrameHead::new(1, 2, 3, 5), Lent::owned(vec![7; 64 << 20], 1)).unwrap();
    let end = Instant::now() + SOON;
    while (kept[0].frames.is_empty() || links[0].peers[1].incoming.position() == "after 1 frames")
        && Instant::now() < end
    {
        dying.poll(9, &mut kept[1]);
        links[0].poll(9, &mut kept[0]);
    }
    drop(dying);
    while kept[0].broken.is_empty() && Instant::now() < end {
        links[0].poll(9, &mut kept[0]);
    }
    let reason = &kept[0].broken[0].reason;
    assert!(reason.contains("in frame 1, after ") && reason.contains(" of 67108864 bytes"), "{reason}");
    assert_eq!(kept[0].lost.len(), 1);
}

#[test]
fn damage_on_an_open_connection_breaks_it() {
    let mut net = Net::new(mesh(2, v4));
    net.send(0, 1, 1, b"a");
    net.until("the frame", |net| net.frames() == 1);
    if let Phase::Up(connection) = &net.links[0].peers[1].phase {
        connection.stream.write(&[IoSlice::new(&[0xff; 100])]).unwrap();
    }
    net.until("the failure", |net| !net.kept[1].broken.is_empty());
    assert!(net.kept[1].broken[0].reason.contains("was due"), "{}", net.kept[1].broken[0]);
}

#[test]
fn a_payload_goes_straight_to_its_place_and_what_follows_is_not_lost() {
    struct Raw(Box<[u8]>, u32, Vec<u64>);
    impl Sink for Raw {
        fn frame(&mut self, _: ProcessId, head: &FrameHead, _: &[u8]) {
            self.2.push(head.key);
        }
        #[allow(unsafe_code)]
        fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
            assert_eq!(head.len_bytes as usize, self.0.len());
            // SAFETY: the box lives as long as the sink, and nobody looks at it before `placed`.
            unsafe { Place::at(self.0.as_mut_ptr(), self.0.len()) }
        }
        fn placed(&mut self, _: ProcessId, head: &FrameHead, _: Place) {
            self.1 += 1;
            self.2.push(head.key);
        }
        fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
        fn released(&mut self, _: ProcessId, _: u64, _: bool) {}
        fn broken(&mut self, broken: &Broken) {
            panic!("{broken}");
        }
        fn closed(&mut self, _: ProcessId) {}
    }
    use crate::wire::place::Place;
    let mut links = mesh(2, v4);
    let bytes: Vec<u8> = (0..3 * SHORT_MAX).map(|i| (i * 7) as u8).collect();
    for key in 0..3 {
        links[0].send(1, &FrameHead::new(1, 2, 3, 2 * key), &[&bytes]).unwrap();
        links[0].send(1, &FrameHead::new(1, 2, 3, 2 * key + 1), &[b"short"]).unwrap();
    }
    let mut sink = Raw(vec![0; bytes.len()].into_boxed_slice(), 0, vec![]);
    let end = Instant::now() + SOON;
    while sink.2.len() < 6 && Instant::now() < end {
        links[0].poll(9, &mut Kept::default());
        links[1].poll(9, &mut sink);
    }
    assert_eq!((sink.1, sink.2), (3, vec![0, 1, 2, 3, 4, 5]));
    assert_eq!(*sink.0, *bytes);
}
