//! libfabric, opened at run time: nothing of it is needed to build or to run without.
//!
//! Symbols are taken of the versions of the interface whose structures [`abi`](super::abi) has: later libraries have them
//! too, beside newer ones with other structures.
#![allow(unsafe_code)]

use super::abi::{Fabric, FabricAttr, Info};
use crate::error::{Error, Result};
use crate::wire::foreign::{self, Signals};
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

/// The library of this system. It stays open: providers have threads and handlers of their own.
pub fn library() -> Result<&'static Library> {
    static LIBRARY: OnceLock<std::result::Result<Library, String>> = OnceLock::new();
    let opened = LIBRARY.get_or_init(open).as_ref();
    opened.map_err(|why| {
        failed("opening it", format!("{why}; install it (Debian: libfabric1) or use another transport"))
    })
}

fn open() -> std::result::Result<Library, String> {
    let _signals = Signals::keep();
    let handle = foreign::open(&NAMES, 0)?;
    // SAFETY: the signatures are those of rdma/fabric.h, of these versions.
    unsafe {
        Ok(Library {
            getinfo: handle.function(c"fi_getinfo", Some(c"FABRIC_1.3"))?,
            freeinfo: handle.function(c"fi_freeinfo", Some(c"FABRIC_1.3"))?,
            dupinfo: handle.function(c"fi_dupinfo", Some(c"FABRIC_1.3"))?,
            fabric: handle.function(c"fi_fabric", Some(c"FABRIC_1.1"))?,
            strerror: handle.function(c"fi_strerror", Some(c"FABRIC_1.0"))?,
        })
    }
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
