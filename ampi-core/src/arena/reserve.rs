//! Reserving the arena and mapping slots into it.
//!
//! Nothing is committed in advance. A slot is one anonymous (or memfd) mapping without reservation of swap, made when a
//! rank is created; the loader then maps program text over a part of it. The guard pages and slots without a rank stay
//! unmapped, which costs no mapping entry: a C rank has three (stack and control; text; data, heap, dlopen area).
//!
//! # Safety
//! Maps fixed addresses. Sound because the range was found empty once (`reserve`) and only this module and the loader,
//! inside the rank's own slot, map there afterwards.
#![allow(unsafe_code)]

use super::commons::{self, Shape};
use super::slot::{GUARD_BYTES, Geometry, PAGE, SLOT_ALIGN, Slot};
use super::{BASE, GEOMETRY, LIMIT};
use crate::error::{Error, Result};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;

/// Where the memory of slots comes from.
#[derive(Debug, Default)]
pub enum Backing {
    /// Private anonymous memory: one process on the host, or ranks that move by copying. Large heaps get huge pages.
    #[default]
    Private,
    /// A memfd that all processes of the job on this host map, followed by their commons: a rank moves between them without
    /// copying, and a message is copied once.
    Shared(Together),
}

/// What the arena must hold. Start from [`ArenaConfig::new`].
#[derive(Debug)]
pub struct ArenaConfig {
    /// Ranks of the job (every process reserves all slots; only its own ranks' are mapped).
    pub slots: usize,
    /// Bytes of a rank's stack.
    pub stack_bytes: usize,
    /// Address space per slot; `None`: 64 times the slot's share of the host's memory, at least 64 MiB.
    pub slot_bytes: Option<usize>,
    /// Room for the program and its libraries: `Program::image_bytes`, the largest of the programs to start.
    pub image_bytes: usize,
    /// Alignment of the image: that of the program's most strictly aligned segment.
    pub image_align: usize,
    /// Room for the `Guest` and what belongs to it.
    pub control_bytes: usize,
    pub backing: Backing,
}

impl ArenaConfig {
    pub fn new(slots: usize) -> ArenaConfig {
        ArenaConfig {
            slots,
            stack_bytes: 1 << 20,
            slot_bytes: None,
            image_bytes: 16 << 20,
            image_align: PAGE,
            control_bytes: 64 << 10,
            backing: Backing::Private,
        }
    }
}

/// What processes of a host have to agree on to share their memory.
#[derive(Debug)]
pub struct Together {
    pub memory: OwnedFd,
    pub shape: Shape,
}

impl Together {
    /// A new memory file for an arena and commons.
    pub fn new_memory() -> Result<OwnedFd> {
        let failed =
            |e: rustix::io::Errno| Error::Memory { what: "memory for this host".into(), why: e.to_string() };
        let fd = rustix::fs::memfd_create("ampi-host", rustix::fs::MemfdFlags::CLOEXEC).map_err(failed)?;
        rustix::fs::ftruncate(&fd, (LIMIT - BASE) as u64 + commons::bytes()).map_err(failed)?;
        Ok(fd)
    }
}

/// The reserved range. There is one per process and it is never given back.
#[derive(Debug)]
pub struct Arena {
    slots: usize,
}

static BACKING: OnceLock<Backing> = OnceLock::new();

pub(crate) fn up(x: usize, align: usize) -> usize {
    x.div_ceil(align) * align
}

/// Size of the static TLS below every thread pointer, as ld.so laid it out: (bytes with the thread descriptor, alignment).
pub(crate) fn static_tls_info() -> Option<(usize, usize)> {
    // SAFETY: `_dl_get_tls_static_info` has this signature in every glibc that exports it.
    unsafe {
        let f = libc::dlsym(libc::RTLD_DEFAULT, c"_dl_get_tls_static_info".as_ptr());
        if f.is_null() {
            return None;
        }
        let f: unsafe extern "C" fn(*mut usize, *mut usize) = std::mem::transmute(f);
        let (mut size, mut align) = (0, 0);
        f(&mut size, &mut align);
        Some((size, align))
    }
}

/// Bytes of the thread descriptor, which [`static_tls_info`] counts as static TLS; 0 if unknown.
pub(crate) fn descriptor_bytes() -> usize {
    // SAFETY: a u32 in every glibc (the debugger interface).
    let bytes = unsafe {
        (libc::dlsym(libc::RTLD_DEFAULT, c"_thread_db_sizeof_pthread".as_ptr()) as *const u32).as_ref()
    };
    bytes.map_or(0, |&b| b as usize)
}

/// Total memory of the host; 16 GiB if it does not say.
fn host_memory() -> usize {
    // SAFETY: plain queries.
    let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
    if pages > 0 && size > 0 { pages as usize * size as usize } else { 16 << 30 }
}

