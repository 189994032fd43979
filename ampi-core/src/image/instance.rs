//! One copy of a program in memory: mapping the files, copying the data, adding the image base.
//!
//! With `--isolate=image` every rank's [`Guest`](super::Guest) holds an instance in its own slot; with `--isolate=none`
//! all ranks refer to one instance in the arena's last slot.
//!
//! Invariants:
//! 1. The instance of slot `i` is found through a table indexed by slot, so any address leads to its library without
//!    locks: unwinding and fault handlers may ask at any time.
//! 2. Groups are opened one after the other by the rank (or its threads, under the program's lock) and never closed.
//! 3. Text is mapped from the files and never written; everything else is the slot's own memory.
//!
//! # Safety
//! Writes relocated words and calls resolvers at addresses computed from checked files: `template` guarantees that every
//! offset lies inside the group, `Slot` that the group lies inside the slot.
#![allow(unsafe_code)]

use super::program::Program;
use super::template::{Group, Library, PAGE, TextMap};
use super::tls::TlsPlace;
use crate::arena::{self, Slot, slot};
use crate::error::{Error, Result};
use rustix::fd::AsFd;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::ffi::c_void;
use std::ops::Range;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, AtomicUsize, Ordering};

/// Program plus this many `dlopen` groups less one.
pub const MAX_GROUPS: usize = 256;

/// Bit in a word of `Instance::opened`: opened with RTLD_GLOBAL.
const GLOBAL: u16 = 0x8000;

/// A copy of the program.
#[repr(C)]
pub struct Instance {
    program: AtomicPtr<Program>,
    /// Image base: address of the program's first byte.
    pub base: usize,
    slot: Slot,
    /// Group numbers in the order of opening.
    opened: [AtomicU16; MAX_GROUPS],
    opened_count: AtomicUsize,
    /// 0: constructors not run, 1: running, 2: done, 3: destructors have run.
    pub(super) life: AtomicU32,
    /// Ranks that use it and have not ended.
    pub(super) users: AtomicU32,
}

static TABLE: OnceLock<Box<[AtomicPtr<Instance>]>> = OnceLock::new();

fn table() -> &'static [AtomicPtr<Instance>] {
    TABLE.get_or_init(|| {
        let n = arena::geometry().map_or(0, |g| g.slots_total);
        (0..n).map(|_| AtomicPtr::new(std::ptr::null_mut())).collect()
    })
}

impl Instance {
    pub(super) fn new(program: &'static Program, slot: Slot) -> Instance {
        Instance {
            program: AtomicPtr::new(std::ptr::from_ref(program).cast_mut()),
            base: slot.image().start,
            slot,
            opened: [const { AtomicU16::new(0) }; MAX_GROUPS],
            opened_count: AtomicUsize::new(0),
            life: AtomicU32::new(0),
            users: AtomicU32::new(0),
        }
    }

    /// Makes the instance findable by address. It must not move afterwards.
    pub(super) fn register(&self) {
        table()[self.slot.index() as usize].store(std::ptr::from_ref(self).cast_mut(), Ordering::Release);
    }

    pub(super) fn unregister(&self) {
        table()[self.slot.index() as usize].store(std::ptr::null_mut(), Ordering::Release);
    }

