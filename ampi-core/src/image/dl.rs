//! dlopen and its relatives as private images see them.
//!
//! A library that a rank opens becomes a group of the program: its template is made by the first rank that opens it and
//! lies at the same slot offset in all ranks; every rank has its own copy, runs its own constructors, and sees only what
//! it has opened itself. Libraries of the shared set are opened by the real dlopen and keep its handles.
//!
//! A handle is a `struct link_map` in the rank's heap, so programs that look into it find what they expect. Libraries are
//! never unloaded (as with musl): dlclose only says so, destructors run at exit.
//!
//! # Safety
//! C interface: pointers are the caller's responsibility, as with the functions replaced.
#![allow(unsafe_code)]

use super::debugger::{self, LinkMap};
use super::dynsym::{SHN_ABS, STT_IFUNC, STT_TLS, Symbol, Wanted};
use super::guest::Guest;
use super::instance::Instance;
use super::program::process_address;
use super::shared;
use super::template::{Group, Library, Need};
use super::tls::{self, TlsIndex, TlsPlace};
use crate::error::Result;
use std::arch::global_asm;
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

const MESSAGE_BYTES: usize = 512;

/// Per-rank state: open handles and the message for dlerror.
#[repr(C)]
pub(super) struct DlState {
    handles: AtomicPtr<Handle>,
    lock: AtomicBool,
    pending: AtomicBool,
    message: UnsafeCell<[u8; MESSAGE_BYTES]>,
}

// SAFETY: `message` is only written under `lock`.
unsafe impl Sync for DlState {}

/// What dlopen returns, in the rank's heap.
#[repr(C)]
struct Handle {
    map: LinkMap,
    next: *mut Handle,
    lib: *const Library,
}

impl DlState {
    pub const fn new() -> DlState {
        DlState {
            handles: AtomicPtr::new(null_mut()),
            lock: AtomicBool::new(false),
            pending: AtomicBool::new(false),
            message: UnsafeCell::new([0; MESSAGE_BYTES]),
        }
    }

    fn locked<R>(&self, f: impl FnOnce() -> R) -> R {
        while self.lock.swap(true, Ordering::Acquire) {
            std::hint::spin_loop();
        }
        let r = f();
        self.lock.store(false, Ordering::Release);
        r
    }

    fn fail(&self, text: &str) {
        self.locked(|| {
            let n = text.len().min(MESSAGE_BYTES - 1);
            // SAFETY: under the lock.
            let message = unsafe { &mut *self.message.get() };
            message[..n].copy_from_slice(&text.as_bytes()[..n]);
            message[n] = 0;
        });
        self.pending.store(true, Ordering::Release);
    }
}

impl Guest {
    /// The handle for `lib`, made on first use. Null when the heap is exhausted.
    fn handle_of(&self, lib: &'static Library) -> *mut c_void {
        let dl = &self.loader.dl;
        dl.locked(|| {
            let mut h = dl.handles.load(Ordering::Acquire);
            // SAFETY: handles are never freed; the list changes only under the lock.
            unsafe {
                while !h.is_null() {
                    if std::ptr::eq((*h).lib, lib) {
                        return h.cast();
                    }
                    h = (*h).next;
                }
                let h = self.heap.malloc(size_of::<Handle>()) as *mut Handle;
                if h.is_null() {
                    return null_mut();
                }
                let image = self.image();
                let map = LinkMap {
                    addr: image.address(lib, 0),
                    name: lib.c_path.as_ptr(),
                    ld: image.address(lib, lib.elf.dynamic_vaddr),
                    next: null_mut(),
                    prev: null_mut(),
                };
                h.write(Handle { map, next: dl.handles.load(Ordering::Acquire), lib });
                dl.handles.store(h, Ordering::Release);
                h.cast()
            }
        })
    }

