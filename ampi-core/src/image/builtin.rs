//! The functions of libc and ld.so that the loader itself replaces for private images.

use super::{dl, start, tls, unwind};

/// Address of the loader's replacement; these win over everybody else's.
pub fn lookup(name: &str) -> Option<usize> {
    dl::entry(name).or_else(|| {
        Some(match name {
            "__tls_get_addr" => tls::tls_get_addr as *const () as usize,
            "__libc_start_main" => start::libc_start_main as *const () as usize,
            "_dl_find_object" => unwind::find_object_for_guest as *const () as usize,
            "dl_iterate_phdr" => unwind::iterate_headers as *const () as usize,
            _ => return None,
        })
    })
}

/// Replacements for what the libc overrides do not have.
pub fn fallback(name: &str) -> Option<usize> {
    (name == "__cxa_finalize").then_some(cxa_finalize as *const () as usize)
}

/// Destructors registered by one library: all of them run at `exit`, before the fini arrays that call this, and
/// libraries are not unloaded before.
extern "C" fn cxa_finalize(_dso: usize) {}
