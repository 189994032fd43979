//! Who runs next; sending and taking in messages.
//!
//! The scheduler is a loop that runs on the stack of whichever task gives way ([`Pe::suspend`]): take in a message, pop the
//! ready queue, switch. A task whose own message arrives while it looks returns without any switch.
#![allow(unsafe_code)]

use super::task::{State, Task};
use super::{ChareId, KINDS, Pe, PeId, Peer, switch};
use crate::current;
use crate::image::libc::cwd;
use crate::net::{Delivery, Head, INLINE};
use std::cell::Cell;
use std::hint::spin_loop;
use std::sync::atomic::Ordering;

/// Ready tasks in order, linked through `Task::next`.
pub struct ReadyQueue {
    head: Cell<*const Task>,
    tail: Cell<*const Task>,
}

impl ReadyQueue {
    pub const fn new() -> Self {
        ReadyQueue { head: Cell::new(std::ptr::null()), tail: Cell::new(std::ptr::null()) }
    }
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }
    #[inline(always)]
    fn push(&self, t: &Task) {
        t.next.set(std::ptr::null());
        self.append(t, t);
    }
    #[inline(always)]
    fn append(&self, first: &Task, last: &Task) {
        if self.head.get().is_null() {
            self.head.set(first);
        } else {
            // SAFETY: tail is a live task while head is not null.
            unsafe { (*self.tail.get()).next.set(first) };
        }
        self.tail.set(last);
    }
    #[inline(always)]
    fn pop(&self) -> Option<&'static Task> {
        // SAFETY: queued tasks are leaked objects.
        let t = unsafe { self.head.get().as_ref() }?;
        self.head.set(t.next.get());
        Some(t)
    }
}

/// A chain of blocked tasks that will all be made ready at once, in O(1) (collectives).
#[derive(Default)]
pub struct Chain {
    head: Cell<Option<&'static Task>>,
    tail: Cell<Option<&'static Task>>,
}

impl Chain {
    pub const fn new() -> Self {
        Chain { head: Cell::new(None), tail: Cell::new(None) }
    }
    /// Adds a task that is about to block and will be woken only through this chain.
    #[inline(always)]
    pub fn push(&self, t: &'static Task) {
        t.next.set(std::ptr::null());
        match self.tail.get() {
            Some(last) => last.next.set(t),
            None => self.head.set(Some(t)),
        }
        self.tail.set(Some(t));
    }
    pub fn is_empty(&self) -> bool {
        self.head.get().is_none()
    }
}

/// A cell that found the ring full.
pub struct Parked {
    head: Head,
    data: [u8; INLINE],
}

impl Pe {
    /// Gives way until somebody wakes the running task. The caller has set what it waits for; wake-ups may be spurious.
    #[inline(always)]
    pub fn block(&self) {
        let me = self.running();
        me.state.set(State::Blocked);
        self.suspend(me);
    }

    /// Lets the other ready tasks of this PE run; takes in messages.
    #[inline(always)]
    pub fn yield_now(&self) {
        let me = self.running();
        me.state.set(State::Ready);
        self.ready.push(me);
        self.suspend(me);
    }

    /// Is another task ready to run?
    #[inline(always)]
    pub fn others_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Do tasks of this PE sleep?
    #[inline(always)]
    pub fn has_timers(&self) -> bool {
        self.next_timer_ns.get() != u64::MAX
    }

    /// Makes a blocked task of this PE ready. Waking one that is not blocked is harmless.
    #[inline(always)]
    pub fn wake(&self, t: &'static Task) {
        debug_assert!(std::ptr::eq(t.pe(), self), "a task is woken by its own PE");
        if t.state.get() == State::Blocked {
            t.state.set(State::Ready);
            self.ready.push(t);
        }
    }

    /// Blocks the running task as a member of `chain`.
    #[inline(always)]
    pub fn block_in(&self, chain: &Chain) {
        let me = self.running();
        me.state.set(State::Ready); // ready as far as `wake` is concerned: only the chain may queue it
        chain.push(me);
        self.suspend(me);
    }

