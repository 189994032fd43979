//! Small blocks: dlmalloc over one segment that grows upwards from the start of the heap area.
//!
//! ```text
//! start        end (dlmalloc's segment)   dirty_end             limit (first page region)
//! | chunks ... top | still committed, free | never touched: zero |
//! ```
//!
//! When dlmalloc trims its tail the pages between `end` and `dirty_end` stay committed up to `keep` bytes, so that a
//! program working at the edge of the heap does not fault them in again and again.
//!
//! A block is preceded by one word: `size | CINUSE | PINUSE`, where `size` is the distance to the next block's word,
//! CINUSE says that the block is in use and PINUSE that the one before it is. Both bits are checked on free.
//!
//! # Safety
//! Callers pass pointers inside `start..end`; header words there are readable.
#![allow(unsafe_code)]

use super::{BadPointer, MIN_ALIGN, pages};
use std::cell::Cell;
use std::ops::Range;

const PINUSE: usize = 1;
const CINUSE: usize = 2;
const FLAGS: usize = 7;
const WORD: usize = size_of::<usize>();
/// Smallest chunk of dlmalloc.
const MIN_CHUNK: usize = 4 * WORD;
/// The segment grows by at most this at a time, unless a block needs more.
const STEP_MAX: usize = 64 << 10;

pub struct Small {
    dl: dlmalloc::Dlmalloc<Segment>,
}

struct Segment {
    start: usize,
    end: Cell<usize>,
    dirty_end: Cell<usize>,
    limit: Cell<usize>,
    keep: Cell<usize>,
    shared: bool,
}

// SAFETY: hands out consecutive, disjoint parts of the heap area; never releases what dlmalloc still uses.
unsafe impl dlmalloc::Allocator for Segment {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let at = self.end.get();
        let room = self.limit.get() - at;
        if size > room {
            return (std::ptr::null_mut(), 0, 0);
        }
        // dlmalloc writes a word at the end of what it gets, so a small heap must get little: it grows by its own size.
        let step = (at - self.start).clamp(pages::PAGE, STEP_MAX);
        let size = size.next_multiple_of(step).min(room);
        self.end.set(at + size);
        self.dirty_end.set(self.dirty_end.get().max(at + size));
        (at as *mut u8, size, 0)
    }
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
    }
    fn free_part(&self, base: *mut u8, old: usize, new: usize) -> bool {
        if base as usize + old != self.end.get() {
            return false;
        }
        self.end.set(base as usize + new);
        if self.dirty_end.get() - self.end.get() > self.keep.get() {
            self.clean();
        }
        true
    }
    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }
    fn can_release_part(&self, _: u32) -> bool {
        true
    }
    fn allocates_zeros(&self) -> bool {
        false
    }
    fn page_size(&self) -> usize {
        pages::PAGE
    }
}

impl Segment {
    /// Gives the committed pages above `end` back.
    fn clean(&self) {
        let from = self.end.get().next_multiple_of(pages::PAGE);
        if from < self.dirty_end.get() {
            pages::discard(from..self.dirty_end.get(), self.shared);
            self.dirty_end.set(from);
        }
    }
}

impl Small {
    pub fn new(area: Range<usize>, shared: bool) -> Self {
        let seg = Segment {
            start: area.start,
            end: Cell::new(area.start),
            dirty_end: Cell::new(area.start),
            limit: Cell::new(area.end),
            keep: Cell::new(4 << 20),
            shared,
        };
        let mut dl = dlmalloc::Dlmalloc::new_with_allocator(seg);
        let accepted = dl.set_granularity(pages::PAGE);
        debug_assert!(accepted, "a page is a power of two");
        Small { dl }
    }

    /// Where dlmalloc's segment ends.
    #[inline(always)]
    pub fn end(&self) -> usize {
        self.dl.allocator().end.get()
    }

    pub fn dirty_end(&self) -> usize {
        self.dl.allocator().dirty_end.get()
    }

    /// Page regions now begin at `limit`.
    pub fn set_limit(&mut self, limit: usize) {
        self.dl.allocator().limit.set(limit);
    }

    /// Room for a page region that begins at `low`: pages kept above `end` are given back, so that the region is zero.
    pub fn make_room(&mut self, low: usize) -> bool {
        let seg = self.dl.allocator();
        if seg.end.get() <= low && seg.dirty_end.get() > low {
            seg.clean();
        }
        seg.dirty_end.get() <= low
    }

