//! Places where a call stores its results, and variables that it reads and changes.
//!
//! # Safety
//! See the module above: the pointers were checked for null and are trusted to be valid for the time of the call.
#![allow(unsafe_code)]

use super::{Kind, describe, null_pointer};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;
use std::marker::PhantomData;
use std::ptr::NonNull;

describe! {
    /// An `int` result.
    OutInt, "int *@", "Out<i32>";
    /// A truth value as result.
    OutFlag, "int *@", "OutTruth";
    /// An address or displacement as result.
    OutAint, "MPI_Aint *@", "Out<i64>";
    /// An `MPI_Count` result in both forms.
    OutLargeCount, "MPI_Count *@", "Out<i64>";
    /// A count as result; one that does not fit the `int` form becomes `MPI_UNDEFINED`.
    OutCount, "int *@", large "MPI_Count *@", "OutPoly";
    /// A number of bytes as result: extents, sizes of external packing.
    OutBytes, "MPI_Aint *@", large "MPI_Count *@", "OutPoly";
    /// An address stored through an untyped pointer: `MPI_Alloc_mem`, attribute values.
    OutWord, "void *@", "Out<usize>";
    /// An `int` variable that is read and changed.
    InOutInt, "int *@", "InOut<i32>";
    /// The position in a packing buffer.
    Position, "int *@", large "MPI_Count *@", "InOutPoly";
    /// The position in an external packing buffer.
    BytePosition, "MPI_Aint *@", large "MPI_Count *@", "InOutPoly";
    /// Place for a Fortran logical of a size given elsewhere: see `MPI_Abi_get_fortran_booleans`.
    LogicalBytes, "void *@", "usize";
}

/// A non-null place for one `T` of the program.
pub struct Held<T>(NonNull<T>);

#[inline(always)]
fn held<T>(pointer: *mut T, name: &str) -> MpiResult<Held<T>> {
    match NonNull::new(pointer) {
        Some(p) => Ok(Held(p)),
        None => Err(null_pointer(name)),
    }
}

/// A place to store a result; it can only be written.
#[derive(Clone, Copy)]
pub struct Out<'a, T>(NonNull<T>, PhantomData<&'a ()>);

impl<T: Copy> Out<'_, T> {
    #[inline(always)]
    pub fn set(self, value: T) {
        // SAFETY: non-null and valid for the call (module); made only by `lend`.
        unsafe { self.0.write(value) }
    }
}

/// A place for a truth value.
#[derive(Clone, Copy)]
pub struct OutTruth<'a>(Out<'a, i32>);

impl OutTruth<'_> {
    #[inline(always)]
    pub fn set(self, value: bool) {
        self.0.set(i32::from(value));
    }
}

/// A variable that the call reads and changes.
#[derive(Clone, Copy)]
pub struct InOut<'a, T>(NonNull<T>, PhantomData<&'a ()>);

impl<T: Copy> InOut<'_, T> {
    #[inline(always)]
    pub fn get(self) -> T {
        // SAFETY: as in `Out::set`; the program must have initialised an in-out argument.
        unsafe { self.0.read() }
    }
    #[inline(always)]
    pub fn set(self, value: T) {
        // SAFETY: as in `Out::set`.
        unsafe { self.0.write(value) }
    }
}

/// A place for a handle.
#[derive(Clone, Copy)]
pub struct OutHandle<'a>(Out<'a, usize>);

impl OutHandle<'_> {
    #[inline(always)]
    pub fn set(self, handle: Handle) {
        self.0.set(handle.0);
    }
}

/// A place for a count, in the width of the form that was called.
#[derive(Clone, Copy)]
pub enum OutPoly<'a> {
    Int(Out<'a, i32>),
    Large(Out<'a, i64>),
}

impl OutPoly<'_> {
    /// Stores `value`, or `MPI_UNDEFINED` if it does not fit.
    #[inline(always)]
    pub fn set(self, value: i64) {
        match self {
            OutPoly::Int(o) => o.set(i32::try_from(value).unwrap_or(c::MPI_UNDEFINED)),
            OutPoly::Large(o) => o.set(value),
        }
    }
    /// Can `value` be stored as it is?
    pub fn fits(self, value: i64) -> bool {
        matches!(self, OutPoly::Large(_)) || i32::try_from(value).is_ok()
    }
}

/// A position, in the width of the form that was called.
#[derive(Clone, Copy)]
pub enum InOutPoly<'a> {
    Int(InOut<'a, i32>),
    Large(InOut<'a, i64>),
}

impl InOutPoly<'_> {
    pub fn get(self) -> i64 {
        match self {
            InOutPoly::Int(p) => p.get().into(),
            InOutPoly::Large(p) => p.get(),
        }
    }
    /// Stores `value`; false if it does not fit an `int`.
    #[must_use]
    pub fn set(self, value: i64) -> bool {
        match self {
            InOutPoly::Int(p) => match i32::try_from(value) {
                Ok(v) => {
                    p.set(v);
                    true
                }
                Err(_) => false,
            },
            InOutPoly::Large(p) => {
                p.set(value);
                true
            }
        }
    }
}