    /// As [`Pe::block_in`], but does `work` (which may wake the chain) after joining and before giving way.
    pub fn block_in_after(&self, chain: &Chain, work: impl FnOnce()) {
        let me = self.running();
        me.state.set(State::Ready);
        chain.push(me);
        work();
        self.suspend(me);
    }

    /// Makes all tasks of a chain ready, in order, and empties it.
    #[inline(always)]
    pub fn wake_chain(&self, chain: &Chain) {
        if let (Some(first), Some(last)) = (chain.head.take(), chain.tail.take()) {
            self.ready.append(first, last);
        }
    }

    /// The scheduler, on the stack of the task that gives way.
    ///
    /// Never inlined: nothing the compiler knows about the OS thread may survive it.
    #[inline(never)]
    pub fn suspend(&self, me: &'static Task) {
        let mut idle = super::idle::Spin::default();
        loop {
            let got = self.take_in(TURN_CELLS, || self.ready.is_empty());
            if self.next_timer_ns.get() != u64::MAX {
                self.fire_timers();
            }
            if let Some(t) = self.ready.pop() {
                t.state.set(State::Running);
                if std::ptr::eq(t, me) {
                    return;
                }
                self.switch_to(me, t);
                cwd::switched_in();
                return;
            }
            if got == 0 {
                self.idle_step(&mut idle);
            }
        }
    }

    #[inline(always)]
    fn switch_to(&self, me: &'static Task, t: &'static Task) {
        self.running.set(t);
        if let Some(n) = unsafe {
            // SAFETY: a queued task is a leaked object.
            self.ready.head.get().as_ref()
        } {
            // the one after it first comes into the cache itself: its turn is two switches away
            prefetch(n.next.get() as usize);
            let sp = n.resume_address();
            prefetch(sp);
            prefetch(sp + 64);
            prefetch(current::address(n.fs()));
            (0..EXPECTED_LINES).for_each(|line| prefetch(n.expected() + 64 * line));
        }
        if t.fs() == self.thread_fs {
            // SAFETY: the thread's own block exists while the thread runs.
            unsafe { current::plant(self.thread_fs, current::TASK, t as *const Task as usize) };
        }
        let fs_now = self.fs_now.replace(t.fs());
        // SAFETY: `t` came out of the ready queue, so it is suspended or new and belongs to this PE; `me` is running.
        unsafe { switch::switch(me, t, fs_now) };
    }

    /// Adds a new task: it will run when its turn comes.
    pub fn spawn(&self, t: &'static Task) {
        self.live.set(self.live.get() + 1);
        t.state.set(State::Ready);
        self.ready.push(t);
    }

    /// Ends the running task for good; the PE goes on with the others.
    pub fn finish(&self) -> ! {
        let me = self.running();
        me.state.set(State::Done);
        let live = self.live.get() - 1;
        self.live.set(live);
        if live == 0 {
            self.wake(self.own_task());
        }
        self.suspend(me);
        unreachable!("a finished task was resumed")
    }

    /// Runs tasks on the PE's own stack until all of them have finished or the job is stopped.
    pub fn run(&self) {
        while self.live.get() > 0 && !self.job.stop.load(Ordering::SeqCst) {
            self.block();
        }
    }

    /// Keeps serving messages until the job is stopped: other PEs may still need this one.
    pub fn serve(&self) {
        while !self.job.stop.load(Ordering::SeqCst) {
            self.block();
        }
    }

    /// Hands at most `max` messages from each peer to their handlers; returns how many.
    #[inline(always)]
    pub fn progress(&self, max: u32) -> u32 {
        self.take_in(max, || true)
    }

    /// As [`Pe::progress`], from each peer only as long as `more` says so after a message.
    #[inline(always)]
    fn take_in(&self, max: u32, more: impl Fn() -> bool) -> u32 {
        let mut n = 0;
        for peer in &self.peers {
            n += peer.port.rx.poll(max, |d| {
                self.take(d);
                more()
            });
            if peer.overflowing.get() {
                n += self.flush(peer);
            }
        }
        if self.job.pes[self.id as usize].inbox_full.load(Ordering::Relaxed) {
            n += self.run_external();
        }
        if self.link_is_due() {
            n += self.eternal().poll_link();
        }
        n
    }

