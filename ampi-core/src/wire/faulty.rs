//! A link to which anything can happen that can happen on a network, repeatably: for simulations, and for real jobs under stress.
//!
//! Wraps any [`Link`]. Each frame waits for a random time before the wrapped link gets it; frames to one process never
//! overtake each other, those to different processes do. At a random moment a connection is cut. All randomness comes from
//! a seed, and time is a [`Clock`] that the simulation turns: the same seed gives the same run. By the world's clock the same
//! seed gives the same delays, but runs differ.
//!
//! What the rules of links promise holds here as well; only the luck is worse.

use super::ProcessId;
use super::frame::FrameHead;
use super::link::{Broken, Link, Pending, Sink, State};
use super::place::Lent;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Time in nanoseconds. Clones show the same time.
#[derive(Clone, Debug)]
pub enum Clock {
    /// Passes when it is told to.
    Turned(Arc<AtomicU64>),
    /// The world's, since then.
    Real(Instant),
}

impl Default for Clock {
    fn default() -> Clock {
        Clock::Turned(Arc::default())
    }
}

impl Clock {
    pub fn real() -> Clock {
        Clock::Real(Instant::now())
    }
    pub fn now_ns(&self) -> u64 {
        match self {
            Clock::Turned(ns) => ns.load(Ordering::SeqCst),
            Clock::Real(since) => since.elapsed().as_nanos() as u64,
        }
    }
    /// Only for one that is turned.
    pub fn advance_ns(&self, ns: u64) {
        if let Clock::Turned(now) = self {
            now.fetch_add(ns, Ordering::SeqCst);
        }
    }
}

/// What shall go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub seed: u64,
    /// A frame waits for up to so long.
    pub delay_ns_max: u64,
    /// Of a million frames so many find their connection cut.
    pub cuts_per_million: u32,
    /// Of a million polls so many do nothing, as if the process had been suspended.
    pub stalls_per_million: u32,
}

/// A link with faults.
pub struct Faulty<L> {
    inner: L,
    clock: Clock,
    faults: Faults,
    random: u64,
    /// By process: frames that wait.
    waiting: Vec<VecDeque<Waiting>>,
    pending: Pending,
    closing: bool,
}

struct Waiting {
    due_ns: u64,
    head: FrameHead,
    body: Body,
}

enum Body {
    Copied(Vec<u8>),
    Lent(Lent),
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Body::Copied(bytes) => bytes.len(),
            Body::Lent(lent) => lent.len(),
        }
    }
}

impl<L: Link> Faulty<L> {
    /// `inner` with `faults`, as one of `processes`.
    pub fn new(inner: L, processes: u32, clock: Clock, faults: Faults) -> Faulty<L> {
        let waiting = (0..processes).map(|_| VecDeque::new()).collect();
        let random = faults.seed ^ 0x5851_f42d_4c95_7f2d;
        Faulty { inner, clock, faults, random, waiting, pending: Pending::default(), closing: false }
    }

    /// The wrapped link.
    pub fn inner(&mut self) -> &mut L {
        &mut self.inner
    }

    /// When the next waiting frame is due; a simulation turns its clock to that.
    pub fn next_due_ns(&self) -> Option<u64> {
        self.waiting.iter().filter_map(|q| q.front().map(|w| w.due_ns)).min()
    }

    /// SplitMix64.
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn happens(&mut self, per_million: u32) -> bool {
        per_million > 0 && self.random() % 1_000_000 < per_million as u64
    }

    fn admit(&mut self, to: ProcessId) -> Result<(), Broken> {
        if self.closing {
            return Err(Broken { peer: to, reason: "this side has closed it".into() });
        }
        if let State::Broken(broken) = self.inner.state(to) {
            return Err(broken);
        }
        if to as usize >= self.waiting.len() {
            return Err(Broken { peer: to, reason: "there is no such process".into() });
        }
        if self.happens(self.faults.cuts_per_million) {
            let reason = format!("cut by the simulation (seed {})", self.faults.seed);
            self.cut(to, &reason);
            return Err(Broken { peer: to, reason });
        }
        Ok(())
    }

