//! The host's MPI library: which one it is, its functions, what its handles look like.
//!
//! ```text
//!             handles                     any source   status
//! MPICH       int: 0x44000000 the world         -2     20 bytes
//! Open MPI    addresses of its variables        -1     24 bytes
//! ```
//!
//! Open MPI is known by its variables, the family of MPICH (its ABI is shared by MVAPICH, Intel's and Cray's) by what the
//! library says of itself. A process that is linked with
//! our own library has other functions with the same names in its global scope, so:
//!
//! 1. Functions are looked up in the opened library only.
//! 2. It is opened with RTLD_DEEPBIND: what the library itself calls by these names it finds in itself, and not in the global scope
//!    first. (A namespace of its own, `dlmopen`, would do that too, but with a second libc, whose
//!    threads and thread-local storage do not know of the first.)
//! 3. Signal actions that it takes are put back.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use crate::wire::foreign::{self, Handle, Signals};
use std::ffi::{CStr, CString, c_char, c_int, c_void};

const MPICH: [&CStr; 2] = [c"libmpich.so.12", c"libmpi.so.12"];
const OPEN: [&CStr; 2] = [c"libmpi.so.40", c"libmpi.so"];
/// Room for a status of any library.
pub type Status = [u64; 8];
/// MPI_MAX_LIBRARY_VERSION_STRING of MPICH is 8192, of Open MPI 256.
const VERSION_MAX: usize = 8192;
const TEXT_MAX: usize = 1024;
/// MPI_THREAD_SERIALIZED, in both.
const SERIALIZED: c_int = 2;

/// How handles are kept: all of one library in the same way.
pub trait Raw: Copy + PartialEq + Send + 'static {}
impl Raw for c_int {}
/// Addresses.
impl Raw for usize {}

pub fn failed(what: &str, why: impl std::fmt::Display) -> Error {
    Error::Wire { what: format!("the host's MPI ({what})"), why: why.to_string() }
}

type Transfer<B, H> = unsafe extern "C" fn(B, c_int, H, c_int, c_int, H, *mut H) -> c_int;

/// Functions and handles of one library, whose handles are `H`.
pub struct Functions<H: Raw> {
    pub world: H,
    pub bytes: H,
    pub no_request: H,
    return_errors: H,
    pub any_source: c_int,
    initialized: unsafe extern "C" fn(*mut c_int) -> c_int,
    init_thread: unsafe extern "C" fn(*mut c_int, *mut *mut *mut c_char, c_int, *mut c_int) -> c_int,
    set_errors: unsafe extern "C" fn(H, H) -> c_int,
    rank: unsafe extern "C" fn(H, *mut c_int) -> c_int,
    size: unsafe extern "C" fn(H, *mut c_int) -> c_int,
    pub isend: Transfer<*const c_void, H>,
    pub irecv: Transfer<*mut c_void, H>,
    pub test: unsafe extern "C" fn(*mut H, *mut c_int, *mut Status) -> c_int,
    pub cancel: unsafe extern "C" fn(*mut H) -> c_int,
    pub cancelled: unsafe extern "C" fn(*const Status, *mut c_int) -> c_int,
    pub count: unsafe extern "C" fn(*const Status, H, *mut c_int) -> c_int,
    pub ibarrier: unsafe extern "C" fn(H, *mut H) -> c_int,
    pub finalize: unsafe extern "C" fn() -> c_int,
    error_string: unsafe extern "C" fn(c_int, *mut c_char, *mut c_int) -> c_int,
}

/// The library of this system, opened and not begun.
pub enum Library {
    Integers(Functions<c_int>),
    Addresses(Functions<usize>),
}

/// By whom this process was started, as far as its environment tells.
fn names() -> Vec<&'static CStr> {
    let is_set = |name: &str| std::env::var_os(name).is_some();
    match (is_set("OMPI_COMM_WORLD_SIZE"), is_set("PMI_RANK") || is_set("PMI_FD")) {
        (false, true) => MPICH.iter().chain(&OPEN).copied().collect(),
        _ => OPEN.iter().chain(&MPICH).copied().collect(),
    }
}

/// Opens the library at `path`, else the one whose `mpiexec` has started this process. `deep`: rule 2.
pub fn open(path: Option<&str>, deep: bool) -> Result<(Library, String)> {
    let own = path
        .map(|p| CString::new(p).map_err(|_| failed("its name", "it contains a zero byte")))
        .transpose()?;
    let names: Vec<&CStr> = match &own {
        Some(own) => vec![own],
        None => names(),
    };
    let _signals = Signals::keep();
    let handle = foreign::open(&names, if deep { libc::RTLD_DEEPBIND } else { 0 });
    let handle = handle.map_err(|why| failed("opening it", why))?;
    let version = version(&handle).map_err(|why| failed("its version", why))?;
    let library = bind(&handle, &version).map_err(|why| failed(&version, why))?;
    Ok((library, version))
}