    /// The library that a handle of ours stands for.
    fn library_of(&self, handle: *mut c_void) -> Option<&'static Library> {
        let mut h = self.loader.dl.handles.load(Ordering::Acquire);
        // SAFETY: as in `handle_of`; libraries are never freed.
        unsafe {
            while !h.is_null() {
                if h.cast() == handle {
                    return (*h).lib.as_ref();
                }
                h = (*h).next;
            }
        }
        None
    }

    /// Opens the library `name` for this rank, with everything it needs, and runs constructors.
    fn open_library(
        &self,
        name: &str,
        caller: usize,
        global: bool,
        load: bool,
    ) -> Result<Option<&'static Library>> {
        let instance = self.image();
        let program = instance.program();
        let called = |l: &&'static Library| {
            if name.contains('/') { l.elf.path == Path::new(name) } else { l.is_called(name) }
        };
        let mut fresh = Vec::new();
        let lib = {
            // Held while templates are made and copied, not while constructors run: they may call dlopen again.
            let mut growth = program.growth();
            let open_already = instance.groups().flat_map(|g| g.libs.iter()).find(called);
            if let Some(lib) = open_already {
                lib
            } else {
                let visible: Vec<u32> = instance.global_groups().map(|g| g.id).collect();
                let asking = instance.library_at(caller).map(|(_, l)| l);
                let (group, k) = program.open_library(name, asking, &visible, &mut growth)?;
                if !load && !instance.is_open(group) {
                    return Ok(None);
                }
                self.open_group(instance, group, &mut fresh)?;
                &program.group(group as usize).expect("just opened").libs[k]
            }
        };
        if global && let Some((group, _)) = instance.library_at(instance.address(lib, lib.elf.loads[0].vaddr))
        {
            instance.make_global(group.id);
        }
        if program.options.debugger && !fresh.is_empty() {
            fresh.iter().for_each(|g| debugger::add_group(instance, g));
            debugger::publish();
        }
        for group in fresh {
            // SAFETY: just opened, by this guest.
            unsafe { super::start::run_late_constructors(self, group) };
        }
        Ok(Some(lib))
    }

    /// Opens group `id` and, before it, the groups it is bound to.
    fn open_group(&self, instance: &Instance, id: u32, fresh: &mut Vec<&'static Group>) -> Result<()> {
        let Some(group) = instance.program().group(id as usize) else { return Ok(()) };
        if instance.is_open(id) {
            return Ok(());
        }
        for &other in &group.uses {
            self.open_group(instance, other, fresh)?;
        }
        instance.open(group, instance.program().is_baked())?;
        // SAFETY: the running thread's own block, which has the worker's reserve.
        unsafe { instance.init_static_tls(group, crate::current::fs_base()) };
        fresh.push(group);
        Ok(())
    }
}

/// Address of the definition `s` of `lib` for the running thread.
fn address_of(instance: &Instance, lib: &Library, s: &Symbol) -> usize {
    match (s.kind, lib.tls) {
        (STT_TLS, Some(TlsPlace::Static(below))) => {
            crate::current::fs_base() - below as usize + s.value as usize
        }
        (STT_TLS, Some(TlsPlace::Dynamic(at))) => {
            let index = TlsIndex::new(instance.base + at as usize, s.value as usize);
            // SAFETY: the index form that relocation makes.
            unsafe { tls::tls_get_addr(&index) }
        }
        (STT_IFUNC, _) => {
            // SAFETY: the resolver of a mapped library, checked to be code when it was bound or found.
            unsafe {
                let f: extern "C" fn() -> usize = std::mem::transmute(instance.address(lib, s.value));
                f()
            }
        }
        _ if s.section == SHN_ABS => s.value as usize,
        _ => instance.address(lib, s.value),
    }
}

/// `root` and all it needs, breadth first: where dlsym looks with a handle.
fn with_needs(instance: &Instance, root: &'static Library) -> Vec<&'static Library> {
    let mut order = vec![root];
    let mut i = 0;
    while i < order.len() {
        let lib = order[i];
        let own = instance.groups().find(|g| g.libs.iter().any(|l| std::ptr::eq(l, lib)));
        for need in &lib.needs {
            let next = match need {
                Need::Own(k) => own.and_then(|g| g.libs.get(*k)),
                Need::Other { group, lib } => {
                    instance.program().group(*group as usize).and_then(|g| g.libs.get(*lib))
                }
                Need::Shared(_) => None,
            };
            if let Some(next) = next
                && !order.iter().any(|l| std::ptr::eq(*l, next))
            {
                order.push(next);
            }
        }
        i += 1;
    }
    order
}

fn find(
    guest: &Guest,
    handle: *mut c_void,
    name: &CStr,
    version: Option<&CStr>,
    caller: usize,
) -> Option<usize> {
    let instance = guest.image();
    let want = Wanted::new(name.to_bytes(), version.map(CStr::to_bytes));
    let text = name.to_str().ok();
    let in_process = || process_address(text?, version.and_then(|v| v.to_str().ok()));
    let first = |mut libs: &mut dyn Iterator<Item = &'static Library>| {
        (&mut libs).find_map(|l| l.elf.find(&want).map(|s| address_of(instance, l, &s)))
    };
    let mut global = instance.global_groups().flat_map(|g| g.libs.iter());
    if handle == libc::RTLD_DEFAULT {
        // The caller's own group is searched too: a library opened RTLD_LOCAL sees itself.
        let own = instance.library_at(caller).map(|(g, _)| g);
        return first(&mut global)
            .or_else(|| first(&mut own.into_iter().flat_map(|g| g.libs.iter())))
            .or_else(in_process);
    }
    if handle == libc::RTLD_NEXT {
        let Some((group, lib)) = instance.library_at(caller) else { return in_process() };
        let mut order: Vec<&'static Library> = global.collect();
        if !order.iter().any(|l| std::ptr::eq(*l, lib)) {
            order.extend(group.libs.iter());
        }
        let mut after = order.into_iter().skip_while(|l| !std::ptr::eq(*l, lib)).skip(1);
        return first(&mut after).or_else(in_process);
    }
    match guest.library_of(handle) {
        Some(lib) if std::ptr::eq(lib, instance.program().program_file()) => {
            first(&mut global).or_else(in_process)
        }
        Some(lib) => first(&mut with_needs(instance, lib).into_iter()).or_else(in_process),
        None => {
            // A handle of the real dlopen: our replacements first.
            if let Some(a) = text.and_then(shared::override_of) {
                return Some(a);
            }
            // SAFETY: the handle came from the real dlopen.
            let p = unsafe {
                match version {
                    Some(v) => libc::dlvsym(handle, name.as_ptr(), v.as_ptr()),
                    None => libc::dlsym(handle, name.as_ptr()),
                }
            };
            (!p.is_null()).then_some(p as usize)
        }
    }
}

