//! libfabric, opened at run time: nothing of it is needed to build or to run without.
#![allow(unsafe_code)]

use super::abi::{Fabric, FabricAttr, Info};
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::OnceLock;

const NAMES: [&CStr; 2] = [c"libfabric.so.1", c"libfabric.so"];

type GetInfo =
    unsafe extern "C" fn(u32, *const c_char, *const c_char, u64, *const Info, *mut *mut Info) -> c_int;

/// The functions that are called by name; all others are found through tables of objects.
pub struct Library {
    pub getinfo: GetInfo,
    pub freeinfo: unsafe extern "C" fn(*mut Info),
    pub dupinfo: unsafe extern "C" fn(*const Info) -> *mut Info,
    pub fabric: unsafe extern "C" fn(*mut FabricAttr, *mut *mut Fabric, *mut c_void) -> c_int,
    strerror: unsafe extern "C" fn(c_int) -> *const c_char,
}

pub fn failed(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Wire { what: format!("libfabric ({what})"), why: why.to_string() }
}

/// The signal actions of the process, put back when it is dropped: providers take the signals of faults and of the
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

/// The library of this system. It stays open: providers have threads and handlers of their own.
pub fn library() -> Result<&'static Library> {
    static LIBRARY: OnceLock<Result<Library>> = OnceLock::new();
    LIBRARY.get_or_init(open).as_ref().map_err(Clone::clone)
}

fn open() -> Result<Library> {
    let _signals = Signals::keep();
    let mut last = String::new();
    for name in NAMES {
        // SAFETY: a C string; libraries run their constructors, which is what opening one means.
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
        if !handle.is_null() {
            // SAFETY: the signatures are those of rdma/fabric.h, of the versions that `symbol` names.
            return unsafe {
                Ok(Library {
                    getinfo: symbol(handle, c"fi_getinfo", c"FABRIC_1.3")?,
                    freeinfo: symbol(handle, c"fi_freeinfo", c"FABRIC_1.3")?,
                    dupinfo: symbol(handle, c"fi_dupinfo", c"FABRIC_1.3")?,
                    fabric: symbol(handle, c"fi_fabric", c"FABRIC_1.1")?,
                    strerror: symbol(handle, c"fi_strerror", c"FABRIC_1.0")?,
                })
            };
        }
        // SAFETY: dlerror gives null or a C string that stays until the next call of this thread.
        unsafe {
            let text = libc::dlerror();
            if !text.is_null() && last.is_empty() {
                last = CStr::from_ptr(text).to_string_lossy().into_owned();
            }
        }
    }
    Err(failed("opening it", format!("{last}; install it (Debian: libfabric1) or use another transport")))
}

/// The function `name` of the version of the interface whose structures `abi` has: later libraries have it too,
/// beside newer ones with other structures.
///
/// # Safety
/// `F` is a function pointer with the signature that the header gives.
unsafe fn symbol<F: Copy>(handle: *mut c_void, name: &CStr, version: &CStr) -> Result<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) }
    // SAFETY: a handle of dlopen and two C strings.
    let address = unsafe { libc::dlvsym(handle, name.as_ptr(), version.as_ptr()) };
    if address.is_null() {
        let (name, version) = (name.to_string_lossy(), version.to_string_lossy());
        return Err(failed("opening it", format!("it has no {name} of version {version}")));
    }
    // SAFETY: as large as a pointer; promised by the caller to be the function's type.
    Ok(unsafe { std::mem::transmute_copy(&address) })
}

impl Library {
    /// The sentence for an error number, which may have either sign.
    pub fn text(&self, number: isize) -> String {
        // SAFETY: returns a constant C string for every number.
        unsafe {
            let text = (self.strerror)(number.unsigned_abs() as c_int);
            if text.is_null() {
                return format!("error {number}");
            }
            CStr::from_ptr(text).to_string_lossy().into_owned()
        }
    }
}
