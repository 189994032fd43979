//! The protocol of sleep and wake, with every interleaving: no PE sleeps while a message waits for it.
//!
//! The ring is the real one. The membarrier acts as a full fence at its place in the sleeper and at some place between
//! "publish" and "load" in the sender; loom knows no membarrier, so both get a fence of their own. The futex is a lock
//! and a condition, as in the kernel: the value is compared under the lock that a wake takes too. A wake that is lost
//! leaves a thread waiting for ever, which loom reports as a deadlock.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p ampi-core --release --lib loom`

use crate::net::Head;
use crate::net::ring::{Rx, Tx, ring};
use loom::sync::atomic::{AtomicU32, Ordering, fence};
use loom::sync::{Arc, Condvar, Mutex};

const MESSAGES: u64 = 2;

struct Sleeper {
    sleeping: AtomicU32,
    kernel: Mutex<()>,
    woken: Condvar,
}

impl Sleeper {
    /// Step 1 of the protocol.
    fn sleep_until_woken(&self, rx: &Rx, fenced: bool) {
        // As in the code: a swap. After a plain store loom lets the sender read its own older value, which the order of
        // the fences forbids.
        self.sleeping.swap(1, Ordering::SeqCst);
        if fenced {
            fence(Ordering::SeqCst);
        }
        if !rx.ready() {
            let mut guard = self.kernel.lock().unwrap();
            while self.sleeping.load(Ordering::SeqCst) == 1 {
                guard = self.woken.wait(guard).unwrap();
            }
        }
        self.sleeping.store(0, Ordering::SeqCst);
    }

    /// Step 2, after the message was published.
    fn wake(&self, fenced: bool) {
        if fenced {
            fence(Ordering::SeqCst);
        }
        if self.sleeping.load(Ordering::Relaxed) != 0 && self.sleeping.swap(0, Ordering::SeqCst) != 0 {
            drop(self.kernel.lock().unwrap());
            self.woken.notify_one();
        }
    }
}

fn send(tx: &Tx, key: u64) {
    assert!(tx.put(&Head { dst: 0, context: 0, key, kind: 1, inline_len: 0 }, &[]));
}

fn model(fenced: bool) {
    loom::model(move || {
        let (tx, rx) = ring();
        let sleeper =
            Arc::new(Sleeper { sleeping: AtomicU32::new(0), kernel: Mutex::new(()), woken: Condvar::new() });
        let theirs = sleeper.clone();
        let sender = loom::thread::spawn(move || {
            for key in 0..MESSAGES {
                send(&tx, key);
                theirs.wake(fenced);
            }
        });
        let mut expect = 0;
        while expect < MESSAGES {
            rx.poll(2, |d| {
                assert_eq!(d.head.key, expect);
                expect += 1;
                true
            });
            if expect < MESSAGES {
                sleeper.sleep_until_woken(&rx, fenced);
            }
        }
        sender.join().unwrap();
    });
}

#[test]
fn loom_nobody_sleeps_while_a_message_waits() {
    model(true);
}

/// The model can fail: without the barriers the message and the flag pass each other unseen.
#[test]
#[should_panic(expected = "deadlock")]
fn loom_without_a_membarrier_a_wake_is_lost() {
    model(false);
}