unsafe fn text<'a>(p: *const c_char) -> Option<&'a CStr> {
    // SAFETY: a C string by the interface's contract.
    (!p.is_null()).then(|| unsafe { CStr::from_ptr(p) })
}

unsafe extern "C" fn dlopen_from(file: *const c_char, flags: c_int, caller: usize) -> *mut c_void {
    let Some(guest) = Guest::current() else {
        // SAFETY: an ordinary thread.
        return unsafe { libc::dlopen(file, flags) };
    };
    // SAFETY: by the contract.
    let Some(name) = (unsafe { text(file) }).filter(|n| !n.is_empty()) else {
        return guest.handle_of(guest.image().program().program_file());
    };
    let name = name.to_string_lossy();
    let options = &guest.image().program().options;
    let bare = name.rsplit('/').next().unwrap_or(&name);
    if shared::why_shared(bare, &options.private_libs, &options.shared_libs).is_some() {
        // SAFETY: by the contract.
        let handle = unsafe { libc::dlopen(file, flags) };
        if handle.is_null() {
            // SAFETY: dlerror returns a C string after a failure.
            let why = unsafe { text(libc::dlerror()) };
            guest.loader.dl.fail(&why.map(|w| w.to_string_lossy().into_owned()).unwrap_or_default());
        }
        return handle;
    }
    match guest.open_library(&name, caller, flags & libc::RTLD_GLOBAL != 0, flags & libc::RTLD_NOLOAD == 0) {
        Ok(Some(lib)) => guest.handle_of(lib),
        Ok(None) => null_mut(),
        Err(e) => {
            guest.loader.dl.fail(&e.to_string());
            null_mut()
        }
    }
}

unsafe extern "C" fn dlsym_from(handle: *mut c_void, name: *const c_char, caller: usize) -> *mut c_void {
    // SAFETY: forwarded contract.
    unsafe { dlvsym_from(handle, name, std::ptr::null(), caller) }
}

unsafe extern "C" fn dlvsym_from(
    handle: *mut c_void,
    name: *const c_char,
    version: *const c_char,
    caller: usize,
) -> *mut c_void {
    // SAFETY: by the contract.
    let (name, version) = unsafe { (text(name), text(version)) };
    let Some(name) = name else { return null_mut() };
    let Some(guest) = Guest::current() else {
        // SAFETY: an ordinary thread.
        return unsafe { libc::dlsym(handle, name.as_ptr()) };
    };
    match find(guest, handle, name, version, caller) {
        Some(a) => a as *mut c_void,
        None => {
            let what = name.to_string_lossy();
            let version = version.map(|v| format!(", version {}", v.to_string_lossy())).unwrap_or_default();
            guest.loader.dl.fail(&format!("undefined symbol: {what}{version}"));
            null_mut()
        }
    }
}

unsafe extern "C" fn dlmopen(_namespace: c_long, _file: *const c_char, _flags: c_int) -> *mut c_void {
    if let Some(guest) = Guest::current() {
        guest.loader.dl.fail("dlmopen: a rank has one namespace; use dlopen");
    }
    null_mut()
}

extern "C" fn dlclose(_handle: *mut c_void) -> c_int {
    0
}

extern "C" fn dlerror() -> *const c_char {
    match Guest::current() {
        Some(g) if g.loader.dl.pending.swap(false, Ordering::AcqRel) => {
            g.loader.dl.message.get() as *const c_char
        }
        Some(_) => std::ptr::null(),
        // SAFETY: an ordinary thread.
        None => unsafe { libc::dlerror() },
    }
}