fn bind(handle: &Handle, version: &str) -> std::result::Result<Library, String> {
    let variable = |name: &CStr| handle.address(name, None).map(|at| at.as_ptr() as usize);
    let open = |name: &CStr| variable(name).ok_or_else(|| format!("it has no {}", name.to_string_lossy()));
    if variable(c"ompi_mpi_comm_world").is_some() {
        // SAFETY: it is Open MPI, whose handles are addresses.
        return Ok(Library::Addresses(unsafe {
            functions(
                handle,
                open(c"ompi_mpi_comm_world")?,
                open(c"ompi_mpi_byte")?,
                open(c"ompi_request_null")?,
                open(c"ompi_mpi_errors_return")?,
                -1,
            )?
        }));
    }
    if ["MPICH", "MVAPICH", "Intel(R) MPI"].iter().any(|name| version.contains(name)) {
        let handle_of = |bits: u32| bits as c_int;
        // SAFETY: it is of the family of MPICH, whose handles are int.
        return Ok(Library::Integers(unsafe {
            functions(
                handle,
                handle_of(0x4400_0000),
                handle_of(0x4c00_010d),
                handle_of(0x2c00_0000),
                handle_of(0x5400_0001),
                -2,
            )?
        }));
    }
    Err("it is neither of the family of Open MPI nor of MPICH".into())
}

/// # Safety
/// The handles of the library have the type `H`.
unsafe fn functions<H: Raw>(
    handle: &Handle,
    world: H,
    bytes: H,
    no_request: H,
    return_errors: H,
    any_source: c_int,
) -> std::result::Result<Functions<H>, String> {
    // SAFETY: the signatures are the standard's, with the handles' type as promised.
    unsafe {
        Ok(Functions {
            world,
            bytes,
            no_request,
            return_errors,
            any_source,
            initialized: handle.function(c"MPI_Initialized", None)?,
            init_thread: handle.function(c"MPI_Init_thread", None)?,
            set_errors: handle.function(c"MPI_Comm_set_errhandler", None)?,
            rank: handle.function(c"MPI_Comm_rank", None)?,
            size: handle.function(c"MPI_Comm_size", None)?,
            isend: handle.function(c"MPI_Isend", None)?,
            irecv: handle.function(c"MPI_Irecv", None)?,
            test: handle.function(c"MPI_Test", None)?,
            cancel: handle.function(c"MPI_Cancel", None)?,
            cancelled: handle.function(c"MPI_Test_cancelled", None)?,
            count: handle.function(c"MPI_Get_count", None)?,
            ibarrier: handle.function(c"MPI_Ibarrier", None)?,
            finalize: handle.function(c"MPI_Finalize", None)?,
            error_string: handle.function(c"MPI_Error_string", None)?,
        })
    }
}

/// The first line of what the library says of itself.
fn version(handle: &Handle) -> std::result::Result<String, String> {
    let mut text = vec![0u8; VERSION_MAX];
    let mut len: c_int = 0;
    // SAFETY: the standard's signature; room for the longest text of either library.
    let status = unsafe {
        let get: unsafe extern "C" fn(*mut c_char, *mut c_int) -> c_int =
            handle.function(c"MPI_Get_library_version", None)?;
        get(text.as_mut_ptr().cast(), &mut len)
    };
    if status != 0 {
        return Err(format!("error {status}"));
    }
    text.truncate((len.max(0) as usize).min(VERSION_MAX));
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or("").trim_end_matches('\0');
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl<H: Raw> Functions<H> {
    /// Begins; this process's number and how many there are.
    pub fn begin(&self) -> Result<(u32, u32)> {
        let _signals = Signals::keep();
        let (mut begun, mut level, mut rank, mut size) = (0, 0, 0, 0);
        // SAFETY: the standard's signatures; every pointer is to a variable that outlives the call.
        unsafe {
            self.check("beginning", (self.initialized)(&mut begun))?;
            if begun != 0 {
                return Err(failed("beginning", "somebody else in this process uses it already"));
            }
            let none = std::ptr::null_mut();
            self.check("beginning", (self.init_thread)(none, none.cast(), SERIALIZED, &mut level))?;
            self.check("beginning", (self.set_errors)(self.world, self.return_errors))?;
            self.check("beginning", (self.rank)(self.world, &mut rank))?;
            self.check("beginning", (self.size)(self.world, &mut size))?;
        }
        if level < SERIALIZED {
            return Err(failed("beginning", "it does not allow calls by several threads in turn"));
        }
        Ok((rank as u32, size as u32))
    }

    fn check(&self, what: &str, status: c_int) -> Result<()> {
        if status == 0 { Ok(()) } else { Err(failed(what, self.text(status))) }
    }

    /// The sentence for an error code.
    pub fn text(&self, status: c_int) -> String {
        let mut text = vec![0u8; TEXT_MAX];
        let mut len: c_int = 0;
        // SAFETY: MPI_MAX_ERROR_STRING is 512 in MPICH, 256 in Open MPI.
        let failed = unsafe { (self.error_string)(status, text.as_mut_ptr().cast(), &mut len) } != 0;
        text.truncate((len.max(0) as usize).min(TEXT_MAX));
        match failed {
            true => format!("error {status}"),
            false => String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" "),
        }
    }
}