    fn wait(&mut self, to: ProcessId, head: &FrameHead, body: Body) {
        let delay = match self.faults.delay_ns_max {
            0 => 0,
            max => self.random() % (max + 1),
        };
        let queue = &mut self.waiting[to as usize];
        // nobody overtakes who goes the same way
        let due_ns = (self.clock.now_ns() + delay).max(queue.back().map_or(0, |w| w.due_ns));
        queue.push_back(Waiting { due_ns, head: *head, body });
    }

    /// Hands on what is due.
    fn hand_on(&mut self) {
        let now = self.clock.now_ns();
        for to in 0..self.waiting.len() {
            while self.waiting[to].front().is_some_and(|w| w.due_ns <= now) {
                let Some(next) = self.waiting[to].pop_front() else { break };
                let to = to as ProcessId;
                // a link that is broken meanwhile tells so itself, and gives back what was lent
                let _ = match next.body {
                    Body::Copied(bytes) => self.inner.send(to, &next.head, &[&bytes]),
                    Body::Lent(lent) => self.inner.lend(to, &next.head, lent),
                };
            }
        }
        if self.closing && self.waiting.iter().all(|q| q.is_empty()) {
            self.inner.close();
        }
    }

    fn drop_waiting(&mut self, to: ProcessId) {
        let Some(queue) = self.waiting.get_mut(to as usize) else { return };
        for waiting in queue.drain(..) {
            if let Body::Lent(lent) = waiting.body {
                self.pending.released(to, [lent.token], false);
            }
        }
    }
}

