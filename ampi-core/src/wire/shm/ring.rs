//! Single-producer single-consumer ring of records of any length, in memory that two processes share.
//!
//! ```text
//! line (64 bytes, N of them, N a power of two)
//!    first line of a record    0.. 4 stamp | 4.. 8 length in bytes | 8.. body …
//!    further lines             … body
//! beside them, a line each: consumed, sleeping, wants_room
//!
//!    │ record │ record …                …│ record … │ 0 │ free
//!    ↑ head of the consumer                          ↑ tail of the producer: its stamp is 0
//! ```
//!
//! Positions count lines from 0 and wrap at 2³²; line = position mod N. The stamp of a record at `position` is
//! `2·position + 1`: never 0, and different on every lap.
//!
//! Invariants:
//! 1. Only the producer writes lines, and only lines from its tail up to `consumed + N`. Only the consumer reads lines, and
//!    only those of a record whose stamp it has seen.
//! 2. The stamp is written last (Release). Before that the line behind the record gets stamp 0: so the consumer, who looks
//!    only there, never takes bytes of an old body for a stamp. A record therefore needs one free line more than it has.
//! 3. A record is contiguous. One that does not fit before the end of the memory leaves a *skip* (length `u32::MAX`) in its
//!    place and begins at line 0; the skip is published after the record.
//! 4. `consumed` is written by the consumer every N/4 lines. A record has at most N/4 lines, so once everything is consumed
//!    the producer sees at least 3·N/4 free ones, enough for a skip, a record and the line behind it.
//! 5. Sleeping: the consumer swaps `sleeping` to 1, fences, and looks once more; the producer publishes, fences, and looks at
//!    `sleeping`. One of them sees the other. The same with `wants_room` and `consumed` in the other direction.
//!
//! What is read from a line written by another process is checked before it is used: a damaged ring is an error.
//!
//! # Safety
//! [`Lines`] gives access to line contents; its callers here keep to invariant 1. Each end is one value that is not
//! `Clone`, and all its methods that touch lines take `&mut self`.
#![allow(unsafe_code)]

#[cfg(loom)]
use loom::sync::atomic::{Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{Ordering, fence};

pub const LINE_BYTES: usize = 64;
/// Stamp and length.
const RECORD_HEAD: usize = 8;
const SKIP: u32 = u32::MAX;

/// What both processes look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Of a line.
    Stamp(u32),
    /// Lines that the consumer has left behind.
    Consumed,
    /// 1: the consumer sleeps or is about to.
    Sleeping,
    /// 1: the producer sleeps or is about to, and waits for room.
    WantsRoom,
}

/// The shared memory of one ring.
pub trait Lines {
    /// Number of lines, a power of two, at least 8.
    fn lines(&self) -> u32;
    fn load(&self, word: Word, order: Ordering) -> u32;
    fn store(&self, word: Word, value: u32, order: Ordering);
    fn swap(&self, word: Word, value: u32, order: Ordering) -> u32;
    /// Writes `bytes` at `offset` bytes from the start of `line`.
    ///
    /// # Safety
    /// The bytes are within the memory, do not touch the stamp of `line`, and belong to the caller (invariant 1).
    unsafe fn write(&self, line: u32, offset: usize, bytes: &[u8]);
    /// Shows `f` the `len` bytes at `offset` bytes from the start of `line`.
    ///
    /// # Safety
    /// As for `write`.
    unsafe fn read<R>(&self, line: u32, offset: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R;
}

/// The ring holds what no producer writes.
#[derive(Debug, PartialEq, Eq)]
pub struct Damaged;

fn stamp_of(position: u32) -> u32 {
    position.wrapping_mul(2).wrapping_add(1)
}

fn lines_of(body_bytes: usize) -> u32 {
    (RECORD_HEAD + body_bytes).div_ceil(LINE_BYTES) as u32
}

/// The longest body of a record in a ring of `lines`.
pub fn body_max(lines: u32) -> usize {
    (lines / 4) as usize * LINE_BYTES - RECORD_HEAD
}

/// The producer's end.
pub struct Tx<M> {
    memory: M,
    tail: u32,
    consumed: u32,
}

impl<M: Lines> Tx<M> {
    /// The producer of a ring that nobody has used.
    pub fn new(memory: M) -> Tx<M> {
        Tx { memory, tail: 0, consumed: 0 }
    }

