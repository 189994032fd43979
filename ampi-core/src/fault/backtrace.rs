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

/// Addresses inside the calling instructions of a stack, innermost first.
pub struct Stack {
    addresses: [usize; LIMIT],
    count: usize,
    /// Only frames from the interrupted one on are wanted, and it has not come yet.
    waiting: bool,
}

extern "C" fn visit(context: *mut c_void, data: *mut c_void) -> c_int {
    const GO_ON: c_int = 0;
    const STOP: c_int = 5;
    // SAFETY: `data` is the Stack given by `walk`; `context` the unwinder's.
    let (walk, before, ip) = unsafe {
        let mut before = 0;
        let ip = _Unwind_GetIPInfo(context, &mut before);
        (&mut *data.cast::<Stack>(), before != 0, ip)
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

impl Stack {
    /// The stack below the signal handler that calls this.
    pub(super) fn of_interrupted() -> Stack {
        Stack::walk(true)
    }

    /// The stack of the caller.
    pub fn here() -> Stack {
        Stack::walk(false)
    }

    #[inline(never)]
    fn walk(waiting: bool) -> Stack {
        let mut stack = Stack { addresses: [0; LIMIT], count: 0, waiting };
        // SAFETY: the callback's contract holds.
        unsafe { _Unwind_Backtrace(visit, (&raw mut stack).cast()) };
        stack
    }

    /// The innermost function of the runtime's interface that has not returned and whose name `wanted` accepts; and
    /// whether it had called the program back. Reads no files.
    pub fn call(&self, wanted: impl Fn(&str) -> bool) -> Option<(String, bool)> {
        let (runtime, mut called_back) = (runtime_base(), false);
        for &address in &self.addresses[..self.count] {
            if starts_programs(address) {
                return None;
            }
            if symbols::is_private(address) {
                called_back = true;
            } else if let Some((info, _)) = in_process(address)
                && info.dli_fbase as usize == runtime
                && let Some(name) = function_name(&info).filter(|n| wanted(n))
            {
                return Some((name, called_back));
            }
        }
        None
    }

    /// Names and lines, as far as they are known; reads the files. At most 32 frames, and whether there are more.
    pub fn frames(&self) -> (Vec<Frame>, bool) {
        let (runtime, mut sources, mut frames) = (runtime_base(), Sources::default(), Vec::new());
        for &address in &self.addresses[..self.count] {
            if starts_programs(address) {
                break;
            }
            if frames.len() >= SHOWN {
                return (frames, true);
            }
            frames.extend(frames_at(address, runtime, &mut sources));
        }
        (frames, self.count == LIMIT)
    }
}

/// Whether `address` lies in what starts programs: the end of every backtrace.
fn starts_programs(address: usize) -> bool {
    // SAFETY: looks the address up in unwind tables.
    image::is_start_of_programs(unsafe { _Unwind_FindEnclosingFunction(address as *mut c_void) } as usize)
}

fn function_name(info: &libc::Dl_info) -> Option<String> {
    // SAFETY: null or dladdr's name of the function.
    (!info.dli_sname.is_null())
        .then(|| unsafe { CStr::from_ptr(info.dli_sname) }.to_string_lossy().into_owned())
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
    in_process(Stack::walk as *const () as usize).map_or(0, |(info, _)| info.dli_fbase as usize)
}

fn frames_at(address: usize, runtime: usize, sources: &mut Sources) -> Vec<Frame> {
    if let Some(place) = symbols::locate(address) {
        return of_program(address, place, sources);
    }
    let bare =
        Frame { owner: Owner::Unknown, address, function: None, file: None, line: None, library: None };
    let Some((info, path)) = in_process(address) else { return vec![bare] };
    let function = function_name(&info);
    let is_runtime = info.dli_fbase as usize == runtime;
    if is_runtime && function.is_none() {
        return Vec::new();
    }
    let owner = if is_runtime { Owner::Interface } else { Owner::Shared };
    let library = Some((path, (address - info.dli_fbase as usize) as u64));
    vec![Frame { owner, function, library, ..bare }]
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
        let (frames, more) = Stack::here().frames();
        // A test's executable is the runtime's library here, so only what it exports and libc's part is left.
        assert!(frames.iter().any(|f| f.owner == Owner::Shared), "{frames:?}");
        assert!(!more);
    }

    #[test]
    fn code_is_told_from_nothing() {
        assert!(is_code(Stack::walk as *const () as usize));
        assert!(!is_code(0x10));
    }
}