    #[inline(always)]
    fn take(&self, d: &Delivery<'_>) {
        let (chare, _) = self.chare(d.head.dst);
        self.job.handlers[d.head.kind as usize % KINDS](self.eternal(), chare, d);
    }

    /// `self`, which is leaked by construction.
    #[inline(always)]
    fn eternal(&self) -> &'static Pe {
        // SAFETY: `Pe::start` is the only constructor and leaks.
        unsafe { &*(self as *const Pe) }
    }

    /// Address and PE of a chare.
    #[inline(always)]
    pub fn chare(&self, id: ChareId) -> (usize, PeId) {
        self.job.find(id)
    }

    /// Sends one message to the PE `to` (not this one). Never blocks: what does not fit into the ring waits its turn in
    /// order behind it.
    #[inline(always)]
    pub fn send_to(&self, to: PeId, head: &Head, payload: &[u8]) {
        let peer = self.peer(to);
        if peer.overflowing.get() || !peer.port.tx.put(head, payload) {
            self.park(peer, head, payload);
        }
        self.job.wake_pe(to);
    }

    #[inline(always)]
    fn peer(&self, to: PeId) -> &Peer {
        debug_assert!(to != self.id);
        let peer = &self.peers[if to < self.id { to } else { to - 1 } as usize];
        debug_assert!(peer.id == to);
        peer
    }

    /// How many cells wait behind a full ring to `to`: senders of bulk should let others run while it is large.
    pub fn backlog(&self, to: PeId) -> usize {
        let peer = self.peer(to);
        if peer.overflowing.get() { peer.overflow.borrow().len() } else { 0 }
    }

    #[cold]
    fn park(&self, peer: &Peer, head: &Head, payload: &[u8]) {
        let mut data = [0; INLINE];
        data[..payload.len()].copy_from_slice(payload);
        peer.overflow.borrow_mut().push_back(Parked { head: *head, data });
        peer.overflowing.set(true);
    }

    #[cold]
    fn flush(&self, peer: &Peer) -> u32 {
        let mut n = 0;
        let mut parked = peer.overflow.borrow_mut();
        while let Some(p) = parked.front() {
            if !peer.port.tx.put(&p.head, &p.data[..p.head.inline_len as usize]) {
                break;
            }
            parked.pop_front();
            n += 1;
        }
        peer.overflowing.set(!parked.is_empty());
        drop(parked);
        if n > 0 {
            self.job.wake_pe(peer.id);
        }
        n
    }

    /// Is everything this PE sent in the rings, and nothing left in its own?
    pub(super) fn quiet(&self) -> bool {
        self.peers.iter().all(|p| !p.overflowing.get() && !p.port.rx.ready())
    }

    /// Leaves the number of cells to and from neighbours where others can read it.
    pub(super) fn tell_cells(&self) {
        let neighbours = || self.peers.iter().filter(|p| p.id >= self.job.pes());
        let sum = |count: fn(&Peer) -> u32| neighbours().map(|p| u64::from(count(p))).sum();
        let [sent, received] = &self.job.pes[self.id as usize].cells;
        sent.store(sum(|p| p.port.tx.count()), Ordering::SeqCst);
        received.store(sum(|p| p.port.rx.count()), Ordering::SeqCst);
    }

    #[cold]
    fn run_external(&self) -> u32 {
        let shared = &self.job.pes[self.id as usize];
        shared.inbox_full.store(false, Ordering::SeqCst);
        let mut n = 0;
        loop {
            let f = shared.inbox.lock().unwrap_or_else(|e| e.into_inner()).pop_front();
            match f {
                Some(f) => f(self.eternal()),
                None => return n,
            }
            n += 1;
        }
    }
}

/// Messages from a peer that are taken in one after the other while nobody is ready to run.
const TURN_CELLS: u32 = 32;
/// Lines that [`Task::expect`] stands for.
const EXPECTED_LINES: usize = 3;

#[inline(always)]
fn prefetch(address: usize) {
    // SAFETY: a prefetch has no architectural effect whatever the address.
    unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address as *const i8) };
}

/// One polite pause between two empty polls.
#[inline(always)]
pub(super) fn pause() {
    spin_loop();
}
