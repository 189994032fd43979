//! Messages to and from the PEs of other processes.
//!
//! ```text
//! PE 2 ─ outbox (lock) ─┐                                   ┌─ chare on PE 0: its handler, at once
//! PE 0 ─────────────────┴─> link ══> … ══> link of process ─┤
//!                                                           └─ chare on PE 2: by its inbox
//! ```
//!
//! 1. PE 0 owns the link: it alone sends, polls, and sleeps on its descriptors. The others put what they send into the
//!    outbox and wake it. What a handler sends while the link is being polled goes into the outbox, too.
//! 2. Frames of one PE to one process arrive in the order they were posted (but rule 4), each at the PE of its chare, or (`dst` is
//!    [`PROCESS`]) at PE 0.
//! 3. A payload of a kind with the bit [`LANDS`] goes to the memory that [`Job::land`] named under the number in `key`;
//!    its handler gets no bytes. Of other kinds the handler gets the bytes.
//! 4. A short frame to a process that is a neighbour travels in a cell, and may overtake others that do not.
//! 5. Nothing here ends the job: a broken link is told to [`Above::broken`].
//!
//! # Safety
//! A landing is memory that its owner leaves alone until the handler of its frame has run.
#![allow(unsafe_code)]

use super::{ELSEWHERE, FRAME_KIND, Job, Pe, PeId};
use crate::error::{Error, Result};
use crate::net::{Delivery, Head, INLINE};
use crate::wire::ProcessId;
use crate::wire::bootstrap::Traffic;
use crate::wire::frame::FrameHead;
use crate::wire::link::{Broken, Link, Sink};
use crate::wire::place::{Lent, Place};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd};
use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

/// Instead of a chare: the frame is for the process.
pub const PROCESS: u32 = u32::MAX;
/// Bit of a frame's kind: rule 3.
pub const LANDS: u8 = 0x80;
/// Kinds of frames, without the bit.
pub const FRAME_KINDS: usize = 32;

/// Frames taken in before tasks have their turn again.
const TURN_FRAMES: u32 = 64;
/// While tasks are ready the link is looked at this often: a look may be a system call, a switch is not.
const BUSY_TURNS: u32 = 16;
/// The same while the PE waits and has neighbours, whose cells are looked at every time.
const WAITING_TURNS: u32 = 4;
/// Bytes that wait for a process beyond which its senders should give way.
const BACKLOG_MAX: usize = 4 << 20;

/// A frame as its handler sees it.
pub struct Frame<'a> {
    pub from: ProcessId,
    pub head: FrameHead,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Shown(&'a [u8]),
    Owned(Vec<u8>),
}

impl Frame<'_> {
    pub fn payload(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Shown(bytes) => bytes,
            Bytes::Owned(bytes) => bytes,
        }
    }

    /// The payload, to keep.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.bytes {
            Bytes::Shown(bytes) => bytes.to_vec(),
            Bytes::Owned(bytes) => bytes,
        }
    }
}

/// Takes one frame of its kind for a chare of this PE. `chare` is the address given to [`Job::place`], 0 for a frame to
/// the process.
pub type FrameHandler = fn(pe: &'static Pe, chare: usize, frame: Frame<'_>);

/// What the layer above does with what comes.
pub struct Above {
    pub handlers: Vec<(u8, FrameHandler)>,
    /// A payload lent with this token may be changed again. On PE 0.
    pub released: fn(pe: &'static Pe, token: u64),
    /// Nothing comes from a process any more, and nothing goes there. On PE 0, perhaps several times.
    pub broken: fn(&Broken),
}

/// The part of a [`Job`] that only jobs of several processes have.
pub(super) struct Remote {
    handlers: [FrameHandler; FRAME_KINDS],
    above: Above,
    /// Until PE 0 starts.
    link: Mutex<Option<Box<dyn Link>>>,
    bell: OwnedFd,
    outbox: Mutex<Vec<Outward>>,
    outbox_full: AtomicBool,
    outbox_bytes: AtomicUsize,
    landings: Mutex<HashMap<u64, Landing>>,
    next_landing: AtomicU64,
    /// Frames of users that have left and come: for noticing that the whole job is silent.
    sent: AtomicU64,
    received: AtomicU64,
}

enum Outward {
    Send { to: ProcessId, head: FrameHead, bytes: Vec<u8> },
    Lend { to: ProcessId, head: FrameHead, lent: Lent },
}

struct Landing {
    at: *mut u8,
    len_bytes: usize,
}
// SAFETY: an address; who writes to it is settled by the owner of the landing.
unsafe impl Send for Landing {}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|e| e.into_inner())
}

fn no_handler(_: &'static Pe, _: usize, frame: Frame<'_>) {
    unreachable!("frame of kind {} without a handler", frame.head.kind)
}

