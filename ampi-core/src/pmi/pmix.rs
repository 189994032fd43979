//! PMIx through the `libpmix.so.2` of the system, opened at run time: nothing of it is needed to build or to run without.
//!
//! The structures that cross the border, as PMIx 4.2 and 5 have them (8-byte pointers):
//!
//! ```text
//! pmix_proc_t    0 nspace[256]   256 rank: u32                                      260 bytes
//! pmix_value_t   0 type: u16       8 data: a union of 24 bytes                       32 bytes
//! pmix_info_t    0 key[512]      512 flags: u32     520 value                       552 bytes
//! ```
//!
//! 1. The layouts hold for the versions that [`known`] accepts; others are refused before any structure is passed.
//! 2. Values travel as strings of hexadecimal digits of at most [`TEXT_MAX`]: longer ones are compressed on the way, and
//!    PMIx 5 hands them out so.
//! 3. What a fence collects is looked up with `pmix.immediate`: a key that nobody put is not waited for.
//!
//! # Safety
//! Calls of a C library by the signatures of its header `pmix.h`: names, argument types and layouts above. Every pointer
//! passed lives until the call returns; what PMIx_Get allocates is freed here, with `free` as its header does.
#![allow(unsafe_code)]

use super::value::{self, Board};
use super::{Client, mapping};
use crate::error::{Error, Result};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::size_of;
use std::ptr;

const NAME: &str = "PMIx";
const LIBRARIES: [&CStr; 2] = [c"libpmix.so.2", c"libpmix.so"];

const SUCCESS: c_int = 0;
const UNREACHABLE: c_int = -25;
const NOT_FOUND: c_int = -46;
/// Far below what any version compresses (4096).
const TEXT_MAX: usize = 1000;
/// All processes of a namespace.
const WILDCARD: u32 = u32::MAX - 1;
/// Seen by processes of all hosts.
const SCOPE_GLOBAL: u8 = 3;
const TYPE_BOOL: u16 = 1;
const TYPE_STRING: u16 = 3;
const TYPE_UINT16: u16 = 13;
const TYPE_UINT32: u16 = 14;

#[repr(C)]
#[derive(Clone, Copy)]
struct Proc {
    namespace: [c_char; 256],
    rank: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
union Data {
    flag: bool,
    string: *mut c_char,
    uint16: u16,
    uint32: u32,
    whole: [u64; 3],
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Value {
    kind: u16,
    data: Data,
}

#[repr(C)]
struct Info {
    key: [c_char; 512],
    flags: u32,
    value: Value,
}

const _: () = assert!(size_of::<Proc>() == 260 && std::mem::offset_of!(Proc, rank) == 256);
const _: () = assert!(size_of::<Value>() == 32 && std::mem::offset_of!(Value, data) == 8);
const _: () = assert!(size_of::<Info>() == 552 && std::mem::offset_of!(Info, value) == 520);

/// The functions of the library.
struct Library {
    init: unsafe extern "C" fn(*mut Proc, *mut Info, usize) -> c_int,
    finalize: unsafe extern "C" fn(*const Info, usize) -> c_int,
    abort: unsafe extern "C" fn(c_int, *const c_char, *mut Proc, usize) -> c_int,
    put: unsafe extern "C" fn(u8, *const c_char, *mut Value) -> c_int,
    commit: unsafe extern "C" fn() -> c_int,
    fence: unsafe extern "C" fn(*const Proc, usize, *const Info, usize) -> c_int,
    get: unsafe extern "C" fn(*const Proc, *const c_char, *const Info, usize, *mut *mut Value) -> c_int,
    error_string: unsafe extern "C" fn(c_int) -> *const c_char,
}

impl Library {
    fn open() -> Result<Library> {
        let mut last = String::new();
        for name in LIBRARIES {
            // SAFETY: a C string; libraries run their constructors, which is what opening one means.
            let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL) };
            if !handle.is_null() {
                return Library::of(handle);
            }
            // SAFETY: dlerror gives null or a C string that stays until the next call of this thread.
            unsafe {
                let text = libc::dlerror();
                if !text.is_null() && last.is_empty() {
                    last = CStr::from_ptr(text).to_string_lossy().into_owned();
                }
            }
        }
        Err(failure(format!(
            "this process was started with PMIx, but there is no library for it ({last}); install it (Debian: \
             libpmix2, others: pmix), put its folder into LD_LIBRARY_PATH, or use srun --mpi=pmi2"
        )))
    }