unsafe extern "C" fn dladdr(address: *const c_void, out: *mut libc::Dl_info) -> c_int {
    let found =
        Instance::at(address as usize).and_then(|i| i.library_at(address as usize).map(|(_, l)| (i, l)));
    let Some((instance, lib)) = found else {
        // SAFETY: by the contract.
        return unsafe { libc::dladdr(address, out) };
    };
    let vaddr = (address as usize - instance.address(lib, 0)) as u64;
    let symbol = lib.elf.nearest_dynamic_symbol(vaddr).filter(|s| vaddr < s.value + s.size.max(1));
    let name = symbol.map(|s| instance.address(lib, lib.elf.dynamic.strings.vaddr + u64::from(s.name)));
    // SAFETY: by the contract; the name lies in the mapped string table.
    unsafe {
        (*out).dli_fname = lib.c_path.as_ptr();
        (*out).dli_fbase = instance.address(lib, 0) as *mut c_void;
        (*out).dli_sname = name.map_or(std::ptr::null(), |n| n as *const c_char);
        (*out).dli_saddr = symbol.map_or(null_mut(), |s| instance.address(lib, s.value) as *mut c_void);
    }
    1
}

unsafe extern "C" fn dladdr1(
    address: *const c_void,
    out: *mut libc::Dl_info,
    extra: *mut *mut c_void,
    what: c_int,
) -> c_int {
    const RTLD_DL_LINKMAP: c_int = 2;
    // SAFETY: by the contract.
    unsafe {
        let r = dladdr(address, out);
        if r != 0 && !extra.is_null() {
            let lib = Instance::at(address as usize).and_then(|i| i.library_at(address as usize));
            *extra = match (Guest::current(), lib) {
                (Some(g), Some((_, l))) if what == RTLD_DL_LINKMAP => g.handle_of(l),
                _ => null_mut(),
            };
        }
        r
    }
}

unsafe extern "C" fn dlinfo(handle: *mut c_void, request: c_int, out: *mut c_void) -> c_int {
    const RTLD_DI_LMID: c_int = 1;
    const RTLD_DI_LINKMAP: c_int = 2;
    const RTLD_DI_ORIGIN: c_int = 6;
    let Some(guest) = Guest::current() else { return -1 };
    let Some(lib) = guest.library_of(handle) else {
        guest.loader.dl.fail("dlinfo: not a handle of this rank's own libraries");
        return -1;
    };
    // SAFETY: `out` is what the request asks for.
    unsafe {
        match request {
            RTLD_DI_LMID => *(out as *mut c_long) = 0,
            RTLD_DI_LINKMAP => *(out as *mut *mut c_void) = handle,
            RTLD_DI_ORIGIN => {
                let dir = super::collect::origin(&lib.elf.path);
                let bytes = dir.as_os_str().as_encoded_bytes();
                std::ptr::copy_nonoverlapping(bytes.as_ptr(), out as *mut u8, bytes.len());
                *(out as *mut u8).add(bytes.len()) = 0;
            }
            _ => {
                guest.loader.dl.fail("dlinfo: unsupported request");
                return -1;
            }
        }
    }
    0
}

// The caller's address tells whose RUNPATH counts and what RTLD_NEXT means: it is on the stack at entry only.
global_asm!(
    ".pushsection .text.ampi_dl,\"ax\",@progbits",
    ".globl ampi_dlopen", ".hidden ampi_dlopen", ".type ampi_dlopen, @function",
    "ampi_dlopen:", "mov rdx, [rsp]", "jmp {open}",
    ".globl ampi_dlsym", ".hidden ampi_dlsym", ".type ampi_dlsym, @function",
    "ampi_dlsym:", "mov rdx, [rsp]", "jmp {sym}",
    ".globl ampi_dlvsym", ".hidden ampi_dlvsym", ".type ampi_dlvsym, @function",
    "ampi_dlvsym:", "mov rcx, [rsp]", "jmp {vsym}",
    ".popsection",
    open = sym dlopen_from,
    sym = sym dlsym_from,
    vsym = sym dlvsym_from,
);

unsafe extern "C" {
    fn ampi_dlopen();
    fn ampi_dlsym();
    fn ampi_dlvsym();
}

/// Address of the replacement of a function of <dlfcn.h>.
pub(super) fn entry(name: &str) -> Option<usize> {
    Some(match name {
        "dlopen" => ampi_dlopen as *const () as usize,
        "dlsym" => ampi_dlsym as *const () as usize,
        "dlvsym" => ampi_dlvsym as *const () as usize,
        "dlmopen" => dlmopen as *const () as usize,
        "dlclose" => dlclose as *const () as usize,
        "dlerror" => dlerror as *const () as usize,
        "dladdr" => dladdr as *const () as usize,
        "dladdr1" => dladdr1 as *const () as usize,
        "dlinfo" => dlinfo as *const () as usize,
        _ => return None,
    })
}