impl Job {
    /// Gives the job its link to the other processes, before its PEs start.
    pub fn connect(&self, link: Box<dyn Link>, above: Above) -> Result<()> {
        let mut handlers: [FrameHandler; FRAME_KINDS] = [no_handler; FRAME_KINDS];
        for &(kind, handler) in &above.handlers {
            handlers[usize::from(kind & !LANDS)] = handler;
        }
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|e| Error::Wire { what: "the bell of PE 0".into(), why: e.to_string() })?;
        let remote = Remote {
            handlers,
            above,
            link: Mutex::new(Some(link)),
            bell,
            outbox: Mutex::default(),
            outbox_full: AtomicBool::new(false),
            outbox_bytes: AtomicUsize::new(0),
            landings: Mutex::default(),
            next_landing: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
        };
        assert!(self.remote.set(remote).is_ok(), "a job is connected once");
        Ok(())
    }

    /// Frames and cells that this process has sent to others and received from them, if it is silent: all its PEs sleep, and
    /// only one of those could wake one.
    /// From any thread.
    pub fn silence(&self) -> Option<Traffic> {
        let remote = self.remote();
        let cells = |i: usize| self.pes.iter().map(|p| p.cells[i].load(Ordering::SeqCst)).sum::<u64>();
        let traffic = || Traffic {
            sent: remote.sent.load(Ordering::SeqCst) + cells(0),
            received: remote.received.load(Ordering::SeqCst) + cells(1),
            wakes: self.wakes.load(Ordering::SeqCst),
        };
        let before = traffic();
        let silent = self.all_asleep() && !remote.outbox_full.load(Ordering::SeqCst);
        // asleep, and nothing moved while we looked
        (silent && traffic() == before).then_some(before)
    }

    fn remote(&self) -> &Remote {
        self.remote.get().expect("a job with a link")
    }

    /// Names memory for a frame to come: its number, which the sender puts into the frame's `key`.
    ///
    /// # Safety
    /// The `len_bytes` bytes at `at` are valid for writes, and nobody else uses them, until the handler of the frame has
    /// been called.
    pub unsafe fn land(&self, at: *mut u8, len_bytes: usize) -> u64 {
        let remote = self.remote();
        let number = remote.next_landing.fetch_add(1, Ordering::Relaxed);
        locked(&remote.landings).insert(number, Landing { at, len_bytes });
        number
    }

    /// Wakes PE 0, which sleeps on descriptors.
    #[cold]
    pub(super) fn ring_bell(&self) {
        // the counter is full only if it has been rung and not heard yet
        let _ = rustix::io::write(&self.remote().bell, &1u64.to_ne_bytes());
    }
}

impl Pe {
    /// The link, if this is the PE that owns it. When the PE starts.
    pub(super) fn take_link(job: &Job, id: PeId) -> Option<Box<dyn Link>> {
        if id != 0 { None } else { locked(&job.remote.get()?.link).take() }
    }

    /// Sends one frame to another process; `payload` is free again when this returns.
    pub fn post(&self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) {
        if head.dst == PROCESS && self.post_in_cell(to, head, payload) {
            return;
        }
        let remote = self.job.remote();
        remote.sent.fetch_add(1, Ordering::SeqCst);
        if self.linked
            && !remote.outbox_full.load(Ordering::Acquire)
            && let Ok(mut link) = self.link.try_borrow_mut()
            && let Some(link) = link.as_mut()
        {
            return told(remote, link.send(to, head, payload));
        }
        self.put_out(Outward::Send { to, head: *head, bytes: payload.concat() });
    }

