//! `MPI_Status`: 32 bytes of the program's memory, of which the last 20 are ours.
//!
//! ```text
//!   int 0        1      2       3 … 4           5          6 … 7
//!  ┌────────────┬──────┬───────┬───────────────┬──────────┬──────┐
//!  │ MPI_SOURCE │ _TAG │ _ERROR│ bytes (i64)   │ flags    │ zero │
//!  └────────────┴──────┴───────┴───────────────┴──────────┴──────┘
//!   flags: bit 0 = cancelled
//! ```
//!
//! 1. Calls that complete one operation leave `MPI_ERROR` alone (MPI-5.0 §3.2.5); only those that return
//!    `MPI_ERR_IN_STATUS` set it, with [`StatusOut::set_error`], and what is told to be an empty status (§3.7.3) has
//!    `MPI_SUCCESS` there.
//! 2. `bytes` is what was received; counts and elements are computed from it and a datatype.
#![allow(unsafe_code)]

use super::{Kind, describe, null_pointer};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::rank::Rank;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr::NonNull;

describe! {
    /// A status to be filled, or `MPI_STATUS_IGNORE`.
    OutStatus, "MPI_Status *@", "StatusOut";
    /// As many statuses as requests, or `MPI_STATUSES_IGNORE`.
    OutStatuses, "MPI_Status *@", "StatusesOut";
    /// A status that is read.
    StatusIn, "const MPI_Status *@", "&Cell<Status>";
    /// A status that is changed.
    StatusInOut, "MPI_Status *@", "&Cell<Status>";
    /// A status as Fortran's array of integers, to be read.
    FortranStatusIn, "const MPI_Fint *@", "&Cell<Status>";
    /// A status as Fortran's array of integers, to be written.
    FortranStatusOut, "MPI_Fint *@", "&Cell<Status>";
}

/// The C struct.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct Status {
    pub source: i32,
    pub tag: i32,
    pub error: i32,
    internal: [i32; 5],
}

const _: () = assert!(size_of::<Status>() == 32 && align_of::<Status>() == 4);
const CANCELLED: i32 = 1;

impl Status {
    /// A status for `bytes` received bytes.
    #[inline(always)]
    pub fn new(source: i32, tag: i32, bytes: i64) -> Status {
        Status { source, tag, error: c::MPI_SUCCESS, internal: [bytes as i32, (bytes >> 32) as i32, 0, 0, 0] }
    }
    /// What completed operations on `MPI_PROC_NULL` give (MPI-5.0 §3.10).
    pub const PROC_NULL: Status =
        Status { source: c::MPI_PROC_NULL, tag: c::MPI_ANY_TAG, error: c::MPI_SUCCESS, internal: [0; 5] };
    /// What null and inactive requests give (MPI-5.0 §3.7.3).
    pub const EMPTY: Status =
        Status { source: c::MPI_ANY_SOURCE, tag: c::MPI_ANY_TAG, error: c::MPI_SUCCESS, internal: [0; 5] };

    pub fn bytes(&self) -> i64 {
        i64::from(self.internal[0] as u32) | i64::from(self.internal[1]) << 32
    }
    pub fn set_bytes(&mut self, bytes: i64) {
        self.internal[0] = bytes as i32;
        self.internal[1] = (bytes >> 32) as i32;
    }
    pub fn cancelled(&self) -> bool {
        self.internal[2] & CANCELLED != 0
    }
    pub fn set_cancelled(&mut self, cancelled: bool) {
        self.internal[2] = (self.internal[2] & !CANCELLED) | if cancelled { CANCELLED } else { 0 };
    }
}

/// Where one status goes; ignoring is a place, too.
#[derive(Clone, Copy)]
pub struct StatusOut<'a>(Option<NonNull<Status>>, PhantomData<&'a ()>);

