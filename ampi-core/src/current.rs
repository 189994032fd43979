//! Who runs: a few words of thread-local storage at a fixed offset from the FS base.
//!
//! Every rank has its own FS base (its own static TLS block, see [`crate::image`]), so these words are *per rank*
//! while a rank runs and per OS thread otherwise. They are planted once when the rank is created and re-planted when it
//! moves; reading one is two loads and needs no library call, so malloc and MPI entry points can afford it.
//!
//! ```text
//! fs:[ampi_current + 0]   Guest*   the rank's private process state (image::guest), 0 on a bare PE thread
//!                   + 8   Task*    the coroutine it runs in (pe::task)
//!                   +16   user*    what the layer above keeps per rank (MPI: its Rank)
//!                   +24   flags    bit 0: this is a thread that a guest created, not the rank itself
//! ```
//!
//! # Safety
//! The words are raw addresses: whoever plants them keeps the objects alive and in place while the FS base is in use.
#![allow(unsafe_code)]

use std::arch::{asm, global_asm};

global_asm!(
    ".pushsection .tbss.ampi_current,\"awT\",@nobits",
    ".balign 32",
    ".hidden ampi_current",
    ".globl ampi_current",
    ".type ampi_current, @object",
    ".size ampi_current, 32",
    "ampi_current: .zero 32",
    ".popsection"
);

pub const GUEST: usize = 0;
pub const TASK: usize = 1;
pub const USER: usize = 2;
pub const FLAGS: usize = 3;
/// Bit of the FLAGS word: the running thread was created by a guest (pthread_create, OpenMP).
pub const FLAG_GUEST_THREAD: usize = 1;

/// Offset of the words from the FS base (negative).
#[inline(always)]
fn offset() -> isize {
    let o: isize;
    // SAFETY: reads the linker-made GOT entry that holds the TLS offset of our own symbol.
    unsafe {
        asm!("mov {o}, qword ptr [rip + ampi_current@GOTTPOFF]", o = out(reg) o, options(pure, readonly, nostack, preserves_flags))
    };
    o
}

/// Reads word `i` (0..4) under the FS base in force.
#[inline(always)]
pub fn word(i: usize) -> usize {
    debug_assert!(i < 4);
    let v: usize;
    // SAFETY: the words exist under every FS base (static TLS). Not `pure`: a task may be re-planted while suspended.
    unsafe {
        asm!("mov {v}, qword ptr fs:[{o} + 8*{i}]", v = out(reg) v, o = in(reg) offset(), i = in(reg) i, options(readonly, nostack, preserves_flags))
    };
    v
}

/// Writes word `i` under the FS base in force.
pub fn set_word(i: usize, value: usize) {
    assert!(i < 4);
    // SAFETY: as in `word`.
    unsafe {
        asm!("mov qword ptr fs:[{o} + 8*{i}], {v}", v = in(reg) value, o = in(reg) offset(), i = in(reg) i, options(nostack, preserves_flags))
    };
}

/// Writes word `i` of the static TLS block that belongs to `fs_base`, which need not be in force.
///
/// # Safety
/// `fs_base` must be a thread pointer with a complete static TLS block below it.
pub unsafe fn plant(fs_base: usize, i: usize, value: usize) {
    assert!(i < 4);
    // SAFETY: by the contract the block holds the words at `offset()`.
    unsafe { ((fs_base as isize + offset()) as *mut usize).add(i).write(value) }
}

/// Address of the words that belong to `fs_base`.
#[inline(always)]
pub fn address(fs_base: usize) -> usize {
    (fs_base as isize + offset()) as usize
}

/// The FS base in force.
#[inline(always)]
pub fn fs_base() -> usize {
    let v: usize;
    // SAFETY: the first word of every thread control block is its own address (x86-64 TLS ABI).
    unsafe { asm!("mov {v}, qword ptr fs:[0]", v = out(reg) v, options(readonly, nostack, preserves_flags)) };
    v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_per_thread_and_can_be_planted() {
        set_word(USER, 7);
        assert_eq!(word(USER), 7);
        std::thread::spawn(|| assert_eq!(word(USER), 0)).join().unwrap();
        // SAFETY: the FS base in force has the words.
        unsafe { plant(fs_base(), USER, 9) };
        assert_eq!(word(USER), 9);
        set_word(USER, 0);
    }
}
