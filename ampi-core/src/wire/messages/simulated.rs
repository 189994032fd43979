//! A network of messages that is only memory, and that does whatever a network may do: takes nothing for a while, lets ends be
//! told in any order, keeps a long message at its sender until a receive meets it. For tests.

use super::carrier::{Begun, Carrier, Done, Memory, Operation, Region, Tag};
use crate::wire::ProcessId;
use crate::wire::rules::Numbers;
use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Longer messages stay at their sender until they are met.
const EAGER: usize = 20 << 10;
/// Messages between two processes that are under way.
const UNDER_WAY_MAX: usize = 6;

struct Message {
    from: ProcessId,
    to: ProcessId,
    tag: Tag,
    body: Body,
    /// Whose end is told when it has arrived.
    operation: Option<Operation>,
}

enum Body {
    Here(Vec<u8>),
    There(*const u8, usize),
}

struct Receive {
    from: Option<ProcessId>,
    tag: Tag,
    at: *mut u8,
    len: usize,
    operation: Operation,
}

// SAFETY: the addresses are of memory that its owner leaves alone until it hears of the end.
unsafe impl Send for Message {}
// SAFETY: the same.
unsafe impl Send for Receive {}

#[derive(Default)]
struct End {
    receives: Vec<Receive>,
    /// Arrived, met by no receive yet.
    unexpected: VecDeque<Message>,
    done: Vec<Done>,
    dead: bool,
}

struct Network {
    ends: Vec<End>,
    under_way: VecDeque<Message>,
    numbers: Numbers,
    calm: bool,
}

/// One process's end.
pub struct Simulated {
    me: ProcessId,
    network: Arc<Mutex<Network>>,
}

/// `n` ends. A calm network takes everything and tells ends in order.
pub fn network(n: u32, seed: u64, calm: bool) -> Vec<Simulated> {
    let ends = (0..n).map(|_| End::default()).collect();
    let network = Network { ends, under_way: VecDeque::new(), numbers: Numbers(seed), calm };
    let network = Arc::new(Mutex::new(network));
    (0..n).map(|me| Simulated { me, network: network.clone() }).collect()
}

impl Network {
    fn whim(&mut self, one_in: u64) -> bool {
        !self.calm && self.numbers.below(one_in) == 0
    }

    fn send(&mut self, message: Message) -> Begun {
        let (from, to) = (message.from, message.to);
        if self.ends[to as usize].dead {
            return Begun::Failed("nobody is there".into());
        }
        let same_way = self.under_way.iter().filter(|m| (m.from, m.to) == (from, to)).count();
        if same_way >= UNDER_WAY_MAX || self.whim(5) {
            return Begun::Later;
        }
        self.under_way.push_back(message);
        Begun::Yes
    }

    /// Brings messages to `to`, in order from each sender, and lets receives meet them.
    fn deliver(&mut self, to: ProcessId) {
        let mut at = 0;
        let mut held: Vec<ProcessId> = Vec::new();
        while at < self.under_way.len() {
            let (from, for_whom) = (self.under_way[at].from, self.under_way[at].to);
            if for_whom != to || held.contains(&from) || self.whim(3) {
                if for_whom == to {
                    held.push(from);
                }
                at += 1;
                continue;
            }
            if let Some(message) = self.under_way.remove(at) {
                self.ends[to as usize].unexpected.push_back(message);
            }
        }
        let mut at = 0;
        while at < self.ends[to as usize].unexpected.len() {
            let end = &mut self.ends[to as usize];
            let message = &end.unexpected[at];
            let fits = |r: &Receive| r.tag == message.tag && r.from.is_none_or(|f| f == message.from);
            let Some(receive) = end.receives.iter().position(fits) else {
                at += 1;
                continue;
            };
            let receive = end.receives.remove(receive);
            let Some(message) = end.unexpected.remove(at) else { continue };
            let (from, len) = match &message.body {
                Body::Here(bytes) => (bytes.as_ptr(), bytes.len()),
                Body::There(at, len) => (*at, *len),
            };
            let n = len.min(receive.len);
            // SAFETY: both belong to the network until their ends are told, which is below.
            unsafe { std::ptr::copy_nonoverlapping(from, receive.at, n) };
            let result = if n == len { Ok(n) } else { Err("it was too long".into()) };
            end.done.push(Done { operation: receive.operation, result });
            if let Some(operation) = message.operation {
                self.ends[message.from as usize].done.push(Done { operation, result: Ok(len) });
            }
        }
    }
}

