//! The heap of one rank: malloc and anonymous mappings inside the rank's slot.
//!
//! ```text
//! area.start          small.end                     pages.low               area.end
//! | small blocks  →→→ |          never touched      | ←←←  page regions     |
//!   (dlmalloc)                                        (big blocks, mmap, sbrk)
//! ```
//!
//! Small blocks come from `dlmalloc`, whose whole state is a struct in the slot; it grows upwards in steps of 4 to 64 KiB and
//! gives a large free tail back. Blocks of at least `big_min` bytes are page regions that grow downwards from the end and
//! are given back the moment they are freed. As in glibc `big_min` adapts: a freed region raises it (up to 32 MiB), so
//! that a program which allocates the same large array again and again does not fault it in again each time.
//!
//! Why dlmalloc and not rlsf: ns per malloc+free pair on a 2-core VM (EPYC Zen 4 class), from
//! `cargo run --release -p ampi-core --example heap_speed`:
//!
//! |                | random replacement of 10 000 blocks | 64 blocks, last in first out |
//! |---|---|---|
//! | glibc malloc   | 25.2 | 11.3 |
//! | dlmalloc, bare | 44.1 |  6.9 |
//! | rlsf, bare     | 24.8 | 17.1 |
//! | this heap      | 46.8 | 10.5 |
//!
//! Programs mostly allocate the second way, and rlsf has no `free(ptr)` for blocks of unknown alignment. What this heap
//! adds to dlmalloc is the check of the block's header, the lock's flag and the look at the list of remote frees.
//!
//! Invariants:
//! 1. The struct never moves once initialised (dlmalloc's bins point to themselves).
//! 2. `small.end <= pages.low`; a pointer below `small.end` is dlmalloc's, one at or above `pages.low` is a page region's.
//! 3. Only the rank, its PE while the rank is suspended, and (after [`Heap::share`]) threads of the rank change the heap.
//!    Everyone else hands blocks back with [`Heap::free_remote`], which only pushes on a lock-free list.
//! 4. No suspension and no call to foreign code while the lock is held.
//!
//! # Safety
//! Raw memory by nature. What callers must guarantee is on each function; wrong pointers are detected where that is cheap
//! (see [`BadPointer`]) but, as in every malloc, not always.
#![allow(unsafe_code)]

mod lock;
mod pages;
mod small;
mod vec;

use lock::Lock;
pub use pages::Kind;
pub use pages::discard;
use pages::{PAGE, PageRegions};
use small::Small;
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::Range;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
pub use vec::RankVec;

/// Alignment of every block.
pub const MIN_ALIGN: usize = 16;
/// First and largest value of the size from which a block becomes a page region.
const BIG_MIN: Range<usize> = 256 << 10..32 << 20;

/// Why a pointer given to free, realloc or malloc_usable_size is not one of this heap's live blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPointer {
    /// Not the start of a block: misaligned, inside a region, or never handed out.
    Invalid,
    /// The block's header says that it is free.
    AlreadyFree,
}

impl fmt::Display for BadPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadPointer::Invalid => "invalid pointer",
            BadPointer::AlreadyFree => "double free or corrupted block",
        })
    }
}

/// A heap whose whole state lies in the slot.
#[repr(C)]
pub struct Heap {
    area: Range<usize>,
    lock: Lock,
    /// Blocks freed by other ranks or PEs: singly linked through their first word, pushed with compare-and-swap.
    remote: AtomicUsize,
    state: UnsafeCell<State>,
}

struct State {
    small: Small,
    pages: PageRegions,
    big_min: usize,
    /// The area that sbrk serves, once it was called.
    program_break: Option<(Range<usize>, usize)>,
}

// SAFETY: `state` is only reached under the rules of invariant 3.
unsafe impl Sync for Heap {}
// SAFETY: no thread-bound state.
unsafe impl Send for Heap {}

impl Heap {
    /// Makes an empty heap at `this` that manages `area` (page-aligned, mapped readable and writable, all zero, lazily
    /// committed). `shared`: the area is MAP_SHARED (memfd), so freed pages are given back with MADV_REMOVE.
    ///
    /// # Safety
    /// `this` is writable, never moves afterwards, and nobody else uses `area`.
    pub unsafe fn init_in_place(this: *mut Heap, area: Range<usize>, shared: bool) {
        assert!(area.start.is_multiple_of(PAGE) && area.end.is_multiple_of(PAGE) && area.start < area.end);
        let state = State {
            small: Small::new(area.clone(), shared),
            pages: PageRegions::new(area.clone(), shared),
            big_min: BIG_MIN.start,
            program_break: None,
        };
        let heap =
            Heap { area, lock: Lock::new(), remote: AtomicUsize::new(0), state: UnsafeCell::new(state) };
        // SAFETY: by the contract; dlmalloc is not yet self-referential.
        unsafe { this.write(heap) };
    }

    /// From now on several threads use the heap: every operation takes the lock. Called before the first thread starts.
    pub fn share(&self) {
        self.lock.enable();
    }