    /// Sends a short frame for a neighbour as a cell, if it is one.
    fn post_in_cell(&self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> bool {
        let Some(pe) = self.job.neighbours.as_ref().and_then(|n| n.first_pe_of(to)) else { return false };
        let length = IN_CELL + payload.iter().map(|p| p.len()).sum::<usize>();
        if length > INLINE {
            return false;
        }
        let mut data = [0; INLINE];
        data[..4].copy_from_slice(&self.job.position().process.to_ne_bytes());
        data[4..6].copy_from_slice(&head.lane.to_ne_bytes());
        data[6] = head.kind;
        let mut at = IN_CELL;
        for part in payload {
            data[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        let kind = FRAME_KIND;
        let cell = Head { dst: 0, context: head.context, key: head.key, kind, inline_len: length as u8 };
        self.send_to(self.job.pes() + pe, &cell, &data[..length]);
        true
    }

    /// Sends one frame whose payload stays where it is until its token is released.
    pub fn lend(&self, to: ProcessId, head: &FrameHead, lent: Lent) {
        let remote = self.job.remote();
        remote.sent.fetch_add(1, Ordering::SeqCst);
        if self.linked
            && !remote.outbox_full.load(Ordering::Acquire)
            && let Ok(mut link) = self.link.try_borrow_mut()
            && let Some(link) = link.as_mut()
        {
            return told(remote, link.lend(to, head, lent));
        }
        self.put_out(Outward::Lend { to, head: *head, lent });
    }

    #[cold]
    fn put_out(&self, outward: Outward) {
        let remote = self.job.remote();
        remote.outbox_bytes.fetch_add(outward.len(), Ordering::Relaxed);
        let mut outbox = locked(&remote.outbox);
        outbox.push(outward);
        remote.outbox_full.store(true, Ordering::Release);
        drop(outbox);
        if !self.linked {
            self.job.wake_pe(0);
        }
    }

    /// Does so much wait to be sent to `to` that a sender should let others run first?
    pub fn congested(&self, to: ProcessId) -> bool {
        let waiting = self.job.remote().outbox_bytes.load(Ordering::Relaxed);
        let link = self.link.try_borrow();
        let backlog = link.ok().and_then(|l| l.as_ref().map(|l| l.backlog(to))).unwrap_or(0);
        waiting + backlog > BACKLOG_MAX
    }

    /// Nothing shall come from `process` any more, and nothing go there: it is known to be dead. On PE 0.
    pub fn cut(&self, process: ProcessId, reason: &str) {
        if let Ok(mut link) = self.link.try_borrow_mut()
            && let Some(link) = link.as_mut()
        {
            link.cut(process, reason);
        }
    }

    /// Closes the link, when all processes have said that they need it no more. On PE 0.
    pub fn disconnect(&self) {
        drop(self.link.take());
    }

    /// Is it time to look at the link, if this PE owns it?
    #[inline(always)]
    pub(super) fn link_is_due(&self) -> bool {
        if !self.linked {
            return false;
        }
        let turn = self.link_turn.get().wrapping_add(1);
        self.link_turn.set(turn);
        let turns = match self.job.neighbours {
            _ if self.others_ready() => BUSY_TURNS,
            Some(_) => WAITING_TURNS,
            None => 1,
        };
        turn.is_multiple_of(turns)
    }

    /// Takes in frames, sends on what waits; how much that was.
    #[inline(never)]
    pub(super) fn poll_link(&'static self) -> u32 {
        // a handler that looks for messages is called by the poll that is going on
        let Ok(mut link) = self.link.try_borrow_mut() else { return 0 };
        let Some(link) = link.as_mut() else { return 0 };
        let remote = self.job.remote();
        let mut n = send_out(remote, link.as_mut());
        n += link.poll(TURN_FRAMES, &mut Inward { pe: self, remote });
        n + send_out(remote, link.as_mut())
    }

    /// May the PE sleep as far as the link is concerned? After the flag that makes others wake it was set.
    pub(super) fn link_is_quiet(&self) -> bool {
        let remote = self.job.remote();
        let mut link = self.link.borrow_mut();
        !remote.outbox_full.load(Ordering::SeqCst) && link.as_mut().is_none_or(|l| l.prepare_sleep())
    }

    /// Sleeps until the link has something, somebody rings, or `limit_ns` are over.
    pub(super) fn sleep_on_link(&self, limit_ns: Option<u64>) {
        let link = self.link.borrow();
        let bell = &self.job.remote().bell;
        let mut limit_ns = limit_ns;
        let mut fds = vec![PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)];
        let neighbours = self.job.neighbours.as_ref();
        fds.extend(neighbours.map(|n| PollFd::from_borrowed_fd(n.ears(), PollFlags::IN)));
        if let Some(link) = link.as_ref() {
            if let Some(at) = link.deadline() {
                let left = at.saturating_duration_since(Instant::now()).as_nanos() as u64;
                limit_ns = Some(limit_ns.map_or(left, |l| l.min(left)));
            }
            link.wait_for(&mut |fd| {
                // SAFETY: the link, which owns the descriptor, is borrowed until after the wait.
                let fd = unsafe { BorrowedFd::borrow_raw(std::os::fd::AsRawFd::as_raw_fd(&fd)) };
                fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
            });
        }
        let limit = limit_ns
            .map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 });
        // woken, interrupted or over: whoever called looks at everything anyway
        let _ = rustix::event::poll(&mut fds, limit.as_ref());
        let mut count = [0; 8];
        let _ = rustix::io::read(bell, &mut count);
        if let Some(n) = neighbours {
            n.bell.hush();
        }
    }
}

impl Outward {
    fn len(&self) -> usize {
        match self {
            Outward::Send { bytes, .. } => bytes.len(),
            Outward::Lend { lent, .. } => lent.len(),
        }
    }
}

