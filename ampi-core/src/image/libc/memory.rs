//! malloc and friends in the rank's heap; anonymous mappings in the rank's slot.
//!
//! A pointer's owner is found by its address: outside the arena it is glibc's (strdup inside libc, getline, realpath with
//! NULL, ...), inside it is the heap of the rank in whose slot it lies. A rank may free another's block; it goes to the
//! owner's list of remote frees. The worker executable exports malloc and friends as the `ampi_heap_*` functions, so that
//! calls from inside glibc are dispatched by the same rule. It must not export malloc_usable_size: glibc has no second
//! name for its own.
//!
//! # Safety
//! The contracts are those of the C functions; wrong pointers end the job with a sentence where the heap notices.
#![allow(unsafe_code)]

use super::errno;
use crate::arena::{self, heap::BadPointer, heap::Heap};
use crate::image::guest::Guest;
use crate::image::host::host;
use std::ffi::{c_char, c_int, c_void};
use std::ptr::null_mut;
use std::sync::atomic::Ordering;

unsafe extern "C" {
    fn __libc_malloc(n: usize) -> *mut c_void;
    fn __libc_calloc(count: usize, size: usize) -> *mut c_void;
    fn __libc_realloc(p: *mut c_void, n: usize) -> *mut c_void;
    fn __libc_free(p: *mut c_void);
    fn __libc_memalign(align: usize, n: usize) -> *mut c_void;
}

const PAGE: usize = 4096;

/// Sets ENOMEM when there is no block.
#[inline(always)]
fn checked(p: *mut u8) -> *mut c_void {
    if p.is_null() {
        super::fail(::libc::ENOMEM);
    }
    p.cast()
}

/// The heap in whose slot `address` lies, with its rank; `None` outside the arena and for ranks that are not here.
pub fn heap_of(address: usize) -> Option<(&'static Heap, u32)> {
    Guest::owner_of(address).map(|g| (&g.heap, g.rank))
}

#[cold]
fn bad(function: &str, p: *mut c_void, why: BadPointer) -> ! {
    host().fatal(&format!("{function}(): {why} {p:p}"), 134)
}

// ---- what guests call

pub extern "C" fn malloc(n: usize) -> *mut c_void {
    match Guest::current() {
        Some(g) => checked(g.heap.malloc(n)),
        // SAFETY: plain malloc.
        None => unsafe { __libc_malloc(n) },
    }
}

pub extern "C" fn calloc(count: usize, size: usize) -> *mut c_void {
    match Guest::current() {
        Some(g) => checked(g.heap.calloc(count, size)),
        // SAFETY: plain calloc.
        None => unsafe { __libc_calloc(count, size) },
    }
}

pub unsafe extern "C" fn free(p: *mut c_void) {
    if let Some(g) = Guest::current()
        && g.heap.contains(p as usize)
    {
        // SAFETY: inside the heap; free's contract.
        return unsafe { g.heap.free(p.cast()) }.unwrap_or_else(|e| bad("free", p, e));
    }
    // SAFETY: free's contract.
    unsafe { free_elsewhere(p) }
}

#[cold]
unsafe fn free_elsewhere(p: *mut c_void) {
    if !arena::contains(p as usize) {
        let e = errno();
        // SAFETY: null or a block of glibc.
        unsafe { __libc_free(p) };
        super::fail(e);
    } else if let Some((heap, _)) = heap_of(p as usize) {
        // SAFETY: free's contract; the heap belongs to an attached guest.
        unsafe { heap.free_remote(p.cast()) }.unwrap_or_else(|e| bad("free", p, e));
    } else {
        bad("free", p, BadPointer::Invalid)
    }
}

pub unsafe extern "C" fn realloc(p: *mut c_void, n: usize) -> *mut c_void {
    let guest = Guest::current();
    match guest {
        _ if p.is_null() => malloc(n),
        Some(g) if g.heap.contains(p as usize) => {
            if n == 0 {
                // SAFETY: realloc(p, 0) frees, as in glibc.
                unsafe { free(p) };
                return null_mut();
            }
            // SAFETY: realloc's contract.
            checked(unsafe { g.heap.realloc(p.cast(), n) }.unwrap_or_else(|e| bad("realloc", p, e)))
        }
        // SAFETY: a block of glibc.
        _ if !arena::contains(p as usize) => unsafe { __libc_realloc(p, n) },
        // SAFETY: realloc's contract.
        _ => unsafe { realloc_foreign(p, n) },
    }
}

