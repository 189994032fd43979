//! Single-producer single-consumer ring of 64-byte cells: the link between two PEs of one process.
//!
//! ```text
//! cell   0.. 4  seq       position + 1 once full; written last (Release)
//!        4.. 8  dst
//!        8..16  key
//!       16..20  context
//!       20..24  kind | inline_len << 8
//!       24..64  payload
//! ring   cells[N] | consumed (own 128-byte line, written by the consumer every N/4 cells)
//! ```
//!
//! Invariants:
//! 1. Only the producer writes a cell, and only while `position - consumed < N`.
//! 2. Only the consumer reads a cell, and only after it saw `seq == position + 1` (Acquire).
//! 3. No head or tail is shared: the sequence number says whether a cell is full; the producer looks at `consumed` only
//!    when its cached limit is used up.
//!
//! # Safety
//! `Tx` and `Rx` are the only handles to their end and are not `Sync`, so each end has one user at a time; 1. and 2. then
//! give every cell one owner at any moment.
#![allow(unsafe_code)]

use super::sync::{AtomicU32, Ordering, UnsafeCell};
use super::{Delivery, Head, INLINE, Link};
use std::cell::Cell;

/// Cells per direction; 4 KiB. Larger rings measured no better.
#[cfg(not(loom))]
pub const CAPACITY: u32 = 64;
#[cfg(loom)]
pub const CAPACITY: u32 = 4;

#[derive(Clone, Copy)]
#[repr(C)]
struct Body {
    dst: u32,
    key: [u32; 2],
    context: u32,
    kind_len: u32,
    data: [u8; INLINE],
}

#[repr(C, align(64))]
struct Slot {
    seq: AtomicU32,
    body: UnsafeCell<Body>,
}

#[repr(align(128))]
struct Line<T>(T);

#[repr(C, align(128))]
struct Ring {
    slots: [Slot; CAPACITY as usize],
    consumed: Line<AtomicU32>,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Slot>() == 64);

// SAFETY: invariants 1 and 2: each cell is accessed by one end at a time, handed over by `seq` and `consumed`.
unsafe impl Sync for Ring {}
// SAFETY: the ring is plain memory.
unsafe impl Send for Ring {}

/// A ring lives as long as the process, but loom wants to see it go.
#[cfg(loom)]
type Held = super::sync::Arc<Ring>;
#[cfg(not(loom))]
type Held = &'static Ring;

/// Bytes of a ring, for those who have memory for one (`port_at`).
pub const BYTES: usize = size_of::<Ring>();

/// The producer's end.
pub struct Tx {
    ring: Held,
    tail: Cell<u32>,
    limit: Cell<u32>,
}

/// The consumer's end.
pub struct Rx {
    ring: Held,
    head: Cell<u32>,
}

/// A new empty ring.
pub fn ring() -> (Tx, Rx) {
    let slots = std::array::from_fn(|_| Slot {
        seq: AtomicU32::new(0),
        body: UnsafeCell::new(Body { dst: 0, key: [0; 2], context: 0, kind_len: 0, data: [0; INLINE] }),
    });
    let ring = Ring { slots, consumed: Line(AtomicU32::new(0)) };
    #[cfg(loom)]
    let ring = super::sync::Arc::new(ring);
    #[cfg(not(loom))]
    let ring: Held = Box::leak(Box::new(ring));
    (Tx::of(held(&ring)), Rx::of(ring))
}

#[cfg(loom)]
fn held(ring: &Held) -> Held {
    ring.clone()
}
#[cfg(not(loom))]
fn held(ring: &Held) -> Held {
    ring
}

/// A port whose rings lie in memory shared with the process of the other port: what goes out in one, what comes in in the
/// other.
///
/// # Safety
/// Both addresses are of [`BYTES`] bytes, aligned to 128, all zero at first, that stay for ever; each is used by one `Tx`
/// and one `Rx` in all processes together.
#[cfg(not(loom))]
pub unsafe fn port_at(out: usize, into: usize) -> Port {
    // SAFETY: by the contract; zeros are an empty ring.
    unsafe { Port { tx: Tx::of(&*(out as *const Ring)), rx: Rx::of(&*(into as *const Ring)) } }
}

impl Tx {
    fn of(ring: Held) -> Tx {
        Tx { ring, tail: Cell::new(0), limit: Cell::new(CAPACITY) }
    }

    /// Cells put so far, modulo 2^32.
    pub fn count(&self) -> u32 {
        self.tail.get()
    }
}

impl Rx {
    fn of(ring: Held) -> Rx {
        Rx { ring, head: Cell::new(0) }
    }

    /// Cells taken so far, modulo 2^32.
    pub fn count(&self) -> u32 {
        self.head.get()
    }
}

impl Tx {
    /// Puts one cell; false when the ring is full.
    #[inline(always)]
    pub fn put(&self, head: &Head, payload: &[u8]) -> bool {
        let tail = self.tail.get();
        if tail == self.limit.get() {
            self.limit.set(self.ring.consumed.0.load(Ordering::Acquire).wrapping_add(CAPACITY));
            if tail == self.limit.get() {
                return false;
            }
        }
        let slot = &self.ring.slots[(tail % CAPACITY) as usize];
        slot.body.with_mut(|b| {
            // SAFETY: invariant 1: `tail - consumed < CAPACITY`, so the consumer has left this cell.
            let b = unsafe { &mut *b };
            b.dst = head.dst;
            b.key = [head.key as u32, (head.key >> 32) as u32];
            b.context = head.context;
            b.kind_len = head.kind as u32 | (head.inline_len as u32) << 8;
            copy_small(&mut b.data, payload);
        });
        let next = tail.wrapping_add(1);
        self.tail.set(next);
        slot.seq.store(next, Ordering::Release);
        true
    }
}

