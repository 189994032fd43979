//! The user's memory: the one place where bytes move between buffers that MPI calls named by address.
//!
//! # Safety
//! An [`Address`] is made from a buffer argument of an MPI call (or from our own allocation) and is used for no more
//! bytes than count × datatype of that call say. That these bytes exist, and stay until the operation completes, is the
//! caller's side of the MPI contract (MPI-5.0 §3.7.2); no check can replace it, so the functions below are not `unsafe`.
//! All ranks of a process share one address space, so any PE may read a suspended rank's buffer.
#![allow(unsafe_code)]

use crate::datatype::Datatype;
use ampi_core::pe::Job;
use ampi_core::wire::place::Lent;

/// A place in a rank's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(transparent)]
pub struct Address(pub usize);

impl Address {
    pub const NULL: Address = Address(0);

    /// `self + offset` bytes.
    #[inline(always)]
    #[allow(clippy::should_implement_trait)] // as on pointers
    pub fn add(self, offset: i64) -> Address {
        Address(self.0.wrapping_add(offset as usize))
    }
    #[inline(always)]
    pub fn is_null(self) -> bool {
        self.0 == 0
    }
}

/// Copies `n` bytes; the ranges may be the same or overlap (a program that aliases buffers gets memmove's result).
#[inline(always)]
pub fn copy(to: Address, from: Address, n: usize) {
    // SAFETY: module contract.
    unsafe {
        match n {
            0 => {}
            8 => (to.0 as *mut u64).write_unaligned((from.0 as *const u64).read_unaligned()),
            4 => (to.0 as *mut u32).write_unaligned((from.0 as *const u32).read_unaligned()),
            _ => std::ptr::copy(from.0 as *const u8, to.0 as *mut u8, n),
        }
    }
}

/// Copies `bytes` into the user's memory.
#[inline(always)]
pub fn store(to: Address, bytes: &[u8]) {
    copy(to, Address(bytes.as_ptr() as usize), bytes.len());
}

/// Names the `n` bytes at `to` for a frame that will bring them: its number. The user leaves a receive's buffer alone until
/// the receive completes, which is after the frame's handler has run.
pub fn land(job: &Job, to: Address, n: usize) -> u64 {
    // SAFETY: module contract.
    unsafe { job.land(to.0 as *mut u8, n) }
}

/// The `n` bytes at `from`, to be sent from where they are. The user does not change a send's buffer until the send
/// completes, which is when `token` is released.
pub fn lent(from: Address, n: usize, token: u64) -> Lent {
    // SAFETY: module contract.
    unsafe { Lent::pieces(vec![(from.0 as *const u8, n)], token) }
}

/// The user's bytes as a slice, for the duration of one operation that does not suspend.
#[inline(always)]
pub fn view<'a>(at: Address, n: usize) -> &'a [u8] {
    if n == 0 {
        return &[];
    }
    // SAFETY: module contract.
    unsafe { std::slice::from_raw_parts(at.0 as *const u8, n) }
}

/// Packs `n` bytes, from byte `from` of the packed stream on, of elements of `ty` at `at` into `to`.
#[inline]
pub fn pack(ty: &Datatype, at: Address, from: i64, to: Address, n: usize) {
    // SAFETY: module contract for `at`; `to` has room for n bytes.
    unsafe { crate::datatype::pack_raw(ty, at.0 as *const u8, from, from + n as i64, to.0 as *mut u8) }
}

/// Unpacks the `n` bytes at `from` as the first `n` of the packed stream of elements of `ty` at `at`.
#[inline]
pub fn unpack(ty: &Datatype, at: Address, from: Address, n: usize) {
    // SAFETY: module contract for `at`; n bytes lie at `from`.
    unsafe { crate::datatype::unpack_raw(ty, from.0 as *const u8, at.0 as *mut u8, 0, n as i64) }
}

/// Copies `count` elements of `ty` from `from` to `to`, both laid out as the type says.
pub fn copy_typed(ty: &Datatype, to: Address, from: Address, count: i64) {
    let bytes = ty.size() * count;
    // SAFETY: module contract on both sides.
    unsafe { crate::datatype::copy_raw(from.0 as *const u8, ty, to.0 as *mut u8, ty, bytes) }
}
