//! Memory shared by two processes of a host: one memfd with a ring in each direction.
//!
//! ```text
//!     0      magic 8 | lines per ring 4                          (a page)
//!  4096      ring from the lower to the higher process: consumed | sleeping | wants_room, 128 bytes each; lines
//!  …         ring from the higher to the lower
//! ```
//!
//! 1. The memfd has no name anywhere, so nothing is left behind whoever dies; and it does not count against /dev/shm.
//! 2. Its pages are there before anybody uses them, and its size is sealed: touching it cannot fail later.
//!
//! # Safety
//! The mapping lives as long as a [`Segment`], which every [`RingMemory`] keeps alive. Offsets are checked against its length
//! when a `RingMemory` is made. The other process may write at any time; what the ring reads, it checks.
#![allow(unsafe_code)]

use super::ring::{LINE_BYTES, Lines, Word, body_max};
use crate::error::{Error, Result};
use crate::wire::frame::HEAD_BYTES;
use crate::wire::link::SHORT_MAX;
use rustix::fs::{FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const MAGIC: [u8; 8] = *b"ampishm1";
const HEADER_BYTES: usize = 4096;
/// Between words that different processes write: two lines, since cores fetch them in pairs.
const APART: usize = 128;
const CONTROL_BYTES: usize = 4 * APART;

/// Lines of a ring unless told otherwise: 256 KiB.
pub const LINES_DEFAULT: u32 = 4096;
/// With less a short frame does not fit into a record.
pub const LINES_MIN: u32 = 2048;
const LINES_MAX: u32 = 1 << 24;

const _: () = assert!((LINES_MIN as usize / 4) * LINE_BYTES - 8 >= HEAD_BYTES + SHORT_MAX);

/// The mapped memory.
pub struct Segment {
    memfd: OwnedFd,
    base: *mut u8,
    len: usize,
    lines: u32,
}

// SAFETY: the memory is shared between processes anyway; access to it is through `RingMemory` by the ring's rules.
unsafe impl Send for Segment {}
// SAFETY: as above.
unsafe impl Sync for Segment {}

/// One ring of a segment.
#[derive(Clone)]
pub struct RingMemory {
    segment: Arc<Segment>,
    control: usize,
}

fn failed(step: &str) -> impl Fn(rustix::io::Errno) -> Error {
    let what = format!("memory shared with another process ({step})");
    move |e| Error::Memory { what: what.clone(), why: e.to_string() }
}

fn ring_bytes(lines: u32) -> usize {
    CONTROL_BYTES + lines as usize * LINE_BYTES
}

impl Segment {
    /// New memory for two rings of `lines` lines (rounded to a power of two within limits).
    pub fn create(lines: u32) -> Result<Arc<Segment>> {
        let lines = lines.clamp(LINES_MIN, LINES_MAX).next_power_of_two();
        let len = HEADER_BYTES + 2 * ring_bytes(lines);
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memfd = rustix::fs::memfd_create("ampi-wire", flags).map_err(failed("memfd_create"))?;
        rustix::fs::ftruncate(&memfd, len as u64).map_err(failed("ftruncate"))?;
        rustix::fs::fallocate(&memfd, FallocateFlags::empty(), 0, len as u64).map_err(failed("fallocate"))?;
        let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        rustix::fs::fcntl_add_seals(&memfd, seals).map_err(failed("seals"))?;
        let segment = Segment::map(memfd, len, lines)?;
        // SAFETY: the header is within the mapping, and nobody else knows of it yet.
        unsafe {
            std::ptr::copy_nonoverlapping(MAGIC.as_ptr(), segment.base, MAGIC.len());
            segment.base.add(8).cast::<u32>().write(lines);
        }
        Ok(Arc::new(segment))
    }

    /// The memory behind a descriptor that another process has sent.
    pub fn open(memfd: OwnedFd) -> Result<Arc<Segment>> {
        let refuse =
            |why: &str| Error::Memory { what: "memory shared with another process".into(), why: why.into() };
        let seals = rustix::fs::fcntl_get_seals(&memfd).map_err(failed("seals"))?;
        if !seals.contains(SealFlags::SHRINK | SealFlags::GROW) {
            return Err(refuse("its size is not sealed"));
        }
        let len = rustix::fs::fstat(&memfd).map_err(failed("fstat"))?.st_size as usize;
        if !(HEADER_BYTES..=HEADER_BYTES + 2 * ring_bytes(LINES_MAX)).contains(&len) {
            return Err(refuse(&format!("it has {len} bytes")));
        }
        let mut segment = Segment::map(memfd, len, 0)?;
        // SAFETY: the header is within the mapping; it was written before the descriptor was sent.
        let (magic, lines) =
            unsafe { (segment.base.cast::<[u8; 8]>().read(), segment.base.add(8).cast::<u32>().read()) };
        let fits = lines.is_power_of_two() && (LINES_MIN..=LINES_MAX).contains(&lines);
        if magic != MAGIC || !fits || HEADER_BYTES + 2 * ring_bytes(lines) != len {
            return Err(refuse("it does not have the layout of this version"));
        }
        segment.lines = lines;
        Ok(Arc::new(segment))
    }

    /// The memory that process `pid` has open as its descriptor `fd`. Needs the right to look into that process.
    pub fn open_of(pid: u32, fd: i32) -> Result<Arc<Segment>> {
        let path = format!("/proc/{pid}/fd/{fd}");
        let memfd =
            rustix::fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(failed(&path))?;
        Segment::open(memfd)
    }

    fn map(memfd: OwnedFd, len: usize, lines: u32) -> Result<Segment> {
        let flags = MapFlags::SHARED | MapFlags::POPULATE;
        // SAFETY: a new mapping at an address of the kernel's choice.
        let base = unsafe {
            rustix::mm::mmap(std::ptr::null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, flags, &memfd, 0)
        };
        let base = base.map_err(failed("mmap"))?.cast();
        Ok(Segment { memfd, base, len, lines })
    }

    /// The ring from the lower process to the higher, or the other way.
    pub fn ring(self: &Arc<Segment>, from_lower: bool) -> RingMemory {
        let control = HEADER_BYTES + if from_lower { 0 } else { ring_bytes(self.lines) };
        assert!(control + ring_bytes(self.lines) <= self.len);
        RingMemory { segment: self.clone(), control }
    }

    /// The longest record of its rings in bytes.
    pub fn body_max(&self) -> usize {
        body_max(self.lines)
    }
}

impl AsFd for Segment {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memfd.as_fd()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this length; nobody has a reference into it without keeping the segment.
        // A failure would leave the memory mapped, which harms nobody.
        let _ = unsafe { rustix::mm::munmap(self.base.cast(), self.len) };
    }
}

