//! One slot: the address range of one rank and what lies where in it.
//!
//! ```text
//! BASE + index * stride                                                                  BASE + (index + 1) * stride
//! | skew | guard | stack ...... top | static TLS ... | TCB dtv Guest | image: program + libraries | heap .... | dlopen | |
//!  never  never     grows down        thread pointer ^                 template 0 at offset 0       grows up
//!  mapped mapped    from the top                      control area
//!         ^ base: offsets count from here
//! ```
//!
//! What a small rank touches (stack top, the ends of the TLS block, TCB, data, first heap pages) is kept together: the
//! stack's top shares a page with the libraries' thread-locals, and where program and libraries are small the skew puts
//! all of it into one 2 MiB block of addresses, so that a rank needs one page of page table. The skew of neighbouring
//! slots differs, by single pages if the program allows: the same page of many ranks then falls into different sets of
//! the TLBs (whose index is the lowest bits of the page number), and its page-table entries into different cache sets. Every offset from the image's first
//! byte is the same in all slots: a template is relocated by adding one number.
//!
//! Invariants:
//! 1. A slot's first [`GUARD_BYTES`], and the skew before it, are never mapped: a stack that overflows faults there.
//! 2. All areas start at page boundaries but the end of the stack, which is the start of the control area; the image
//!    starts at a multiple of the alignment that the program asked for (at most [`SLOT_ALIGN`]).
//! 3. `Slot` is only a number. The areas may be unmapped (rank not here); asking for addresses is always fine.

use super::{BASE, GEOMETRY, geometry};
use std::ops::Range;

pub const PAGE: usize = 4096;
/// Unmapped bytes below every stack. Large frames are probed page by page by compilers, so 64 KiB catches them.
pub const GUARD_BYTES: usize = 64 << 10;
/// Alignment of slot bases and of the image area: the largest alignment of data that an image may ask for.
pub const SLOT_ALIGN: usize = 64 << 10;

/// Offsets inside every slot. Fixed for the life of the process.
#[derive(Debug, Clone)]
pub(crate) struct Geometry {
    /// Slots of ranks plus the one of the shared image.
    pub slots_total: usize,
    /// Distance of slots without their skew.
    pub stride: usize,
    /// Skew of slot 0.
    pub lead: usize,
    /// Slot i has i mod `skews` times `skew_step` more skew than slot 0.
    pub skews: usize,
    pub skew_step: usize,
    /// End of a slot's last area.
    pub end: usize,
    pub stack_end: usize,
    pub thread_pointer: usize,
    pub image: usize,
    pub heap: usize,
    pub dlopen: usize,
    /// Memory is a shared memfd, not private anonymous memory.
    pub shared: bool,
}

/// A rank's address range. Cheap to copy: it is the slot's number.
#[repr(transparent)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot {
    index: u32,
}

/// Panics before `Arena::reserve`: no slot can exist then.
#[inline]
fn geo() -> &'static Geometry {
    GEOMETRY.get().expect("Arena::reserve comes before the first slot")
}

impl Slot {
    /// Slot `index` of the reserved arena. Panics when there is no such slot.
    #[inline]
    pub fn from_index(index: u32) -> Slot {
        assert!((index as usize) < geo().slots_total, "slot {index} of {}", geo().slots_total);
        Slot { index }
    }

    /// The slot that holds the one image of `--isolate=none`.
    pub(crate) fn of_shared_image() -> Slot {
        Slot { index: (geo().slots_total - 1) as u32 }
    }

    #[inline]
    pub fn index(self) -> u32 {
        self.index
    }

    /// First address (of the guard) after the skew.
    #[inline]
    pub fn base(self) -> usize {
        let (g, i) = (geo(), self.index as usize);
        BASE + i * g.stride + g.lead + i % g.skews * g.skew_step
    }

    fn area(self, from: usize, to: usize) -> Range<usize> {
        self.base() + from..self.base() + to
    }

    /// The whole slot, guard included.
    pub fn range(self) -> Range<usize> {
        self.area(0, geo().end)
    }

    /// All that is ever mapped.
    pub fn mapped(self) -> Range<usize> {
        self.area(GUARD_BYTES, geo().end)
    }

    /// Addresses whose access means that the stack overflowed.
    pub fn guard(self) -> Range<usize> {
        BASE + self.index as usize * geo().stride..self.base() + GUARD_BYTES
    }

    /// The stack; a rank uses it downwards from the end (see `Guest::stack` for the part below its arguments).
    pub fn stack(self) -> Range<usize> {
        self.area(GUARD_BYTES, geo().stack_end)
    }

    /// Static TLS, thread control block, dtv and the `Guest`.
    pub fn control(self) -> Range<usize> {
        self.area(geo().stack_end, geo().image)
    }

    /// The rank's FS base: end of its static TLS, start of its thread control block. Page-aligned.
    #[inline]
    pub fn thread_pointer(self) -> usize {
        self.base() + geo().thread_pointer
    }

    /// Program and libraries that start with it.
    pub fn image(self) -> Range<usize> {
        self.area(geo().image, geo().heap)
    }

    /// Heap and anonymous mappings.
    pub fn heap(self) -> Range<usize> {
        self.area(geo().heap, geo().dlopen)
    }

    /// Libraries opened later.
    pub fn dlopen(self) -> Range<usize> {
        self.area(geo().dlopen, geo().end)
    }

    /// Memory of slots is a shared memfd (freed pages go back with MADV_REMOVE) rather than private.
    pub fn is_shared_memory(self) -> bool {
        geo().shared
    }
}

/// Distance from the start of any slot's image area to the start of its dlopen area.
pub(crate) fn dlopen_offset() -> Option<usize> {
    geometry().map(|g| g.dlopen - g.image)
}

/// Bytes of a slot's dlopen area.
pub(crate) fn dlopen_bytes() -> Option<usize> {
    geometry().map(|g| g.end - g.dlopen)
}
