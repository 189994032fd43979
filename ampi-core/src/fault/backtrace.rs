//! The frames of a stack, with names and source lines as far as the files have them.
//!
//! Unwinding is libgcc's, through the same tables as exceptions: the worker answers its questions about private images.
//! Frames of the runtime's own library are left out, except the functions of its interface (those that it exports): they
//! tell which call the program was in. What started the program is left out as well.
//!
//! # Safety
//! Calls the unwinder and `dladdr`; the callback gets the structure that its caller made.
#![allow(unsafe_code)]

use super::source::Sources;
use crate::image::{self, symbols};
use std::ffi::{CStr, c_int, c_void};
use std::path::PathBuf;

/// Frames that are looked at.
const LIMIT: usize = 64;
/// Frames that are shown.
const SHOWN: usize = 32;

/// Whose code a frame belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The program or a library private to the rank.
    Program,
    /// A function that the runtime's library exports.
    Interface,
    /// A library that all ranks share (libc).
    Shared,
    Unknown,
}

/// One function that had not returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    pub owner: Owner,
    pub address: usize,
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
    /// File of the code and the address in it, as its tools count.
    pub library: Option<(PathBuf, u64)>,
}

type Visit = extern "C" fn(*mut c_void, *mut c_void) -> c_int;
unsafe extern "C" {
    fn _Unwind_Backtrace(visit: Visit, data: *mut c_void) -> c_int;
    fn _Unwind_GetIPInfo(context: *mut c_void, before: *mut c_int) -> usize;
    fn _Unwind_FindEnclosingFunction(pc: *mut c_void) -> *mut c_void;
}

/// What the unwinder found: addresses inside the calling instructions, innermost first.
struct Walk {
    addresses: [usize; LIMIT],
    count: usize,
    /// Only frames from the interrupted one on are wanted, and it has not come yet.
    waiting: bool,
}

extern "C" fn visit(context: *mut c_void, data: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const STOP: c_int = 5;
    // SAFETY: `data` is the Walk given by `walk`; `context` the unwinder's.
    let (walk, before, ip) = unsafe {
        let mut before = 0;
        let ip = _Unwind_GetIPInfo(context, &mut before);
        (&mut *data.cast::<Walk>(), before != 0, ip)
    };
    walk.waiting &= !before;
    if ip == 0 || walk.count == LIMIT {
        return STOP;
    }
    if !walk.waiting {
        // A return address belongs to the call before it.
        walk.addresses[walk.count] = if before { ip } else { ip - 1 };
        walk.count += 1;
    }
    GO_ON
}

#[inline(never)]
fn walk(waiting: bool) -> Vec<Frame> {
    let mut walk = Walk { addresses: [0; LIMIT], count: 0, waiting };
    // SAFETY: the callback's contract holds.
    unsafe { _Unwind_Backtrace(visit, (&raw mut walk).cast()) };
    name(&walk.addresses[..walk.count])
}

/// The stack below the signal handler that calls this.
pub(super) fn of_interrupted() -> Vec<Frame> {
    walk(true)
}

/// The stack of the caller.
pub(super) fn of_caller() -> Vec<Frame> {
    walk(false)
}

/// Start and name of the function at `address` in a library of the process, and that library.
fn in_process(address: usize) -> Option<(libc::Dl_info, PathBuf)> {
    // SAFETY: dladdr fills the structure when it returns non-zero; names are C strings of loaded libraries.
    unsafe {
        let mut info: libc::Dl_info = std::mem::zeroed();
        if libc::dladdr(address as *const c_void, &mut info) == 0 || info.dli_fname.is_null() {
            return None;
        }
        let path = PathBuf::from(CStr::from_ptr(info.dli_fname).to_string_lossy().into_owned());
        Some((info, path))
    }
}

/// Whether some loaded file has `address`.
pub(super) fn is_code(address: usize) -> bool {
    symbols::locate(address).is_some() || in_process(address).is_some()
}

/// First address of the runtime's library.
fn runtime_base() -> usize {
    in_process(walk as *const () as usize).map_or(0, |(info, _)| info.dli_fbase as usize)
}

fn name(addresses: &[usize]) -> Vec<Frame> {
    let (runtime, mut sources, mut frames) = (runtime_base(), Sources::default(), Vec::new());
    for &address in addresses {
        if frames.len() >= SHOWN {
            break;
        }
        // SAFETY: looks the address up in unwind tables.
        let function = unsafe { _Unwind_FindEnclosingFunction(address as *mut c_void) } as usize;
        if image::is_start_of_programs(function) {
            break;
        }
        if let Some(place) = symbols::locate(address) {
            frames.extend(of_program(address, place, &mut sources));
        } else if let Some((info, path)) = in_process(address) {
            let is_runtime = info.dli_fbase as usize == runtime;
            let exported = !info.dli_sname.is_null();
            if is_runtime && !exported {
                continue;
            }
            // SAFETY: dladdr's name of the function.
            let name = exported.then(|| unsafe { CStr::from_ptr(info.dli_sname) }.to_string_lossy().into_owned());
            frames.push(Frame {
                owner: if is_runtime { Owner::Interface } else { Owner::Shared },
                address,
                function: name,
                file: None,
                line: None,
                library: Some((path, (address - info.dli_fbase as usize) as u64)),
            });
        } else {
            let owner = Owner::Unknown;
            frames.push(Frame { owner, address, function: None, file: None, line: None, library: None });
        }
    }
    frames
}

/// The frames at one address: several when functions were inlined.
fn of_program(address: usize, place: symbols::Location, sources: &mut Sources) -> Vec<Frame> {
    let library = Some((place.library.clone(), place.offset));
    let owner = Owner::Program;
    let mut lines = sources.lines(&place.library, place.offset);
    let symbol = place.symbol.map(|(name, _)| source_name(&name));
    if lines.is_empty() {
        return vec![Frame { owner, address, function: symbol, file: None, line: None, library }];
    }
    if let Some(outermost) = lines.last_mut().filter(|l| l.function.is_none()) {
        outermost.function = symbol;
    }
    let frame = |l: super::source::Line| Frame {
        owner,
        address,
        function: l.function,
        file: l.file,
        line: l.line,
        library: library.clone(),
    };
    lines.into_iter().map(frame).collect()
}

fn source_name(symbol: &str) -> String {
    addr2line::demangle_auto(symbol.into(), None).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_of_this_test_has_known_libraries() {
        let frames = of_caller();
        // A test's executable is the runtime's library here, so only what it exports and libc's part is left.
        assert!(frames.iter().any(|f| f.owner == Owner::Shared), "{frames:?}");
        assert!(frames.len() <= SHOWN);
    }

    #[test]
    fn code_is_told_from_nothing() {
        assert!(is_code(walk as *const () as usize));
        assert!(!is_code(0x10));
    }
}
