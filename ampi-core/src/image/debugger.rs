//! Telling a debugger about the images of ranks.
//!
//! glibc 2.35 and later publish, after `_r_debug` (the list of loaded objects), a chain of further lists, one per
//! namespace; gdb 13 and later read them. We append one list of our own with a node per library and rank, and call
//! `_dl_debug_state`, where the debugger has its breakpoint. ld.so's own list must never be touched.
//!
//! ```text
//! _r_debug {version 2, map, brk, state, ldbase, next} -> ours {version 2, map -> node -> node -> ..., brk, ...}
//! ```
//!
//! # Safety
//! Writes the fields of `_r_debug` that its protocol gives to additions, under one lock.
#![allow(unsafe_code)]

use super::instance::Instance;
use super::template::Group;
use crate::arena::Slot;
use std::ffi::{c_char, c_int};
use std::ptr::null_mut;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The public part of `struct link_map`.
#[repr(C)]
pub struct LinkMap {
    pub addr: usize,
    pub name: *const c_char,
    pub ld: usize,
    pub next: *mut LinkMap,
    pub prev: *mut LinkMap,
}

/// `struct r_debug_extended`.
#[repr(C)]
struct Debug {
    version: c_int,
    map: *mut LinkMap,
    brk: usize,
    state: c_int,
    ldbase: usize,
    next: *mut Debug,
}

struct Nodes {
    ours: Box<Debug>,
    /// (slot, node), in list order.
    nodes: Vec<(u32, Box<LinkMap>)>,
    root: *mut Debug,
}

// SAFETY: the pointers refer to leaked or boxed memory that only the holder of the lock changes.
unsafe impl Send for Nodes {}

static NODES: Mutex<Option<Nodes>> = Mutex::new(None);
static CHANGED: AtomicBool = AtomicBool::new(false);

/// Adds the libraries of an instance; the debugger hears of it at the next [`publish`].
pub fn add(instance: &Instance) {
    for group in instance.groups() {
        add_group(instance, group);
    }
}

/// Adds the libraries of one group of an instance.
pub fn add_group(instance: &Instance, group: &Group) {
    let mut guard = NODES.lock().unwrap_or_else(|e| e.into_inner());
    if guard.is_none() {
        *guard = Nodes::new();
    }
    let Some(nodes) = guard.as_mut() else { return };
    let slot = crate::arena::owner_of(instance.base).unwrap_or(u32::MAX);
    for lib in &group.libs {
        let node = LinkMap {
            addr: instance.address(lib, 0),
            name: lib.c_path.as_ptr(),
            ld: instance.address(lib, lib.elf.dynamic_vaddr),
            next: null_mut(),
            prev: null_mut(),
        };
        nodes.nodes.push((slot, Box::new(node)));
    }
    CHANGED.store(true, Ordering::Release);
}

/// Removes the libraries of the rank in `slot`.
pub fn remove(slot: Slot) {
    let mut guard = NODES.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(nodes) = guard.as_mut() {
        let before = nodes.nodes.len();
        // Unlink first: the debugger may stop the process at any instruction.
        nodes.link(|s| s != slot.index());
        nodes.nodes.retain(|(s, _)| *s != slot.index());
        if nodes.nodes.len() != before {
            CHANGED.store(true, Ordering::Release);
        }
    }
}

/// Tells the debugger about all changes since the last call.
pub fn publish() {
    if !CHANGED.swap(false, Ordering::AcqRel) {
        return;
    }
    let mut guard = NODES.lock().unwrap_or_else(|e| e.into_inner());
    if let Some(nodes) = guard.as_mut() {
        nodes.publish();
    }
}

const CONSISTENT: c_int = 0;
const ADDING: c_int = 1;

impl Nodes {
    fn new() -> Option<Nodes> {
        // SAFETY: `_r_debug` is the debugger interface's data symbol.
        unsafe {
            let root = libc::dlsym(libc::RTLD_DEFAULT, c"_r_debug".as_ptr()) as *mut Debug;
            if root.is_null() || (*root).brk == 0 {
                return None;
            }
            // Version 2 and the next field exist from glibc 2.35 on.
            libc::dlsym(libc::RTLD_DEFAULT, c"_dl_find_object".as_ptr()).as_ref()?;
            let (brk, ldbase) = ((*root).brk, (*root).ldbase);
            let ours =
                Debug { version: 2, map: null_mut(), brk, state: CONSISTENT, ldbase, next: null_mut() };
            Some(Nodes { ours: Box::new(ours), nodes: Vec::new(), root })
        }
    }

    fn link(&mut self, keep: impl Fn(u32) -> bool) {
        let kept: Vec<*mut LinkMap> =
            self.nodes.iter_mut().filter(|(s, _)| keep(*s)).map(|(_, n)| &raw mut **n).collect();
        for (i, &n) in kept.iter().enumerate() {
            // SAFETY: nodes are boxed, so they stay in place while the vector grows.
            unsafe {
                (*n).prev = i.checked_sub(1).map_or(null_mut(), |j| kept[j]);
                (*n).next = kept.get(i + 1).copied().unwrap_or(null_mut());
            }
        }
        self.ours.map = kept.first().copied().unwrap_or(null_mut());
    }

    fn publish(&mut self) {
        // SAFETY: the protocol of _r_debug: state ADD, call, change, state CONSISTENT, call.
        unsafe {
            let stop: extern "C" fn() = std::mem::transmute((*self.root).brk);
            (*self.root).state = ADDING;
            stop();
            self.link(|_| true);
            let mut last = self.root;
            while !(*last).next.is_null()
                && (*last).version >= 2
                && !std::ptr::eq((*last).next, &raw const *self.ours)
            {
                last = (*last).next;
            }
            (*self.root).version = 2;
            (*last).next = &raw mut *self.ours;
            (*self.root).state = CONSISTENT;
            stop();
        }
    }
}
