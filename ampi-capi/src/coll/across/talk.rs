//! What the processes of one operation say to each other.
//!
//! A frame belongs to an operation (context and number in the communicator), comes from a process, and has a step. It may
//! come before this process's members do; then it waits here. Every frame begins with what all members must agree on
//! ([`super::super::Likeness`]), so that a program whose members are in different collectives is told.

use super::super::board::Board;
use super::super::{Call, Likeness, mismatch};
use crate::comm::shared::Spread;
use crate::rank::Rank;
use ampi_core::pe::remote::{Frame, FrameHandler, PROCESS};
use ampi_core::pe::{Pe, Waker};
use ampi_core::wire::ProcessId;
use ampi_core::wire::frame::FrameHead;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Mutex, MutexGuard};

const EXCHANGE: u8 = crate::pt2pt::afar::KINDS_USED;

/// Kinds of frames of this chapter.
pub const FRAMES: [(u8, FrameHandler); 1] = [(EXCHANGE, on_exchange)];
/// First kind of frame that other chapters may use.
pub const KINDS_USED: u8 = EXCHANGE + 1;

/// Context and number of an operation.
type Key = (u32, u64);

/// What has come for one operation.
#[derive(Default)]
struct Arrived {
    frames: Vec<(ProcessId, u16, Vec<u8>)>,
    waiting: Option<Waker>,
}

static ARRIVED: Mutex<Option<HashMap<Key, Arrived>>> = Mutex::new(None);

fn arrived() -> MutexGuard<'static, Option<HashMap<Key, Arrived>>> {
    ARRIVED.lock().unwrap_or_else(|e| e.into_inner())
}

/// This process's part in the conversation.
pub struct Talk<'a> {
    pub pe: &'static Pe,
    /// The member that came last here: the operation's user-defined functions are called on its behalf.
    pub me: &'static Rank,
    call: &'a Call,
    key: Key,
    mark: [u8; MARK_BYTES],
    pub spread: &'static Spread,
}

const MARK_BYTES: usize = 8;

/// The payload of a frame.
pub struct Heard(Vec<u8>);

impl Deref for Heard {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0[MARK_BYTES..]
    }
}

impl<'a> Talk<'a> {
    pub fn new(pe: &'static Pe, me: &'static Rank, board: &'static Board, call: &'a Call) -> Talk<'a> {
        let shared = board.shared();
        let spread = shared.spread().expect("the members are in several processes");
        Talk { pe, me, call, key: (shared.context, board.seq()), mark: mark(&call.likeness()), spread }
    }

    /// Number of processes that take part.
    pub fn processes(&self) -> usize {
        self.spread.processes.len()
    }

    /// This one among them.
    pub fn own(&self) -> usize {
        self.spread.own
    }

    /// The other processes, as places in the list.
    pub fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let (n, own) = (self.processes(), self.own());
        // each begins behind itself, so that not all send to the same one first
        (1..n).map(move |k| (own + k) % n)
    }

    /// The place in the list of the process in which member `r` is.
    pub fn home(&self, r: u32) -> usize {
        let at = self.spread.processes.iter().position(|(_, members)| members.binary_search(&r).is_ok());
        at.expect("every member is in a process")
    }

    /// Sends to the process at place `to`; the payload is free again when this returns.
    pub fn send(&self, to: usize, step: u16, payload: &[&[u8]]) {
        let process = self.spread.processes[to].0;
        let head = FrameHead::new(EXCHANGE, PROCESS, self.key.0, self.key.1).on_lane(step);
        while self.pe.congested(process) {
            self.pe.yield_now();
        }
        match payload {
            [] => self.pe.post(process, &head, &[&self.mark]),
            [one] => self.pe.post(process, &head, &[&self.mark, one]),
            [one, two] => self.pe.post(process, &head, &[&self.mark, one, two]),
            many => self.pe.post(process, &head, &[&self.mark, &many.concat()]),
        }
    }

    /// Waits for the frame of `step` from the process at place `from`.
    pub fn receive(&self, from: usize, step: u16) -> Heard {
        let process = self.spread.processes[from].0;
        loop {
            let mut all = arrived();
            let here = all.get_or_insert_default().entry(self.key).or_default();
            if let Some(at) = here.frames.iter().position(|f| (f.0, f.1) == (process, step)) {
                let bytes = here.frames.swap_remove(at).2;
                drop(all);
                self.compare(&bytes);
                return Heard(bytes);
            }
            here.waiting = Some(Waker::of_running(self.pe));
            drop(all);
            self.pe.block();
        }
    }

    fn compare(&self, bytes: &[u8]) {
        let theirs = bytes.get(..MARK_BYTES).expect("a frame of this chapter has a mark");
        if theirs != self.mark {
            let mark = u64::from_le_bytes(theirs.try_into().expect("eight bytes"));
            mismatch(self.me, self.call, Err(Likeness::kind_of_mark(mark)));
        }
    }

    /// Everything that was said has been heard.
    pub fn over(self) {
        if let Some(all) = arrived().as_mut() {
            all.remove(&self.key);
        }
    }
}

/// As it travels. What a reduction does is an address in the process, so it cannot be compared.
fn mark(l: &Likeness) -> [u8; MARK_BYTES] {
    Likeness { how: 0, ..*l }.mark().to_le_bytes()
}

fn on_exchange(_: &'static Pe, _: usize, frame: Frame<'_>) {
    let key = (frame.head.context, frame.head.key);
    let item = (frame.from, frame.head.lane, frame.into_bytes());
    let mut all = arrived();
    let here = all.get_or_insert_default().entry(key).or_default();
    here.frames.push(item);
    let waiting = here.waiting.take();
    drop(all);
    if let Some(waker) = waiting {
        waker.wake();
    }
}
