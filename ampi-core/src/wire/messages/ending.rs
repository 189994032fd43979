//! How a connection ends that is broken: memory comes back from the network before the user hears that it is over.
//!
//! ```text
//! broken here: Farewell, with the number of pieces sent     →   broken there: the same
//! pieces of the other that are in the air are received       ⇄   and forgotten
//! our own have all left; nothing is received any more:           released, lost, broken
//! ```
//!
//! Who does not answer is waited for until [`DRAIN_LIMIT`]; then the receives are cancelled, and after the same time again
//! Broken is told whatever the network still holds: that comes back later, or never.

use super::carrier::Carrier;
use super::{DRAIN_LIMIT, Messages, Phase};
use crate::wire::ProcessId;
use crate::wire::link::Broken;
use std::time::{Duration, Instant};

/// What has been sent last shall leave when a link is dropped: as long as that may take.
const LINGER: Duration = Duration::from_secs(1);

/// A connection that is broken and not drained.
pub(super) struct Ending {
    until: Instant,
    /// Receives of what the other side has not sent are cancelled.
    trimmed: bool,
    /// All receives are.
    cancelled: bool,
    told: bool,
}

impl Ending {
    pub fn next_look(&self) -> Option<Instant> {
        (!self.told).then_some(self.until)
    }
}

impl<C: Carrier> Messages<C> {
    /// Ends whatever there is with `peer`. `reachable`: it may still be told, and have sent more.
    pub(super) fn break_link(&mut self, peer: ProcessId, reason: String, reachable: bool) {
        let p = &mut self.peers[peer as usize];
        if matches!(p.phase, Phase::Broken(_) | Phase::Closed) {
            return;
        }
        if p.told_closed && p.is_quiet() {
            return self.settle(peer, Phase::Closed);
        }
        let unsent = p.outbox.give_up();
        p.inbox.stop(&mut self.buffers);
        let early = std::mem::take(&mut p.early).into_iter().map(|(buffer, _)| buffer);
        let packed = p.packed.take().map(|(buffer, _)| buffer);
        early.chain(packed).for_each(|buffer| self.buffers.give(buffer));
        p.farewell_owed = reachable && p.hello_said;
        p.hello_owed = false;
        let until = Instant::now() + if reachable { DRAIN_LIMIT } else { Duration::ZERO };
        p.ending = Some(Ending { until, trimmed: false, cancelled: false, told: false });
        self.ending.push(peer);
        self.pending.released(peer, unsent, false);
        self.settle(peer, Phase::Broken(reason));
        self.say_what_is_owed(peer);
    }

    /// One step of every connection that is not drained.
    pub(super) fn drain(&mut self) {
        let mut at = 0;
        while let Some(&peer) = self.ending.get(at) {
            if self.drain_one(peer) {
                self.ending.swap_remove(at);
            } else {
                at += 1;
            }
        }
    }

    /// True when nothing is left to do.
    fn drain_one(&mut self, peer: ProcessId) -> bool {
        let p = &mut self.peers[peer as usize];
        let Some(ending) = &mut p.ending else { return true };
        let mut gone = Vec::new();
        p.outbox.gone(&mut gone);
        self.pending.released(peer, gone, false);
        let mut complete = p.heard.is_none() || ending.cancelled;
        if let Some(farewell) = &p.farewell
            && !ending.cancelled
        {
            if !std::mem::replace(&mut ending.trimmed, true) {
                p.inbox.cancel(&mut self.carrier, farewell.pieces_out);
            }
            // more than can be in the air is not believed; less than 0 was announced and not sent
            let missing = farewell.pieces_out.wrapping_sub(p.inbox.pieces_in());
            complete = missing == 0 || missing > super::PIECES_FLYING as u32;
            if !complete && !p.inbox.sink_piece(&mut self.carrier) {
                self.stuck = true;
            }
        }
        if p.failing.is_some() && !ending.cancelled {
            ending.until = Instant::now();
        }
        if ending.until <= Instant::now() {
            self.carrier.peer_is_lost(peer);
            if ending.cancelled && !ending.told {
                ending.told = true;
                self.pending.broken(Broken { peer, reason: reason(&p.phase) });
            }
            if !ending.cancelled {
                ending.cancelled = true;
                ending.until += DRAIN_LIMIT;
                p.inbox.cancel_all(&mut self.carrier);
            }
        }
        if p.inbox.is_flying() {
            return false;
        }
        if complete && let Some((head, place, _)) = p.inbox.incoming.give_up() {
            self.pending.lost(peer, head, place);
        }
        // an unsaid Farewell is retried until the limit
        let over =
            complete && p.outbox.is_empty() && (!p.farewell_owed || ending.cancelled || p.heard.is_none());
        if over && !ending.told {
            ending.told = true;
            self.pending.broken(Broken { peer, reason: reason(&p.phase) });
        }
        over
    }

    /// Nothing can be sent or received any more.
    pub(super) fn network_is_lost(&mut self, why: String) {
        if self.lost.is_some() {
            return;
        }
        self.lost = Some(why.clone());
        for peer in 0..self.peers.len() as ProcessId {
            let p = &self.peers[peer as usize];
            if peer != self.me && !matches!(p.phase, Phase::Unopened | Phase::Closed | Phase::Broken(_)) {
                self.break_link(peer, format!("the network is lost: {why}"), false);
            }
        }
    }
}

fn reason(phase: &Phase) -> String {
    match phase {
        Phase::Broken(reason) => reason.clone(),
        _ => "it is over".into(),
    }
}

impl<C: Carrier> Drop for Messages<C> {
    fn drop(&mut self) {
        let end = Instant::now() + LINGER;
        if !self.closing {
            for peer in self.up.clone() {
                self.break_link(peer, "its process gave it up".into(), true);
            }
        }
        let busy = |link: &Self| {
            let waits = |p: &super::Peer| match p.phase {
                Phase::Up => !p.is_quiet() && p.failing.is_none(),
                Phase::Broken(_) => (p.farewell_owed && p.heard.is_some()) || p.flying > 0,
                _ => false,
            };
            link.peers.iter().any(waits)
        };
        while self.lost.is_none() && busy(self) && Instant::now() < end {
            self.progress();
            self.see_to_unsettled();
            for at in 0..self.up.len() {
                self.push(self.up[at]);
            }
            std::thread::yield_now();
        }
    }
}
