//! Thread-local storage of private images: where a library's block lies, and how its code finds it.
//!
//! ```text
//! static TLS block of every thread and every rank, built by ld.so's rules
//! | shared libraries' blocks ... | the worker's reserve (1 MiB)            | TCB ...
//!                                |   free ...  | lib 2 | lib 1 | program   |^ thread pointer (fs:0)
//! ```
//!
//! The worker executable has one thread-local variable, the *reserve*. The executable's block is the last one before
//! the thread pointer, so the images' blocks take its place, at negative offsets as the compiler assumed. Libraries that
//! start with the program all get such static offsets (a program may use the initial-exec model for any of them), those
//! opened later only if they insist (DF_STATIC_TLS); else they get a *dynamic* block beside their image in the slot.
//!
//! Two forms of `tls_index` (what `__tls_get_addr` is called with):
//!   static:  module = offset of the block from the thread pointer (negative), offset = offset in the block;
//!   dynamic: module = address of the rank's own block in its slot,          offset = offset in the block.
//! No look-up in either case. Threads that a rank creates, and ranks that share one image (`--isolate=none`), have
//! copies of dynamic blocks, found in a map per thread.
//!
//! # Safety
//! Addresses come from relocated images; inline assembly follows the TLS descriptor ABI (all registers but rax kept).
#![allow(unsafe_code)]

use super::elf::Segment;
use super::instance::Instance;
use crate::current;
use crate::error::{Error, Result};
use std::arch::{asm, global_asm};
use std::cell::RefCell;
use std::sync::OnceLock;

/// Where a library's thread-local block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPlace {
    /// This many bytes below the thread pointer.
    Static(u64),
    /// At this distance from the image base: the rank's own block. Other threads have copies.
    Dynamic(u64),
}

/// Bit of `current::FLAGS`: the rank shares its image with others.
pub const FLAG_SHARED_IMAGE: usize = 2;

/// Where the next static block ends up, as ld.so computes it: bytes below the thread pointer after adding `tls` to a
/// block area of `used` bytes.
pub fn next_static(used: u64, tls: &Segment) -> u64 {
    let align = tls.align.max(1);
    // An address inside its alignment unit other than 0 keeps that remainder.
    let first = tls.vaddr.wrapping_neg() & (align - 1);
    (used + tls.memory_bytes.saturating_sub(first)).div_ceil(align) * align + first
}

/// Bytes of the worker's reserve; 0 in a process that is not a worker.
pub fn reserve_bytes() -> usize {
    reserve().as_ref().copied().unwrap_or(0)
}

/// Checks that this process can run private images: it is a worker whose reserve ends at the thread pointer, and the
/// processor and kernel let programs set the FS base.
pub fn check_host() -> Result<()> {
    if let Err(why) = reserve() {
        return Err(Error::Setting { name: "worker".into(), why: why.clone() });
    }
    // SAFETY: plain query.
    let fsgsbase = unsafe { libc::getauxval(libc::AT_HWCAP2) } & 2 != 0;
    if !fsgsbase {
        return Err(Error::Setting {
            name: "--isolate=image".into(),
            why: "this kernel does not let programs set the FS base (FSGSBASE: Linux 5.9 or later, without nofsgsbase)"
                .into(),
        });
    }
    Ok(())
}

fn reserve() -> &'static std::result::Result<usize, String> {
    static RESERVE: OnceLock<std::result::Result<usize, String>> = OnceLock::new();
    RESERVE.get_or_init(|| {
        // SAFETY: the worker's `ampi_tls_reserve` has this signature (worker.c).
        unsafe {
            let f = libc::dlsym(libc::RTLD_DEFAULT, c"ampi_tls_reserve".as_ptr());
            if f.is_null() {
                return Err(
                    "this process was not started as ampi-worker; start the program with ampirun".into()
                );
            }
            let f: unsafe extern "C" fn(*mut usize) -> usize = std::mem::transmute(f);
            let mut bytes = 0;
            let start = f(&mut bytes);
            if start + bytes != current::fs_base() {
                return Err(format!(
                    "its thread-local reserve ends {} bytes before the thread pointer instead of at it; \
                     the worker was linked with other thread-local variables",
                    current::fs_base().wrapping_sub(start + bytes)
                ));
            }
            Ok(bytes)
        }
    })
}

/// Sets the FS base of this OS thread.
///
/// # Safety
/// `fs_base` is a complete thread block (TCB, static TLS, dtv) that no other running thread uses, and the caller holds
/// no reference into thread-local storage.
#[inline(always)]
pub unsafe fn set_fs_base(fs_base: usize) {
    // SAFETY: by the contract; `check_host` made sure that the instruction is allowed.
    unsafe { asm!("wrfsbase {}", in(reg) fs_base, options(nostack, preserves_flags)) };
}

