//! The arena: one reserved address range per process, the same in every process of a job, cut into one slot per rank.
//!
//! ```text
//! 0x1000_0000_0000                                                        (47 bits end at 0x7fff_ffff_ffff)
//! | slot 0 | slot 1 | ... | slot n-1 | slot n: the one image of --isolate=none |
//!   ^ stride: a power of two and 4 MiB; in it the slot is shifted by its skew
//! ```
//!
//! Invariants:
//! 1. The geometry (base, stride, areas) is fixed once per process by [`Arena::reserve`] and never changes.
//! 2. Nothing else of the process is mapped inside the range: it lies far below the kernel's mmap area and far above
//!    nothing at all, and `reserve` refuses when something is there.
//! 3. An address belongs to slot `(address - base) / stride`, whether or not it is mapped.
//!
//! What lies inside a slot is drawn in [`slot`]; how memory gets there is in [`reserve`](self::reserve). Below the arena are the
//! [`commons`], when several processes of a host share their memory.

pub mod commons;
pub mod heap;
pub(crate) mod reserve;
pub mod slot;

pub use heap::Heap;
pub use reserve::{Arena, ArenaConfig, Backing, Together};
pub(crate) use reserve::{descriptor_bytes, explain_map_error, static_tls_info};
pub use slot::Slot;

use std::sync::OnceLock;

/// First address of every arena. 16 TiB: above every heap, below every PIE and shared library, with or without
/// address-space randomisation.
pub const BASE: usize = 0x1000_0000_0000;
/// No arena reaches beyond this address (programs are mapped at 0x5555_5555_4000 and up).
pub const LIMIT: usize = 0x5000_0000_0000;

static GEOMETRY: OnceLock<slot::Geometry> = OnceLock::new();

/// The geometry in force; `None` before [`Arena::reserve`].
#[inline]
pub(crate) fn geometry() -> Option<&'static slot::Geometry> {
    GEOMETRY.get()
}

/// The slot number an address belongs to; `None` outside the arena. One compare and one division: `free` asks it.
#[inline]
pub fn owner_of(address: usize) -> Option<u32> {
    if !(BASE..LIMIT).contains(&address) {
        return None;
    }
    let g = GEOMETRY.get()?;
    let i = (address - BASE) / g.stride;
    (i < g.slots_total).then_some(i as u32)
}

/// The slot an address belongs to.
#[inline]
pub fn slot_of(address: usize) -> Option<Slot> {
    owner_of(address).map(Slot::from_index)
}

/// Whether an address may belong to a slot, cheaply (no look at the geometry).
#[inline(always)]
pub fn contains(address: usize) -> bool {
    (BASE..LIMIT).contains(&address)
}