    /// The instance whose slot `address` lies in.
    pub fn at(address: usize) -> Option<&'static Instance> {
        let i = arena::owner_of(address)?;
        let p = TABLE.get()?.get(i as usize)?.load(Ordering::Acquire);
        // SAFETY: invariant 1: registered instances stay until their slot is unmapped, after `unregister`.
        unsafe { p.as_ref() }
    }

    pub fn program(&self) -> &'static Program {
        // SAFETY: programs are never freed.
        unsafe { &*self.program.load(Ordering::Acquire) }
    }

    pub(super) fn set_program(&self, program: &'static Program) {
        self.program.store(std::ptr::from_ref(program).cast_mut(), Ordering::Release);
    }

    /// Groups in the order of opening; the program first.
    pub(super) fn groups(&self) -> impl DoubleEndedIterator<Item = &'static Group> + '_ {
        let n = self.opened_count.load(Ordering::Acquire);
        let group = |g: &AtomicU16| self.program().group((g.load(Ordering::Relaxed) & !GLOBAL).into());
        self.opened[..n].iter().filter_map(group)
    }

    /// Groups whose symbols everybody sees: the program's, and those opened with RTLD_GLOBAL.
    pub(super) fn global_groups(&self) -> impl Iterator<Item = &'static Group> + '_ {
        let n = self.opened_count.load(Ordering::Acquire);
        let words = self.opened[..n].iter().map(|g| g.load(Ordering::Relaxed));
        words
            .filter(|g| g & !GLOBAL == 0 || g & GLOBAL != 0)
            .filter_map(|g| self.program().group((g & !GLOBAL).into()))
    }

    pub(super) fn make_global(&self, group: u32) {
        let n = self.opened_count.load(Ordering::Acquire);
        for g in self.opened[..n].iter().filter(|g| u32::from(g.load(Ordering::Relaxed) & !GLOBAL) == group) {
            g.fetch_or(GLOBAL, Ordering::Relaxed);
        }
    }

    pub(super) fn is_open(&self, group: u32) -> bool {
        self.groups().any(|g| g.id == group)
    }

    /// The library that contains `address`, with its group.
    pub(super) fn library_at(&self, address: usize) -> Option<(&'static Group, &'static Library)> {
        let offset = address.checked_sub(self.base)? as u64;
        self.groups().find_map(|g| g.library_at(offset).map(|l| (g, l)))
    }

    /// Address of `vaddr` of `lib` in this copy.
    pub(super) fn address(&self, lib: &Library, vaddr: u64) -> usize {
        self.base.wrapping_add(lib.at(vaddr) as usize)
    }

    /// The dynamic thread-local block that `address` lies in: its start, size, alignment and initial bytes.
    pub(super) fn dynamic_block_at(&self, address: usize) -> Option<(usize, usize, usize, Range<usize>)> {
        self.groups().flat_map(|g| g.libs.iter()).find_map(|l| {
            let (Some(TlsPlace::Dynamic(offset)), Some(tls)) = (l.tls, l.elf.tls) else { return None };
            let start = self.base + offset as usize;
            let bytes = tls.memory_bytes as usize;
            let init = self.address(l, tls.vaddr);
            // One past the end still belongs to it: `__tls_get_addr` may be asked for an empty object at the end.
            let found = (start..=start + bytes).contains(&address);
            found.then_some((start, bytes, tls.align as usize, init..init + tls.file_bytes as usize))
        })
    }

    /// Maps, copies, relocates `group` and runs its resolvers; then counts as open. Does not run constructors.
    pub(super) fn open(&self, group: &'static Group, baked: bool) -> Result<()> {
        let n = self.opened_count.load(Ordering::Acquire);
        let end = group.offset + group.bytes;
        let room = if group.id == 0 {
            self.slot.image().len() as u64
        } else {
            slot::dlopen_offset().unwrap_or(0) as u64 + self.slot.dlopen().len() as u64
        };
        if n >= MAX_GROUPS || end > room {
            return Err(Error::Memory {
                what: format!("the image of {}", group.libs[0].elf.path.display()),
                why: match group.id {
                    0 => "the arena was laid out for smaller programs (ArenaConfig::image_bytes)".into(),
                    _ => "the rank's area for libraries opened with dlopen is full; start fewer ranks, whose areas are larger, or link the library".into(),
                },
            });
        }
        match if baked { group.baked_file() } else { None } {
            Some(file) => self.map_baked(group, file)?,
            None => {
                self.map_text(group)?;
                self.copy_data(group);
            }
        }
        self.relocate(group);
        self.init_dynamic_tls(group);
        self.opened[n].store(group.id as u16, Ordering::Relaxed);
        self.opened_count.store(n + 1, Ordering::Release);
        Ok(())
    }

    /// Maps the read-only parts of the files of `group`.
    pub(super) fn map_text(&self, group: &Group) -> Result<()> {
        for lib in &group.libs {
            let Some(file) = &lib.elf.file else { continue };
            for t in &lib.text {
                let mut prot = ProtFlags::READ;
                prot.set(ProtFlags::EXEC, t.executable);
                let at = self.address(lib, t.vaddr) as *mut c_void;
                // SAFETY: inside the slot (checked in `open`); read-only pages of the file over the slot's own.
                let done = unsafe {
                    mmap(at, t.bytes as usize, prot, MAP_PRIVATE_FIXED, file.as_fd(), t.file_offset)
                };
                done.map_err(|e| lib.elf.error(map_advice(e, t)))?;
            }
        }
        Ok(())
    }

    fn map_baked(&self, group: &Group, file: &std::os::fd::OwnedFd) -> Result<()> {
        let prot = ProtFlags::READ | ProtFlags::WRITE | ProtFlags::EXEC;
        let at = (self.base + group.offset as usize) as *mut c_void;
        // SAFETY: as in `map_text`; the mapping is private, so writes stay in this instance.
        let done = unsafe { mmap(at, group.baked_bytes() as usize, prot, MAP_PRIVATE_FIXED, file, 0) };
        done.map(|_| ()).map_err(|e| Error::Memory {
            what: format!("the image of {}", group.libs[0].elf.path.display()),
            why: arena::explain_map_error(e, group.bytes as usize),
        })
    }

    fn copy_data(&self, group: &Group) {
        let start = self.base + group.offset as usize;
        for r in &group.runs {
            let from = &group.data[r.from..r.from + r.bytes];
            self.slot.commit(start + r.offset as usize..start + r.offset as usize + r.bytes);
            // SAFETY: template invariant 2: runs lie in writable segments of the group, which is mapped.
            unsafe {
                std::ptr::copy_nonoverlapping(from.as_ptr(), (start + r.offset as usize) as *mut u8, r.bytes)
            };
        }
    }

    fn relocate(&self, group: &Group) {
        let start = self.base + group.offset as usize;
        for &a in &group.adds {
            let word = (start + a as usize) as *mut usize;
            // SAFETY: template invariant 2.
            unsafe { word.write_unaligned(word.read_unaligned().wrapping_add(self.base)) };
        }
        for &(a, resolver) in &group.indirect {
            // SAFETY: resolvers lie in executable segments (checked by relocate); they run after all adds and, by the
            // rules for IFUNC, use nothing but the processor's identification.
            unsafe {
                let resolver: extern "C" fn() -> usize = std::mem::transmute(self.base + resolver as usize);
                ((start + a as usize) as *mut usize).write_unaligned(resolver());
            }
        }
    }

    fn init_dynamic_tls(&self, group: &Group) {
        for lib in &group.libs {
            if let (Some(TlsPlace::Dynamic(at)), Some(tls)) = (lib.tls, lib.elf.tls) {
                let from = self.address(lib, tls.vaddr) as *const u8;
                let to = (self.base + at as usize) as *mut u8;
                // SAFETY: source in the library's image, target in the group's own block.
                unsafe { std::ptr::copy_nonoverlapping(from, to, tls.file_bytes as usize) };
            }
        }
    }

    /// Writes the initial bytes of the static thread-local blocks of `group` into the block below `thread_pointer`.
    ///
    /// # Safety
    /// `thread_pointer` has the worker's reserve below it.
    pub(super) unsafe fn init_static_tls(&self, group: &Group, thread_pointer: usize) {
        for lib in &group.libs {
            if let (Some(TlsPlace::Static(below)), Some(tls)) = (lib.tls, lib.elf.tls) {
                let from = self.address(lib, tls.vaddr) as *const u8;
                let to = (thread_pointer - below as usize) as *mut u8;
                // SAFETY: the place lies in the reserve (checked when it was given out).
                unsafe { std::ptr::copy_nonoverlapping(from, to, tls.file_bytes as usize) };
            }
        }
    }

    /// Address ranges of the opened groups that are mapped from files: no part of the rank's own memory.
    pub fn text_ranges(&self) -> Vec<Range<usize>> {
        let range = |l: &Library, t: &TextMap| {
            let start = self.address(l, t.vaddr);
            start..start + t.bytes as usize
        };
        self.groups()
            .flat_map(|g| g.libs.iter())
            .flat_map(|l| l.text.iter().map(move |t| range(l, t)))
            .collect()
    }
}

