//! A rank's own thread block: TCB, static TLS and dtv in the control area of its slot, so that to libc the rank is a
//! thread of its own (errno, locale, stack canary, C++ exception state, thread-specific data are per rank for free).
//!
//! ```text
//! control area of the slot
//! | static TLS (zero pages stay untouched) | struct pthread | dtv | Guest |
//!                               thread pointer ^ page-aligned
//! ```
//!
//! The *pristine* block is made once per process by ld.so itself (`_dl_allocate_tls`), its descriptor copied from a real
//! thread; every rank gets a copy with these changes:
//! 1. Words that pointed into the copied descriptor point into the new one (tcb, self, first level of thread keys, ...).
//! 2. The dtv is the rank's own and long enough that ld.so never reallocates it.
//! 3. `multiple_threads` is 1: malloc must lock although this looks like the only thread.
//! 4. The thread id is a constant unique per rank: mutexes record it, and it must survive a change of OS thread.
//! 5. The rseq area says "not registered": the kernel updates the OS thread's, not this one.
//! 6. Canary and pointer guard stay: they travel with the rank.
//!
//! # Safety
//! Reads glibc's private structures through symbols that exist for that (`_dl_allocate_tls`, `_thread_db_*`); every
//! assumption about their contents is checked when the pristine block is made, and `Error` says which one failed.
#![allow(unsafe_code)]

use super::tls::set_fs_base;
use crate::arena::{self, Slot};
use crate::current;
use crate::error::{Error, Result};
use std::ffi::{CStr, c_void};
use std::ops::Range;
use std::sync::OnceLock;

const PAGE: usize = 4096;
const WORD: usize = size_of::<usize>();
/// Thread ids of ranks start here: above every real thread id (the kernel's limit is 4 Mi).
pub const RANK_TID: u32 = 0x2000_0000;
const MULTIPLE_THREADS: usize = 0x18;

struct Pristine {
    /// Parts that are not zero, at most a page each: (offset from the thread pointer, bytes).
    pages: Vec<(isize, Box<[u8]>)>,
    /// The thread descriptor; `relative` lists the words that are offsets from the thread pointer.
    descriptor: Vec<usize>,
    relative: Vec<usize>,
    /// dtv entries 0..: (value, is offset from the thread pointer).
    dtv: Vec<(usize, bool)>,
    dtv_len: usize,
    tid_offset: usize,
    rseq_offset: Option<isize>,
    /// Blocks of the shared libraries (not the worker's reserve): offsets from the thread pointer.
    shared_blocks: Vec<Range<isize>>,
}

static PRISTINE: OnceLock<std::result::Result<Pristine, Error>> = OnceLock::new();

fn need(symbol: &CStr) -> Result<*mut c_void> {
    // SAFETY: plain look-up.
    let p = unsafe { libc::dlsym(libc::RTLD_DEFAULT, symbol.as_ptr()) };
    if p.is_null() {
        let why = format!(
            "this C library does not export {}; glibc 2.34 or later is needed",
            symbol.to_string_lossy()
        );
        return Err(Error::Setting { name: "C library".into(), why });
    }
    Ok(p)
}

fn pristine() -> Result<&'static Pristine> {
    PRISTINE.get_or_init(make_pristine).as_ref().map_err(Clone::clone)
}

/// Makes the pristine block. Shared libraries with thread-locals must have been loaded before.
pub fn prepare() -> Result<()> {
    pristine().map(|_| ())
}