fn layout(c: &ArenaConfig) -> Result<Geometry> {
    let setting = |name: &str, why: String| Error::Setting { name: name.into(), why };
    if c.slots == 0 || c.slots > 1 << 22 {
        return Err(setting("number of ranks", format!("{} is not between 1 and {}", c.slots, 1 << 22)));
    }
    if c.stack_bytes < 32 << 10 || c.stack_bytes > 64 << 30 {
        return Err(setting(
            "--stack-size",
            format!("{} bytes is not between 32 KiB and 64 GiB", c.stack_bytes),
        ));
    }
    let (tls_size, _) = static_tls_info().ok_or_else(|| setting("C library", NOT_GLIBC.into()))?;
    let tls_bytes = up(tls_size.saturating_sub(descriptor_bytes()), 64);
    let thread_pointer = up(GUARD_BYTES + up(c.stack_bytes, PAGE) + tls_bytes, PAGE);
    // The libraries' variables end up right above the stack's top, in the page that is touched anyway.
    let stack_end = thread_pointer - tls_bytes;
    let image = up(thread_pointer + 2 * PAGE + c.control_bytes, SLOT_ALIGN);
    let heap = up(image + c.image_bytes, PAGE);
    let slots_total = c.slots + 1;
    let room = (LIMIT - BASE) / 2;
    let want = match c.slot_bytes {
        Some(bytes) => bytes,
        None => (host_memory() / c.slots).saturating_mul(64).clamp(64 << 20, 1 << 40).min(room / slots_total),
    };
    let least = heap + (32 << 20);
    let power = want.max(least).next_power_of_two();
    // Not a power of two, so that equal offsets in different slots do not share cache sets of page-table entries.
    let stride = power + 2 * TABLE_SPAN;
    let skew_step = up(c.image_align.clamp(PAGE, SLOT_ALIGN), PAGE);
    let (lead, skews) = skew(stack_end, heap, skew_step);
    if stride.checked_mul(slots_total).is_none_or(|n| n > LIMIT - BASE) {
        let why = format!(
            "{slots_total} slots of {stride} bytes do not fit into {} TiB of addresses; start fewer ranks or lower \
             --stack-size",
            (LIMIT - BASE) >> 40
        );
        return Err(setting("ranks", why));
    }
    let end = power;
    let dlopen = end - up((end / 4).clamp(16 << 20, 2 << 30), SLOT_ALIGN);
    let shared = matches!(c.backing, Backing::Shared(_));
    Ok(Geometry {
        slots_total,
        stride,
        lead,
        skews,
        skew_step,
        end,
        stack_end,
        thread_pointer,
        image,
        heap,
        dlopen,
        shared,
    })
}

/// Addresses that one page of page table describes.
const TABLE_SPAN: usize = 2 << 20;

/// How far slots are shifted: by how much the first, and in how many steps of `step` those after it. From the
/// stack's top to the first heap pages a slot stays in one block of [`TABLE_SPAN`] if that is possible.
fn skew(stack_end: usize, heap: usize, step: usize) -> (usize, usize) {
    let first = (stack_end - GUARD_BYTES) / SLOT_ALIGN * SLOT_ALIGN;
    let used = up(heap + SLOT_ALIGN - first, SLOT_ALIGN);
    if used > TABLE_SPAN {
        return (0, TABLE_SPAN / step);
    }
    (up(first, TABLE_SPAN) - first, (TABLE_SPAN - used) / step + 1)
}

const NOT_GLIBC: &str =
    "private images need glibc (2.34 or later), whose ld.so exports _dl_get_tls_static_info";

impl Arena {
    /// Reserves the range at [`BASE`] for this process: checks that it is free and fixes the geometry. Commits nothing.
    ///
    /// # Errors
    /// `Setting` when sizes make no sense together, `Memory` when something is mapped there, when a limit on address
    /// space forbids a slot, or when called twice.
    pub fn reserve(config: ArenaConfig) -> Result<Arena> {
        let geometry = layout(&config)?;
        let bytes = geometry.stride * geometry.slots_total;
        let memory = |why: String| Error::Memory {
            what: format!("the arena ({} GiB of addresses)", bytes >> 30),
            why,
        };
        if super::geometry().is_some() {
            return Err(memory("it was reserved before".into()));
        }
        // Probed without access rights, then given back: the guards stay unmapped that way (header, `reserve`).
        // SAFETY: NOREPLACE never disturbs an existing mapping; we unmap exactly what we mapped.
        unsafe {
            let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED_NOREPLACE;
            let at = mmap_anonymous(BASE as *mut _, bytes, ProtFlags::empty(), flags).map_err(|e| {
                memory(format!("mapping at {BASE:#x} failed: {e}; start fewer ranks, or raise ulimit -v"))
            })?;
            let _ = munmap(at, bytes);
            if at as usize != BASE {
                return Err(memory(format!("the addresses from {BASE:#x} are in use")));
            }
        }
        if let Backing::Shared(together) = &config.backing {
            commons::map(together.memory.as_fd(), (LIMIT - BASE) as u64, together.shape)?;
        }
        if GEOMETRY.set(geometry).is_err() {
            return Err(memory("it was reserved before".into()));
        }
        let _ = BACKING.set(config.backing);
        Ok(Arena { slots: config.slots })
    }