    /// Puts one record made of `parts`; false when there is no room now. Its length is at most [`body_max`].
    pub fn put(&mut self, parts: &[&[u8]]) -> bool {
        let len: usize = parts.iter().map(|p| p.len()).sum();
        let lines = self.memory.lines();
        assert!(len <= body_max(lines), "a record of {len} bytes");
        let count = lines_of(len);
        let here = self.tail % lines;
        let skipped = if here + count > lines { lines - here } else { 0 };
        if !self.has_room(skipped + count + 1) {
            return false;
        }
        let at = self.tail.wrapping_add(skipped);
        let line = at % lines;
        let next = at.wrapping_add(count);
        // SAFETY: invariant 1: these lines are free, and `count` of them follow `line` without a border. Offset 4 is
        // behind the stamp.
        unsafe {
            self.memory.write(line, 4, &(len as u32).to_le_bytes());
            let mut offset = RECORD_HEAD;
            for part in parts {
                self.memory.write(line, offset, part);
                offset += part.len();
            }
        }
        self.memory.store(Word::Stamp(next % lines), 0, Ordering::Relaxed);
        self.memory.store(Word::Stamp(line), stamp_of(at), Ordering::Release);
        if skipped > 0 {
            // SAFETY: as above; the line at the tail is free.
            unsafe { self.memory.write(here, 4, &SKIP.to_le_bytes()) };
            self.memory.store(Word::Stamp(here), stamp_of(self.tail), Ordering::Release);
        }
        self.tail = next;
        true
    }

    fn has_room(&mut self, wanted: u32) -> bool {
        let lines = self.memory.lines();
        if self.tail.wrapping_sub(self.consumed) + wanted > lines {
            let consumed = self.memory.load(Word::Consumed, Ordering::Acquire);
            // what is impossible is ignored: then there is simply no room
            if self.tail.wrapping_sub(consumed) <= lines {
                self.consumed = consumed;
            }
        }
        self.tail.wrapping_sub(self.consumed) + wanted <= lines
    }

    /// After records were put: does the consumer sleep, so that it has to be woken? True once per sleep.
    pub fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        let sleeping = self.memory.load(Word::Sleeping, Ordering::Relaxed) != 0;
        sleeping && self.memory.swap(Word::Sleeping, 0, Ordering::SeqCst) != 0
    }

    /// Announces a sleep that shall end when there is room for the longest record; false when there is already.
    pub fn prepare_sleep(&mut self) -> bool {
        self.memory.swap(Word::WantsRoom, 1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        !self.has_room(self.memory.lines() / 2)
    }
}

/// The consumer's end.
pub struct Rx<M> {
    memory: M,
    head: u32,
    /// What `consumed` says.
    told: u32,
    /// Has it been written since the last [`Rx::must_wake`]?
    published: bool,
}

impl<M: Lines> Rx<M> {
    /// The consumer of a ring that nobody has used.
    pub fn new(memory: M) -> Rx<M> {
        Rx { memory, head: 0, told: 0, published: false }
    }

    /// Hands the body of the next record to `take`; `None` when there is none.
    pub fn poll<R>(&mut self, take: impl FnOnce(&[u8]) -> R) -> Result<Option<R>, Damaged> {
        let lines = self.memory.lines();
        loop {
            let line = self.head % lines;
            match self.memory.load(Word::Stamp(line), Ordering::Acquire) {
                0 => return Ok(None),
                s if s == stamp_of(self.head) => {}
                _ => return Err(Damaged),
            }
            // SAFETY: invariant 1: the stamp says that the record is the consumer's.
            let len =
                unsafe { self.memory.read(line, 4, 4, |b| b.first_chunk().map(|b| u32::from_le_bytes(*b))) };
            let len = len.ok_or(Damaged)?;
            if len == SKIP && line > 0 {
                self.advance(lines - line);
                continue;
            }
            if len as usize > body_max(lines) || line + lines_of(len as usize) > lines {
                return Err(Damaged);
            }
            // SAFETY: as above, and the length was checked against the end of the memory.
            let result = unsafe { self.memory.read(line, RECORD_HEAD, len as usize, take) };
            self.advance(lines_of(len as usize));
            return Ok(Some(result));
        }
    }

    fn advance(&mut self, lines: u32) {
        self.head = self.head.wrapping_add(lines);
        if self.head.wrapping_sub(self.told) >= self.memory.lines() / 4 {
            self.told = self.head;
            self.published = true;
            self.memory.store(Word::Consumed, self.head, Ordering::Release);
        }
    }

    /// After records were taken: does the producer sleep until there is room, so that it has to be woken? Once per sleep.
    pub fn must_wake(&mut self) -> bool {
        if !std::mem::take(&mut self.published) {
            return false;
        }
        fence(Ordering::SeqCst);
        let wants = self.memory.load(Word::WantsRoom, Ordering::Relaxed) != 0;
        wants && self.memory.swap(Word::WantsRoom, 0, Ordering::SeqCst) != 0
    }

