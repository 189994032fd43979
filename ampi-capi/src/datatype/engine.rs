//! Moving the bytes of datatypes: pack, unpack and typed copy, for any range of the packed stream (MPI-5.0 §5.1, §3.3).
//!
//! The walk over a layout (`walk.rs`) yields displacements and lengths; here they become loads and stores. Runs of
//! 1, 2, 4, 8, … bytes have loops of their own, as a call of memcpy costs more than such a run.
//!
//! # Safety
//! Raw pointers live in this file and in `memory` only. The `_raw` functions require that the memory which the
//! datatype describes for the given packed range, relative to the base address, may be accessed, and that the stream
//! side has `to - from` bytes. The walk never leaves the requested range, and packed offsets are checked against the
//! datatype's size by the safe functions. Source and destination may overlap (programs do that, though the standard
//! forbids it): the result is then unspecified bytes, not undefined behaviour of this library.

#![allow(unsafe_code)]

use super::Datatype;
use super::walk::{self, Rows, Sink};
use crate::error::MpiResult;
use crate::memory::Address;
use crate::mpi_err;
use std::mem::MaybeUninit;
use std::ops::Range;

/// Stack space for copies between two scattered sides: small, as it lies on a rank's stack, and warm in the L1 cache.
const BOUNCE_BYTES: usize = 4096;

/// From this average run length on, a copy between two scattered sides goes run by run instead.
const DIRECT_RUN_BYTES: i64 = 1024;

/// One run of `N` bytes, as plain loads and stores.
///
/// # Safety
/// `src` may be read and `dst` written for `N` bytes.
#[inline(always)]
unsafe fn step<const N: usize>(src: *const u8, dst: *mut u8) {
    // SAFETY: the caller's promise; unaligned access needs no more.
    unsafe { dst.cast::<[u8; N]>().write_unaligned(src.cast::<[u8; N]>().read_unaligned()) }
}

/// One run of `N` to `2 * N` bytes: its first and its last `N`, which may overlap.
///
/// # Safety
/// `src` may be read and `dst` written for `len` bytes, and `N <= len <= 2 * N`.
#[inline(always)]
unsafe fn ends<const N: usize>(src: *const u8, dst: *mut u8, len: i64) {
    let last = len as usize - N;
    // SAFETY: the caller's promise; both loads come before both stores.
    unsafe {
        let head = src.cast::<[u8; N]>().read_unaligned();
        let tail = src.wrapping_add(last).cast::<[u8; N]>().read_unaligned();
        dst.cast::<[u8; N]>().write_unaligned(head);
        dst.wrapping_add(last).cast::<[u8; N]>().write_unaligned(tail);
    }
}

/// One run of any length.
///
/// # Safety
/// `src` may be read and `dst` written for `len` bytes.
#[inline(always)]
unsafe fn run(src: *const u8, dst: *mut u8, len: i64) {
    // SAFETY: the caller's promise.
    unsafe {
        match len {
            4 => step::<4>(src, dst),
            8 => step::<8>(src, dst),
            1 => step::<1>(src, dst),
            2..4 => ends::<2>(src, dst, len),
            5..8 => ends::<4>(src, dst, len),
            9..=16 => ends::<8>(src, dst, len),
            17..=32 => ends::<16>(src, dst, len),
            _ => std::ptr::copy(src, dst, len as usize),
        }
    }
}

/// Calls `$body` with `N` bound to a constant run length, or `$other` for lengths without a loop of their own.
macro_rules! by_length {
    ($len:expr, $n:ident => $body:expr, _ => $other:expr) => {
        match $len {
            1 => {
                const $n: usize = 1;
                $body
            }
            2 => {
                const $n: usize = 2;
                $body
            }
            4 => {
                const $n: usize = 4;
                $body
            }
            8 => {
                const $n: usize = 8;
                $body
            }
            12 => {
                const $n: usize = 12;
                $body
            }
            16 => {
                const $n: usize = 16;
                $body
            }
            24 => {
                const $n: usize = 24;
                $body
            }
            32 => {
                const $n: usize = 32;
                $body
            }
            _ => $other,
        }
    };
}