/// Another rank's block: copy it into the caller's heap and hand it back.
#[cold]
unsafe fn realloc_foreign(p: *mut c_void, n: usize) -> *mut c_void {
    let Some((heap, _)) = heap_of(p as usize).filter(|(h, _)| h.contains(p as usize)) else {
        bad("realloc", p, BadPointer::Invalid)
    };
    // SAFETY: inside that heap.
    let old = unsafe { heap.usable_size(p.cast()) }.unwrap_or_else(|e| bad("realloc", p, e));
    let new = malloc(n);
    if !new.is_null() {
        // SAFETY: both blocks are live and at least that long.
        unsafe {
            new.cast::<u8>().copy_from_nonoverlapping(p.cast(), old.min(n));
            free(p);
        }
    }
    new
}

pub unsafe extern "C" fn reallocarray(p: *mut c_void, count: usize, size: usize) -> *mut c_void {
    match count.checked_mul(size) {
        // SAFETY: forwarded contract.
        Some(n) => unsafe { realloc(p, n) },
        None => checked(null_mut()),
    }
}

pub extern "C" fn memalign(align: usize, n: usize) -> *mut c_void {
    let align = align.max(1).checked_next_power_of_two().unwrap_or(1 << 63);
    match Guest::current() {
        Some(g) => checked(g.heap.memalign(align, n)),
        // SAFETY: plain memalign.
        None => unsafe { __libc_memalign(align, n) },
    }
}

pub extern "C" fn aligned_alloc(align: usize, n: usize) -> *mut c_void {
    if !align.is_power_of_two() {
        super::fail(::libc::EINVAL);
        return null_mut();
    }
    memalign(align, n)
}

pub unsafe extern "C" fn posix_memalign(out: *mut *mut c_void, align: usize, n: usize) -> c_int {
    if !align.is_power_of_two() || !align.is_multiple_of(size_of::<usize>()) {
        return ::libc::EINVAL;
    }
    let e = errno();
    let p = memalign(align, n);
    super::fail(e);
    if p.is_null() {
        return ::libc::ENOMEM;
    }
    // SAFETY: out is valid by contract.
    unsafe { out.write(p) };
    0
}

pub extern "C" fn valloc(n: usize) -> *mut c_void {
    memalign(PAGE, n)
}

pub extern "C" fn pvalloc(n: usize) -> *mut c_void {
    memalign(PAGE, n.checked_next_multiple_of(PAGE).unwrap_or(usize::MAX))
}

pub unsafe extern "C" fn malloc_usable_size(p: *mut c_void) -> usize {
    if p.is_null() {
        return 0;
    }
    match heap_of(p as usize).filter(|(h, _)| h.contains(p as usize)) {
        Some((h, _)) => {
            // SAFETY: inside that heap.
            unsafe { h.usable_size(p.cast()) }.unwrap_or_else(|e| bad("malloc_usable_size", p, e))
        }
        // SAFETY: a block of glibc.
        None => unsafe { ::libc::malloc_usable_size(p) },
    }
}

pub extern "C" fn malloc_trim(_pad: usize) -> c_int {
    Guest::current().is_some_and(|g| g.heap.trim()) as c_int
}

/// Tunes glibc's allocator, which ranks do not use: accepted and ignored.
pub extern "C" fn mallopt(_param: c_int, _value: c_int) -> c_int {
    1
}

/// mallinfo2 of the rank's heap, as far as it is known.
#[repr(C)]
#[derive(Default)]
pub struct MallInfo<T> {
    arena: T,
    ordblks: T,
    smblks: T,
    hblks: T,
    hblkhd: T,
    usmblks: T,
    fsmblks: T,
    uordblks: T,
    fordblks: T,
    keepcost: T,
}

pub extern "C" fn mallinfo2() -> MallInfo<usize> {
    let (small, big) = Guest::current().map_or((0, 0), |g| g.heap.footprint());
    MallInfo { arena: small, hblkhd: big, uordblks: small + big, ..Default::default() }
}

pub extern "C" fn mallinfo() -> MallInfo<c_int> {
    let m = mallinfo2();
    let int = |x: usize| c_int::try_from(x).unwrap_or(c_int::MAX);
    MallInfo { arena: int(m.arena), hblkhd: int(m.hblkhd), uordblks: int(m.uordblks), ..Default::default() }
}

pub unsafe extern "C" fn strdup(s: *const c_char) -> *mut c_char {
    // SAFETY: a C string by contract.
    unsafe { copy_string(s, ::libc::strlen(s)) }
}

