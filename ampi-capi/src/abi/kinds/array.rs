//! Arrays of the program. A kind cannot know how long they are: the semantic function asks with the number of elements
//! that the standard gives to the argument (`recvcounts.of(size)?`), and gets a view that checks its indices.
//!
//! # Safety
//! The number passed to `of` must be the one that the standard demands of the program for this argument in this call;
//! the rest follows from the module above.
#![allow(unsafe_code)]

use super::{Kind, describe, null_pointer};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;
use std::cell::Cell;
use std::marker::PhantomData;

describe! {
    /// Ints to be read: ranks, dimensions, flags.
    Ints, "const int @[]", "Array<i32>";
    /// Counts, block lengths, and displacements counted in elements of a datatype constructor.
    Counts, "const int @[]", large "const MPI_Count @[]", "ArrayPoly";
    /// Displacements of collective operations, in elements (bytes for `MPI_Alltoallw`).
    Displs, "const int @[]", large "const MPI_Aint @[]", "ArrayPoly";
    /// Displacements of datatype constructors, in bytes.
    ByteDispls, "const MPI_Aint @[]", large "const MPI_Count @[]", "ArrayPoly";
    /// Displacements in bytes, in both forms: `MPI_Neighbor_alltoallw`.
    AintDispls, "const MPI_Aint @[]", "Array<i64>";
    /// Datatypes; each must be looked up.
    Datatypes, "const MPI_Datatype @[]", "Array<Handle>";
    /// Requests that are only looked at.
    RequestsIn, "const MPI_Request @[]", "Array<Handle>";
    /// Requests that complete, start or become null.
    RequestsInOut, "MPI_Request @[]", "Array<Handle>";
    /// Triplets (first, last, stride) of ranks.
    Ranges, "int @[][3]", "Array<[i32; 3]>";
    /// Ints to be written.
    OutInts, "int @[]", "Array<i32>";
    /// Ints that are read and written: `MPI_Dims_create`.
    InOutInts, "int @[]", "Array<i32>";
    /// Addresses to be written.
    OutAints, "MPI_Aint @[]", "Array<i64>";
    /// Large counts to be written.
    OutLargeCounts, "MPI_Count @[]", "Array<i64>";
    /// Datatype handles to be written.
    OutDatatypes, "MPI_Datatype @[]", "Array<Handle>";
    /// Weights of a graph's edges: may be `MPI_UNWEIGHTED` or `MPI_WEIGHTS_EMPTY`.
    Weights, "const int @[]", "Array<i32>";
    /// Weights to be written: may be `MPI_UNWEIGHTED`.
    OutWeights, "int @[]", "Array<i32>";
}

/// An array argument of yet unknown length.
#[derive(Clone, Copy)]
pub struct Array<'a, T> {
    start: *mut T,
    name: &'static str,
    life: PhantomData<&'a ()>,
}

impl<'a, T: Copy> Array<'a, T> {
    /// The first `count` elements. A null pointer is refused unless `count` is 0.
    #[inline(always)]
    pub fn of(self, count: usize) -> MpiResult<&'a [Cell<T>]> {
        if count == 0 {
            return Ok(&[]);
        }
        if self.start.is_null() {
            return Err(null_pointer(self.name));
        }
        // SAFETY: module: the program passed at least `count` elements; Cell<T> has T's layout and allows overlap.
        Ok(unsafe { std::slice::from_raw_parts(self.start.cast::<Cell<T>>(), count) })
    }

    /// The address, for arguments with special values (`MPI_UNWEIGHTED`).
    pub fn address(self) -> usize {
        self.start.addr()
    }

    /// A copy of the first `count` elements.
    pub fn to_vec(self, count: usize) -> MpiResult<Vec<T>> {
        Ok(self.of(count)?.iter().map(Cell::get).collect())
    }
}

/// An array of integers in the width of the form that was called, of yet unknown length.
#[derive(Clone, Copy)]
pub enum ArrayPoly<'a> {
    Int(Array<'a, i32>),
    Large(Array<'a, i64>),
}

impl<'a> ArrayPoly<'a> {
    /// The first `count` elements.
    #[inline(always)]
    pub fn of(self, count: usize) -> MpiResult<SlicePoly<'a>> {
        Ok(match self {
            ArrayPoly::Int(a) => SlicePoly::Int(a.of(count)?),
            ArrayPoly::Large(a) => SlicePoly::Large(a.of(count)?),
        })
    }

    /// A copy of the first `count` elements.
    pub fn to_vec(self, count: usize) -> MpiResult<Vec<i64>> {
        Ok(self.of(count)?.iter().collect())
    }

    /// The argument's name, for errors.
    pub fn name(self) -> &'static str {
        match self {
            ArrayPoly::Int(a) => a.name,
            ArrayPoly::Large(a) => a.name,
        }
    }
}

