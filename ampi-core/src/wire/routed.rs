//! Several transports as one link: each process is reached by the first of them that reaches it.

use super::ProcessId;
use super::frame::FrameHead;
use super::link::{Broken, Link, Sink, State};
use super::place::Lent;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// See the module.
pub struct Routed {
    links: Vec<Box<dyn Link>>,
    /// For each process its link, as a place in `links`.
    route: Vec<usize>,
}

impl Routed {
    /// `route`: for each process of the job the place of its link in `links`; this process's own entry means nothing.
    pub fn new(links: Vec<Box<dyn Link>>, route: Vec<usize>) -> Routed {
        assert!(!links.is_empty() && route.iter().all(|&l| l < links.len()), "every route has a link");
        Routed { links, route }
    }

    fn at(&self, peer: ProcessId) -> usize {
        // the link itself refuses a process that does not exist
        self.route.get(peer as usize).copied().unwrap_or(0)
    }
}

impl Link for Routed {
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken> {
        let at = self.at(to);
        self.links[at].send(to, head, payload)
    }
    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken> {
        let at = self.at(to);
        self.links[at].lend(to, head, payload)
    }
    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        self.links.iter_mut().map(|l| l.poll(max, sink)).sum()
    }
    fn flush(&mut self) -> usize {
        self.links.iter_mut().map(|l| l.flush()).sum()
    }
    fn backlog(&self, to: ProcessId) -> usize {
        self.links[self.at(to)].backlog(to)
    }
    fn state(&self, peer: ProcessId) -> State {
        self.links[self.at(peer)].state(peer)
    }
    fn cut(&mut self, peer: ProcessId, reason: &str) {
        let at = self.at(peer);
        self.links[at].cut(peer, reason);
    }
    fn close(&mut self) {
        self.links.iter_mut().for_each(|l| l.close());
    }
    fn prepare_sleep(&mut self) -> bool {
        // all are asked, so that each looks at what woke us in its next poll
        let mut quiet = true;
        for link in &mut self.links {
            quiet &= link.prepare_sleep();
        }
        quiet
    }
    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        self.links.iter().for_each(|l| l.wait_for(each));
    }
    fn deadline(&self) -> Option<Instant> {
        self.links.iter().filter_map(|l| l.deadline()).min()
    }
    fn notes(&mut self) -> Vec<String> {
        self.links.iter_mut().flat_map(|l| l.notes()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::loopback;
    use super::super::rules::{self, Net};
    use super::*;

    /// Three processes: 0 and 1 on one network, 2 with both on another.
    fn ends() -> Vec<Routed> {
        let (near, far) = (loopback::network(3, 1 << 16), loopback::network(3, 1 << 16));
        let both = near.into_iter().zip(far);
        let route = |me: usize| (0..3).map(|p| usize::from(me == 2 || p == 2)).collect();
        both.enumerate().map(|(me, (a, b))| Routed::new(vec![Box::new(a), Box::new(b)], route(me))).collect()
    }

    #[test]
    fn frames_arrive_in_order() {
        rules::frames_arrive_in_order(ends(), 11);
    }

    #[test]
    fn a_cut_concerns_one_process() {
        let mut net = Net::new(ends());
        net.links[0].cut(1, "the test says so");
        net.send(0, 2, 7, b"still");
        net.until("the frame", |net| net.frames() == 1);
        assert!(matches!(net.links[0].state(1), State::Broken(_)));
        assert!(!matches!(net.links[0].state(2), State::Broken(_)));
    }
}