pub unsafe extern "C" fn strndup(s: *const c_char, max: usize) -> *mut c_char {
    // SAFETY: readable up to max bytes or its end.
    unsafe { copy_string(s, ::libc::strnlen(s, max)) }
}

unsafe fn copy_string(s: *const c_char, n: usize) -> *mut c_char {
    let p = malloc(n + 1).cast::<c_char>();
    if !p.is_null() {
        // SAFETY: n bytes at s, n + 1 at p.
        unsafe {
            p.copy_from_nonoverlapping(s, n);
            p.add(n).write(0);
        }
    }
    p
}

// ---- what the worker executable exports under the names of the malloc family

/// The guest whose heap serves allocations made inside glibc: only while it asked for that.
fn redirected() -> Option<&'static Guest> {
    Guest::current().filter(|g| g.libc.redirect.load(Ordering::Relaxed) > 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_heap_malloc(n: usize) -> *mut c_void {
    // SAFETY: plain malloc.
    redirected().map_or_else(|| unsafe { __libc_malloc(n) }, |g| checked(g.heap.malloc(n)))
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_heap_calloc(count: usize, size: usize) -> *mut c_void {
    // SAFETY: plain calloc.
    redirected()
        .map_or_else(|| unsafe { __libc_calloc(count, size) }, |g| checked(g.heap.calloc(count, size)))
}

#[unsafe(no_mangle)]
pub extern "C" fn ampi_heap_memalign(align: usize, n: usize) -> *mut c_void {
    // SAFETY: plain memalign.
    redirected().map_or_else(|| unsafe { __libc_memalign(align, n) }, |g| checked(g.heap.memalign(align, n)))
}

/// # Safety
/// realloc's contract.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_heap_realloc(p: *mut c_void, n: usize) -> *mut c_void {
    if p.is_null() {
        return ampi_heap_malloc(n);
    }
    // SAFETY: forwarded contract.
    if arena::contains(p as usize) { unsafe { realloc(p, n) } } else { unsafe { __libc_realloc(p, n) } }
}

/// # Safety
/// free's contract.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_heap_free(p: *mut c_void) {
    // SAFETY: forwarded contract.
    if arena::contains(p as usize) { unsafe { free(p) } } else { unsafe { __libc_free(p) } }
}

// ---- mappings

const RW: c_int = ::libc::PROT_READ | ::libc::PROT_WRITE;

/// Anonymous private mappings lie in the slot; everything else is the kernel's business and pins the rank.
pub unsafe extern "C" fn mmap(
    addr: *mut c_void,
    len: usize,
    prot: c_int,
    flags: c_int,
    fd: c_int,
    offset: i64,
) -> *mut c_void {
    use ::libc::{MAP_32BIT, MAP_ANONYMOUS, MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_GROWSDOWN, MAP_PRIVATE};
    let Some(g) = Guest::current().filter(|g| !g.libc.is_forked_child()) else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::mmap(addr, len, prot, flags, fd, offset) };
    };
    let anonymous = flags & (MAP_ANONYMOUS | MAP_PRIVATE) == MAP_ANONYMOUS | MAP_PRIVATE;
    let fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
    let at = addr as usize;
    if anonymous && fixed && g.heap.is_mapped(at..at.saturating_add(len)) && flags & MAP_FIXED != 0 {
        // SAFETY: the guest's own mapping, replaced by zeros.
        return unsafe {
            ::libc::mprotect(addr, len, RW);
            arena::heap::discard(at..at + len, g.slot.is_shared_memory());
            protect(g, addr, len, prot)
        };
    }
    if anonymous && !fixed && flags & (MAP_32BIT | MAP_GROWSDOWN) == 0 && len > 0 {
        return match g.heap.map(len) {
            // SAFETY: a fresh mapping.
            Some(at) => unsafe { protect(g, at as *mut c_void, len, prot) },
            None => {
                super::fail(::libc::ENOMEM);
                ::libc::MAP_FAILED
            }
        };
    }
    // SAFETY: forwarded contract.
    let p = unsafe { ::libc::mmap(addr, len, prot, flags, fd, offset) };
    if p != ::libc::MAP_FAILED {
        g.libc.outside_maps.fetch_add(1, Ordering::Relaxed);
    }
    p
}

