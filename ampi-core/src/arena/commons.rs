//! Memory that all processes of a host see at the same addresses, for the runtime's own objects: the flags by which PEs wake
//! each other, the rings between them, buffers and requests that other PEs look into.
//!
//! ```text
//! COMMONS                                                                                               COMMONS + BYTES
//! | flag of host PE 0, 1, … (128 bytes each) | rings: from PE i to PE j at i·n + j | area of process 0 | of process 1 | … |
//! ```
//!
//! 1. Host PEs are the PEs of all processes of the host, numbered in the order of the processes.
//! 2. Nothing in the areas is ever freed: what lives there is kept and used again by its owner.
//! 3. Zeros are an idle flag and an empty ring, so nobody has to prepare anything.
//!
//! A job of one process has no commons; what would lie there is ordinary memory then.
//!
//! # Safety
//! Addresses of a fixed range that is mapped once, before anybody asks for memory in it.
#![allow(unsafe_code)]

use super::{BASE, reserve::up, slot::PAGE};
use crate::error::{Error, Result};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::alloc::{Layout, alloc, handle_alloc_error};
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Below the arena.
const COMMONS: usize = BASE - BYTES;
/// Addresses; memory is taken when it is touched.
const BYTES: usize = 1 << 40;
const FLAG_BYTES: usize = 128;

struct Commons {
    /// PEs of all processes of this host.
    host_pes: usize,
    ring_bytes: usize,
    /// Of the area of this process: the next free byte, and the end.
    next: AtomicUsize,
    end: usize,
}

static MAPPED: OnceLock<Commons> = OnceLock::new();

/// The shape of the commons, the same in all processes of a host.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub host_pes: usize,
    /// Bytes of a ring between two PEs.
    pub ring_bytes: usize,
    /// Processes of this host, and this one's place among them.
    pub processes: usize,
    pub own: usize,
}

/// Maps the commons, the part of `memory` that begins at byte `from`.
pub(super) fn map(memory: BorrowedFd<'_>, from: u64, shape: Shape) -> Result<()> {
    let failed = |why: String| Error::Memory { what: "the commons of this host".into(), why };
    let flags = MapFlags::SHARED | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
    let at = COMMONS as *mut std::ffi::c_void;
    // SAFETY: NOREPLACE never disturbs an existing mapping.
    let got = unsafe { mmap(at, BYTES, ProtFlags::READ | ProtFlags::WRITE, flags, memory, from) };
    let got = got.map_err(|e| failed(e.to_string()))?;
    if got != at {
        return Err(failed(format!("the addresses from {COMMONS:#x} are in use")));
    }
    let fixed = FLAG_BYTES * shape.host_pes + shape.ring_bytes * shape.host_pes * shape.host_pes;
    let first = up(COMMONS + fixed, PAGE);
    let area = (COMMONS + BYTES - first) / shape.processes / PAGE * PAGE;
    let next = first + area * shape.own;
    let commons = Commons {
        host_pes: shape.host_pes,
        ring_bytes: shape.ring_bytes,
        next: AtomicUsize::new(next),
        end: next + area,
    };
    MAPPED.set(commons).map_err(|_| failed("they were mapped before".into()))
}

/// Bytes of the commons in a memory file.
pub(super) const fn bytes() -> u64 {
    BYTES as u64
}

/// The flag of a host PE; zero at first. `None` without commons.
pub fn flag(host_pe: usize) -> Option<usize> {
    let commons = MAPPED.get()?;
    assert!(host_pe < commons.host_pes, "host PE {host_pe} of {}", commons.host_pes);
    Some(COMMONS + FLAG_BYTES * host_pe)
}

/// The ring from one host PE to another; zeros at first. `None` without commons.
pub fn ring(from: usize, to: usize) -> Option<usize> {
    let commons = MAPPED.get()?;
    let n = commons.host_pes;
    assert!(from < n && to < n, "ring from host PE {from} to {to} of {n}");
    Some(COMMONS + FLAG_BYTES * n + commons.ring_bytes * (from * n + to))
}

/// Memory for ever, uninitialised. In the commons if there are any.
pub fn take(layout: Layout) -> *mut u8 {
    let Some(commons) = MAPPED.get() else {
        assert!(layout.size() > 0, "memory of some size");
        // SAFETY: the size is not zero.
        let at = unsafe { alloc(layout) };
        return if at.is_null() { handle_alloc_error(layout) } else { at };
    };
    let bytes = layout.size() + layout.align();
    let at = up(commons.next.fetch_add(bytes, Ordering::Relaxed), layout.align());
    if at + layout.size() > commons.end {
        handle_alloc_error(layout);
    }
    at as *mut u8
}

/// `value` for ever. In the commons if there are any.
pub fn keep<T>(value: T) -> &'static T {
    let at = take(Layout::new::<T>()).cast::<T>();
    // SAFETY: fresh memory of the right size and alignment, which nobody else knows and nobody frees.
    unsafe {
        at.write(value);
        &*at
    }
}
