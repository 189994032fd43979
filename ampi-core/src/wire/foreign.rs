//! Libraries of others, opened at run time: what is found in them, and what they do to the process meanwhile.
//!
//! # Safety
//! Opening a library runs its constructors, which is what opening one means. The type of a symbol is its caller's promise.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_void};
use std::ptr::NonNull;

/// An open library. It stays open: its threads and handlers may.
#[derive(Clone, Copy, Debug)]
pub struct Handle(NonNull<c_void>);

// SAFETY: the loader's functions may be called by any thread.
unsafe impl Send for Handle {}
// SAFETY: the same.
unsafe impl Sync for Handle {}

/// Opens the first of `names` that is there, its symbols for itself only; `flags` are added. Else says why the first cannot be opened.
pub fn open(names: &[&CStr], flags: c_int) -> Result<Handle, String> {
    let mut first = None;
    for name in names {
        // SAFETY: a C string.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL | flags) };
        if let Some(handle) = NonNull::new(handle) {
            return Ok(Handle(handle));
        }
        // SAFETY: dlerror gives null or a C string that stays until the next call of this thread.
        let why = unsafe {
            let text = libc::dlerror();
            (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
        };
        first = first.or(why);
    }
    Err(first.unwrap_or_else(|| "no library is named".into()))
}

impl Handle {
    /// The address of `name` in the library or what it depends on; of this version if one is named.
    pub fn address(&self, name: &CStr, version: Option<&CStr>) -> Option<NonNull<c_void>> {
        // SAFETY: a handle of dlopen and C strings.
        NonNull::new(unsafe {
            match version {
                Some(version) => libc::dlvsym(self.0.as_ptr(), name.as_ptr(), version.as_ptr()),
                None => libc::dlsym(self.0.as_ptr(), name.as_ptr()),
            }
        })
    }

    /// The function `name`.
    ///
    /// # Safety
    /// `F` is a function pointer with the signature that the library's header gives.
    pub unsafe fn function<F: Copy>(&self, name: &CStr, version: Option<&CStr>) -> Result<F, String> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) }
        let Some(address) = self.address(name, version) else {
            let version = version.map_or(String::new(), |v| format!(" of version {}", v.to_string_lossy()));
            return Err(format!("it has no {}{version}", name.to_string_lossy()));
        };
        // SAFETY: as large as a pointer; promised by the caller to be the function's type.
        Ok(unsafe { std::mem::transmute_copy(&address) })
    }
}

/// The signal actions of the process, put back when it is dropped: libraries take the signals of faults and of the
/// terminal for backtraces and cleaning of their own, which are ours to handle, or the program's.
pub struct Signals(Vec<(c_int, libc::sigaction)>);

impl Signals {
    pub fn keep() -> Signals {
        let action = |signal| {
            // SAFETY: a plain structure, filled in by the call if that succeeds.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                (libc::sigaction(signal, std::ptr::null(), &mut action) == 0).then_some((signal, action))
            }
        };
        Signals((1..=31).filter_map(action).collect())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for (signal, action) in &self.0 {
            // SAFETY: an action that was in force for this signal. It cannot fail, but for the two that nobody can change.
            let _ = unsafe { libc::sigaction(*signal, action, std::ptr::null_mut()) };
        }
    }
}
