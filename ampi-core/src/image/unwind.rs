//! Answers to the unwinder and to whoever lists loaded objects: which library contains a code address of a rank.
//!
//! The process's one libgcc_s calls `_dl_find_object`; the worker exports that name and passes the call to
//! [`find_object`], so that exceptions and backtraces work through private images. libgcc_s before 12 and some programs
//! use `dl_iterate_phdr` instead, which private images find here through symbol look-up.
//!
//! # Safety
//! Fills C structures of callers; layouts are glibc's public ones.
#![allow(unsafe_code)]

use super::guest::Guest;
use super::instance::Instance;
use super::template::Library;
use super::tls::TlsPlace;
use crate::{arena, current};
use std::ffi::{c_int, c_void};

/// `struct dl_find_object` of <dlfcn.h>.
#[repr(C)]
pub struct FoundObject {
    flags: u64,
    map_start: usize,
    map_end: usize,
    link_map: usize,
    eh_frame: usize,
    reserved: [u64; 7],
}

/// Looks `pc` up among private images. 0: found; -1: in the arena but in no library; 1: not in the arena, ask ld.so.
///
/// # Safety
/// `out` is writable.
#[inline]
pub unsafe fn find_object(pc: usize, out: *mut FoundObject) -> c_int {
    if !arena::contains(pc) {
        return 1;
    }
    let Some(instance) = Instance::at(pc) else { return -1 };
    let Some((_, lib)) = instance.library_at(pc) else { return -1 };
    let Some(eh) = lib.elf.eh_frame_header else { return -1 };
    let start = instance.address(lib, 0);
    // SAFETY: by the contract.
    unsafe {
        (*out).flags = 0;
        (*out).map_start = start;
        (*out).map_end = start + lib.elf.span as usize;
        (*out).link_map = 0;
        (*out).eh_frame = instance.address(lib, eh.vaddr);
    }
    0
}

/// `_dl_find_object` as private images see it (a private or statically linked libgcc).
///
/// # Safety
/// `out` is writable.
pub(super) unsafe extern "C" fn find_object_for_guest(pc: usize, out: *mut FoundObject) -> c_int {
    // SAFETY: by the contract.
    match unsafe { find_object(pc, out) } {
        1 => match super::shared::process_symbol(b"_dl_find_object", None) {
            // SAFETY: the function has this signature.
            Some(f) => unsafe {
                let f: unsafe extern "C" fn(usize, *mut FoundObject) -> c_int = std::mem::transmute(f);
                f(pc, out)
            },
            None => -1,
        },
        found => found,
    }
}

type Visit = unsafe extern "C" fn(*mut libc::dl_phdr_info, usize, *mut c_void) -> c_int;

/// `dl_iterate_phdr` as private images see it: the rank's own libraries, then the process's.
///
/// # Safety
/// `visit` may be called with `data`.
pub(super) unsafe extern "C" fn iterate_headers(visit: Visit, data: *mut c_void) -> c_int {
    if let Some(guest) = Guest::current() {
        let instance = guest.image();
        for lib in instance.groups().flat_map(|g| g.libs.iter()) {
            let mut info = describe(instance, lib);
            // SAFETY: by the contract; the record lives during the call.
            let r = unsafe { visit(&mut info, size_of::<libc::dl_phdr_info>(), data) };
            if r != 0 {
                return r;
            }
        }
    }
    // SAFETY: by the contract.
    unsafe { libc::dl_iterate_phdr(Some(visit), data) }
}

fn describe(instance: &Instance, lib: &Library) -> libc::dl_phdr_info {
    let (module, block) = match (lib.tls, lib.elf.tls) {
        (Some(TlsPlace::Static(below)), Some(_)) => (1, current::fs_base() - below as usize),
        (Some(TlsPlace::Dynamic(at)), Some(_)) => (1, instance.base + at as usize),
        _ => (0, 0),
    };
    libc::dl_phdr_info {
        dlpi_addr: instance.address(lib, 0) as u64,
        dlpi_name: lib.c_path.as_ptr(),
        dlpi_phdr: instance.address(lib, lib.elf.program_headers) as *const libc::Elf64_Phdr,
        dlpi_phnum: lib.elf.program_header_count,
        dlpi_adds: instance.groups().count() as u64,
        dlpi_subs: 0,
        dlpi_tls_modid: module,
        dlpi_tls_data: block as *mut c_void,
    }
}

/// [`find_object`] for the worker executable, which defines `_dl_find_object` for the whole process.
///
/// # Safety
/// `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ampi_find_object(pc: usize, out: *mut FoundObject) -> c_int {
    // SAFETY: by the contract.
    unsafe { find_object(pc, out) }
}