/// Integers of either width.
#[derive(Clone, Copy)]
pub enum SlicePoly<'a> {
    Int(&'a [Cell<i32>]),
    Large(&'a [Cell<i64>]),
}

impl<'a> SlicePoly<'a> {
    /// Element `i`; panics beyond the end.
    #[inline(always)]
    pub fn get(self, i: usize) -> i64 {
        match self {
            SlicePoly::Int(s) => s[i].get().into(),
            SlicePoly::Large(s) => s[i].get(),
        }
    }
    pub fn len(self) -> usize {
        match self {
            SlicePoly::Int(s) => s.len(),
            SlicePoly::Large(s) => s.len(),
        }
    }
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
    pub fn iter(self) -> impl ExactSizeIterator<Item = i64> + 'a {
        (0..self.len()).map(move |i| self.get(i))
    }
}

/// What a kind holds: the pointer and the argument's name.
pub struct HeldArray<T>(*mut T, &'static str);

macro_rules! array_kind {
    ($($name:ident: $pointer:ty => $t:ty;)*) => {$(
        impl Kind for $name {
            type C = $pointer;
            type Large = $pointer;
            type Held = HeldArray<$t>;
            type Rust<'a> = Array<'a, $t>;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: $pointer, name: &'static str) -> MpiResult<HeldArray<$t>> {
                Ok(HeldArray(value.cast_mut().cast(), name))
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, value: $pointer, name: &'static str) -> MpiResult<HeldArray<$t>> {
                Ok(HeldArray(value.cast_mut().cast(), name))
            }
            #[inline(always)]
            fn lend(held: &HeldArray<$t>) -> Array<'_, $t> {
                Array { start: held.0, name: held.1, life: PhantomData }
            }
        }
    )*};
}

array_kind! {
    Ints: *const i32 => i32;
    AintDispls: *const i64 => i64;
    Datatypes: *const usize => Handle;
    RequestsIn: *const usize => Handle;
    RequestsInOut: *const usize => Handle;
    Ranges: *const [i32; 3] => [i32; 3];
    OutInts: *const i32 => i32;
    InOutInts: *const i32 => i32;
    OutAints: *const i64 => i64;
    OutLargeCounts: *const i64 => i64;
    OutDatatypes: *const usize => Handle;
    Weights: *const i32 => i32;
    OutWeights: *const i32 => i32;
}

/// Two widths, one enum.
pub enum HeldPolyArray {
    Int(HeldArray<i32>),
    Large(HeldArray<i64>),
}

macro_rules! poly_array_kind {
    ($($name:ident: $int:ty, $from:ident;)*) => {$(
        impl Kind for $name {
            type C = *const $int;
            type Large = *const i64;
            type Held = HeldPolyArray;
            type Rust<'a> = ArrayPoly<'a>;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: *const $int, name: &'static str) -> MpiResult<HeldPolyArray> {
                Ok(HeldPolyArray::$from(HeldArray(value.cast_mut(), name)))
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, value: *const i64, name: &'static str) -> MpiResult<HeldPolyArray> {
                Ok(HeldPolyArray::Large(HeldArray(value.cast_mut(), name)))
            }
            #[inline(always)]
            fn lend(held: &HeldPolyArray) -> ArrayPoly<'_> {
                match held {
                    HeldPolyArray::Int(h) => ArrayPoly::Int(Array { start: h.0, name: h.1, life: PhantomData }),
                    HeldPolyArray::Large(h) => ArrayPoly::Large(Array { start: h.0, name: h.1, life: PhantomData }),
                }
            }
        }
    )*};
}

poly_array_kind! {
    Counts: i32, Int;
    Displs: i32, Int;
    ByteDispls: i64, Large;
}

#[cfg(test)]
pub mod lists {
    //! Array arguments for unit tests of semantic functions.
    use super::*;

    pub fn array<T>(place: &mut [T]) -> Array<'_, T> {
        Array { start: place.as_mut_ptr(), name: "array", life: PhantomData }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_read_in_the_width_of_the_form_that_was_called() {
        let (mut a, mut b) = ([3i32, -4], [3i64, 1 << 40]);
        let ints = ArrayPoly::Int(Array { start: a.as_mut_ptr(), name: "displs", life: PhantomData });
        let large = ArrayPoly::Large(Array { start: b.as_mut_ptr(), name: "displs", life: PhantomData });
        assert_eq!(ints.to_vec(2), Ok(vec![3, -4]));
        assert_eq!(large.to_vec(2), Ok(vec![3, 1 << 40]));
    }

    #[test]
    fn a_null_array_is_refused_by_name_unless_it_is_empty() {
        let n = Array::<i32> { start: std::ptr::null_mut(), name: "ranks", life: PhantomData };
        assert!(n.of(0).is_ok());
        assert_eq!(&*n.of(1).unwrap_err().detail, "ranks is a null pointer");
    }
}
