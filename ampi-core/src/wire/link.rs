//! What a transport between processes gives, and what its user owes it.
//!
//! A [`Link`] connects this process to all others that one transport reaches. Rules that every link keeps:
//!
//! 1. Frames to one process arrive there in the order they were sent, each exactly once; or the connection is broken,
//!    with a reason, on both sides, for ever.
//! 2. No call waits. What does not fit is kept, in order, and [`Link::backlog`] says how much; it leaves with later calls
//!    of `poll` and `flush`. The user bounds the backlog by not sending.
//! 3. A payload of at most [`SHORT_MAX`] bytes is handed out whole; for a longer one the receiver names the place that
//!    its bytes go to, and hears when they are there.
//! 4. [`Sink::broken`] and [`Sink::closed`] come once per process, after everything that arrived before. A process that
//!    has closed still takes what is sent to it; only if that fails, `broken` comes after `closed`.
//! 5. Every token of a [`Lent`] comes back exactly once, as does every [`Place`].
//!
//! Sleeping: call [`Link::prepare_sleep`]; if it agrees, wait until one of the descriptors of [`Link::wait_for`] is
//! readable or [`Link::deadline`] is over, then poll.

use super::ProcessId;
use super::frame::FrameHead;
use super::place::{Lent, Place};
use std::fmt;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// The longest payload that is handed out whole: 16 KiB.
pub const SHORT_MAX: usize = 16 << 10;

/// Why nothing comes from a process any more, and nothing goes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub peer: ProcessId,
    pub reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the connection to process {} is broken: {}", self.peer, self.reason)
    }
}

impl std::error::Error for Broken {}

/// How it stands with one process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody has sent anything yet, or the connection is being opened. Sending is possible.
    Unopened,
    Up,
    /// The process has said that nothing follows. Sending is possible until this side closes as well.
    Closed,
    Broken(Broken),
}

/// Takes what a poll brings.
pub trait Sink {
    /// A frame with a payload of at most [`SHORT_MAX`] bytes, which is valid during the call.
    fn frame(&mut self, from: ProcessId, head: &FrameHead, payload: &[u8]);
    /// A frame with a longer payload has begun: where shall its `head.len_bytes` bytes go?
    fn place(&mut self, from: ProcessId, head: &FrameHead) -> Place;
    /// They are there.
    fn placed(&mut self, from: ProcessId, head: &FrameHead, place: Place);
    /// They will never be complete; `broken` follows.
    fn lost(&mut self, from: ProcessId, head: &FrameHead, place: Place);
    /// The link has no more use for the payload lent with `token`; `sent` is false when it did not leave as a whole.
    fn released(&mut self, to: ProcessId, token: u64, sent: bool);
    /// The connection to a process is broken.
    fn broken(&mut self, broken: &Broken);
    /// A process has closed its side in good order.
    fn closed(&mut self, peer: ProcessId);
}

/// A transport to some or all other processes of the job.
pub trait Link: Send {
    /// Sends one frame; `payload` is free again when this returns.
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken>;
    /// Sends one frame whose payload stays where it is until its token is released, also when this fails.
    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken>;
    /// Hands out at most `max` frames that are here, and all events; returns the number of frames. Sends on, too.
    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32;
    /// Sends on; returns how many bytes of backlog remain for all processes together.
    fn flush(&mut self) -> usize;
    /// Bytes that wait to be sent to `to`.
    fn backlog(&self, to: ProcessId) -> usize;
    fn state(&self, peer: ProcessId) -> State;
    /// Breaks the connection to `peer`: it is known to be dead.
    fn cut(&mut self, peer: ProcessId, reason: &str);
    /// Tells every connected process that nothing follows. Afterwards sending is an error; what comes is still handed
    /// out. Poll until all others have closed too before the link is dropped: what is in the air then is lost.
    fn close(&mut self);
    /// May the caller sleep? False when something is here already.
    fn prepare_sleep(&mut self) -> bool;
    /// Calls `each` with every descriptor whose readability is a reason to poll.
    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>));
    /// Poll by then at the latest, even if no descriptor becomes readable.
    fn deadline(&self) -> Option<Instant>;
    /// Things worth one line to the user that happened since the last call.
    fn notes(&mut self) -> Vec<String>;
}

impl<L: Link + ?Sized> Link for Box<L> {
    fn send(&mut self, to: ProcessId, head: &FrameHead, payload: &[&[u8]]) -> Result<(), Broken> {
        (**self).send(to, head, payload)
    }
    fn lend(&mut self, to: ProcessId, head: &FrameHead, payload: Lent) -> Result<(), Broken> {
        (**self).lend(to, head, payload)
    }
    fn poll(&mut self, max: u32, sink: &mut dyn Sink) -> u32 {
        (**self).poll(max, sink)
    }
    fn flush(&mut self) -> usize {
        (**self).flush()
    }
    fn backlog(&self, to: ProcessId) -> usize {
        (**self).backlog(to)
    }
    fn state(&self, peer: ProcessId) -> State {
        (**self).state(peer)
    }
    fn cut(&mut self, peer: ProcessId, reason: &str) {
        (**self).cut(peer, reason);
    }
    fn close(&mut self) {
        (**self).close();
    }
    fn prepare_sleep(&mut self) -> bool {
        (**self).prepare_sleep()
    }
    fn wait_for(&self, each: &mut dyn FnMut(BorrowedFd<'_>)) {
        (**self).wait_for(each);
    }
    fn deadline(&self) -> Option<Instant> {
        (**self).deadline()
    }
    fn notes(&mut self) -> Vec<String> {
        (**self).notes()
    }
}

/// Events that wait for the next poll.
#[derive(Default)]
pub(super) struct Pending {
    released: Vec<(ProcessId, u64, bool)>,
    broken: Vec<Broken>,
    closed: Vec<ProcessId>,
    lost: Vec<(ProcessId, FrameHead, Place)>,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.released.is_empty() && self.broken.is_empty() && self.closed.is_empty() && self.lost.is_empty()
    }
    pub fn released(&mut self, to: ProcessId, tokens: impl IntoIterator<Item = u64>, sent: bool) {
        self.released.extend(tokens.into_iter().map(|t| (to, t, sent)));
    }
    pub fn lost(&mut self, from: ProcessId, head: FrameHead, place: Place) {
        self.lost.push((from, head, place));
    }
    pub fn broken(&mut self, broken: Broken) {
        self.broken.push(broken);
    }
    pub fn closed(&mut self, peer: ProcessId) {
        self.closed.push(peer);
    }
    /// Tells `sink` everything, what is lost before why.
    pub fn tell(&mut self, sink: &mut dyn Sink) {
        self.released.drain(..).for_each(|(to, token, sent)| sink.released(to, token, sent));
        self.lost.drain(..).for_each(|(from, head, place)| sink.lost(from, &head, place));
        self.closed.drain(..).for_each(|peer| sink.closed(peer));
        self.broken.drain(..).for_each(|b| sink.broken(&b));
    }
}
