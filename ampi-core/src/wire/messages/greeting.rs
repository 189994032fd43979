//! How two processes begin: a Hello in each direction, whoever is first.
//!
//! 1. A Hello that is not proven opens nothing. It is answered once with our own, so that a process of this job with
//!    another secret can say why it is not understood; who is none of this job learns a random number.
//! 2. Who has broken or closed the connection answers a proven Hello with its own and a Farewell.

use super::carrier::Carrier;
use super::packet::{HEADER_BYTES, Header, Hello, Kind, Tokens, reason_bytes};
use super::{Messages, Phase};
use crate::wire::ProcessId;
use std::time::Instant;

impl<C: Carrier> Messages<C> {
    /// Begins to open the connection to `peer`.
    pub(super) fn open(&mut self, peer: ProcessId) {
        let until = Instant::now() + self.opening_limit;
        self.settle(peer, Phase::Greeting { until });
        self.peers[peer as usize].hello_owed = true;
        self.say_what_is_owed(peer);
    }

    pub(super) fn hello_arrived(&mut self, from: ProcessId, checked: Result<Hello, &'static str>) {
        let peer = &mut self.peers[from as usize];
        let hello = match checked {
            Ok(hello) => hello,
            Err(why) => {
                peer.suspicion.get_or_insert_with(|| why.into());
                self.note_stranger(format!(
                    "a greeting that says to be from process {from} was dropped: {why}"
                ));
                return self.owe_hello(from);
            }
        };
        if peer.heard.is_some() {
            return;
        }
        let (ours, theirs) = ((self.me, &self.hello), (from, &hello));
        peer.tokens = Tokens::of(&self.secret, ours, theirs);
        let theirs = Tokens::of(&self.secret, theirs, ours);
        peer.token_in = theirs.packet;
        peer.inbox.piece_token = theirs.piece;
        peer.heard = Some(hello);
        let early = std::mem::take(&mut peer.early);
        match peer.phase {
            Phase::Greeting { .. } => self.settle(from, Phase::Up),
            Phase::Unopened if !self.closing => self.settle(from, Phase::Up),
            _ => peer.farewell_owed = true,
        }
        self.owe_hello(from);
        for (buffer, len) in early {
            self.packet_arrived(buffer, len);
        }
        self.push(from);
    }

    fn owe_hello(&mut self, to: ProcessId) {
        let peer = &mut self.peers[to as usize];
        peer.hello_owed |= !peer.hello_said;
        self.say_what_is_owed(to);
    }

    /// Says Hello and Farewell, if they are due and the network takes them.
    pub(super) fn say_what_is_owed(&mut self, to: ProcessId) {
        let peer = &mut self.peers[to as usize];
        if !peer.reached && (peer.hello_owed || peer.farewell_owed) {
            match self.carrier.reach(to) {
                Ok(()) => peer.reached = true,
                Err(why) => {
                    (peer.hello_owed, peer.farewell_owed) = (false, false);
                    return match peer.phase {
                        Phase::Greeting { .. } | Phase::Up => self.break_link(to, why, false),
                        _ => {}
                    };
                }
            }
        }
        let peer = &self.peers[to as usize];
        if peer.hello_owed && peer.failing.is_none() {
            let packet = self.hello.packet(&self.secret, self.me, to);
            if self.send_word(to, &packet) {
                let peer = &mut self.peers[to as usize];
                (peer.hello_owed, peer.hello_said) = (false, true);
            }
        }
        let peer = &self.peers[to as usize];
        if peer.farewell_owed && peer.heard.is_some() && !peer.hello_owed && peer.failing.is_none() {
            let reason = match &peer.phase {
                Phase::Broken(reason) => format!("the other side broke the connection ({reason})"),
                _ => "the other side has closed the connection".into(),
            };
            let said = self.say(to, Kind::Farewell, reason_bytes(&reason));
            self.peers[to as usize].farewell_owed = !said;
        }
        let peer = &self.peers[to as usize];
        let waits = peer.hello_owed || peer.farewell_owed || matches!(peer.phase, Phase::Greeting { .. });
        match self.unsettled.iter().position(|p| *p == to) {
            None if waits => self.unsettled.push(to),
            Some(at) if !waits => drop(self.unsettled.swap_remove(at)),
            _ => {}
        }
    }

    pub(super) fn say_credit(&mut self, to: ProcessId) {
        let peer = &self.peers[to as usize];
        let taken = peer.inbox.taken();
        if !peer.hello_owed && peer.failing.is_none() && self.say(to, Kind::Credit, &[]) {
            self.peers[to as usize].taken_told = taken;
        }
    }

    /// Sends a packet of `kind`. True when it is on its way.
    fn say(&mut self, to: ProcessId, kind: Kind, bytes: &[u8]) -> bool {
        let peer = &self.peers[to as usize];
        let header = Header {
            from: self.me,
            number: peer.sent,
            token: peer.tokens.packet,
            kind,
            pieces: 0,
            taken: peer.inbox.taken(),
            len: bytes.len() as u32,
            pieces_out: peer.outbox.pieces_out(),
        };
        let mut packet = vec![0; HEADER_BYTES];
        header.write(&mut packet);
        packet.extend(bytes);
        self.send_word(to, &packet)
    }

    /// One step of every connection that is being opened, and of every word that could not be said yet.
    pub(super) fn see_to_unsettled(&mut self) {
        if self.unsettled.is_empty() {
            return;
        }
        let now = Instant::now();
        for peer in self.unsettled.clone() {
            self.say_what_is_owed(peer);
            let p = &self.peers[peer as usize];
            let Phase::Greeting { until } = p.phase else { continue };
            if let Some((why, _)) = &p.failing {
                let reason = format!("it cannot be reached: {why}");
                self.break_link(peer, reason, false);
            } else if now >= until {
                let limit = self.opening_limit.as_secs_f64();
                let reason = match &p.suspicion {
                    Some(why) => {
                        format!("it did not prove within {limit:.1} s that it is of this job: {why}")
                    }
                    None => format!("it did not answer within {limit:.1} s"),
                };
                self.break_link(peer, reason, true);
            }
        }
    }

    /// Strangers are told of once: whoever sends at random must not fill the user's screen.
    pub(super) fn note_stranger(&mut self, text: String) {
        self.strangers += 1;
        if self.strangers == 1 {
            self.notes.push(format!("{text} (further ones are not reported)"));
        }
    }
}