/// Typed memory to stream.
struct Gather {
    base: *const u8,
    out: *mut u8,
}

/// Stream to typed memory.
struct Scatter {
    input: *const u8,
    base: *mut u8,
}

impl Sink for Gather {
    #[inline]
    fn run(&mut self, off: i64, len: i64) {
        // SAFETY: the walk yields runs of the requested range only; see the module's head.
        unsafe { run(self.base.wrapping_offset(off as isize), self.out, len) };
        self.out = self.out.wrapping_offset(len as isize);
    }

    fn strided(&mut self, off: i64, count: i64, stride: i64, len: i64) {
        let (mut src, mut dst) = (self.base.wrapping_offset(off as isize), self.out);
        by_length!(len, N => {
            for _ in 0..count {
                // SAFETY: as in `run`.
                unsafe { step::<N>(src, dst) };
                src = src.wrapping_offset(stride as isize);
                dst = dst.wrapping_add(N);
            }
        }, _ => {
            for _ in 0..count {
                // SAFETY: as in `run`.
                unsafe { std::ptr::copy(src, dst, len as usize) };
                src = src.wrapping_offset(stride as isize);
                dst = dst.wrapping_offset(len as isize);
            }
        });
        self.out = dst;
    }

    fn rows(&mut self, off: i64, rows: Rows, count: i64, stride: i64, len: i64) {
        let (mut row, mut dst) = (self.base.wrapping_offset(off as isize), self.out);
        by_length!(len, N => {
            for _ in 0..rows.count {
                let mut src = row;
                for _ in 0..count {
                    // SAFETY: as in `run`.
                    unsafe { step::<N>(src, dst) };
                    src = src.wrapping_offset(stride as isize);
                    dst = dst.wrapping_add(N);
                }
                row = row.wrapping_offset(rows.stride as isize);
            }
            self.out = dst;
        }, _ => {
            for i in 0..rows.count {
                self.strided(off.wrapping_add(i.wrapping_mul(rows.stride)), count, stride, len);
            }
        });
    }

    fn offsets(&mut self, off: i64, offs: &[i64], len: i64) {
        let (base, mut dst) = (self.base.wrapping_offset(off as isize), self.out);
        by_length!(len, N => {
            for o in offs {
                // SAFETY: as in `run`.
                unsafe { step::<N>(base.wrapping_offset(*o as isize), dst) };
                dst = dst.wrapping_add(N);
            }
        }, _ => {
            for o in offs {
                // SAFETY: as in `run`.
                unsafe { std::ptr::copy(base.wrapping_offset(*o as isize), dst, len as usize) };
                dst = dst.wrapping_offset(len as isize);
            }
        });
        self.out = dst;
    }
}

impl Sink for Scatter {
    #[inline]
    fn run(&mut self, off: i64, len: i64) {
        // SAFETY: the walk yields runs of the requested range only; see the module's head.
        unsafe { run(self.input, self.base.wrapping_offset(off as isize), len) };
        self.input = self.input.wrapping_offset(len as isize);
    }

    fn strided(&mut self, off: i64, count: i64, stride: i64, len: i64) {
        let (mut src, mut dst) = (self.input, self.base.wrapping_offset(off as isize));
        by_length!(len, N => {
            for _ in 0..count {
                // SAFETY: as in `run`.
                unsafe { step::<N>(src, dst) };
                src = src.wrapping_add(N);
                dst = dst.wrapping_offset(stride as isize);
            }
        }, _ => {
            for _ in 0..count {
                // SAFETY: as in `run`.
                unsafe { std::ptr::copy(src, dst, len as usize) };
                src = src.wrapping_offset(len as isize);
                dst = dst.wrapping_offset(stride as isize);
            }
        });
        self.input = src;
    }

    fn rows(&mut self, off: i64, rows: Rows, count: i64, stride: i64, len: i64) {
        let (mut src, mut row) = (self.input, self.base.wrapping_offset(off as isize));
        by_length!(len, N => {
            for _ in 0..rows.count {
                let mut dst = row;
                for _ in 0..count {
                    // SAFETY: as in `run`.
                    unsafe { step::<N>(src, dst) };
                    src = src.wrapping_add(N);
                    dst = dst.wrapping_offset(stride as isize);
                }
                row = row.wrapping_offset(rows.stride as isize);
            }
            self.input = src;
        }, _ => {
            for i in 0..rows.count {
                self.strided(off.wrapping_add(i.wrapping_mul(rows.stride)), count, stride, len);
            }
        });
    }

