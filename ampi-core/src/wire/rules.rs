//! The rules of [`link`](super::link), as tests that every link has to pass; and a sink that keeps what it gets.

use super::ProcessId;
use super::frame::FrameHead;
use super::link::{Broken, Link, SHORT_MAX, Sink, State};
use super::place::{Lent, Place};
use rustix::event::{PollFd, PollFlags};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub const SOON: Duration = Duration::from_secs(20);

/// A repeatable stream of numbers.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

/// Keeps what arrives.
#[derive(Default)]
pub struct Kept {
    pub frames: Vec<(ProcessId, FrameHead, Vec<u8>)>,
    pub released: Vec<(ProcessId, u64, bool)>,
    pub broken: Vec<Broken>,
    pub closed: Vec<ProcessId>,
    pub lost: Vec<(ProcessId, FrameHead)>,
}

impl Sink for Kept {
    fn frame(&mut self, from: ProcessId, head: &FrameHead, payload: &[u8]) {
        assert!(payload.len() <= SHORT_MAX && payload.len() as u64 == head.len_bytes);
        self.frames.push((from, *head, payload.to_vec()));
    }
    fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
        assert!(head.len_bytes > SHORT_MAX as u64);
        Place::owned(head.len_bytes as usize)
    }
    fn placed(&mut self, from: ProcessId, head: &FrameHead, place: Place) {
        self.frames.push((from, *head, place.into_bytes()));
    }
    fn lost(&mut self, from: ProcessId, head: &FrameHead, _: Place) {
        self.lost.push((from, *head));
    }
    fn released(&mut self, to: ProcessId, token: u64, sent: bool) {
        self.released.push((to, token, sent));
    }
    fn broken(&mut self, broken: &Broken) {
        self.broken.push(broken.clone());
    }
    fn closed(&mut self, peer: ProcessId) {
        self.closed.push(peer);
    }
}

/// All ends of one network and what has arrived at each.
pub struct Net<L> {
    pub links: Vec<L>,
    pub kept: Vec<Kept>,
}

impl<L: Link> Net<L> {
    pub fn new(links: Vec<L>) -> Net<L> {
        let kept = links.iter().map(|_| Kept::default()).collect();
        Net { links, kept }
    }

    pub fn poll(&mut self) {
        for (link, kept) in self.links.iter_mut().zip(&mut self.kept) {
            link.poll(64, kept);
        }
    }

    /// Polls until `over`.
    pub fn until(&mut self, what: &str, mut over: impl FnMut(&Net<L>) -> bool) {
        let end = Instant::now() + SOON;
        while !over(self) {
            assert!(Instant::now() < end, "{what}: not in time; broken: {:?}", self.kept[0].broken);
            self.poll();
        }
    }

    pub fn send(&mut self, from: usize, to: ProcessId, key: u64, payload: &[u8]) {
        self.links[from].send(to, &FrameHead::new(1, 2, 3, key), &[payload]).unwrap();
    }

    pub fn frames(&self) -> usize {
        self.kept.iter().map(|k| k.frames.len()).sum()
    }
}