/// Gives a mapping of the slot, which is readable and writable, the protection that was asked for.
unsafe fn protect(g: &Guest, at: *mut c_void, len: usize, prot: c_int) -> *mut c_void {
    if prot != RW {
        g.heap.note_protection();
        // SAFETY: the guest's own pages.
        if unsafe { ::libc::mprotect(at, len, prot) } != 0 {
            return ::libc::MAP_FAILED;
        }
    }
    at
}

pub unsafe extern "C" fn munmap(addr: *mut c_void, len: usize) -> c_int {
    if let Some(g) = Guest::current() {
        let at = addr as usize;
        if g.heap.contains(at) {
            let end = at.checked_add(len).filter(|e| len > 0 && *e <= g.slot.heap().end);
            return match end {
                Some(end) if g.heap.unmap(at..end) => 0,
                _ => super::fail(::libc::EINVAL),
            };
        }
        // Partial unmappings are counted once too often at worst, never below the truth of "none".
        let outside = &g.libc.outside_maps;
        let _ = outside.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::munmap(addr, len) }
}

pub unsafe extern "C" fn mremap(
    old: *mut c_void,
    old_len: usize,
    new_len: usize,
    flags: c_int,
    new: *mut c_void,
) -> *mut c_void {
    let guest = Guest::current().filter(|g| g.heap.contains(old as usize));
    let Some(g) = guest else {
        // SAFETY: forwarded contract.
        return unsafe { ::libc::mremap(old, old_len, new_len, flags, new) };
    };
    let refuse = |e| {
        super::fail(e);
        ::libc::MAP_FAILED
    };
    let at = old as usize;
    let (Some(old_len), Some(new_len)) =
        (old_len.checked_next_multiple_of(PAGE), new_len.checked_next_multiple_of(PAGE))
    else {
        return refuse(::libc::ENOMEM);
    };
    if new_len == 0 || flags & ::libc::MREMAP_FIXED != 0 || !g.heap.is_mapped(at..at.saturating_add(old_len))
    {
        return refuse(::libc::EINVAL);
    }
    if new_len <= old_len {
        if new_len < old_len {
            g.heap.unmap(at + new_len..at + old_len);
        }
        return old;
    }
    if g.heap.extend_map(at + old_len, new_len - old_len) {
        return old;
    }
    let moved = if flags & ::libc::MREMAP_MAYMOVE != 0 { g.heap.map(new_len) } else { None };
    let Some(to) = moved else { return refuse(::libc::ENOMEM) };
    // SAFETY: both are mappings of the guest; the old one ends here.
    unsafe { (to as *mut u8).copy_from_nonoverlapping(old.cast(), old_len) };
    g.heap.unmap(at..at + old_len);
    to as *mut c_void
}

pub unsafe extern "C" fn mprotect(addr: *mut c_void, len: usize, prot: c_int) -> c_int {
    if let Some(g) = Guest::current().filter(|g| g.heap.contains(addr as usize)) {
        g.heap.note_protection();
    }
    // SAFETY: forwarded contract.
    unsafe { ::libc::mprotect(addr, len, prot) }
}

/// In a shared arena MADV_DONTNEED would not clear pages, so MADV_REMOVE stands in for it.
pub unsafe extern "C" fn madvise(addr: *mut c_void, len: usize, advice: c_int) -> c_int {
    let shared =
        Guest::current().is_some_and(|g| g.heap.contains(addr as usize) && g.slot.is_shared_memory());
    let advice = match advice {
        ::libc::MADV_DONTNEED | ::libc::MADV_FREE if shared => ::libc::MADV_REMOVE,
        a => a,
    };
    // SAFETY: forwarded contract.
    unsafe { ::libc::madvise(addr, len, advice) }
}

pub extern "C" fn sbrk(by: isize) -> *mut c_void {
    // SAFETY: plain sbrk.
    let Some(g) = Guest::current() else { return unsafe { ::libc::sbrk(by) } };
    g.heap.sbrk(by).map_or_else(
        || {
            super::fail(::libc::ENOMEM);
            usize::MAX as *mut c_void
        },
        |old| old as *mut c_void,
    )
}

pub extern "C" fn brk(to: *mut c_void) -> c_int {
    // SAFETY: plain brk.
    let Some(g) = Guest::current() else { return unsafe { ::libc::brk(to) } };
    let moved = g.heap.sbrk(0).and_then(|now| g.heap.sbrk((to as isize).wrapping_sub(now as isize)));
    if moved.is_some() { 0 } else { super::fail(::libc::ENOMEM) }
}