impl Rx {
    /// Hands at most `max` cells to `take`, which says whether it wants the next one, too: merely looking at a cell takes
    /// its line away from a sender that is about to write it.
    #[inline(always)]
    pub fn poll(&self, max: u32, mut take: impl FnMut(&Delivery<'_>) -> bool) -> u32 {
        let mut n = 0;
        while n < max {
            let at = self.head.get();
            let slot = &self.ring.slots[(at % CAPACITY) as usize];
            let next = at.wrapping_add(1);
            if slot.seq.load(Ordering::Acquire) != next {
                break;
            }
            self.head.set(next);
            let more = slot.body.with(|b| {
                // SAFETY: invariant 2: `seq` said that the cell is full; the producer will not touch it before
                // `consumed` passes it, which happens below.
                let b = unsafe { &*b };
                let head = Head {
                    dst: b.dst,
                    context: b.context,
                    key: b.key[0] as u64 | (b.key[1] as u64) << 32,
                    kind: b.kind_len as u8,
                    inline_len: (b.kind_len >> 8) as u8,
                };
                take(&Delivery { head, data: &b.data })
            });
            if next.is_multiple_of(CAPACITY / 4) {
                self.ring.consumed.0.store(next, Ordering::Release);
            }
            n += 1;
            if !more {
                break;
            }
        }
        n
    }

    /// Is a cell waiting?
    #[inline(always)]
    pub fn ready(&self) -> bool {
        let at = self.head.get();
        self.ring.slots[(at % CAPACITY) as usize].seq.load(Ordering::Acquire) == at.wrapping_add(1)
    }
}

/// Copies at most INLINE bytes; the usual sizes without a call of memcpy.
#[inline(always)]
fn copy_small(to: &mut [u8; INLINE], from: &[u8]) {
    match from.len() {
        8 => to[..8].copy_from_slice(&from[..8]),
        INLINE => to.copy_from_slice(&from[..INLINE]),
        24 => to[..24].copy_from_slice(&from[..24]),
        16 => to[..16].copy_from_slice(&from[..16]),
        4 => to[..4].copy_from_slice(&from[..4]),
        n => to[..n].copy_from_slice(from),
    }
}

/// Both ends that one PE has of its connection to another.
pub struct Port {
    pub tx: Tx,
    pub rx: Rx,
}

/// A pair of connected ports.
pub fn pair() -> (Port, Port) {
    let (ab_tx, ab_rx) = ring();
    let (ba_tx, ba_rx) = ring();
    (Port { tx: ab_tx, rx: ba_rx }, Port { tx: ba_tx, rx: ab_rx })
}

impl Link for Port {
    fn put(&self, head: &Head, payload: &[u8]) -> bool {
        self.tx.put(head, payload)
    }
    fn poll(&self, max: u32, take: &mut dyn FnMut(&Delivery<'_>) -> bool) -> u32 {
        self.rx.poll(max, take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(key: u64) -> Head {
        Head { dst: 1, context: 2, key, kind: 3, inline_len: 8 }
    }

    #[cfg(not(loom))]
    #[test]
    fn refuses_when_full_and_takes_again_after_a_quarter_is_consumed() {
        let (tx, rx) = ring();
        for i in 0..CAPACITY as u64 {
            assert!(tx.put(&head(i), &i.to_ne_bytes()));
        }
        assert!(!tx.put(&head(99), &[]));
        let mut seen = vec![];
        let keep = |d: &Delivery<'_>, seen: &mut Vec<_>| seen.push((d.head.key, d.payload().to_vec()));
        let got = rx.poll(CAPACITY, |d| {
            keep(d, &mut seen);
            seen.len() < CAPACITY as usize / 4
        });
        assert_eq!(got, CAPACITY / 4);
        assert!(tx.put(&head(64), &[]));
        assert_eq!(seen[3], (3, 3u64.to_ne_bytes().to_vec()));
    }

    #[cfg(not(loom))]
    #[test]
    fn keeps_order_between_threads() {
        let (tx, rx) = ring();
        let n = 200_000u64;
        let producer = std::thread::spawn(move || {
            for i in 0..n {
                while !tx.put(&head(i), &i.to_ne_bytes()) {
                    std::hint::spin_loop();
                }
            }
        });
        let mut expect = 0;
        while expect < n {
            if rx.poll(16, |d| {
                assert_eq!(d.head.key, expect);
                assert_eq!(d.payload(), expect.to_ne_bytes());
                expect += 1;
                true
            }) == 0
            {
                std::thread::yield_now();
            }
        }
        producer.join().unwrap();
    }

    /// `RUSTFLAGS="--cfg loom" cargo test -p ampi-core --release --lib loom`
    #[cfg(loom)]
    #[test]
    fn loom_every_interleaving_keeps_order() {
        loom::model(|| {
            let (tx, rx) = ring();
            let producer = loom::thread::spawn(move || {
                let mut sent = 0u64;
                while sent < CAPACITY as u64 + 1 {
                    if tx.put(&head(sent), &sent.to_ne_bytes()) {
                        sent += 1;
                    } else {
                        loom::thread::yield_now();
                    }
                }
            });
            let mut expect = 0u64;
            while expect < CAPACITY as u64 + 1 {
                if rx.poll(2, |d| {
                    assert_eq!(d.head.key, expect);
                    assert_eq!(d.payload(), expect.to_ne_bytes());
                    expect += 1;
                    true
                }) == 0
                {
                    loom::thread::yield_now();
                }
            }
            producer.join().unwrap();
        });
    }
}