    /// Whether `addr` lies in this heap's area.
    #[inline(always)]
    pub fn contains(&self, addr: usize) -> bool {
        addr.wrapping_sub(self.area.start) < self.area.end - self.area.start
    }

    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        let _held = self.lock.hold();
        // SAFETY: invariant 3: alone, or alone by the lock.
        let state = unsafe { &mut *self.state.get() };
        if self.remote.load(Ordering::Relaxed) != 0 {
            self.drain_remote(state);
        }
        f(state)
    }

    #[cold]
    fn drain_remote(&self, state: &mut State) {
        let mut next = self.remote.swap(0, Ordering::Acquire);
        while next != 0 {
            let block = next as *mut u8;
            // SAFETY: free_remote wrote the link into a live block that nobody else uses any more.
            unsafe {
                next = block.cast::<usize>().read();
                // The block was checked when it was pushed; if the rank freed it since, it is now left alone.
                let _ = state.free(block);
            }
        }
    }

    /// A block of at least `size` bytes aligned to 16; null when the slot is full.
    #[inline]
    pub fn malloc(&self, size: usize) -> *mut u8 {
        self.with(|s| s.malloc(size))
    }

    /// `count * size` zero bytes; null when the slot is full or the product overflows.
    pub fn calloc(&self, count: usize, size: usize) -> *mut u8 {
        let Some(n) = count.checked_mul(size) else { return null_mut() };
        let (p, zeroed) = self.with(|s| (s.malloc(n), n >= s.big_min));
        if !p.is_null() && !zeroed {
            // SAFETY: p is a fresh block of n bytes. Page regions are zero already (pages.rs, invariant 3).
            unsafe { p.write_bytes(0, n) };
        }
        p
    }

    /// A block aligned to `align` (a power of two); null when the slot is full or `align` is not a power of two.
    pub fn memalign(&self, align: usize, size: usize) -> *mut u8 {
        if !align.is_power_of_two() || align > self.area.end - self.area.start {
            return null_mut();
        }
        self.with(|s| s.memalign(align, size))
    }

    /// Frees `p`.
    ///
    /// # Safety
    /// `p` lies in this heap's area and, if it is a live block, nobody uses it any more.
    #[inline]
    pub unsafe fn free(&self, p: *mut u8) -> Result<(), BadPointer> {
        // SAFETY: by the contract.
        self.with(|s| unsafe { s.free(p) })
    }

    /// Frees `p` from outside the rank (another rank, a PE): the block is really freed at the rank's next operation.
    ///
    /// # Safety
    /// As [`Heap::free`]; also the heap is initialised and mapped in this process.
    pub unsafe fn free_remote(&self, p: *mut u8) -> Result<(), BadPointer> {
        if !(p as usize).is_multiple_of(MIN_ALIGN) || !self.contains(p as usize) {
            return Err(BadPointer::Invalid);
        }
        let mut head = self.remote.load(Ordering::Relaxed);
        loop {
            // SAFETY: the block is live and unused: its first word is ours. Blocks have at least 16 bytes.
            unsafe { p.cast::<usize>().write(head) };
            match self.remote.compare_exchange_weak(head, p as usize, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(h) => head = h,
            }
        }
    }

    /// Resizes block `p` (null: malloc), keeping its contents; null when the slot is full (`p` then stays valid).
    ///
    /// # Safety
    /// As [`Heap::free`].
    pub unsafe fn realloc(&self, p: *mut u8, size: usize) -> Result<*mut u8, BadPointer> {
        if p.is_null() {
            return Ok(self.malloc(size));
        }
        // SAFETY: by the contract.
        self.with(|s| unsafe { s.realloc(p, size) })
    }

    /// Bytes usable in block `p`, at least what was asked for.
    ///
    /// # Safety
    /// `p` lies in this heap's area.
    pub unsafe fn usable_size(&self, p: *mut u8) -> Result<usize, BadPointer> {
        // SAFETY: by the contract.
        self.with(|s| unsafe { s.usable_size(p) })
    }

    /// Gives all free memory at the heap's tail back to the system; true if there was any.
    pub fn trim(&self) -> bool {
        self.with(|s| s.small.trim())
    }

    /// An anonymous mapping of `len` bytes (rounded up to pages), readable, writable, zero.
    pub fn map(&self, len: usize) -> Option<usize> {
        self.with(|s| s.regions(len, PAGE, Kind::Map))
    }

    /// Removes the pages of `range` from the rank's mappings and gives them back. False if `range` is not page-aligned
    /// or touches a block of malloc.
    pub fn unmap(&self, range: Range<usize>) -> bool {
        self.with(|s| s.pages.release_part(&mut s.small, range))
    }

    /// Whether all of `range` is mapped with [`Heap::map`].
    pub fn is_mapped(&self, range: Range<usize>) -> bool {
        self.with(|s| s.pages.holds(&range, Kind::Map))
    }

    /// Lengthens the mapping that ends at `end` by `more` bytes in place, if the pages above are free.
    pub fn extend_map(&self, end: usize, more: usize) -> bool {
        self.with(|s| s.pages.extend(end, more))
    }

    /// Notes that page protections inside the area were changed: they are set back when pages are given back.
    pub fn note_protection(&self) {
        self.with(|s| s.pages.note_protection());
    }

    /// Moves the program break by `by` bytes and returns the old one (sbrk); `None`: no memory.
    pub fn sbrk(&self, by: isize) -> Option<usize> {
        self.with(|s| s.sbrk(by))
    }

    /// Bytes of the area in use or kept for reuse: (small blocks' segment, page regions).
    pub fn footprint(&self) -> (usize, usize) {
        self.with(|s| (s.small.end() - self.area.start, s.pages.bytes()))
    }

    /// The parts of the area that may hold anything but zeros: what a move or a checkpoint has to copy.
    pub fn live_ranges(&self) -> Vec<Range<usize>> {
        self.with(|s| {
            let small = self.area.start..s.small.dirty_end();
            std::iter::once(small).chain(s.pages.ranges()).collect()
        })
    }

    /// Walks every block and region; says what is wrong, if anything.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.with(|s| {
            s.small.check()?;
            s.pages.check()?;
            if s.small.end() > s.pages.low() {
                return Err(format!("small blocks end at {:#x} above {:#x}", s.small.end(), s.pages.low()));
            }
            Ok(())
        })
    }
}

