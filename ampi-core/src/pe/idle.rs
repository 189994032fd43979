//! An idle PE: spin briefly, give the core away, then sleep on a futex. And: noticing that the whole job is stuck.
//!
//! Protocol of sleep and wake (the sender must not pay for a fence on every message):
//!
//! 1. sleeper: `sleeping = 1`; `membarrier`; look once more at rings and inbox; if empty, futex-wait on `sleeping == 1`.
//! 2. sender: publish the message; plain load of `sleeping`; if not 0, swap it to 0 and wake.
//!
//! The membarrier of the sleeper orders every sender's "publish, then load" against "store, then look": either the sender
//! sees the flag or the sleeper sees the message. Where the kernel refuses membarrier, waits are cut to a millisecond.
//!
//! The job is stuck when every PE has done step 1 and found nothing, none has been woken since (`sleeping` of all is 1),
//! and nobody has a timer or a [`Job::hold`](super::Job::hold). The last PE to fall asleep sees that.
#![allow(unsafe_code)]

#[cfg(all(test, loom))]
mod model;

use super::timer::now_ns;
use super::{Job, Pe};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// Progress through the idle stages of one wait.
#[derive(Default)]
pub struct Spin {
    rounds: u32,
    until_ns: u64,
    yields: u32,
}

/// As long as a wake-up costs, if every PE has a core of its own; else next to nothing, since the core is needed.
pub(super) fn spin_budget_ns(pes: u32) -> u64 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
    match pes {
        1 => 0,
        p if p <= cores => 30_000,
        _ => 2_000,
    }
}

impl Pe {
    /// One step of waiting, called after an empty poll with an empty ready queue.
    #[inline(always)]
    pub(super) fn idle_step(&self, spin: &mut Spin) {
        super::scheduler::pause();
        spin.rounds += 1;
        if spin.rounds & 63 == 0 || (self.peers.is_empty() && !self.linked) {
            self.idle_slow(spin);
        }
    }

    #[cold]
    #[inline(never)]
    fn idle_slow(&self, spin: &mut Spin) {
        let now = now_ns();
        if spin.until_ns == 0 {
            spin.until_ns = now + self.job.spin_ns;
        }
        if now < spin.until_ns {
            return;
        }
        if spin.yields < if self.job.spin_ns < 10_000 { 4 } else { 1 } {
            spin.yields += 1;
            std::thread::yield_now();
            return;
        }
        self.sleep_until_woken(now);
        *spin = Spin::default();
    }

    fn sleep_until_woken(&self, now: u64) {
        let job = self.job;
        if job.stop.load(Ordering::SeqCst) {
            self.wake(self.own_task());
            if self.others_ready() {
                return;
            }
        }
        let shared = &job.pes[self.id as usize];
        let together = job.neighbours.is_some();
        if together {
            self.tell_cells();
        }
        let sleeping = job.sleeping[self.id as usize];
        sleeping.swap(1, Ordering::SeqCst);
        let ordered = membarrier(together);
        let quiet = self.quiet() && (!self.linked || self.link_is_quiet());
        if !quiet || shared.inbox_full.load(Ordering::SeqCst) || job.stop.load(Ordering::SeqCst) {
            job.wakes.fetch_add(1, Ordering::SeqCst);
            sleeping.store(0, Ordering::SeqCst);
            return;
        }
        let idle = job.idle.fetch_add(1, Ordering::SeqCst) + 1;
        if idle == job.pes() {
            job.look_if_stuck();
        }
        let mut limit = self.next_timer_ns.get().saturating_sub(now);
        if !ordered {
            limit = limit.min(1_000_000);
        }
        let limit = (limit != u64::MAX - now && limit < u64::MAX / 2).then_some(limit);
        match self.linked {
            false => futex_wait(sleeping, 1, limit, together),
            true => self.sleep_on_link(limit),
        }
        job.idle.fetch_sub(1, Ordering::SeqCst);
        job.wakes.fetch_add(1, Ordering::SeqCst);
        sleeping.store(0, Ordering::SeqCst);
    }
}

impl Job {
    /// Do all PEs of this process sleep, and has nobody a reason to wake one?
    pub(super) fn all_asleep(&self) -> bool {
        self.sleeping[..self.pes.len()].iter().all(|s| s.load(Ordering::SeqCst) == 1)
            && self.pending.load(Ordering::SeqCst) == 0
            && !self.stop.load(Ordering::SeqCst)
    }

    fn look_if_stuck(&self) {
        if self.all_asleep()
            && self.remote.get().is_none()
            && let Some(report) = self.on_stuck.get()
            && !self.stuck_reported.swap(true, Ordering::SeqCst)
        {
            report();
        }
    }
}

/// Takes the flag of a sleeper back; false: somebody else has.
pub(super) fn claim(flag: &AtomicU32) -> bool {
    flag.swap(0, Ordering::SeqCst) != 0
}

/// Wakes the PE that sleeps on `flag`, after [`claim`].
pub(super) fn wake(flag: &AtomicU32, shared: bool) {
    // SAFETY: FUTEX_WAKE on a live word.
    unsafe { libc::syscall(libc::SYS_futex, flag.as_ptr(), libc::FUTEX_WAKE | scope(shared), 1) };
}

/// Flags that other processes see need the slower kind of futex.
fn scope(shared: bool) -> i32 {
    if shared { 0 } else { libc::FUTEX_PRIVATE_FLAG }
}

fn futex_wait(flag: &AtomicU32, value: u32, timeout_ns: Option<u64>, shared: bool) {
    let ts = timeout_ns.map(|ns| libc::timespec {
        tv_sec: (ns / 1_000_000_000) as i64,
        tv_nsec: (ns % 1_000_000_000) as i64,
    });
    let ts = ts.as_ref().map_or(std::ptr::null(), |t| t as *const libc::timespec);
    // SAFETY: FUTEX_WAIT on a live word with a valid or null timeout.
    unsafe { libc::syscall(libc::SYS_futex, flag.as_ptr(), libc::FUTEX_WAIT | scope(shared), value, ts) };
}

/// Says that neighbours which fall asleep may order the threads of this process.
pub(super) fn can_be_ordered() {
    membarrier(true);
}

/// Orders all threads of the process (`everywhere`: and of its neighbours) against us; false where the kernel refuses.
fn membarrier(everywhere: bool) -> bool {
    const GLOBAL_EXPEDITED: i32 = 1 << 1;
    const REGISTER_GLOBAL_EXPEDITED: i32 = 1 << 2;
    const PRIVATE_EXPEDITED: i32 = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;
    static STATE: AtomicU8 = AtomicU8::new(0); // 0 unknown, 1 works, 2 refused
    let (command, register) = match everywhere {
        true => (GLOBAL_EXPEDITED, REGISTER_GLOBAL_EXPEDITED),
        false => (PRIVATE_EXPEDITED, REGISTER_PRIVATE_EXPEDITED),
    };
    // SAFETY: membarrier has no memory arguments.
    let call = |command: i32| unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 };
    match STATE.load(Ordering::Relaxed) {
        1 => call(command),
        2 => false,
        _ => {
            let works = call(register) && call(command);
            STATE.store(if works { 1 } else { 2 }, Ordering::Relaxed);
            works
        }
    }
}