/// Pointer kinds with one C type: `pointer_kind!(Name: T => Wrapper, |p| lend)`.
macro_rules! pointer_kind {
    ($($name:ident: $t:ty => $life:lifetime $rust:ty, |$p:ident| $lend:expr;)*) => {$(
        impl Kind for $name {
            type C = *mut $t;
            type Large = *mut $t;
            type Held = Held<$t>;
            type Rust<$life> = $rust;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: *mut $t, name: &'static str) -> MpiResult<Held<$t>> {
                held(value, name)
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, value: *mut $t, name: &'static str) -> MpiResult<Held<$t>> {
                held(value, name)
            }
            #[inline(always)]
            fn lend<$life>($p: &$life Held<$t>) -> $rust {
                $lend
            }
        }
    )*};
}

pointer_kind! {
    OutInt: i32 => 'a Out<'a, i32>, |p| Out(p.0, PhantomData);
    OutFlag: i32 => 'a OutTruth<'a>, |p| OutTruth(Out(p.0, PhantomData));
    OutAint: i64 => 'a Out<'a, i64>, |p| Out(p.0, PhantomData);
    OutLargeCount: i64 => 'a Out<'a, i64>, |p| Out(p.0, PhantomData);
    OutWord: usize => 'a Out<'a, usize>, |p| Out(p.0, PhantomData);
    InOutInt: i32 => 'a InOut<'a, i32>, |p| InOut(p.0, PhantomData);
    LogicalBytes: u8 => 'a usize, |p| p.0.as_ptr().expose_provenance();
}

/// Two widths, one enum.
pub enum HeldPoly {
    Int(Held<i32>),
    Large(Held<i64>),
}

macro_rules! poly_pointer_kind {
    ($($name:ident: $wrap:ident, $one:ident, $int:ty, $from:ident;)*) => {$(
        impl Kind for $name {
            type C = *mut $int;
            type Large = *mut i64;
            type Held = HeldPoly;
            type Rust<'a> = $wrap<'a>;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: *mut $int, name: &'static str) -> MpiResult<HeldPoly> {
                Ok(HeldPoly::$from(held(value, name)?))
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, value: *mut i64, name: &'static str) -> MpiResult<HeldPoly> {
                Ok(HeldPoly::Large(held(value, name)?))
            }
            #[inline(always)]
            fn lend(p: &HeldPoly) -> $wrap<'_> {
                match p {
                    HeldPoly::Int(p) => $wrap::Int($one(p.0, PhantomData)),
                    HeldPoly::Large(p) => $wrap::Large($one(p.0, PhantomData)),
                }
            }
        }
    )*};
}

poly_pointer_kind! {
    OutCount: OutPoly, Out, i32, Int;
    OutBytes: OutPoly, Out, i64, Large;
    Position: InOutPoly, InOut, i32, Int;
    BytePosition: InOutPoly, InOut, i64, Large;
}

/// For handle kinds: a place for a handle behind a checked pointer.
#[inline(always)]
pub(super) fn held_handle(pointer: *mut usize, name: &str) -> MpiResult<Held<usize>> {
    held(pointer, name)
}

#[inline(always)]
pub(super) fn out_handle(p: &Held<usize>) -> OutHandle<'_> {
    OutHandle(Out(p.0, PhantomData))
}

#[inline(always)]
pub(super) fn inout_handle(p: &Held<usize>) -> InOut<'_, usize> {
    InOut(p.0, PhantomData)
}

/// The handle behind an unchecked, non-null pointer argument (error paths).
pub(super) fn read_handle(pointer: *mut usize) -> usize {
    // SAFETY: non-null pointer arguments are valid for the call (module).
    unsafe { pointer.read() }
}

#[cfg(test)]
pub mod places {
    //! Out arguments for unit tests of semantic functions.
    use super::*;

    pub fn out<T: Copy>(place: &mut T) -> Out<'_, T> {
        Out(NonNull::from(place), PhantomData)
    }
    pub fn flag(place: &mut i32) -> OutTruth<'_> {
        OutTruth(out(place))
    }
    pub fn inout<T: Copy>(place: &mut T) -> InOut<'_, T> {
        InOut(NonNull::from(place), PhantomData)
    }
    pub fn handle(place: &mut Handle) -> OutHandle<'_> {
        OutHandle(out(&mut place.0))
    }
}