impl<L: Link> Link for Faulty<L> {
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken> {
        self.admit(to)?;
        self.wait(to, head, Body::Copied(payload.concat()));
        Ok(())
    }

    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken> {
        if let Err(broken) = self.admit(to) {
            self.pending.released(to, [payload.token], false);
            return Err(broken);
        }
        self.wait(to, head, Body::Lent(payload));
        Ok(())
    }

    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        if self.happens(self.faults.stalls_per_million) {
            return 0;
        }
        self.hand_on();
        self.pending.tell(sink);
        self.inner.poll(max, sink)
    }

    fn flush(&mut self) -> usize {
        self.hand_on();
        let waiting: usize =
            self.waiting.iter().flatten().map(|w| w.body.len() + super::frame::HEAD_BYTES).sum();
        self.inner.flush() + waiting
    }

    fn backlog(&self, to: ProcessId) -> usize {
        let waiting = self.waiting.get(to as usize).into_iter().flatten();
        let waiting: usize = waiting.map(|w| w.body.len() + super::frame::HEAD_BYTES).sum();
        self.inner.backlog(to) + waiting
    }

    fn state(&self, peer: ProcessId) -> State {
        self.inner.state(peer)
    }

    fn cut(&mut self, peer: ProcessId, reason: &str) {
        self.drop_waiting(peer);
        self.inner.cut(peer, reason);
    }

    fn close(&mut self) {
        self.closing = true;
        self.hand_on();
    }

    fn prepare_sleep(&mut self) -> bool {
        let waits = match (&self.clock, self.next_due_ns()) {
            (_, None) => true,
            (Clock::Turned(_), Some(_)) => false,
            (Clock::Real(_), Some(due)) => due > self.clock.now_ns(),
        };
        waits && self.pending.is_empty() && self.inner.prepare_sleep()
    }

    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        self.inner.wait_for(each);
    }

    fn deadline(&self) -> Option<Instant> {
        let due = match self.clock {
            Clock::Real(since) => self.next_due_ns().map(|ns| since + Duration::from_nanos(ns)),
            Clock::Turned(_) => None,
        };
        self.inner.deadline().into_iter().chain(due).min()
    }

    fn notes(&mut self) -> Vec<String> {
        self.inner.notes()
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::FrameHead;
    use super::super::loopback::{Loopback, network};
    use super::super::place::Place;
    use super::super::rules::Numbers;
    use super::*;

    /// Everything that a process hears, as text: equal texts, equal runs.
    struct Log {
        me: u32,
        lines: Vec<String>,
        /// By sender: the key of the next frame.
        next: Vec<u64>,
        tokens: Vec<u64>,
        over: Vec<ProcessId>,
    }

    impl Log {
        fn arrived(&mut self, from: ProcessId, head: &FrameHead, payload: &[u8]) {
            assert!(!self.over.contains(&from), "a frame after the end of the link");
            assert_eq!(head.key, self.next[from as usize], "frames from {from} to {}", self.me);
            assert_eq!(payload, body(head.key, payload.len()));
            self.next[from as usize] += 1;
            self.lines.push(format!("{} got {} from {from}, {} bytes", self.me, head.key, payload.len()));
        }
    }

    impl Sink for Log {
        fn frame(&mut self, from: ProcessId, head: &FrameHead, payload: &[u8]) {
            self.arrived(from, head, payload);
        }
        fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
            Place::owned(head.len_bytes as usize)
        }
        fn placed(&mut self, from: ProcessId, head: &FrameHead, place: Place) {
            self.arrived(from, head, &place.into_bytes());
        }
        fn lost(&mut self, from: ProcessId, head: &FrameHead, _: Place) {
            self.lines.push(format!("{} lost {} from {from}", self.me, head.key));
        }
        fn released(&mut self, _: ProcessId, token: u64, _: bool) {
            self.tokens.push(token);
        }
        fn broken(&mut self, broken: &Broken) {
            self.over.push(broken.peer);
            self.lines.push(format!("{}: {broken}", self.me));
        }
        fn closed(&mut self, peer: ProcessId) {
            self.over.push(peer);
            self.lines.push(format!("{}: {peer} has closed", self.me));
        }
    }

    fn body(key: u64, len: usize) -> Vec<u8> {
        (0..len).map(|i| (key as usize * 7 + i) as u8).collect()
    }

    const N: u32 = 4;

    /// A random exchange between four processes with faults; the log of everybody. Every frame arrives in order and once,
    /// or its link is broken on both sides; every lent payload comes back.
    fn run(seed: u64, cuts_per_million: u32) -> Vec<String> {
        let clock = Clock::default();
        let mut numbers = Numbers(seed);
        let faulty = |(me, inner)| {
            let faults = Faults {
                seed: seed * 100 + me,
                delay_ns_max: 50_000,
                cuts_per_million,
                stalls_per_million: 100_000,
            };
            Faulty::new(inner, N, clock.clone(), faults)
        };
        let pipe = 1 << (6 + numbers.below(12));
        let mut links: Vec<Faulty<Loopback>> = (0..).zip(network(N, pipe)).map(faulty).collect();
        let log = |me| Log { me, lines: vec![], next: vec![0; N as usize], tokens: vec![], over: vec![] };
        let mut logs: Vec<Log> = (0..N).map(log).collect();
        let mut sent = vec![vec![0u64; N as usize]; N as usize];
        let mut lent = vec![0; N as usize];
        for _ in 0..600 {
            let from = numbers.below(N as u64) as usize;
            let to = (from + 1 + numbers.below(N as u64 - 1) as usize) % N as usize;
            let len = [0, 8, 100, 5000, 40_000][numbers.below(5) as usize];
            let key = sent[from][to];
            let head = FrameHead::new(1, 0, 0, key);
            let accepted = if numbers.below(2) == 0 {
                links[from].send(to as u32, &head, &[&body(key, len)])
            } else {
                lent[from] += 1;
                links[from].lend(to as u32, &head, Lent::owned(body(key, len), lent[from]))
            };
            sent[from][to] += accepted.is_ok() as u64;
            clock.advance_ns(numbers.below(5_000));
            let who = numbers.below(N as u64) as usize;
            links[who].poll(3, &mut logs[who]);
        }
        links.iter_mut().for_each(|l| l.close());
        for round in 0.. {
            assert!(round < 100_000, "seed {seed}: the exchange does not end");
            clock.advance_ns(1_000);
            for (link, log) in links.iter_mut().zip(&mut logs) {
                link.poll(3, log);
            }
            if logs.iter().all(|l| l.over.len() == N as usize - 1) && links.iter_mut().all(|l| l.flush() == 0)
            {
                break;
            }
        }
        for (link, log) in links.iter_mut().zip(&mut logs) {
            (0..20).for_each(|_| assert_eq!(link.poll(3, log), 0));
        }
        for (me, log) in logs.iter_mut().enumerate() {
            for from in (0..N as usize).filter(|f| *f != me) {
                let broken = matches!(links[me].state(from as u32), State::Broken(_));
                let there = matches!(links[from].state(me as u32), State::Broken(_));
                assert!(
                    !broken || there || log.next[from] == sent[from][me],
                    "seed {seed}: broken on one side only"
                );
                assert!(broken || log.next[from] == sent[from][me], "seed {seed}: {from} to {me}");
            }
            log.tokens.sort();
            assert_eq!(log.tokens, (1..=lent[me]).collect::<Vec<u64>>(), "seed {seed}: tokens of {me}");
        }
        logs.into_iter().flat_map(|l| l.lines).collect()
    }

    #[test]
    fn a_random_exchange_keeps_the_rules_whatever_happens() {
        let mut broken = 0;
        for seed in 0..24 {
            let cuts = if seed % 2 == 0 { 0 } else { 3_000 };
            let log = run(seed, cuts);
            let breaks = log.iter().filter(|l| l.contains("is broken")).count();
            assert!(cuts > 0 || breaks == 0, "seed {seed}");
            broken += breaks;
        }
        assert!(broken > 10, "the faults do not happen: {broken}");
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        for seed in [5, 6] {
            assert_eq!(run(seed, 3_000), run(seed, 3_000));
        }
        assert_ne!(run(5, 3_000), run(7, 3_000));
    }

    #[test]
    fn different_ways_overtake_each_other_and_one_way_does_not() {
        let clock = Clock::default();
        let faults = Faults { seed: 1, delay_ns_max: 1000, cuts_per_million: 0, stalls_per_million: 0 };
        let mut ends = network(3, 1 << 20);
        let mut two = ends.pop();
        let mut one = ends.pop();
        let mut zero = Faulty::new(ends.remove(0), 3, clock.clone(), faults);
        for key in 0..20 {
            zero.send(1 + key as u32 % 2, &FrameHead::new(1, 0, 0, key), &[]).unwrap();
        }
        let mut order = Vec::new();
        struct Keys<'a>(&'a mut Vec<u64>);
        impl Sink for Keys<'_> {
            fn frame(&mut self, _: ProcessId, head: &FrameHead, _: &[u8]) {
                self.0.push(head.key);
            }
            fn place(&mut self, _: ProcessId, _: &FrameHead) -> Place {
                Place::nowhere()
            }
            fn placed(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
            fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}
            fn released(&mut self, _: ProcessId, _: u64, _: bool) {}
            fn broken(&mut self, _: &Broken) {}
            fn closed(&mut self, _: ProcessId) {}
        }
        while let Some(due) = zero.next_due_ns() {
            clock.advance_ns(due.saturating_sub(clock.now_ns()));
            zero.flush();
            for end in [&mut one, &mut two].into_iter().flatten() {
                end.poll(99, &mut Keys(&mut order));
            }
        }
        assert_eq!(order.len(), 20);
        assert!(!order.is_sorted(), "{order:?}");
        for way in 0..2 {
            assert!(order.iter().filter(|k| *k % 2 == way).is_sorted(), "{order:?}");
        }
    }
}