fn make_pristine() -> std::result::Result<Pristine, Error> {
    let fail = |why: &str| Error::Setting { name: "C library".into(), why: why.into() };
    let (size, align) =
        arena::static_tls_info().ok_or_else(|| fail("it does not tell the size of static TLS"))?;
    // SAFETY: `_thread_db_sizeof_pthread` is a u32 in every glibc (the debugger interface).
    let descriptor_bytes = unsafe { *(need(c"_thread_db_sizeof_pthread")? as *const u32) } as usize;
    if descriptor_bytes < 0x300 || descriptor_bytes > size || !align.is_power_of_two() {
        return Err(fail("the size of its thread descriptor is unknown"));
    }
    let descriptor_bytes = descriptor_bytes.next_multiple_of(16);
    let below = (size - descriptor_bytes).next_multiple_of(align.max(PAGE));
    // SAFETY: signature of `_dl_allocate_tls` since 2.2; `__ctype_init` takes nothing.
    let (allocate, ctype_init) = unsafe {
        let allocate: unsafe extern "C" fn(*mut u8) -> *mut u8 =
            std::mem::transmute(need(c"_dl_allocate_tls")?);
        let ctype_init: unsafe extern "C" fn() = std::mem::transmute(need(c"__ctype_init")?);
        (allocate, ctype_init)
    };
    let memory =
        rustix_map(below + descriptor_bytes + PAGE).ok_or_else(|| fail("no memory for a thread block"))?;
    let tp = memory + below;
    let real = current::fs_base();
    // SAFETY: `tp` has `below` zero bytes before and a descriptor's room after it; the descriptor of the running thread
    // is readable. While FS points to the new block, only libc code runs that needs nothing but that block.
    unsafe {
        if allocate(tp as *mut u8).is_null() {
            return Err(fail("it could not allocate a thread block"));
        }
        let dtv = *((tp + WORD) as *const usize);
        std::ptr::copy_nonoverlapping(real as *const u8, tp as *mut u8, descriptor_bytes);
        let words = std::slice::from_raw_parts_mut(tp as *mut usize, descriptor_bytes / WORD);
        for w in words.iter_mut() {
            if (real..real + descriptor_bytes).contains(w) {
                *w = *w - real + tp;
            }
        }
        words[1] = dtv;
        if words[0] != tp || words[2] != tp {
            return Err(fail("its thread descriptor does not start as the x86-64 ABI says"));
        }
        set_fs_base(tp);
        ctype_init();
        set_fs_base(real);
    }
    // SAFETY: the block was just built.
    unsafe { read_pristine(tp, below, descriptor_bytes) }
}

fn rustix_map(bytes: usize) -> Option<usize> {
    use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
    // SAFETY: a fresh mapping at an address of the kernel's choice, never unmapped.
    let p = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        )
    };
    p.ok().map(|p| p as usize)
}

/// # Safety
/// A complete block lies around `tp`.
unsafe fn read_pristine(
    tp: usize,
    below: usize,
    descriptor_bytes: usize,
) -> std::result::Result<Pristine, Error> {
    let fail = |why: &str| Error::Setting { name: "C library".into(), why: why.into() };
    let mut pages = Vec::new();
    for at in (tp - below..tp).step_by(PAGE) {
        // SAFETY: inside the block.
        let page = unsafe { std::slice::from_raw_parts(at as *const u8, PAGE) };
        // without its zeros at both ends: the block's first page is the stack's last
        if let Some(first) = page.iter().position(|&b| b != 0)
            && let Some(last) = page.iter().rposition(|&b| b != 0)
        {
            pages.push(((at + first) as isize - tp as isize, page[first..=last].into()));
        }
    }
    // SAFETY: the descriptor of the block.
    let descriptor = unsafe { std::slice::from_raw_parts(tp as *const usize, descriptor_bytes / WORD) };
    let is_inside = |w: usize| (tp..tp + descriptor_bytes).contains(&w);
    let relative: Vec<usize> = (0..descriptor.len()).filter(|&i| is_inside(descriptor[i])).collect();
    let descriptor: Vec<usize> = descriptor.iter().map(|&w| if is_inside(w) { w - tp } else { w }).collect();
    // The dtv: entry -1 holds the length, entry 0 the generation, then one (pointer, to free) pair per module.
    let raw = descriptor[1] as *const [usize; 2];
    // SAFETY: layout above, fixed by the ABI of the debugger interface.
    let (len, dtv) = unsafe {
        let len = (*raw.sub(1))[0];
        if len == 0 || len > 10_000 {
            return Err(fail("its dtv has an unknown layout"));
        }
        let entry = |i: usize| {
            let v = (*raw.add(i))[0];
            if i > 0 && (tp - below..tp).contains(&v) { (v.wrapping_sub(tp), true) } else { (v, false) }
        };
        (len, (0..=len).map(entry).collect::<Vec<_>>())
    };
    // SAFETY: gettid has no preconditions.
    let tid = unsafe { libc::gettid() } as u32;
    let tid_at = |o: usize| (descriptor[o / WORD] >> (o % WORD * 8)) as u32 == tid;
    let tid_offset = std::iter::once(0x2d0).chain((0x40..descriptor_bytes).step_by(4)).find(|&o| tid_at(o));
    let tid_offset = tid_offset.ok_or_else(|| fail("its thread descriptor does not hold the thread id"))?;
    // SAFETY: `__rseq_offset` is a ptrdiff_t where it exists (2.35).
    let rseq_offset = need(c"__rseq_offset").ok().map(|p| unsafe { *(p as *const isize) });
    Ok(Pristine {
        pages,
        descriptor,
        relative,
        dtv,
        dtv_len: (len + 32).max(64),
        tid_offset,
        rseq_offset,
        shared_blocks: shared_blocks(),
    })
}