    /// At most `bytes` of the free tail stay committed.
    pub fn set_keep(&mut self, bytes: usize) {
        let keep = &self.dl.allocator().keep;
        keep.set(keep.get().max(bytes));
    }

    #[inline(always)]
    pub fn malloc(&mut self, size: usize) -> *mut u8 {
        // SAFETY: no precondition.
        unsafe { self.dl.c_malloc(size) }
    }

    pub fn memalign(&mut self, align: usize, size: usize) -> *mut u8 {
        // SAFETY: align is a power of two (checked by Heap::memalign).
        unsafe { self.dl.c_memalign(align, size) }
    }

    pub fn trim(&mut self) -> bool {
        // SAFETY: no precondition.
        let released = unsafe { self.dl.trim(0) };
        let seg = self.dl.allocator();
        let kept = seg.dirty_end.get() > seg.end.get();
        seg.clean();
        released || kept
    }

    /// The block's distance to the next one, if `p` is a live block as far as the headers tell.
    #[inline(always)]
    unsafe fn chunk(&self, p: *mut u8) -> Result<usize, BadPointer> {
        let seg = self.dl.allocator();
        let at = p as usize;
        if !at.is_multiple_of(MIN_ALIGN) || at < seg.start + 2 * WORD {
            return Err(BadPointer::Invalid);
        }
        // SAFETY: the word before a pointer inside the segment.
        let head = unsafe { p.sub(WORD).cast::<usize>().read() };
        let size = head & !FLAGS;
        if size < MIN_CHUNK || size > seg.end.get() - at {
            return Err(BadPointer::Invalid);
        }
        // SAFETY: size was just checked to stay inside the segment.
        let next = unsafe { p.add(size - WORD).cast::<usize>().read() };
        if head & CINUSE == 0 || next & PINUSE == 0 {
            return Err(BadPointer::AlreadyFree);
        }
        Ok(size)
    }

    /// # Safety
    /// See the header; nobody uses the block any more.
    #[inline(always)]
    pub unsafe fn free(&mut self, p: *mut u8) -> Result<(), BadPointer> {
        // SAFETY: by the contract; a live block after the check.
        unsafe {
            self.chunk(p)?;
            self.dl.c_free(p);
        }
        Ok(())
    }

    /// # Safety
    /// See the header.
    pub unsafe fn usable_size(&self, p: *mut u8) -> Result<usize, BadPointer> {
        // SAFETY: by the contract.
        unsafe { self.chunk(p) }.map(|size| size - WORD)
    }

    /// # Safety
    /// `p` is a live block.
    pub unsafe fn realloc(&mut self, p: *mut u8, size: usize) -> *mut u8 {
        // SAFETY: by the contract.
        unsafe { self.dl.c_realloc(p, size) }
    }

    /// Walks the segment from block to block.
    pub fn check(&self) -> Result<(), String> {
        let seg = self.dl.allocator();
        let (start, end) = (seg.start, seg.end.get());
        if seg.dirty_end.get() < end || seg.limit.get() < end {
            return Err(format!(
                "segment ends at {end:#x} above its dirty end {:#x} or its limit {:#x}",
                seg.dirty_end.get(),
                seg.limit.get()
            ));
        }
        if end == start {
            return Ok(());
        }
        // SAFETY: `at` stays inside start..end, where words are readable.
        let word = |at: usize| unsafe { (at as *const usize).read() };
        let (mut chunk, mut before_used) = (start, true);
        loop {
            let head = word(chunk + WORD);
            let size = head & !FLAGS;
            if chunk + size == end {
                return Ok(()); // the fencepost behind the top chunk
            }
            if size < MIN_CHUNK || !size.is_multiple_of(MIN_ALIGN) || size > end - chunk {
                return Err(format!("block at {:#x} has size {size:#x}", chunk + 2 * WORD));
            }
            let used = head & CINUSE != 0;
            if (head & PINUSE != 0) != before_used {
                return Err(format!("block at {:#x} is wrong about its predecessor", chunk + 2 * WORD));
            }
            if !used && !before_used {
                return Err(format!("two free neighbours at {:#x}", chunk + 2 * WORD));
            }
            let next_is_fence = (word(chunk + size + WORD) & !FLAGS) == end - chunk - size;
            if !used && !next_is_fence && word(chunk + size) != size {
                return Err(format!("free block at {:#x} has a wrong foot", chunk + 2 * WORD));
            }
            (chunk, before_used) = (chunk + size, used);
        }
    }
}