    /// Maps the slots `range` of ranks that live in other processes of this host, as they see them. Their guards are mapped as
    /// well (one mapping for all): nothing runs on those stacks here.
    pub fn map_neighbours(&self, range: Range<usize>) -> Result<()> {
        let Some(Backing::Shared(together)) = BACKING.get() else { return Ok(()) };
        let (first, last) = (self.slot(range.start), self.slot(range.end - 1));
        let (start, end) = (first.guard().end, last.mapped().end);
        let flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE;
        let (prot, at) = (ProtFlags::READ | ProtFlags::WRITE, start as *mut std::ffi::c_void);
        // SAFETY: inside the arena, over slots that are not of this process's ranks.
        let done = unsafe { mmap(at, end - start, prot, flags, &together.memory, (start - BASE) as u64) };
        let what = || format!("the slots of ranks {} to {}", range.start, range.end - 1);
        done.map(|_| ()).map_err(|e| Error::Memory { what: what(), why: explain_map_error(e, end - start) })
    }

    /// Number of ranks' slots.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Slot of rank `i`. Panics when `i` is not below [`Arena::slots`].
    pub fn slot(&self, i: usize) -> Slot {
        assert!(i < self.slots, "slot {i} of {}", self.slots);
        Slot::from_index(i as u32)
    }
}

/// Whether the kernel would back small mappings with 2 MiB pages unasked.
fn huge_pages_always() -> bool {
    static ALWAYS: OnceLock<bool> = OnceLock::new();
    *ALWAYS.get_or_init(|| {
        std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled")
            .is_ok_and(|s| s.contains("[always]"))
    })
}

impl Slot {
    /// Maps the slot: readable, writable, lazily committed. Private memory is zero; shared memory is as it was left.
    pub fn map(self) -> Result<()> {
        let r = self.mapped();
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        let at = r.start as *mut std::ffi::c_void;
        // SAFETY: the range lies in this slot of the reserved arena; nobody uses a slot before it is mapped.
        let done = unsafe {
            match BACKING.get() {
                Some(Backing::Shared(Together { memory: fd, .. })) => {
                    let flags = MapFlags::SHARED | MapFlags::FIXED | MapFlags::NORESERVE;
                    mmap(at, r.len(), prot, flags, fd, (r.start - BASE) as u64)
                }
                _ => {
                    let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
                    mmap_anonymous(at, r.len(), prot, flags)
                }
            }
        };
        let what = || format!("the slot of rank {}", self.index());
        done.map_err(|e| Error::Memory { what: what(), why: explain_map_error(e, r.len()) })?;
        if huge_pages_always() {
            // A touched page must not become 2 MiB. Best effort: a refusal costs memory, not correctness.
            // SAFETY: advice on our own mapping.
            let _ = unsafe { madvise(at, r.len(), Advice::LinuxNoHugepage) };
        }
        Ok(())
    }

    /// Commits the pages of `range`, which lies in this mapped slot and is about to be written: one system call costs
    /// less than a page fault for each. Best effort.
    pub(crate) fn commit(self, range: Range<usize>) {
        let (start, end) = (range.start / PAGE * PAGE, up(range.end, PAGE));
        debug_assert!(self.mapped().start <= start && end <= self.mapped().end);
        if end - start > PAGE {
            // SAFETY: changes no contents; kernels before 5.14 refuse.
            let _ = unsafe { madvise(start as *mut _, end - start, Advice::LinuxPopulateWrite) };
        }
    }

