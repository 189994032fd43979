//! Page regions: big blocks of malloc, anonymous mappings and the sbrk area, growing downwards from the end of the heap
//! area. Reservation is first fit from the top; a sorted array of regions, itself in the rank's heap, is the whole state.
//!
//! Invariants:
//! 1. Regions are page-aligned, disjoint and sorted by address; neighbours of kind `Map` are merged (munmap may cut
//!    anywhere), blocks are not (free names one).
//! 2. `low` is the start of the lowest region, or the end of the area.
//! 3. Pages of the area outside regions and outside the small blocks' segment are zero, readable and writable.
//!
//! # Safety
//! The area belongs to this heap alone, so pages outside its live parts may be discarded.
#![allow(unsafe_code)]

use super::small::Small;
use super::vec::RankVec;
use std::ffi::c_void;
use std::ops::Range;

pub const PAGE: usize = 4096;

/// What a region is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One block of malloc.
    Block,
    /// mmap(MAP_ANONYMOUS).
    Map,
    /// The sbrk area.
    Break,
}

#[derive(Debug, Clone, Copy)]
struct Region {
    start: usize,
    end: usize,
    kind: Kind,
}

pub struct PageRegions {
    area: Range<usize>,
    regions: RankVec<Region>,
    shared: bool,
    /// Some page of the area may have other protections than read and write.
    protections_changed: bool,
}

/// Gives pages back: they read as zero and cost nothing until written again.
pub fn discard(range: Range<usize>, shared: bool) {
    use rustix::mm::{Advice, madvise};
    let advice = if shared { Advice::LinuxRemove } else { Advice::LinuxDontNeed };
    // SAFETY: `range` is a dead part of the caller's own area.
    let done = unsafe { madvise(range.start as *mut c_void, range.len(), advice) };
    if done.is_err() {
        // SAFETY: as above; only the promise of zeros matters then.
        unsafe { (range.start as *mut u8).write_bytes(0, range.len()) };
    }
}

impl PageRegions {
    pub fn new(area: Range<usize>, shared: bool) -> Self {
        PageRegions { area, regions: RankVec::new(), shared, protections_changed: false }
    }

    pub fn low(&self) -> usize {
        self.regions.as_slice().first().map_or(self.area.end, |r| r.start)
    }

