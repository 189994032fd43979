//! The shared side of a private image: which libraries the process has only once, and what their symbols are.
//!
//! Shared are the whole glibc package (its parts use each other's private interfaces, so it cannot be split), libgcc_s
//! (by choice: the worker answers its questions about private images) and the runtime itself. Everything else is private.
//!
//! # Safety
//! Calls dlopen and dlsym of the real ld.so.
#![allow(unsafe_code)]

use super::relocate::SharedSymbols;
use super::{builtin, missing};
use crate::current;
use crate::image::libc as overrides;
use std::ffi::{CStr, CString};

/// Libraries of the glibc package.
const GLIBC: &[&str] = &[
    "libc.so.6",
    "libm.so.6",
    "ld-linux-x86-64.so.2",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libresolv.so.2",
    "libutil.so.1",
    "libanl.so.1",
    "libnsl.so.1",
    "libmvec.so.1",
    "libthread_db.so.1",
    "libBrokenLocale.so.1",
    "libnss_compat.so.2",
    "libnss_dns.so.2",
    "libnss_files.so.2",
    "libnss_hesiod.so.2",
    "libc_malloc_debug.so.0",
    "linux-vdso.so.1",
];

/// Why a library is shared by all ranks; `None`: it is private.
pub fn why_shared(name: &str, private: &[String], shared: &[String]) -> Option<&'static str> {
    let listed = |list: &[String]| {
        list.iter().any(|l| l == name || name.strip_prefix(l.as_str()).is_some_and(|r| r.starts_with(".so")))
    };
    if GLIBC.contains(&name) {
        return Some("part of the C library, which cannot be copied");
    }
    if is_runtime(name) {
        return Some("the MPI runtime itself");
    }
    if listed(private) {
        return None;
    }
    if listed(shared) {
        return Some("asked for");
    }
    (name == "libgcc_s.so.1").then_some("unwinder, has no state of its own")
}

/// Names under which programs need the runtime's own library.
pub fn is_runtime(name: &str) -> bool {
    if name.starts_with("libampi_private.") {
        return false;
    }
    let stem = name.split(".so").next().unwrap_or(name);
    matches!(stem, "libmpi_abi" | "libmpi" | "libmpifort_abi" | "libmpi_abi_fort")
        || stem.starts_with("libampi")
}

/// Loads a shared library into the process, with global symbols. `path`: file name or path.
pub fn load(path: &str) -> std::result::Result<(), String> {
    let c = CString::new(path).map_err(|_| "a name with a zero byte".to_string())?;
    // SAFETY: runs the library's constructors, as starting the program normally would.
    unsafe {
        if libc::dlopen(c.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL).is_null() {
            let why = libc::dlerror();
            return Err(if why.is_null() {
                "unknown reason".into()
            } else {
                CStr::from_ptr(why).to_string_lossy().into_owned()
            });
        }
    }
    Ok(())
}

/// Address of a symbol in the process's own libraries; resolves IFUNCs.
pub fn process_symbol(name: &[u8], version: Option<&[u8]>) -> Option<usize> {
    let name = CString::new(name).ok()?;
    // SAFETY: plain look-ups.
    unsafe {
        if let Some(v) = version.and_then(|v| CString::new(v).ok()) {
            let p = libc::dlvsym(libc::RTLD_DEFAULT, name.as_ptr(), v.as_ptr());
            if !p.is_null() {
                return Some(p as usize);
            }
        }
        let p = libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
        (!p.is_null()).then_some(p as usize)
    }
}

/// Symbols that references of private images bind to after their own scope.
pub struct ProcessSymbols;

/// Names that are looked for only in private files: hooks that nothing provides.
const NEVER: &[&str] = &["__gmon_start__", "_ITM_deregisterTMCloneTable", "_ITM_registerTMCloneTable"];

/// Our replacement of a libc or ld.so function, if there is one.
pub fn override_of(name: &str) -> Option<usize> {
    builtin::lookup(name).or_else(|| overrides::table::lookup(name)).or_else(|| builtin::fallback(name))
}

impl SharedSymbols for ProcessSymbols {
    fn address(&self, name: &[u8], version: Option<&[u8]>) -> Option<u64> {
        if let Ok(text) = std::str::from_utf8(name) {
            if NEVER.contains(&text) {
                return None;
            }
            if let Some(a) = override_of(text) {
                return Some(a as u64);
            }
            // How the private library of libc state names the function that it stands before.
            if let Some(real) = text.strip_prefix("ampi_real_") {
                return process_symbol(real.as_bytes(), None).map(|a| a as u64);
            }
        }
        process_symbol(name, version).map(|a| a as u64)
    }

    fn thread_local(&self, name: &[u8], version: Option<&[u8]>) -> Option<u64> {
        // dlsym gives the address of this thread's copy; libraries loaded at start have the same offset in all threads.
        let offset = process_symbol(name, version)? as isize - current::fs_base() as isize;
        (-(64 << 20)..0).contains(&offset).then_some(offset as u64)
    }

    fn bytes(&self, address: u64, len: u64) -> Option<Vec<u8>> {
        // SAFETY: the address came from dlsym, the size from the program's copy of the same object; the object may be
        // smaller in this version of the library, but what follows it in the library's data is readable.
        Some(unsafe { std::slice::from_raw_parts(address as *const u8, usize::try_from(len).ok()?) }.to_vec())
    }

    fn missing(&self, name: &str) -> u64 {
        missing::stub(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glibc_and_the_runtime_are_shared_whatever_the_lists_say() {
        let all = ["libc.so.6".to_string(), "libmpi_abi".into()];
        assert!(why_shared("libc.so.6", &all, &[]).is_some());
        assert!(why_shared("libmpi_abi.so.1", &all, &[]).is_some());
        assert!(why_shared("libmpi.so", &[], &[]).is_some());
        assert!(why_shared("libstdc++.so.6", &[], &[]).is_none());
        assert!(why_shared("libampi_private.so", &[], &[]).is_none());
        assert!(why_shared("libgcc_s.so.1", &[], &[]).is_some());
        assert!(why_shared("libgcc_s.so.1", &["libgcc_s".into()], &[]).is_none());
        assert!(why_shared("libhdf5.so.103", &[], &["libhdf5".into()]).is_some());
        assert!(why_shared("libhdf5_cpp.so.103", &[], &["libhdf5".into()]).is_none());
    }
}