    fn of(handle: *mut c_void) -> Result<Library> {
        // SAFETY: PMIx_Get_version has no arguments and returns a C string that lives as long as the library, which is
        // never closed.
        let version = unsafe {
            let get: unsafe extern "C" fn() -> *const c_char = function(handle, c"PMIx_Get_version")?;
            CStr::from_ptr(get()).to_string_lossy().into_owned()
        };
        if !known(&version) {
            return Err(failure(format!(
                "the library is \"{version}\"; this version of Adaptive MPI knows PMIx 4.2 and PMIx 5 (srun --mpi=pmi2 \
                 needs no PMIx)"
            )));
        }
        // SAFETY: the signatures of the fields are those of pmix.h of the versions just checked (rule 1).
        unsafe {
            Ok(Library {
                init: function(handle, c"PMIx_Init")?,
                finalize: function(handle, c"PMIx_Finalize")?,
                abort: function(handle, c"PMIx_Abort")?,
                put: function(handle, c"PMIx_Put")?,
                commit: function(handle, c"PMIx_Commit")?,
                fence: function(handle, c"PMIx_Fence")?,
                get: function(handle, c"PMIx_Get")?,
                error_string: function(handle, c"PMIx_Error_string")?,
            })
        }
    }

    fn text_of(&self, status: c_int) -> String {
        // SAFETY: returns a constant C string for every number.
        let text = unsafe {
            let text = (self.error_string)(status);
            if text.is_null() { None } else { Some(CStr::from_ptr(text).to_string_lossy().into_owned()) }
        };
        format!("{} ({status})", text.unwrap_or_else(|| "unknown error".into()))
    }
}

/// A function of the library.
///
/// # Safety
/// `F` is the type of a pointer to a function with the signature that the header gives `name`.
unsafe fn function<F: Copy>(handle: *mut c_void, name: &CStr) -> Result<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: a handle of dlopen and a C string.
    let address = unsafe { libc::dlsym(handle, name.as_ptr()) };
    if address.is_null() {
        return Err(failure(format!("the library has no function {}", name.to_string_lossy())));
    }
    // SAFETY: of pointer size, not null, and of that signature by the caller's word.
    Ok(unsafe { std::mem::transmute_copy::<*mut c_void, F>(&address) })
}

/// Whether the layouts of this file hold for the library of this version text, such as
/// `OpenPMIx 4.2.2 (PMIx Standard: 4.2, …)`.
fn known(version: &str) -> bool {
    let number = version.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
    let mut parts = number.unwrap_or("").split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(4), Some(minor)) => minor >= 2,
        (Some(5), Some(_)) => true,
        _ => false,
    }
}

fn failure(why: String) -> Error {
    Error::Launcher { who: NAME.into(), why }
}

/// What PMIx_Get found.
enum Got {
    Text(String),
    Number(usize),
    Other,
}

/// A connection that speaks PMIx. A process has at most one.
pub struct Pmix {
    library: Library,
    own: Proc,
    size: usize,
    ended: bool,
}

