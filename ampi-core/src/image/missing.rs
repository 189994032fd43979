//! Stubs for functions that nobody defines: calling one ends the job with the function's name, as lazy binding by ld.so
//! would, instead of jumping to address 0.
//!
//! # Safety
//! Writes a few instructions into a page, which is made executable before its address is given out.
#![allow(unsafe_code)]

use super::guest::Guest;
use super::host;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect};
use std::collections::HashMap;
use std::ffi::{CStr, CString, c_char};
use std::sync::Mutex;

const STUB: usize = 32;
const PAGE: usize = 4096;

struct Stubs {
    by_name: HashMap<String, usize>,
    page: usize,
    used: usize,
}

static STUBS: Mutex<Option<Stubs>> = Mutex::new(None);

/// Address of the stub for `name`.
pub fn stub(name: &str) -> u64 {
    let mut guard = STUBS.lock().unwrap_or_else(|e| e.into_inner());
    let stubs = guard.get_or_insert_with(|| Stubs { by_name: HashMap::new(), page: 0, used: PAGE });
    if let Some(&at) = stubs.by_name.get(name) {
        return at as u64;
    }
    stubs.add(name).map_or(called as *const () as u64, |at| at as u64)
}

impl Stubs {
    fn add(&mut self, name: &str) -> Option<usize> {
        let text = CString::new(name).ok()?.into_raw() as u64;
        // SAFETY: a fresh page, or one of ours; not executed before it is executable again. Other stubs of the page may
        // run only after a rank called a missing function, which ends the job.
        unsafe {
            if self.used + STUB > PAGE {
                let prot = ProtFlags::READ | ProtFlags::WRITE;
                self.page =
                    mmap_anonymous(std::ptr::null_mut(), PAGE, prot, MapFlags::PRIVATE).ok()? as usize;
                self.used = 0;
            }
            let page = self.page as *mut std::ffi::c_void;
            mprotect(page, PAGE, MprotectFlags::READ | MprotectFlags::WRITE).ok()?;
            let at = self.page + self.used;
            // mov rdi, text; mov rax, called; jmp rax
            let mut code = vec![0x48, 0xbf];
            code.extend(text.to_le_bytes());
            code.extend([0x48, 0xb8]);
            code.extend((called as *const () as u64).to_le_bytes());
            code.extend([0xff, 0xe0]);
            std::ptr::copy_nonoverlapping(code.as_ptr(), at as *mut u8, code.len());
            mprotect(page, PAGE, MprotectFlags::READ | MprotectFlags::EXEC).ok()?;
            self.used += STUB;
            self.by_name.insert(name.into(), at);
            Some(at)
        }
    }
}

/// # Safety
/// `name` is a C string or null.
unsafe extern "C" fn called(name: *const c_char) -> ! {
    // SAFETY: by the contract.
    let name = if name.is_null() { "?".into() } else { unsafe { CStr::from_ptr(name) }.to_string_lossy() };
    let program =
        Guest::current().map(|g| g.image().program().path().display().to_string()).unwrap_or_default();
    host::host().fatal(&format!("the program {program} called {name}, which no library defines"), 127)
}