impl StatusOut<'_> {
    /// `MPI_STATUS_IGNORE`.
    pub const IGNORE: StatusOut<'static> = StatusOut(None, PhantomData);

    #[inline(always)]
    pub fn is_ignored(self) -> bool {
        self.0.is_none()
    }

    /// Stores everything except `MPI_ERROR` (rule 1).
    #[inline(always)]
    pub fn set(self, status: Status) {
        if let Some(p) = self.0 {
            let p = p.as_ptr();
            // SAFETY: the program's status, valid for the call (module above); fields are written one by one.
            unsafe {
                (*p).source = status.source;
                (*p).tag = status.tag;
                (*p).internal = status.internal;
            }
        }
    }

    /// Stores `MPI_ERROR`: the call is going to return `MPI_ERR_IN_STATUS`.
    pub fn set_error(self, code: i32) {
        if let Some(p) = self.0 {
            // SAFETY: as in `set`.
            unsafe { (*p.as_ptr()).error = code }
        }
    }
}

/// Where many statuses go.
#[derive(Clone, Copy)]
pub struct StatusesOut<'a>(Option<NonNull<Status>>, PhantomData<&'a ()>);

impl<'a> StatusesOut<'a> {
    pub fn is_ignored(self) -> bool {
        self.0.is_none()
    }
    /// Place `i`; must be below the number of requests of the call.
    #[inline(always)]
    pub fn at(self, i: usize) -> StatusOut<'a> {
        // SAFETY: the program passed one status per request (module above).
        StatusOut(self.0.map(|p| unsafe { p.add(i) }), PhantomData)
    }
}

/// What a status kind holds.
pub struct HeldStatus(*mut Status);

macro_rules! status_kind {
    ($($name:ident: $pointer:ty => $life:lifetime $rust:ty, |$p:ident, $arg:ident| $check:expr, $lend:expr;)*) => {$(
        impl Kind for $name {
            type C = $pointer;
            type Large = $pointer;
            type Held = HeldStatus;
            type Rust<$life> = $rust;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, $p: $pointer, $arg: &'static str) -> MpiResult<HeldStatus> {
                let _ = $arg;
                $check?;
                Ok(HeldStatus($p.cast_mut().cast()))
            }
            #[inline(always)]
            unsafe fn from_large(me: &'static Rank, value: $pointer, name: &'static str) -> MpiResult<HeldStatus> {
                // SAFETY: same contract.
                unsafe { Self::from_c(me, value, name) }
            }
            #[inline(always)]
            fn lend<$life>(held: &$life HeldStatus) -> $rust {
                #[allow(clippy::redundant_closure_call)]
                ($lend)(held)
            }
        }
    )*};
}

#[inline(always)]
fn present(p: *const Status, name: &str) -> MpiResult {
    if p.is_null() { Err(null_pointer(name)) } else { Ok(()) }
}

#[inline(always)]
fn cell(held: &HeldStatus) -> &Cell<Status> {
    // SAFETY: checked non-null by `present`; Cell<Status> has Status' layout.
    unsafe { &*held.0.cast::<Cell<Status>>() }
}

status_kind! {
    OutStatus: *const Status => 'a StatusOut<'a>, |p, name| MpiResult::Ok(()), |h: &HeldStatus| StatusOut(NonNull::new(h.0), PhantomData);
    OutStatuses: *const Status => 'a StatusesOut<'a>, |p, name| MpiResult::Ok(()), |h: &HeldStatus| StatusesOut(NonNull::new(h.0), PhantomData);
    StatusIn: *const Status => 'a &'a Cell<Status>, |p, name| present(p, name), cell;
    StatusInOut: *const Status => 'a &'a Cell<Status>, |p, name| present(p, name), cell;
    FortranStatusIn: *const Status => 'a &'a Cell<Status>, |p, name| present(p, name), cell;
    FortranStatusOut: *const Status => 'a &'a Cell<Status>, |p, name| present(p, name), cell;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_counts_beyond_two_gigabytes_survive() {
        for n in [0, 1, i64::from(i32::MAX), i64::from(u32::MAX), 1 << 40] {
            assert_eq!(Status::new(0, 0, n).bytes(), n);
        }
    }

    #[test]
    fn completing_one_operation_leaves_the_error_field_alone() {
        let mut s = Status { error: 77, ..Status::EMPTY };
        let mut new = Status::new(3, 4, 5);
        new.set_cancelled(true);
        StatusOut(NonNull::new(&raw mut s), PhantomData).set(new);
        assert_eq!((s.source, s.tag, s.error, s.bytes(), s.cancelled()), (3, 4, 77, 5, true));
    }
}
