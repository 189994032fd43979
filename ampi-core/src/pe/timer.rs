//! Who wants to be woken when: the sleeping tasks of one PE.

use super::{Pe, Task};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::Ordering;

pub struct Timers {
    heap: BinaryHeap<Reverse<(u64, u64, usize)>>,
    tasks: Vec<Option<&'static Task>>,
    free: Vec<usize>,
    count: u64,
}

impl Timers {
    pub fn new() -> Self {
        Timers { heap: BinaryHeap::new(), tasks: Vec::new(), free: Vec::new(), count: 0 }
    }

    /// Registers `task` for `at_ns`; equal times fire in the order of registration.
    fn add(&mut self, at_ns: u64, task: &'static Task) {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        });
        self.tasks[slot] = Some(task);
        self.count += 1;
        self.heap.push(Reverse((at_ns, self.count, slot)));
    }

    fn earliest_ns(&self) -> u64 {
        self.heap.peek().map_or(u64::MAX, |Reverse(e)| e.0)
    }

    fn pop_due(&mut self, now_ns: u64) -> Option<&'static Task> {
        if self.earliest_ns() > now_ns {
            return None;
        }
        let Reverse((_, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        self.tasks[slot].take()
    }
}

/// Monotonic time in nanoseconds.
#[inline]
pub fn now_ns() -> u64 {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    t.tv_sec as u64 * 1_000_000_000 + t.tv_nsec as u64
}

impl Pe {
    /// Suspends the running task for at least `ns` nanoseconds; others run.
    pub fn sleep(&self, ns: u64) {
        let until = now_ns().saturating_add(ns);
        let me = self.running();
        while now_ns() < until {
            self.timers.borrow_mut().add(until, me);
            self.next_timer_ns.set(self.next_timer_ns.get().min(until));
            self.job.pending.fetch_add(1, Ordering::SeqCst);
            self.block();
        }
    }

    /// Wakes every task whose time has come.
    #[cold]
    pub(super) fn fire_timers(&self) {
        // reading the clock costs as much as a switch: look only every few turns while others keep the PE busy
        let tick = self.ticks.get().wrapping_add(1);
        self.ticks.set(tick);
        if self.others_ready() && !tick.is_multiple_of(16) {
            return;
        }
        let now = now_ns();
        if now < self.next_timer_ns.get() {
            return;
        }
        let mut timers = self.timers.borrow_mut();
        while let Some(task) = timers.pop_due(now) {
            self.job.pending.fetch_sub(1, Ordering::SeqCst);
            self.wake(task);
        }
        self.next_timer_ns.set(timers.earliest_ns());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_monotonic_and_in_nanoseconds() {
        let a = now_ns();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let b = now_ns();
        assert!(b - a >= 2_000_000 && b - a < 2_000_000_000);
    }
}