/// Bytes that tell which frame they are of.
fn payload(key: u64, len: usize) -> Vec<u8> {
    let mut numbers = Numbers(key);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend(numbers.next().to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Random frames between all pairs: everything arrives once, in order, and every token comes back.
pub fn frames_arrive_in_order<L: Link>(links: Vec<L>, seed: u64) {
    let n = links.len() as u64;
    let mut net = Net::new(links);
    let mut numbers = Numbers(seed);
    let mut sent: BTreeMap<(ProcessId, ProcessId), Vec<(u64, usize)>> = BTreeMap::new();
    let mut lent = 0;
    for key in 0..1500 {
        let from = numbers.below(n);
        let to = (from + 1 + numbers.below(n - 1)) % n;
        let len = match numbers.below(20) {
            0 => SHORT_MAX + numbers.below(200_000) as usize,
            1 => SHORT_MAX,
            2 => SHORT_MAX + 1,
            3 => 0,
            _ => numbers.below(300) as usize,
        };
        let (bytes, head) = (payload(key, len), FrameHead::new(key as u8, 2, 3, key));
        let link = &mut net.links[from as usize];
        if numbers.below(3) == 0 {
            link.lend(to as ProcessId, &head, Lent::owned(bytes, key)).unwrap();
            lent += 1;
        } else {
            let (a, b) = bytes.split_at(len / 3);
            link.send(to as ProcessId, &head, &[a, &[], b]).unwrap();
        }
        sent.entry((from as ProcessId, to as ProcessId)).or_default().push((key, len));
        if numbers.below(10) == 0 {
            net.poll();
        }
    }
    net.until("all frames", |net| {
        net.frames() == 1500 && net.kept.iter().map(|k| k.released.len()).sum::<usize>() == lent
    });
    for (to, kept) in net.kept.iter().enumerate() {
        let mut seen: BTreeMap<(ProcessId, ProcessId), Vec<(u64, usize)>> = BTreeMap::new();
        for (from, head, bytes) in &kept.frames {
            assert_eq!(*bytes, payload(head.key, bytes.len()), "frame {} of seed {seed}", head.key);
            assert_eq!((head.kind, head.dst, head.context), (head.key as u8, 2, 3));
            seen.entry((*from, to as ProcessId)).or_default().push((head.key, bytes.len()));
        }
        for (pair, frames) in seen {
            assert_eq!(sent.remove(&pair), Some(frames), "pair {pair:?} of seed {seed}");
        }
        assert!(kept.broken.is_empty() && kept.released.iter().all(|r| r.2));
    }
    assert!(sent.is_empty());
    assert!(net.links.iter_mut().all(|l| l.flush() == 0));
}

/// A peer that stops reading: sending goes on without waiting, the backlog says so, and nothing is lost.
pub fn what_does_not_fit_is_kept<L: Link>(links: Vec<L>) {
    let mut net = Net::new(links);
    net.send(0, 1, 0, &[]);
    net.until("the connection", |net| net.frames() == 1);
    let mut sent = 0;
    let mut steady = 0;
    // the kernel takes more for a while, as its buffers grow
    while steady < 20 {
        let before = net.links[0].backlog(1);
        if before < 1 << 20 {
            sent += 1;
            net.send(0, 1, sent, &payload(sent, 10_000));
            assert!(sent < 20_000, "there is no back-pressure");
            continue;
        }
        steady = if net.links[0].flush() == before { steady + 1 } else { 0 };
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(net.links[0].state(1), State::Up);
    net.until("the rest", |net| net.frames() as u64 == sent + 1);
    assert!(net.kept[1].frames.iter().enumerate().all(|(i, f)| f.1.key == i as u64));
    assert_eq!(net.links[0].backlog(1), 0);
}

/// A link that is cut in the middle of a long payload: an event with a reason on both sides, everything given back.
pub fn a_cut_is_told_on_both_sides<L: Link>(links: Vec<L>) {
    let mut net = Net::new(links);
    net.send(0, 1, 0, b"before");
    net.until("the connection", |net| net.frames() == 1);
    net.links[0].lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(vec![7; 64 << 20], 55)).unwrap();
    for _ in 0..3 {
        net.poll();
    }
    assert!(net.links[0].backlog(1) > 0);
    net.links[0].cut(1, "the test says so");
    net.links[0].cut(1, "twice");
    net.until("the news", |net| net.kept.iter().all(|k| !k.broken.is_empty()));
    for _ in 0..50 {
        net.poll();
    }
    assert_eq!(net.kept[0].broken, [Broken { peer: 1, reason: "the test says so".into() }]);
    assert_eq!(net.kept[0].released, [(1, 55, false)]);
    assert_eq!(net.kept[1].broken.len(), 1);
    assert_eq!(net.kept[1].lost.len(), 1, "the payload that had begun is given back");
    assert_eq!(net.frames(), 1);
    for (from, to) in [(0, 1), (1, 0)] {
        let head = FrameHead::new(1, 2, 3, 4);
        assert!(net.links[from].send(to, &head, &[b"after"]).is_err());
        assert!(net.links[from].lend(to, &head, Lent::owned(vec![1], 56)).is_err());
        assert!(matches!(net.links[from].state(to), State::Broken(_)));
        assert_eq!(net.links[from].backlog(to), 0);
    }
    net.poll();
    assert_eq!(net.kept[0].released.last(), Some(&(1, 56, false)));
}

/// Closing in good order: what was sent before arrives, both sides hear it, nothing is broken.
pub fn a_close_is_no_break<L: Link>(links: Vec<L>) {
    let mut net = Net::new(links);
    net.send(0, 1, 0, &payload(0, 3_000_000));
    net.send(1, 0, 1, b"x");
    net.links[0].close();
    assert!(net.links[0].send(1, &FrameHead::new(1, 2, 3, 4), &[]).is_err());
    net.until("the close", |net| !net.kept[1].closed.is_empty());
    assert_eq!(net.links[1].state(0), State::Closed);
    // the other side may still send, until it closes as well
    net.send(1, 0, 2, b"late");
    net.links[1].close();
    assert!(net.links[1].send(0, &FrameHead::new(1, 2, 3, 4), &[]).is_err());
    net.until("the other close", |net| !net.kept[0].closed.is_empty());
    for _ in 0..50 {
        net.poll();
    }
    assert_eq!(net.frames(), 3);
    for (kept, other) in net.kept.iter().zip([1, 0]) {
        assert_eq!((&kept.broken[..], &kept.closed[..]), (&[][..], &[other][..]));
    }
}

/// 100 MB as one payload, checked; and the receiver sleeps between its polls, so every wake-up has to come.
pub fn a_hundred_megabytes_arrive<L: Link + 'static>(links: Vec<L>) {
    let len = 100 << 20;
    let mut links = links.into_iter();
    let (Some(mut sender), Some(mut receiver)) = (links.next(), links.next()) else { panic!("two ends") };
    let bytes = payload(9, len);
    let sum = blake3::hash(&bytes);
    let sending = std::thread::spawn(move || {
        let mut kept = Kept::default();
        sender.lend(1, &FrameHead::new(1, 2, 3, 4), Lent::owned(bytes, 1)).unwrap();
        sender.send(1, &FrameHead::new(1, 2, 3, 5), &[b"behind"]).unwrap();
        sleep_and_poll(&mut sender, &mut kept, |k| !k.frames.is_empty());
        assert_eq!(kept.released, [(1, 1, true)]);
    });
    let mut kept = Kept::default();
    sleep_and_poll(&mut receiver, &mut kept, |k| k.frames.len() == 2);
    assert_eq!((kept.frames[0].2.len(), blake3::hash(&kept.frames[0].2)), (len, sum));
    assert_eq!(kept.frames[1].2, b"behind");
    receiver.send(0, &FrameHead::new(1, 2, 3, 6), &[]).unwrap();
    let end = Instant::now() + SOON;
    while !sending.is_finished() && Instant::now() < end {
        receiver.poll(1, &mut kept);
    }
    sending.join().unwrap();
}

/// Polls, and sleeps as the contract says, until `over`. A wake-up that does not come ends the test.
pub fn sleep_and_poll<L: Link>(link: &mut L, kept: &mut Kept, over: impl Fn(&Kept) -> bool) {
    let end = Instant::now() + SOON;
    loop {
        link.poll(64, kept);
        if over(kept) {
            return;
        }
        assert!(kept.broken.is_empty(), "{:?}", kept.broken);
        if !link.prepare_sleep() {
            continue;
        }
        let mut fds = Vec::new();
        link.wait_for(&mut |fd| {
            // it is borrowed from the link only for this call
            fds.push(fd.try_clone_to_owned().unwrap());
        });
        let mut fds: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        let limit = link.deadline().unwrap_or(end).min(end);
        super::stream::wait(&mut fds, limit);
        assert!(Instant::now() < end, "slept for ever");
    }
}

/// A link on which nothing happens lets its user sleep: nothing wakes it again and again. Also while the other side has
/// closed, and after a sleep that something ended.
pub fn an_idle_link_sleeps<L: Link>(links: Vec<L>) {
    let mut net = Net::new(links);
    net.send(0, 1, 0, &payload(0, 100_000));
    net.send(1, 0, 1, b"x");
    net.until("both", |net| net.frames() == 2);
    for closed in [false, true] {
        if closed {
            net.links[1].close();
            net.until("the close", |net| !net.kept[0].closed.is_empty());
        }
        let (link, kept) = (&mut net.links[0], &mut net.kept[0]);
        let end = Instant::now() + Duration::from_millis(60);
        let mut wakes = 0;
        while Instant::now() < end {
            link.poll(64, kept);
            if link.prepare_sleep() {
                let mut fds = Vec::new();
                link.wait_for(&mut |fd| fds.push(fd.try_clone_to_owned().unwrap()));
                let mut fds: Vec<PollFd<'_>> = fds.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
                super::stream::wait(&mut fds, end);
            }
            wakes += 1;
        }
        assert!(wakes < 5, "woken {wakes} times, closed: {closed}");
    }
}

mod loopback {
    use super::*;
    use crate::wire::loopback::network;

    #[test]
    fn frames_arrive() {
        for (seed, pipe) in [(1, 100_000), (2, 100), (3, 1 << 30)] {
            frames_arrive_in_order(network(3, pipe), seed);
        }
    }
    #[test]
    fn back_pressure() {
        what_does_not_fit_is_kept(network(2, 100_000));
    }
    #[test]
    fn cut() {
        a_cut_is_told_on_both_sides(network(2, 100_000));
    }
    #[test]
    fn close() {
        a_close_is_no_break(network(2, 100_000));
    }
}