impl State {
    /// Reserves page region of `len` bytes above the small blocks.
    fn regions(&mut self, len: usize, align: usize, kind: Kind) -> Option<usize> {
        let at = self.pages.reserve(&mut self.small, len, align, kind)?;
        self.small.set_limit(self.pages.low());
        Some(at)
    }

    #[inline(always)]
    fn malloc(&mut self, size: usize) -> *mut u8 {
        if size < self.big_min { self.small.malloc(size) } else { self.malloc_big(size, PAGE) }
    }

    #[cold]
    fn malloc_big(&mut self, size: usize, align: usize) -> *mut u8 {
        self.regions(size, align, Kind::Block).map_or(null_mut(), |a| a as *mut u8)
    }

    fn memalign(&mut self, align: usize, size: usize) -> *mut u8 {
        match size.checked_add(align) {
            None => null_mut(),
            Some(n) if n >= self.big_min => self.malloc_big(size.max(1), align.max(PAGE)),
            Some(_) => self.small.memalign(align, size),
        }
    }

    #[inline(always)]
    unsafe fn free(&mut self, p: *mut u8) -> Result<(), BadPointer> {
        // SAFETY: by the contract of Heap::free.
        if (p as usize) < self.small.end() { unsafe { self.small.free(p) } } else { self.free_big(p) }
    }

    #[cold]
    fn free_big(&mut self, p: *mut u8) -> Result<(), BadPointer> {
        let len = self.pages.block_len(p as usize).ok_or(BadPointer::Invalid)?;
        self.pages.release_block(p as usize);
        self.small.set_limit(self.pages.low());
        if len > self.big_min && len <= BIG_MIN.end {
            self.big_min = len;
            self.small.set_keep(2 * len);
        }
        Ok(())
    }

    unsafe fn usable_size(&self, p: *mut u8) -> Result<usize, BadPointer> {
        if (p as usize) < self.small.end() {
            // SAFETY: inside the small blocks' segment.
            unsafe { self.small.usable_size(p) }
        } else {
            self.pages.block_len(p as usize).ok_or(BadPointer::Invalid)
        }
    }

    unsafe fn realloc(&mut self, p: *mut u8, size: usize) -> Result<*mut u8, BadPointer> {
        // SAFETY: by the contract of Heap::realloc.
        let old = unsafe { self.usable_size(p)? };
        let small = (p as usize) < self.small.end();
        if small && size < self.big_min {
            // SAFETY: a live small block (just checked).
            return Ok(unsafe { self.small.realloc(p, size) });
        }
        if !small && self.pages.resize_block(&mut self.small, p as usize, size) {
            self.small.set_limit(self.pages.low());
            return Ok(p);
        }
        let new = self.malloc(size);
        if !new.is_null() {
            // SAFETY: both blocks are live, disjoint and at least that long.
            unsafe {
                new.copy_from_nonoverlapping(p, old.min(size));
                self.free(p)?;
            }
        }
        Ok(new)
    }

    fn sbrk(&mut self, by: isize) -> Option<usize> {
        if self.program_break.is_none() {
            let free = self.pages.low() - self.small.end();
            let len = (free / 4).min(64 << 20) & !(PAGE - 1);
            let at = self.regions(len, PAGE, Kind::Break)?;
            self.program_break = Some((at..at + len, at));
        }
        let (area, top) = self.program_break.as_mut()?;
        let new = top.checked_add_signed(by).filter(|n| (area.start..=area.end).contains(n))?;
        Some(std::mem::replace(top, new))
    }
}

#[cfg(test)]
mod tests;