fn told(remote: &Remote, result: std::result::Result<(), Broken>) {
    if let Err(broken) = result {
        (remote.above.broken)(&broken);
    }
}

/// Sends what is in the outbox; how many frames.
fn send_out(remote: &Remote, link: &mut dyn Link) -> u32 {
    let mut n = 0;
    while remote.outbox_full.load(Ordering::Acquire) {
        let mut outbox = locked(&remote.outbox);
        let all = std::mem::take(&mut *outbox);
        remote.outbox_full.store(false, Ordering::Release);
        drop(outbox);
        for outward in all {
            remote.outbox_bytes.fetch_sub(outward.len(), Ordering::Relaxed);
            n += 1;
            told(
                remote,
                match outward {
                    Outward::Send { to, head, bytes } => link.send(to, &head, &[&bytes]),
                    Outward::Lend { to, head, lent } => link.lend(to, &head, lent),
                },
            );
        }
    }
    n
}

/// Bytes of a cell in front of the payload of a frame: process, lane, kind.
const IN_CELL: usize = 7;

/// A frame to the process that came in a cell.
pub(super) fn on_frame(pe: &'static Pe, _: usize, cell: &Delivery<'_>) {
    let bytes = cell.payload();
    let word = [bytes[0], bytes[1], bytes[2], bytes[3]];
    let kind = bytes[6];
    let head = FrameHead::new(kind, PROCESS, cell.head.context, cell.head.key)
        .on_lane(u16::from_ne_bytes([bytes[4], bytes[5]]));
    let frame = Frame { from: ProcessId::from_ne_bytes(word), head, bytes: Bytes::Shown(&bytes[IN_CELL..]) };
    let handler = pe.job.remote().handlers[usize::from(kind & !LANDS) % FRAME_KINDS];
    handler(pe, 0, frame);
}

/// Hands frames to whom they are for.
struct Inward<'a> {
    pe: &'static Pe,
    remote: &'a Remote,
}

impl Inward<'_> {
    fn deliver(&self, from: ProcessId, head: &FrameHead, bytes: Bytes<'_>) {
        let job = self.pe.job;
        self.remote.received.fetch_add(1, Ordering::SeqCst);
        let found = match head.dst {
            PROCESS => Some((0, 0)),
            chare if (chare as usize) < job.table.len() => Some(job.find(chare)),
            _ => None,
        };
        let handler = self.remote.handlers.get(usize::from(head.kind & !LANDS));
        let (Some((chare, pe)), Some(&handler)) = (found.filter(|f| f.1 != ELSEWHERE), handler) else {
            let reason = format!("it sent a frame that is not for this process: {head:?}");
            return (self.remote.above.broken)(&Broken { peer: from, reason });
        };
        if pe == self.pe.id {
            return handler(self.pe, chare, Frame { from, head: *head, bytes });
        }
        let (head, bytes) = (*head, Frame { from, head: *head, bytes }.into_bytes());
        job.run_on(pe, move |pe| handler(pe, chare, Frame { from, head, bytes: Bytes::Owned(bytes) }));
    }

    fn landing(&self, head: &FrameHead) -> Option<Landing> {
        if head.kind & LANDS == 0 { None } else { locked(&self.remote.landings).remove(&head.key) }
    }
}

impl Sink for Inward<'_> {
    fn frame(&mut self, from: ProcessId, head: &FrameHead, payload: &[u8]) {
        let Some(landing) = self.landing(head) else {
            return self.deliver(from, head, Bytes::Shown(payload));
        };
        let n = payload.len().min(landing.len_bytes);
        // SAFETY: the landing's owner leaves it alone until the handler has been called.
        unsafe { std::ptr::copy_nonoverlapping(payload.as_ptr(), landing.at, n) };
        self.deliver(from, head, Bytes::Shown(&[]));
    }

    fn place(&mut self, _: ProcessId, head: &FrameHead) -> Place {
        match self.landing(head) {
            // SAFETY: the landing's owner leaves it alone until the handler has been called.
            Some(landing) => unsafe { Place::at(landing.at, landing.len_bytes) },
            None if head.kind & LANDS != 0 => Place::nowhere(),
            None => Place::owned(head.len_bytes as usize),
        }
    }

    fn placed(&mut self, from: ProcessId, head: &FrameHead, place: Place) {
        self.deliver(from, head, Bytes::Owned(place.into_bytes()));
    }

    fn lost(&mut self, _: ProcessId, _: &FrameHead, _: Place) {}

    fn released(&mut self, _: ProcessId, token: u64, sent: bool) {
        if sent {
            (self.remote.above.released)(self.pe, token);
        }
    }

    fn broken(&mut self, broken: &Broken) {
        (self.remote.above.broken)(broken);
    }

    fn closed(&mut self, _: ProcessId) {}
}