impl Simulated {
    fn with<R>(&self, f: impl FnOnce(&mut Network) -> R) -> R {
        f(&mut self.network.lock().unwrap_or_else(|e| e.into_inner()))
    }

    fn begin(&self, to: ProcessId, tag: Tag, body: Body, operation: Option<Operation>) -> Begun {
        let message = Message { from: self.me, to, tag, body, operation };
        self.with(|n| n.send(message))
    }

    /// From now on nobody is there, and what is under way between `peer` and this end is lost.
    pub fn die(network: &Simulated) {
        let me = network.me;
        network.with(|n| {
            n.ends[me as usize].dead = true;
            let ours = |m: &Message| m.to == me || m.from == me;
            let unexpected = std::mem::take(&mut n.ends[me as usize].unexpected);
            let (lost, kept): (VecDeque<Message>, _) =
                std::mem::take(&mut n.under_way).into_iter().partition(|m| ours(m));
            n.under_way = kept;
            for message in unexpected.into_iter().chain(lost) {
                if let Some(operation) = message.operation {
                    let result = Err("the connection was reset".into());
                    n.ends[message.from as usize].done.push(Done { operation, result });
                }
            }
            for end in &mut n.ends {
                end.unexpected.retain(|m| m.from != me || matches!(m.body, Body::Here(_)));
            }
        });
    }

    pub fn of_same_network(&self) -> Simulated {
        Simulated { me: self.me, network: self.network.clone() }
    }
}

impl Carrier for Simulated {
    fn message_max(&self) -> usize {
        50_000
    }
    fn inject_max(&self) -> usize {
        200
    }
    fn ring(&self) -> u32 {
        8
    }
    fn reach(&mut self, peer: ProcessId) -> Result<(), String> {
        match self.with(|n| n.ends[peer as usize].dead) {
            true => Err("no way leads there".into()),
            false => Ok(()),
        }
    }
    fn register(&mut self, memory: Arc<Memory>) -> Result<Region, String> {
        Ok(Region(memory.at(0) as usize))
    }
    fn peer_is_lost(&mut self, _: ProcessId) {}
    unsafe fn send(
        &mut self,
        to: ProcessId,
        tag: Tag,
        at: *const u8,
        len: usize,
        _: Option<Region>,
        operation: Operation,
    ) -> Begun {
        if len > EAGER {
            return self.begin(to, tag, Body::There(at, len), Some(operation));
        }
        // SAFETY: promised by the caller.
        let bytes = unsafe { std::slice::from_raw_parts(at, len) }.to_vec();
        let begun = self.begin(to, tag, Body::Here(bytes), None);
        if begun == Begun::Yes {
            self.with(|n| n.ends[self.me as usize].done.push(Done { operation, result: Ok(len) }));
        }
        begun
    }
    fn inject(&mut self, to: ProcessId, tag: Tag, bytes: &[u8]) -> Begun {
        assert!(bytes.len() <= self.inject_max());
        self.begin(to, tag, Body::Here(bytes.to_vec()), None)
    }
    unsafe fn receive(
        &mut self,
        from: Option<ProcessId>,
        tag: Tag,
        at: *mut u8,
        len: usize,
        _: Option<Region>,
        operation: Operation,
    ) -> Begun {
        self.with(|n| {
            if n.whim(7) {
                return Begun::Later;
            }
            n.ends[self.me as usize].receives.push(Receive { from, tag, at, len, operation });
            Begun::Yes
        })
    }
    fn cancel(&mut self, operation: Operation) {
        self.with(|n| {
            let end = &mut n.ends[self.me as usize];
            let before = end.receives.len();
            end.receives.retain(|r| r.operation != operation);
            if end.receives.len() < before {
                end.done.push(Done { operation, result: Err("cancelled".into()) });
            }
        });
    }
    fn poll(&mut self, done: &mut Vec<Done>) -> Result<(), String> {
        self.with(|n| {
            n.deliver(self.me);
            let mut ends = std::mem::take(&mut n.ends[self.me as usize].done);
            while !ends.is_empty() {
                let at = if n.calm { 0 } else { n.numbers.below(ends.len() as u64) as usize };
                done.push(ends.remove(at));
            }
        });
        Ok(())
    }
    fn may_sleep(&mut self) -> bool {
        false
    }
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
    fn nap(&self) -> Option<Duration> {
        None
    }
}