impl RingMemory {
    fn word(&self, word: Word) -> &AtomicU32 {
        let offset = match word {
            Word::Stamp(line) => CONTROL_BYTES + (line % self.segment.lines) as usize * LINE_BYTES,
            Word::Consumed => 0,
            Word::Sleeping => APART,
            Word::WantsRoom => 2 * APART,
        };
        // SAFETY: within the mapping (checked in `ring`), aligned, and only ever accessed as an atomic.
        unsafe { &*self.segment.base.add(self.control + offset).cast::<AtomicU32>() }
    }

    /// Address of a byte of the lines.
    fn at(&self, line: u32, offset: usize, len: usize) -> *mut u8 {
        let from = line as usize * LINE_BYTES + offset;
        assert!(from + len <= self.segment.lines as usize * LINE_BYTES);
        // SAFETY: within the mapping, by the assertion and the one in `ring`.
        unsafe { self.segment.base.add(self.control + CONTROL_BYTES + from) }
    }
}

impl Lines for RingMemory {
    fn lines(&self) -> u32 {
        self.segment.lines
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
        let to = self.at(line, offset, bytes.len());
        // SAFETY: within the lines; that they are the caller's is the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) }
    }
    unsafe fn read<R>(&self, line: u32, offset: usize, len: usize, f: impl FnOnce(&[u8]) -> R) -> R {
        let from = self.at(line, offset, len);
        // SAFETY: within the lines; that nobody writes them now is the caller's promise.
        f(unsafe { std::slice::from_raw_parts(from, len) })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::ring::{Rx, Tx};
    use super::*;
    use std::os::fd::AsRawFd;

    #[test]
    fn a_second_mapping_sees_what_the_first_puts() {
        let one = Segment::create(1).unwrap();
        assert_eq!(one.lines, LINES_MIN);
        let two = Segment::open(one.memfd.try_clone().unwrap()).unwrap();
        let three = Segment::open_of(std::process::id(), one.memfd.as_raw_fd()).unwrap();
        assert!(one.base != two.base && two.base != three.base);
        let mut tx = [Tx::new(one.ring(true)), Tx::new(two.ring(false))];
        let mut rx = [Rx::new(three.ring(true)), Rx::new(one.ring(false))];
        for (i, tx) in tx.iter_mut().enumerate() {
            assert!(tx.put(&[&[i as u8; 1000]]));
        }
        for (i, rx) in rx.iter_mut().enumerate() {
            assert_eq!(rx.poll(|b| b == [i as u8; 1000]), Ok(Some(true)));
        }
    }

    #[test]
    fn other_memory_is_refused() {
        let plain = rustix::fs::memfd_create("x", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        rustix::fs::ftruncate(&plain, 1 << 20).unwrap();
        let open = |fd: &OwnedFd| Segment::open(fd.try_clone().unwrap()).err().unwrap().to_string();
        assert!(open(&plain).contains("not sealed"));
        rustix::fs::fcntl_add_seals(&plain, SealFlags::SHRINK | SealFlags::GROW).unwrap();
        assert!(open(&plain).contains("layout"));
        assert!(Segment::open_of(std::process::id(), 9999).is_err());
    }

    #[test]
    fn both_ends_in_two_threads() {
        let segment = Segment::create(LINES_MIN).unwrap();
        let mut tx = Tx::new(segment.ring(true));
        let mut rx = Rx::new(segment.ring(true));
        let max = segment.body_max();
        let len = move |i: usize| if i.is_multiple_of(50) { max - i % 7 } else { (i * 13) % 200 };
        let n = 50_000;
        let producer = std::thread::spawn(move || {
            let bytes = vec![5u8; max];
            for i in 0..n {
                while !tx.put(&[&(i as u32).to_le_bytes(), &bytes[..len(i).saturating_sub(4)]]) {
                    std::thread::yield_now();
                }
            }
        });
        let mut seen = 0usize;
        while seen < n {
            let whole = rx.poll(|b| {
                assert_eq!((&b[..4], b.len()), (&(seen as u32).to_le_bytes()[..], len(seen).max(4)));
                assert!(b[4..].iter().all(|x| *x == 5));
            });
            match whole.unwrap() {
                Some(()) => seen += 1,
                None => std::thread::yield_now(),
            }
        }
        producer.join().unwrap();
    }
}