global_asm!(
    ".pushsection .text.ampi_tlsdesc,\"ax\",@progbits",
    ".globl ampi_tlsdesc_static",
    ".hidden ampi_tlsdesc_static",
    ".type ampi_tlsdesc_static, @function",
    "ampi_tlsdesc_static:",
    "mov rax, [rax+8]",
    "ret",
    // The descriptor's second word is the variable's address in the rank's own block.
    ".globl ampi_tlsdesc_dynamic",
    ".hidden ampi_tlsdesc_dynamic",
    ".type ampi_tlsdesc_dynamic, @function",
    "ampi_tlsdesc_dynamic:",
    "push rdi",
    "mov rdi, qword ptr [rip + ampi_current@GOTTPOFF]",
    "cmp qword ptr fs:[rdi + 24], 0",
    "pop rdi",
    "jne 2f",
    "mov rax, [rax+8]",
    "sub rax, qword ptr fs:[0]",
    "ret",
    // A thread with its own copies: call Rust with every register saved (x87, SSE, AVX, AVX-512 state by xsave).
    "2:",
    "push rbp",
    "mov rbp, rsp",
    "push rbx",
    "push rcx",
    "push rdx",
    "push rsi",
    "push rdi",
    "push r8",
    "push r9",
    "push r10",
    "push r11",
    "mov rdi, [rax+8]",
    "sub rsp, 2816",
    "and rsp, -64",
    "xor eax, eax",
    "mov [rsp+512], rax",
    "mov [rsp+520], rax",
    "mov [rsp+528], rax",
    "mov [rsp+536], rax",
    "mov [rsp+544], rax",
    "mov [rsp+552], rax",
    "mov [rsp+560], rax",
    "mov [rsp+568], rax",
    "mov eax, 0xe7",
    "xor edx, edx",
    "xsave [rsp]",
    "call {slow}",
    "mov rbx, rax",
    "mov eax, 0xe7",
    "xor edx, edx",
    "xrstor [rsp]",
    "mov rax, rbx",
    "sub rax, qword ptr fs:[0]",
    "lea rsp, [rbp-72]",
    "pop r11",
    "pop r10",
    "pop r9",
    "pop r8",
    "pop rdi",
    "pop rsi",
    "pop rdx",
    "pop rcx",
    "pop rbx",
    "pop rbp",
    "ret",
    ".popsection",
    slow = sym own_copy,
);

unsafe extern "C" {
    fn ampi_tlsdesc_static();
    fn ampi_tlsdesc_dynamic();
}

/// Code address for TLS descriptors of static blocks: the argument is the offset from the thread pointer.
pub fn static_descriptor() -> u64 {
    ampi_tlsdesc_static as *const () as u64
}

/// Code address for TLS descriptors of dynamic blocks.
pub fn dynamic_descriptor() -> u64 {
    ampi_tlsdesc_dynamic as *const () as u64
}

#[repr(C)]
pub(super) struct TlsIndex {
    module: usize,
    offset: usize,
}

impl TlsIndex {
    pub fn new(module: usize, offset: usize) -> TlsIndex {
        TlsIndex { module, offset }
    }
}

/// `__tls_get_addr` of private images.
///
/// # Safety
/// `index` is a pair made by the relocation of a private image.
pub(super) unsafe extern "C" fn tls_get_addr(index: *const TlsIndex) -> usize {
    // SAFETY: by the contract.
    let TlsIndex { module, offset } = unsafe { index.read() };
    if (module as isize) < 0 {
        return current::fs_base().wrapping_add(module).wrapping_add(offset);
    }
    if current::word(current::FLAGS) == 0 {
        module.wrapping_add(offset)
    } else {
        own_copy(module).wrapping_add(offset)
    }
}

/// One thread's copy of a dynamic block.
struct Copy {
    /// Address of the rank's own block.
    of: usize,
    memory: Box<[u128]>,
    start: usize,
}

thread_local! {
    // Destroyed after the C++ thread_local objects inside: they were registered later.
    static COPIES: RefCell<Vec<Copy>> = const { RefCell::new(Vec::new()) };
}

/// Address in this thread's copy of the dynamic block that `address` lies in.
extern "C" fn own_copy(address: usize) -> usize {
    let Some((of, tls_bytes, align, init)) = Instance::at(address).and_then(|i| i.dynamic_block_at(address))
    else {
        return address;
    };
    let shared_image = current::word(current::FLAGS) & FLAG_SHARED_IMAGE != 0;
    let thread = current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0;
    if !thread && !shared_image {
        return address;
    }
    COPIES.with_borrow_mut(|copies| {
        let found = copies.iter().find(|c| c.of == of).map(|c| c.start);
        let start = found.unwrap_or_else(|| {
            let align = align.max(16);
            let mut memory = vec![0u128; (tls_bytes + align) / 16 + 1].into_boxed_slice();
            let start = (memory.as_mut_ptr() as usize).div_ceil(align) * align;
            // SAFETY: the initial bytes lie in the instance's data; the copy has room for them after alignment.
            unsafe { std::ptr::copy_nonoverlapping(init.start as *const u8, start as *mut u8, init.len()) };
            copies.push(Copy { of, memory, start });
            start
        });
        debug_assert!(copies.iter().all(|c| !c.memory.is_empty()));
        start + (address - of)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(vaddr: u64, memory_bytes: u64, align: u64) -> Segment {
        Segment { offset: 0, vaddr, file_bytes: 0, memory_bytes, align, writable: true, executable: false }
    }

    #[test]
    fn static_offsets_follow_the_abi() {
        assert_eq!(next_static(0, &tls(0x3000, 4, 4)), 4);
        assert_eq!(next_static(4, &tls(0x3000, 60, 64)), 64);
        assert_eq!(next_static(64, &tls(0x3000, 1, 4096)), 4096);
        // The block's address must keep the segment's remainder modulo its alignment: -off = vaddr (mod align).
        for (vaddr, bytes, align) in [(0x3010u64, 0x30u64, 64u64), (0x2ff8, 8, 16), (0x1004, 100, 32)] {
            let off = next_static(12, &tls(vaddr, bytes, align));
            assert_eq!(off.wrapping_neg() % align, vaddr % align, "{vaddr:#x}");
            assert!(off >= 12 + bytes);
        }
    }
}