/// Offsets of the thread-local blocks of the process's own libraries from the thread pointer.
fn shared_blocks() -> Vec<Range<isize>> {
    unsafe extern "C" fn visit(info: *mut libc::dl_phdr_info, _size: usize, out: *mut c_void) -> i32 {
        // SAFETY: dl_iterate_phdr passes a valid record and our own vector.
        unsafe {
            let (info, out) = (&*info, &mut *(out as *mut Vec<Range<isize>>));
            if info.dlpi_tls_modid > 1 && !info.dlpi_tls_data.is_null() {
                let headers = std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize);
                if let Some(tls) = headers.iter().find(|p| p.p_type == libc::PT_TLS) {
                    let start = info.dlpi_tls_data as isize - current::fs_base() as isize;
                    out.push(start..start + tls.p_memsz as isize);
                }
            }
        }
        0
    }
    let mut out: Vec<Range<isize>> = Vec::new();
    // SAFETY: the callback only pushes to `out`.
    unsafe { libc::dl_iterate_phdr(Some(visit), &mut out as *mut _ as *mut c_void) };
    out.retain(|r| r.start < 0 && r.end <= 0);
    out
}

/// Distance of the rank's `Guest` from its thread pointer.
pub fn guest_offset() -> Result<usize> {
    let p = pristine()?;
    Ok((p.descriptor.len() * WORD + (p.dtv_len + 2) * 2 * WORD).next_multiple_of(64))
}

/// Builds the block of rank `rank` in its mapped, zero control area and returns its thread pointer.
pub fn build(slot: Slot, rank: u32) -> Result<usize> {
    let p = pristine()?;
    let tp = slot.thread_pointer();
    if p.pages.iter().any(|(offset, _)| tp as isize + offset < slot.control().start as isize) {
        return Err(Error::Memory {
            what: format!("the thread block of rank {rank}"),
            why: "a library with large thread-local storage was loaded after the arena was laid out".into(),
        });
    }
    // SAFETY: the control area is mapped, zero and nobody's yet; all offsets were checked to lie inside it.
    unsafe {
        for (offset, bytes) in &p.pages {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (tp as isize + offset) as *mut u8, bytes.len());
        }
        let words = tp as *mut usize;
        std::ptr::copy_nonoverlapping(p.descriptor.as_ptr(), words, p.descriptor.len());
        for &i in &p.relative {
            *words.add(i) += tp;
        }
        let dtv = (tp + p.descriptor.len() * WORD) as *mut [usize; 2];
        (*dtv)[0] = p.dtv_len;
        for (i, &(value, relative)) in p.dtv.iter().enumerate() {
            (*dtv.add(1 + i))[0] = if relative { value.wrapping_add(tp) } else { value };
        }
        for i in p.dtv.len()..=p.dtv_len {
            // TLS_DTV_UNALLOCATED
            (*dtv.add(1 + i))[0] = usize::MAX;
        }
        *words.add(1) = dtv.add(1) as usize;
        *((tp + MULTIPLE_THREADS) as *mut i32) = 1;
        *((tp + p.tid_offset) as *mut u32) = RANK_TID + rank;
        if let Some(o) = p.rseq_offset {
            *((tp as isize + o + 4) as *mut i32) = -1;
        }
    }
    Ok(tp)
}

/// After a rank has arrived in this process: gives the shared libraries' thread-locals in its block (malloc's caches,
/// locale pointers, the runtime's own) the values of a new thread of *this* process. errno is kept; the words of
/// [`current`] are reset and must be planted again.
///
/// # Safety
/// `fs_base` is the block of a rank that does not run.
pub unsafe fn renew_shared_thread_locals(fs_base: usize) -> Result<()> {
    let p = pristine()?;
    let errno_at = errno_offset();
    // SAFETY: the block is complete and not in use.
    unsafe {
        let errno = *((fs_base as isize + errno_at) as *const i32);
        for block in &p.shared_blocks {
            let at = (fs_base as isize + block.start) as *mut u8;
            std::ptr::write_bytes(at, 0, block.len());
            for (offset, bytes) in &p.pages {
                let from = block.start.max(*offset);
                let to = block.end.min(offset + bytes.len() as isize);
                if from < to {
                    let source = bytes.as_ptr().offset(from - offset);
                    let target = (fs_base as isize + from) as *mut u8;
                    std::ptr::copy_nonoverlapping(source, target, (to - from) as usize);
                }
            }
        }
        *((fs_base as isize + errno_at) as *mut i32) = errno;
    }
    Ok(())
}

fn errno_offset() -> isize {
    // SAFETY: no preconditions.
    unsafe { libc::__errno_location() as isize - current::fs_base() as isize }
}
