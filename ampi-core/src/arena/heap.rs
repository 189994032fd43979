//! The heap of one rank: malloc and anonymous mappings inside the rank's slot.
#![allow(unsafe_code)]

use std::ops::Range;

/// A heap whose whole state lies in the slot.
#[repr(C)]
pub struct Heap {
    rank: u32,
    lo: usize,
    hi: usize,
}

impl Heap {
    /// Makes an empty heap at `this` that manages `area` (page-aligned, mapped readable and writable, all zero, lazily
    /// committed). `shared`: the area is MAP_SHARED (memfd), so freed pages are given back with MADV_REMOVE.
    ///
    /// # Safety
    /// `this` is writable, never moves afterwards, and nobody else uses `area`.
    pub unsafe fn init_in_place(this: *mut Heap, rank: u32, area: Range<usize>, shared: bool) {
        let _ = shared;
        // SAFETY: by the contract.
        unsafe { this.write(Heap { rank, lo: area.start, hi: area.end }) };
    }
}