    fn offsets(&mut self, off: i64, offs: &[i64], len: i64) {
        let (mut src, base) = (self.input, self.base.wrapping_offset(off as isize));
        by_length!(len, N => {
            for o in offs {
                // SAFETY: as in `run`.
                unsafe { step::<N>(src, base.wrapping_offset(*o as isize)) };
                src = src.wrapping_add(N);
            }
        }, _ => {
            for o in offs {
                // SAFETY: as in `run`.
                unsafe { std::ptr::copy(src, base.wrapping_offset(*o as isize), len as usize) };
                src = src.wrapping_offset(len as isize);
            }
        });
        self.input = src;
    }
}

/// Packs the bytes `from..to` of the packed stream of elements at `src` into `dst`.
///
/// # Safety
/// `0 <= from <= to`; the elements that hold those bytes may be read, relative to `src`; `dst` may be written for
/// `to - from` bytes. The datatype has data if `to > 0`.
#[inline]
pub unsafe fn pack_raw(datatype: &Datatype, src: *const u8, from: i64, to: i64, dst: *mut u8) {
    let mut gather = Gather { base: src, out: dst };
    walk::elements(&mut gather, &datatype.layout, datatype.extent(), from, to);
}

/// Unpacks `src` as the bytes `from..to` of the packed stream into the elements at `dst`.
///
/// # Safety
/// `0 <= from <= to`; the elements that hold those bytes may be written, relative to `dst`; `src` may be read for
/// `to - from` bytes. The datatype has data if `to > 0`.
#[inline]
pub unsafe fn unpack_raw(datatype: &Datatype, src: *const u8, dst: *mut u8, from: i64, to: i64) {
    let mut scatter = Scatter { input: src, base: dst };
    walk::elements(&mut scatter, &datatype.layout, datatype.extent(), from, to);
}

/// Copies the first `bytes` packed bytes of `sdt` elements at `src` to `ddt` elements at `dst`.
///
/// # Safety
/// As for [`pack_raw`] of `0..bytes` at `src` and [`unpack_raw`] at `dst`.
pub unsafe fn copy_raw(src: *const u8, sdt: &Datatype, dst: *mut u8, ddt: &Datatype, bytes: i64) {
    if bytes <= 0 {
        return;
    }
    // SAFETY: all calls below are for ranges within `0..bytes`, which the caller vouches for; a contiguous side is
    // addressed at the offset that its datatype names.
    unsafe {
        match (contiguous(sdt, bytes), contiguous(ddt, bytes)) {
            (Some(s), Some(d)) => std::ptr::copy(
                src.wrapping_offset(s as isize),
                dst.wrapping_offset(d as isize),
                bytes as usize,
            ),
            (Some(s), None) => unpack_raw(ddt, src.wrapping_offset(s as isize), dst, 0, bytes),
            (None, Some(d)) => pack_raw(sdt, src, 0, bytes, dst.wrapping_offset(d as isize)),
            (None, None) => copy_scattered(src, sdt, dst, ddt, bytes),
        }
    }
}

/// Where the first `bytes` packed bytes lie, if in one run.
fn contiguous(datatype: &Datatype, bytes: i64) -> Option<i64> {
    let count = bytes / datatype.size + (bytes % datatype.size != 0) as i64;
    datatype.is_contiguous(count).map(|(off, _)| off)
}