const MAP_PRIVATE_FIXED: MapFlags = MapFlags::PRIVATE.union(MapFlags::FIXED);

fn map_advice(e: rustix::io::Errno, t: &TextMap) -> String {
    use rustix::io::Errno;
    match e {
        Errno::PERM | Errno::ACCESS if t.executable => {
            format!("mapping its code failed: {e}; is its file system mounted noexec?")
        }
        Errno::NOMEM => format!(
            "mapping its code failed: {e}; with many ranks raise vm.max_map_count (sysctl), or load it with --map=baked"
        ),
        _ => format!("mapping its code failed: {e}"),
    }
}

impl Group {
    /// Bytes that a baked image covers: all libraries, without the TLS block behind them.
    fn baked_bytes(&self) -> u64 {
        let end = self.libs.iter().map(|l| l.offset + l.elf.span).max().unwrap_or(self.offset);
        (end - self.offset).next_multiple_of(PAGE)
    }

    /// A memory file with the whole relocated image for base 0, made on first use; `None` when memory files are not
    /// to be had (then text is mapped from the files after all).
    fn baked_file(&self) -> Option<&std::os::fd::OwnedFd> {
        self.baked.get_or_init(|| self.bake().ok()).as_ref()
    }

    fn bake(&self) -> std::io::Result<std::os::fd::OwnedFd> {
        use std::os::unix::fs::FileExt;
        let fd = rustix::fs::memfd_create("ampi-image", rustix::fs::MemfdFlags::CLOEXEC)?;
        let file = std::fs::File::from(fd);
        file.set_len(self.baked_bytes())?;
        for l in &self.libs {
            for t in &l.text {
                let from = t.file_offset as usize;
                let b = l.elf.file_bytes();
                let b = &b[from.min(b.len())..(from + t.bytes as usize).min(b.len())];
                file.write_all_at(b, l.offset + t.vaddr - self.offset)?;
            }
        }
        for r in &self.runs {
            file.write_all_at(&self.data[r.from..r.from + r.bytes], r.offset.into())?;
        }
        Ok(file.into())
    }
}
