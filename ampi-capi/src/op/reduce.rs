//! Combining the contributions of many ranks in rank order: `((r0 op r1) op r2) op …` (MPI-5.0 §6.9.1).
//!
//! Always the same brackets, whatever the placement of ranks: so results do not depend on it.
//!
//! # Safety
//! [`apply`] and [`reduce_many`] call kernels on raw addresses: the caller vouches for `n` elements at each.

#![allow(unsafe_code)]

use super::{Kernel, PredefinedOp, kernel_for};
use crate::datatype::Datatype;
use crate::error::MpiResult;
use std::mem::MaybeUninit;

/// Bytes of the result that are kept in the L1 cache while all contributions are added to them.
const BLOCK_BYTES: usize = 16 * 1024;

/// Stack space for results that may not be written before all contributions have been read.
const ASIDE_BYTES: usize = 2048;

#[repr(align(32))]
struct Aside(MaybeUninit<[u8; ASIDE_BYTES]>);

/// `inout[i] = in[i] op inout[i]` for `n` elements (MPI_Reduce_local, MPI-5.0 §6.9.7).
///
/// # Safety
/// `input` may be read and `inout` read and written for `n` elements of `datatype`.
pub unsafe fn apply(
    op: PredefinedOp,
    datatype: &Datatype,
    input: *const u8,
    inout: *mut u8,
    n: usize,
) -> MpiResult {
    let (kernel, _) = kernel_for(op, datatype)?;
    // SAFETY: the caller's promise; the kernel belongs to the datatype.
    unsafe { kernel(input, inout, n) };
    Ok(())
}

/// Puts `srcs[0] op srcs[1] op …` into `dst`, elementwise, for a predefined (hence commutative) operation.
///
/// `dst` may be one of the sources (MPI_IN_PLACE). Works block by block, so that the result stays in the cache.
///
/// # Safety
/// All addresses have `n` elements, `extent` bytes apart, of the type that `kernel` was looked up for; no source
/// overlaps `dst` without being equal to it; `extent` is not zero.
pub unsafe fn reduce_many(kernel: Kernel, extent: usize, dst: *mut u8, srcs: &[*const u8], n: usize) {
    let Some((first, others)) = srcs.split_first() else { return };
    let aside = others.iter().any(|s| std::ptr::eq(*s, dst));
    let block = (if aside { ASIDE_BYTES } else { BLOCK_BYTES } / extent).max(1);
    let mut buffer = Aside(MaybeUninit::uninit());
    let mut at = 0;
    while at < n {
        let now = block.min(n - at);
        let (skip, bytes) = (at * extent, now * extent);
        let into = if aside { buffer.0.as_mut_ptr().cast::<u8>() } else { dst.wrapping_add(skip) };
        // SAFETY: `at + now <= n`, so every access lies within the caller's elements; the buffer has room for a
        // block, as predefined types have at most 32 bytes, and is filled by
        // the first copy before it is read.
        unsafe {
            std::ptr::copy(first.wrapping_add(skip), into, bytes);
            for src in others {
                kernel(src.wrapping_add(skip), into, now);
            }
            if aside {
                std::ptr::copy(into.cast_const(), dst.wrapping_add(skip), bytes);
            }
        }
        at += now;
    }
}

/// Left fold for operations that need not commute, with two buffers: `copy(from, to)` copies a contribution,
/// `call(in, inout)` is the user's function. The result is in `dst` at the end.
///
/// Neither buffer may be one of the contributions: both are written before all of those have been read.
///
/// As `inout = in op inout`, the accumulated part is the `in` of each step and the result moves to the other buffer.
pub fn fold_left(
    srcs: &[*const u8],
    dst: *mut u8,
    spare: *mut u8,
    mut copy: impl FnMut(*const u8, *mut u8),
    mut call: impl FnMut(*const u8, *mut u8),
) {
    let Some((first, others)) = srcs.split_first() else { return };
    // Starting so that the last step ends in dst saves a copy.
    let (mut acc, mut next) = if others.len() % 2 == 0 { (dst, spare) } else { (spare, dst) };
    copy(*first, acc);
    for src in others {
        copy(*src, next);
        call(acc, next);
        (acc, next) = (next, acc);
    }
    debug_assert_eq!(acc, dst);
}