    /// Announces a sleep that shall end when a record comes; false when one is there already.
    pub fn prepare_sleep(&mut self) -> bool {
        self.memory.swap(Word::Sleeping, 1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.memory.load(Word::Stamp(self.head % self.memory.lines()), Ordering::Acquire) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::sync::{Arc, AtomicU32, UnsafeCell};

    /// Lines whose stamps are loom's atomics and whose contents are loom's cells. Writing over a line that is not the
    /// first of a record changes its stamp too, as in the real memory.
    struct Model {
        stamps: Vec<AtomicU32>,
        contents: Vec<UnsafeCell<[u8; LINE_BYTES]>>,
        consumed: AtomicU32,
        sleeping: AtomicU32,
        wants_room: AtomicU32,
    }

    // SAFETY: invariant 1 gives every line one user at a time; loom checks it.
    unsafe impl Sync for Model {}
    // SAFETY: plain memory.
    unsafe impl Send for Model {}

    fn model(lines: u32) -> (Tx<Arc<Model>>, Rx<Arc<Model>>) {
        let memory = Arc::new(Model {
            stamps: (0..lines).map(|_| AtomicU32::new(0)).collect(),
            contents: (0..lines).map(|_| UnsafeCell::new([0; LINE_BYTES])).collect(),
            consumed: AtomicU32::new(0),
            sleeping: AtomicU32::new(0),
            wants_room: AtomicU32::new(0),
        });
        (Tx::new(memory.clone()), Rx::new(memory))
    }

    impl Model {
        fn word(&self, word: Word) -> &AtomicU32 {
            match word {
                Word::Stamp(line) => &self.stamps[line as usize],
                Word::Consumed => &self.consumed,
                Word::Sleeping => &self.sleeping,
                Word::WantsRoom => &self.wants_room,
            }
        }
    }

    impl Lines for Arc<Model> {
        fn lines(&self) -> u32 {
            self.stamps.len() as u32
        }
        fn load(&self, word: Word, order: Ordering) -> u32 {
            self.word(word).load(order)
        }
        fn store(&self, word: Word, value: u32, order: Ordering) {
            self.word(word).store(value, order)
        }
        fn swap(&self, word: Word, value: u32, order: Ordering) -> u32 {
            self.word(word).swap(value, order)
        }
        unsafe fn write(&self, line: u32, offset: usize, bytes: &[u8]) {
            for (i, &byte) in bytes.iter().enumerate() {
                let at = line as usize * LINE_BYTES + offset + i;
                if at.is_multiple_of(LINE_BYTES) {
                    // loom sees a store per line, not per byte
                    self.stamps[at / LINE_BYTES].store(0x0101_0101 * byte as u32, Ordering::Relaxed);
                }
                // SAFETY: invariant 1, as the caller promises.
                self.contents[at / LINE_BYTES].with_mut(|l| unsafe { (&mut *l)[at % LINE_BYTES] = byte });
            }
        }
        unsafe fn read<R>(&self, line: u32, offset: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
            let from = line as usize * LINE_BYTES + offset;
            // SAFETY: invariant 1, as the caller promises.
            let byte = |at: usize| self.contents[at / LINE_BYTES].with(|l| unsafe { (&*l)[at % LINE_BYTES] });
            f(&(from..from + len).map(byte).collect::<Vec<u8>>())
        }
    }

    fn body(i: usize, len: usize) -> Vec<u8> {
        (0..len).map(|j| (i * 31 + j) as u8).collect()
    }

    #[cfg(not(loom))]
    #[test]
    fn records_of_every_length_wrap_around_and_stay_whole() {
        let (mut tx, mut rx) = model(32);
        let (mut sent, mut seen) = (0, 0);
        let len = |i: usize| (i * 37) % (body_max(32) + 1);
        for round in 0..40_000usize {
            if round % 7 < 4 {
                let bytes = body(sent, len(sent));
                let (a, b) = bytes.split_at(bytes.len() / 3);
                sent += tx.put(&[a, &[], b]) as usize;
            } else {
                let whole = rx.poll(|b| assert_eq!(b, body(seen, len(seen)))).unwrap();
                seen += whole.is_some() as usize;
            }
        }
        while rx.poll(|b| assert_eq!(b, body(seen, len(seen)))).unwrap().is_some() {
            seen += 1;
        }
        assert!(sent == seen && sent > 10_000);
    }

    #[cfg(not(loom))]
    #[test]
    fn old_bodies_are_not_taken_for_stamps() {
        // every body is full of what the next stamps would be
        let (mut tx, mut rx) = model(16);
        for i in 0..1000u32 {
            let bait: Vec<u8> = (0..30).flat_map(|j| stamp_of(i + j / 16).to_le_bytes()).collect();
            assert!(tx.put(&[&bait]));
            assert_eq!(rx.poll(|b| b.len()), Ok(Some(120)));
            assert_eq!(rx.poll(|b| b.len()), Ok(None));
        }
    }

    #[cfg(not(loom))]
    #[test]
    fn once_everything_is_consumed_the_longest_record_fits() {
        for start in 0..64 {
            let (mut tx, mut rx) = model(32);
            for _ in 0..start {
                assert!(tx.put(&[b"x"]) && rx.poll(|_| ()).unwrap().is_some());
            }
            assert!(!tx.prepare_sleep(), "there is room, no reason to sleep");
            assert!(tx.put(&[&vec![1; body_max(32)]]), "after {start} lines");
        }
    }

    #[cfg(not(loom))]
    #[test]
    fn a_full_ring_refuses_and_wakes_the_producer_once() {
        let (mut tx, mut rx) = model(32);
        while tx.put(&[&[7; 200]]) {}
        assert!(tx.prepare_sleep());
        assert!(!rx.must_wake(), "nothing is consumed yet");
        while rx.poll(|_| ()).unwrap().is_some() {}
        assert!(rx.must_wake() && !rx.must_wake());
        assert!(rx.prepare_sleep());
        assert!(tx.put(&[b"x"]) && tx.must_wake() && !tx.must_wake());
        assert!(!rx.prepare_sleep());
    }

    #[cfg(not(loom))]
    #[test]
    fn damage_is_an_error() {
        for (at, word) in [(0, 99u32), (4, body_max(32) as u32 + 1), (4, SKIP)] {
            let (mut tx, mut rx) = model(32);
            tx.put(&[b"x"]);
            match at {
                0 => rx.memory.store(Word::Stamp(0), word, Ordering::Relaxed),
                // SAFETY: one thread.
                _ => unsafe { rx.memory.write(0, at, &word.to_le_bytes()) },
            }
            assert_eq!(rx.poll(|_| ()), Err(Damaged));
        }
    }

    /// Every interleaving of a producer and a consumer over more than a lap, with records of one and two lines, a skip,
    /// and too little room at times. `RUSTFLAGS="--cfg loom" cargo test -p ampi-core --release --lib loom_shm`
    #[cfg(loom)]
    #[test]
    fn loom_shm_records_arrive_whole_and_in_order() {
        const LENS: [usize; 6] = [1, 70, 70, 70, 70, 1];
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(|| {
            let (mut tx, mut rx) = model(8);
            let producer = loom::thread::spawn(move || {
                for (i, &len) in LENS.iter().enumerate() {
                    while !tx.put(&[&body(i, len)]) {
                        loom::thread::yield_now();
                    }
                }
            });
            let mut seen = 0;
            while seen < LENS.len() {
                match rx.poll(|b| assert_eq!(b, body(seen, LENS[seen]))).unwrap() {
                    Some(()) => seen += 1,
                    None => loom::thread::yield_now(),
                }
            }
            producer.join().unwrap();
        });
    }

    /// Nobody sleeps for ever: the consumer while a record waits, the producer while there is room. The socket that wakes is
    /// a lock and a condition; a wake that is lost leaves a thread waiting, which loom reports as a deadlock.
    #[cfg(loom)]
    #[test]
    fn loom_shm_no_wake_up_is_lost() {
        use loom::sync::{Condvar, Mutex};
        #[derive(Default)]
        struct Bell(Mutex<bool>, Condvar);
        impl Bell {
            fn ring(&self) {
                *self.0.lock().unwrap() = true;
                self.1.notify_one();
            }
            fn wait(&self) {
                let mut rung = self.0.lock().unwrap();
                while !*rung {
                    rung = self.1.wait(rung).unwrap();
                }
                *rung = false;
            }
        }
        const LENS: [usize; 5] = [70, 70, 70, 70, 70];
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(2);
        builder.check(|| {
            let (mut tx, mut rx) = model(8);
            let (to_rx, to_tx) = (Arc::new(Bell::default()), Arc::new(Bell::default()));
            let (ring_rx, wait_tx) = (to_rx.clone(), to_tx.clone());
            let producer = loom::thread::spawn(move || {
                for (i, &len) in LENS.iter().enumerate() {
                    while !tx.put(&[&body(i, len)]) {
                        if tx.prepare_sleep() {
                            wait_tx.wait();
                        }
                    }
                    if tx.must_wake() {
                        ring_rx.ring();
                    }
                }
            });
            let mut seen = 0;
            while seen < LENS.len() {
                match rx.poll(|b| assert_eq!(b.len(), LENS[seen])).unwrap() {
                    Some(()) => {
                        seen += 1;
                        if rx.must_wake() {
                            to_tx.ring();
                        }
                    }
                    None if rx.prepare_sleep() => to_rx.wait(),
                    None => {}
                }
            }
            producer.join().unwrap();
        });
    }
}