/// # Safety
/// As [`copy_raw`].
unsafe fn copy_scattered(src: *const u8, sdt: &Datatype, dst: *mut u8, ddt: &Datatype, bytes: i64) {
    let long_runs = |t: &Datatype| t.size / t.layout.block.runs().max(1) >= DIRECT_RUN_BYTES;
    let mut pos = 0;
    // SAFETY: every range lies within `0..bytes`; the bounce buffer is written before it is read.
    unsafe {
        if long_runs(ddt) {
            let mut sink = |off: i64, len: i64| {
                pack_raw(sdt, src, pos, pos + len, dst.wrapping_offset(off as isize));
                pos += len;
            };
            walk::elements(&mut sink, &ddt.layout, ddt.extent(), 0, bytes);
            return;
        }
        if long_runs(sdt) {
            let mut sink = |off: i64, len: i64| {
                unpack_raw(ddt, src.wrapping_offset(off as isize), dst, pos, pos + len);
                pos += len;
            };
            walk::elements(&mut sink, &sdt.layout, sdt.extent(), 0, bytes);
            return;
        }
        let mut bounce = [MaybeUninit::<u8>::uninit(); BOUNCE_BYTES];
        let bounce = bounce.as_mut_ptr().cast::<u8>();
        while pos < bytes {
            let end = bytes.min(pos + BOUNCE_BYTES as i64);
            pack_raw(sdt, src, pos, end, bounce);
            unpack_raw(ddt, bounce, dst, pos, end);
            pos = end;
        }
    }
}

/// Refuses a packed range that leaves `count` elements or differs in length from the stream.
fn check_range(datatype: &Datatype, count: i64, range: &Range<i64>, stream: usize) -> MpiResult {
    let bytes = datatype.packed_size(count)?;
    if range.start < 0 || range.start > range.end || range.end > bytes {
        return mpi_err!(
            MPI_ERR_INTERN,
            "packed range {}..{} lies outside the {bytes} bytes of {count} elements",
            range.start,
            range.end
        );
    }
    if stream as i64 != range.end - range.start {
        return mpi_err!(
            MPI_ERR_INTERN,
            "{stream} bytes given for a packed range of {}",
            range.end - range.start
        );
    }
    Ok(())
}

/// Packs the bytes `range` of the packed stream of `count` elements at `src` into `dst`, which has as many bytes.
pub fn pack(datatype: &Datatype, src: Address, count: i64, range: Range<i64>, dst: &mut [u8]) -> MpiResult {
    check_range(datatype, count, &range, dst.len())?;
    // SAFETY: the range lies within `count` elements, which the caller of the MPI function vouches for; `dst` has its length.
    unsafe { pack_raw(datatype, src.0 as *const u8, range.start, range.end, dst.as_mut_ptr()) };
    Ok(())
}

/// Unpacks `src` as the bytes `range` of the packed stream of `count` elements at `dst`.
pub fn unpack(datatype: &Datatype, src: &[u8], dst: Address, count: i64, range: Range<i64>) -> MpiResult {
    check_range(datatype, count, &range, src.len())?;
    // SAFETY: the range lies within `count` elements, which the caller of the MPI function vouches for; `src` has its length.
    unsafe { unpack_raw(datatype, src.as_ptr(), dst.0 as *mut u8, range.start, range.end) };
    Ok(())
}

/// Copies the first `bytes` packed bytes of `scount` elements to `dcount` elements of another type, without an
/// intermediate copy where one side is contiguous.
pub fn copy(
    src: Address,
    sdt: &Datatype,
    scount: i64,
    dst: Address,
    ddt: &Datatype,
    dcount: i64,
    bytes: i64,
) -> MpiResult {
    let room = sdt.packed_size(scount)?.min(ddt.packed_size(dcount)?);
    if bytes < 0 || bytes > room {
        return mpi_err!(MPI_ERR_INTERN, "copy of {bytes} bytes between datatypes with room for {room}");
    }
    // SAFETY: both sides have at least `bytes` packed bytes in the counts that the caller of the MPI function vouches for.
    unsafe { copy_raw(src.0 as *const u8, sdt, dst.0 as *mut u8, ddt, bytes) };
    Ok(())
}

/// Calls `visit(offset, length)` for the runs of bytes that the packed range of `count` elements stands for, in packed
/// order: for iovecs and file views.
pub fn for_each_run(
    datatype: &Datatype,
    count: i64,
    range: Range<i64>,
    mut visit: impl FnMut(i64, i64),
) -> MpiResult {
    check_range(datatype, count, &range, (range.end - range.start).max(0) as usize)?;
    walk::elements(&mut visit, &datatype.layout, datatype.extent(), range.start, range.end);
    Ok(())
}