    pub fn bytes(&self) -> usize {
        self.regions.as_slice().iter().map(|r| r.end - r.start).sum()
    }

    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.regions.as_slice().iter().map(|r| r.start..r.end)
    }

    pub fn note_protection(&mut self) {
        self.protections_changed = true;
    }

    /// Index of the first region that ends above `addr`.
    fn position(&self, addr: usize) -> usize {
        self.regions.as_slice().partition_point(|r| r.end <= addr)
    }

    /// Reserves `len` bytes (rounded up to pages) aligned to `align`, as high as possible.
    pub fn reserve(&mut self, small: &mut Small, len: usize, align: usize, kind: Kind) -> Option<usize> {
        let len = len.max(1).checked_next_multiple_of(PAGE)?;
        if !self.room_for_one(small) {
            return None;
        }
        let v = self.regions.as_slice();
        let mut above = self.area.end;
        for i in (0..=v.len()).rev() {
            let floor = if i == 0 { small.end() } else { v[i - 1].end };
            if let Some(at) = above.checked_sub(len).map(|a| a & !(align - 1))
                && at >= floor
                && (i > 0 || small.make_room(at))
            {
                self.insert(i, Region { start: at, end: at + len, kind });
                return Some(at);
            }
            if i > 0 {
                above = v[i - 1].start;
            }
        }
        None
    }

    /// The array may need one more entry. Growing it allocates a small block, so it is done before addresses are chosen.
    fn room_for_one(&mut self, small: &mut Small) -> bool {
        self.regions.reserve_one(|p, n| {
            if p.is_null() {
                return small.malloc(n);
            }
            // SAFETY: the array's own block.
            unsafe { small.realloc(p, n) }
        })
    }

    /// Inserts at `i`, merging mappings that touch.
    fn insert(&mut self, i: usize, new: Region) {
        if new.kind == Kind::Map {
            let v = self.regions.as_mut_slice();
            let below = i > 0 && v[i - 1].kind == Kind::Map && v[i - 1].end == new.start;
            let above = i < v.len() && v[i].kind == Kind::Map && v[i].start == new.end;
            if below {
                v[i - 1].end = if above { v[i].end } else { new.end };
                if above {
                    self.regions.remove(i);
                }
                return;
            }
            if above {
                v[i].start = new.start;
                return;
            }
        }
        self.regions.insert(i, new);
    }

    /// Length of the block that starts at `addr`.
    pub fn block_len(&self, addr: usize) -> Option<usize> {
        let r = self.regions.as_slice().get(self.position(addr))?;
        (r.start == addr && r.kind == Kind::Block).then_some(r.end - r.start)
    }

    /// Frees the block at `addr` (which exists).
    pub fn release_block(&mut self, addr: usize) {
        let r = self.regions.remove(self.position(addr));
        self.give_back(r.start..r.end);
    }

    /// Shrinks or grows the block at `addr` in place; false if it has to move.
    pub fn resize_block(&mut self, small: &mut Small, addr: usize, size: usize) -> bool {
        let i = self.position(addr);
        let Some(len) = size.max(1).checked_next_multiple_of(PAGE) else { return false };
        let r = self.regions.as_slice()[i];
        let old = r.end - r.start;
        if len * 2 < old && size < super::BIG_MIN.start {
            return false; // small enough for a small block
        }
        if len > old && !self.is_free(small, r.end..r.start.saturating_add(len)) {
            return false;
        }
        self.regions.as_mut_slice()[i].end = r.start + len;
        if len < old {
            self.give_back(r.start + len..r.end);
        }
        true
    }

    /// Whether `range` lies above the small blocks and in no region.
    fn is_free(&self, small: &Small, range: Range<usize>) -> bool {
        range.end <= self.area.end
            && range.start >= small.dirty_end()
            && self.regions.as_slice().get(self.position(range.start)).is_none_or(|r| r.start >= range.end)
    }

    /// Lengthens the mapping that ends at `end`.
    pub fn extend(&mut self, end: usize, more: usize) -> bool {
        let Some(top) = end.checked_add(more).and_then(|t| t.checked_next_multiple_of(PAGE)) else {
            return false;
        };
        let v = self.regions.as_slice();
        let i = v.partition_point(|r| r.end < end);
        let fits = v.get(i).is_some_and(|r| r.end == end && r.kind == Kind::Map)
            && top <= v.get(i + 1).map_or(self.area.end, |r| r.start);
        if fits {
            self.regions.as_mut_slice()[i].end = top;
        }
        fits
    }

    /// Whether regions of `kind` cover all of `range`.
    pub fn holds(&self, range: &Range<usize>, kind: Kind) -> bool {
        self.regions
            .as_slice()
            .get(self.position(range.start))
            .is_some_and(|r| r.kind == kind && r.start <= range.start && range.end <= r.end)
    }

    /// munmap: removes what is mapped in `range`; holes are fine, blocks are not.
    pub fn release_part(&mut self, small: &mut Small, range: Range<usize>) -> bool {
        let Some(end) = range.end.checked_next_multiple_of(PAGE) else { return false };
        let range = range.start..end;
        let touched = |r: &Region| r.start < range.end && range.start < r.end;
        if !range.start.is_multiple_of(PAGE)
            || range.start < small.end()
            || self.regions.as_slice().iter().any(|r| touched(r) && r.kind != Kind::Map)
            || !self.room_for_one(small)
        {
            return false;
        }
        let mut i = self.position(range.start);
        while let Some(&r) = self.regions.as_slice().get(i).filter(|r| touched(r)) {
            let cut = r.start.max(range.start)..r.end.min(range.end);
            self.regions.remove(i);
            if cut.end < r.end {
                self.regions.insert(i, Region { start: cut.end, ..r });
            }
            if r.start < cut.start {
                self.regions.insert(i, Region { end: cut.start, ..r });
                i += 1;
            }
            self.give_back(cut);
        }
        small.set_limit(self.low());
        true
    }

    /// Restores invariant 3 for pages that belong to nothing any more.
    fn give_back(&mut self, range: Range<usize>) {
        if self.protections_changed {
            use rustix::mm::{MprotectFlags, mprotect};
            let rw = MprotectFlags::READ | MprotectFlags::WRITE;
            // SAFETY: dead pages of our own area. It can only fail for lack of kernel memory; the pages then stay as
            // they are and the next user faults.
            let _ = unsafe { mprotect(range.start as *mut c_void, range.len(), rw) };
        }
        discard(range, self.shared);
    }

    pub fn check(&self) -> Result<(), String> {
        let mut below = self.area.start;
        for r in self.regions.as_slice() {
            if r.start < below || r.end <= r.start || r.end > self.area.end {
                return Err(format!("{r:x?} overlaps what ends at {below:#x} or leaves the area"));
            }
            if (r.start | r.end) & (PAGE - 1) != 0 {
                return Err(format!("{r:x?} is not page-aligned"));
            }
            below = r.end;
        }
        Ok(())
    }
}
