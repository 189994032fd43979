//! The heap's lock: nothing at all while only one thread can use the heap, a spinning byte afterwards.
//!
//! Critical sections are tens of nanoseconds (microseconds when pages are given back), so waiters spin a little and then
//! let the holder's thread run with sched_yield. A rank is never suspended while it holds the lock.

use std::sync::atomic::{AtomicBool, Ordering};

pub struct Lock {
    enabled: AtomicBool,
    held: AtomicBool,
}

/// Releases on drop.
pub struct Held<'a>(Option<&'a AtomicBool>);

impl Lock {
    pub const fn new() -> Self {
        Lock { enabled: AtomicBool::new(false), held: AtomicBool::new(false) }
    }

    /// From now on `hold` excludes others. The caller is alone at this moment.
    pub fn enable(&self) {
        self.enabled.store(true, Ordering::Release);
    }

    #[inline(always)]
    pub fn hold(&self) -> Held<'_> {
        if !self.enabled.load(Ordering::Relaxed) {
            return Held(None);
        }
        if self.held.compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed).is_err() {
            self.wait();
        }
        Held(Some(&self.held))
    }

    #[cold]
    fn wait(&self) {
        let mut turns = 0u32;
        while self.held.load(Ordering::Relaxed)
            || self.held.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            turns += 1;
            if turns < 100 {
                std::hint::spin_loop();
            } else {
                rustix::thread::sched_yield();
            }
        }
    }
}

impl Drop for Held<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(held) = self.0 {
            held.store(false, Ordering::Release);
        }
    }
}