impl Pmix {
    /// Connects to the server that the environment names.
    pub(super) fn connect() -> Result<Pmix> {
        let library = Library::open()?;
        let mut own = Proc { namespace: [0; 256], rank: 0 };
        // SAFETY: fills `own`; no attributes.
        let status = unsafe { (library.init)(&mut own, ptr::null_mut(), 0) };
        if status != SUCCESS {
            let hint = if status == UNREACHABLE {
                "; PMIX_NAMESPACE and PMIX_RANK seem to be remains of another job (--pmi none ignores them)"
            } else {
                ""
            };
            return Err(failure(format!("PMIx_Init failed: {}{hint}", library.text_of(status))));
        }
        let mut client = Pmix { library, own, size: 0, ended: false };
        match client.get(client.process(WILDCARD), c"pmix.job.size")? {
            Some(Got::Number(size)) if client.rank() < size => client.size = size,
            _ => return Err(failure("the server does not say how many processes the job has".into())),
        }
        Ok(client)
    }

    fn process(&self, rank: u32) -> Proc {
        Proc { namespace: self.own.namespace, rank }
    }

    fn check(&self, function: &str, status: c_int) -> Result<()> {
        if status == SUCCESS {
            return Ok(());
        }
        Err(failure(format!(
            "process {}: {function} failed: {}",
            self.own.rank,
            self.library.text_of(status)
        )))
    }

    fn get(&self, process: Proc, key: &CStr) -> Result<Option<Got>> {
        let immediate = flag(c"pmix.immediate");
        let mut value: *mut Value = ptr::null_mut();
        // SAFETY: all pointers live during the call; it stores an allocated value in `value` when it returns 0.
        let status = unsafe { (self.library.get)(&process, key.as_ptr(), &immediate, 1, &mut value) };
        if status == NOT_FOUND || (status == SUCCESS && value.is_null()) {
            return Ok(None);
        }
        self.check(&format!("PMIx_Get of {} of process {}", key.to_string_lossy(), process.rank), status)?;
        // SAFETY: status 0, so `value` is a value whose union holds what its type says; both it and its string were
        // allocated by malloc for the caller to free.
        let got = unsafe {
            let got = match (*value).kind {
                TYPE_STRING if (*value).data.string.is_null() => Got::Text(String::new()),
                TYPE_STRING => {
                    let text = CStr::from_ptr((*value).data.string).to_string_lossy().into_owned();
                    libc::free((*value).data.string.cast());
                    Got::Text(text)
                }
                TYPE_UINT16 => Got::Number((*value).data.uint16.into()),
                TYPE_UINT32 => Got::Number((*value).data.uint32 as usize),
                _ => Got::Other,
            };
            libc::free(value.cast());
            got
        };
        Ok(Some(got))
    }
}

/// An attribute that is true.
fn flag(name: &CStr) -> Info {
    let mut data = Data { whole: [0; 3] };
    data.flag = true;
    let mut info = Info { key: [0; 512], flags: 0, value: Value { kind: TYPE_BOOL, data } };
    for (to, from) in info.key.iter_mut().zip(name.to_bytes()) {
        *to = *from as c_char;
    }
    info
}

/// What process `rank` put: the library keeps a board per process.
struct At<'a> {
    client: &'a Pmix,
    rank: usize,
}

impl Board for At<'_> {
    fn text_max(&self) -> usize {
        TEXT_MAX
    }

    fn put(&mut self, key: &str, text: &str) -> Result<()> {
        let (name, text) = (c_text(key)?, c_text(text)?);
        let mut data = Data { whole: [0; 3] };
        data.string = text.as_ptr().cast_mut();
        let mut value = Value { kind: TYPE_STRING, data };
        // SAFETY: the library copies key and value before it returns and writes to neither.
        let status = unsafe { (self.client.library.put)(SCOPE_GLOBAL, name.as_ptr(), &mut value) };
        self.client.check("PMIx_Put", status)
    }

    fn get(&mut self, key: &str) -> Result<Option<String>> {
        match self.client.get(self.client.process(self.rank as u32), &c_text(key)?)? {
            None => Ok(None),
            Some(Got::Text(text)) => Ok(Some(text)),
            Some(Got::Number(_) | Got::Other) => {
                Err(failure(format!("what process {} published as {key} is no text any more", self.rank)))
            }
        }
    }
}