    /// Gives the calling process, a child made by fork, memory of its own for the slot: what is there now, page by page.
    /// Whoever shares the memory keeps still meanwhile. Only where slots are shared.
    ///
    /// # Safety
    /// The caller runs on another stack, and mappings over the slot other than its own stay (text of files).
    pub(crate) unsafe fn make_own(self, areas: &[Range<usize>]) -> std::io::Result<()> {
        let Some(Backing::Shared(together)) = BACKING.get() else { return Ok(()) };
        for area in areas {
            let (start, end) = (area.start / PAGE * PAGE, up(area.end, PAGE));
            let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE | MapFlags::FIXED);
            let (at, from) = (start as *mut std::ffi::c_void, (start - BASE) as u64);
            // SAFETY: the slot's own pages, with the same contents.
            unsafe { mmap(at, end - start, prot, flags | MapFlags::NORESERVE, &together.memory, from)? };
            let mut at = from;
            let to = from + (end - start) as u64;
            // a page of the file that exists is shared until it is written to
            while let Ok(data) = rustix::fs::seek(&together.memory, rustix::fs::SeekFrom::Data(at)) {
                let hole = rustix::fs::seek(&together.memory, rustix::fs::SeekFrom::Hole(data))?;
                for page in (data.min(to)..hole.min(to)).step_by(PAGE) {
                    let byte = (BASE as u64 + page / PAGE as u64 * PAGE as u64) as *mut u8;
                    // SAFETY: inside the area that was mapped just now.
                    unsafe { byte.write_volatile(byte.read_volatile()) };
                }
                at = hole;
                if at >= to {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Unmaps the slot. The rank must have ended or left.
    ///
    /// # Safety
    /// Nothing may use an address of the slot any more.
    pub unsafe fn unmap(self) {
        let r = self.mapped();
        // SAFETY: by the contract.
        let _ = unsafe { munmap(r.start as *mut _, r.len()) };
    }
}

/// Text for a refused mapping, with what the user can change.
pub(crate) fn explain_map_error(e: rustix::io::Errno, bytes: usize) -> String {
    if e == rustix::io::Errno::NOMEM {
        format!(
            "{e}: {bytes} bytes of address space (start fewer ranks, or raise ulimit -v, vm.max_map_count, or set vm.overcommit_memory to 0)"
        )
    } else {
        e.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometry_orders_areas_and_keeps_alignment() {
        for (slots, stack) in [(1, 64 << 10), (64, 1 << 20), (10_000, 256 << 10), (100_000, 1 << 20)] {
            let mut c = ArenaConfig::new(slots);
            c.stack_bytes = stack;
            let g = layout(&c).unwrap();
            assert!(GUARD_BYTES + stack <= g.stack_end && g.stack_end < g.thread_pointer);
            assert!(
                g.thread_pointer + PAGE < g.image
                    && g.image < g.heap
                    && g.heap < g.dlopen
                    && g.dlopen < g.stride
            );
            assert_eq!((g.image % SLOT_ALIGN, g.stride % SLOT_ALIGN, g.thread_pointer % PAGE), (0, 0, 0));
            assert!(!g.stride.is_power_of_two() && g.stride * g.slots_total <= LIMIT - BASE);
            assert!(g.dlopen < g.end && g.lead + (g.skews - 1) * g.skew_step + g.end <= g.stride);
        }
    }

    #[test]
    fn a_small_rank_needs_one_page_of_page_table() {
        for stack in [64 << 10, 256 << 10, 1 << 20, 8 << 20] {
            let mut c = ArenaConfig::new(1000);
            (c.stack_bytes, c.image_bytes) = (stack, 128 << 10);
            let g = layout(&c).unwrap();
            let block =
                |i: usize, at: usize| (i * g.stride + g.lead + i % g.skews * g.skew_step + at) / TABLE_SPAN;
            for i in 0..g.slots_total {
                assert_eq!(block(i, g.stack_end - PAGE), block(i, g.heap + PAGE), "slot {i}, stack {stack}");
            }
            assert!(g.skews > 4, "page-table entries of neighbours share cache sets");
        }
    }

    #[test]
    fn impossible_sizes_are_refused_with_the_setting() {
        let mut c = ArenaConfig::new(1000);
        c.slot_bytes = Some(1 << 40);
        assert!(layout(&c).unwrap_err().to_string().contains("start fewer ranks"));
        let mut c = ArenaConfig::new(4);
        c.stack_bytes = 100;
        assert!(layout(&c).unwrap_err().to_string().contains("--stack-size"));
        assert!(layout(&ArenaConfig::new(0)).unwrap_err().to_string().contains("ranks"));
    }

    #[test]
    fn a_reserved_arena_maps_slots_and_finds_owners() {
        let arena = Arena::reserve(ArenaConfig::new(3)).unwrap();
        let s = arena.slot(2);
        s.map().unwrap();
        let p = s.heap().start as *mut u64;
        // SAFETY: the slot was just mapped.
        unsafe {
            assert_eq!(p.read(), 0);
            p.write(7);
        }
        assert_eq!(super::super::owner_of(p as usize), Some(2));
        assert_eq!(super::super::owner_of(s.guard().start), Some(2));
        assert_eq!(super::super::owner_of(BASE - 1), None);
        assert_eq!(super::super::owner_of(&p as *const _ as usize), None);
        // SAFETY: nobody uses the slot.
        unsafe { s.unmap() };
        assert!(Arena::reserve(ArenaConfig::new(3)).unwrap_err().to_string().contains("before"));
    }
}