fn c_text(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| failure(format!("the text {text:?} holds a zero byte")))
}

impl Client for Pmix {
    fn name(&self) -> &'static str {
        NAME
    }

    fn rank(&self) -> usize {
        self.own.rank as usize
    }

    fn size(&self) -> usize {
        self.size
    }

    fn hosts(&mut self) -> Result<Option<Vec<usize>>> {
        // A number per process (Open MPI, PRRTE), or one text for all (Slurm). A server that has neither is no failure.
        let mut numbers = Vec::with_capacity(self.size);
        for rank in 0..self.size {
            match self.get(self.process(rank as u32), c"pmix.nodeid") {
                Ok(Some(Got::Number(host))) => numbers.push(host),
                _ => break,
            }
        }
        if numbers.len() == self.size {
            return Ok(Some(numbers));
        }
        match self.get(self.process(WILDCARD), c"pmix.anlmap") {
            Ok(Some(Got::Text(text))) => Ok(mapping::hosts(&text, self.size)),
            _ => Ok(None),
        }
    }

    fn publish(&mut self, key: &str, bytes: &[u8]) -> Result<()> {
        let rank = self.rank();
        value::publish(&mut At { client: self, rank }, rank, key, bytes)
    }

    fn fence(&mut self) -> Result<()> {
        // SAFETY: no arguments.
        let status = unsafe { (self.library.commit)() };
        self.check("PMIx_Commit", status)?;
        let (all, collect) = (self.process(WILDCARD), flag(c"pmix.collect"));
        // SAFETY: one process and one attribute, which live during the call.
        let status = unsafe { (self.library.fence)(&all, 1, &collect, 1) };
        self.check("PMIx_Fence", status)
    }

    fn lookup(&mut self, rank: usize, key: &str) -> Result<Option<Vec<u8>>> {
        if rank >= self.size {
            return Ok(None);
        }
        value::lookup(&mut At { client: self, rank }, rank, key)
    }

    fn abort(&mut self, code: u8, why: &str) -> Result<()> {
        self.ended = true;
        let why = CString::new(why.replace('\0', " ")).unwrap_or_default();
        // SAFETY: a C string; no processes are named: all of the job.
        let status = unsafe { (self.library.abort)(code.into(), why.as_ptr(), ptr::null_mut(), 0) };
        self.check("PMIx_Abort", status)
    }

    fn end(&mut self) -> Result<()> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        // SAFETY: no attributes; the library is not used afterwards.
        let status = unsafe { (self.library.finalize)(ptr::null(), 0) };
        self.check("PMIx_Finalize", status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pmix_versions_with_these_layouts_are_known() {
        for version in [
            "OpenPMIx 4.2.2rc2 (PMIx Standard: 4.2, Stable ABI: 0.0, Provisional ABI: 0.0)",
            "OpenPMIx 4.2.9 (PMIx Standard: 4.2)",
            "OpenPMIx 5.0.11rc1 (PMIx Standard: 5.1)",
        ] {
            assert!(known(version), "{version}");
        }
        for version in ["OpenPMIx 4.1.2", "PMIx 3.2.3", "OpenPMIx 6.0.0", "", "OpenPMIx", "OpenPMIx 5"] {
            assert!(!known(version), "{version}");
        }
    }

    #[test]
    fn pmix_attributes_are_laid_out_as_the_header_says() {
        let info = flag(c"pmix.collect");
        assert_eq!(info.key[..5].iter().map(|c| *c as u8).collect::<Vec<_>>(), b"pmix.");
        // SAFETY: just made as a bool; all bytes of the union are set.
        assert!(unsafe { info.value.data.flag });
        assert_eq!(info.value.kind, TYPE_BOOL);
        assert!(c_text("a\0b").is_err());
    }
}
