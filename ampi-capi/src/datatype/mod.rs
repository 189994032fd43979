//! Datatypes (MPI-5.0 chapter 5): what a message's bytes are and where they lie.
//!
//! A [`Datatype`] never changes once it is made (but for the committed flag) and is shared by [`DatatypeRef`], also between
//! ranks on different threads. It holds three views of one typemap:
//!
//! | view | answers | module |
//! |---|---|---|
//! | bounds | size, extent, true extent, alignment | `assemble` |
//! | layout | where the bytes lie, as loops of runs | `layout`, `walk`, `engine` |
//! | signature | which basic types, in which order | `signature` |
//!
//! and the envelope: the call that made it. Everything is computed when the type is made; commit only sets a flag.
//! What a rank's handles name is a [`handle::Type`]; the MPI calls are in [`calls`].
//! Bytes are moved by [`pack`], [`unpack`] and [`copy`], for any range of the packed stream.
//!
//! Invariants:
//!  1. `size`, the bounds and every displacement fit 64 bits (constructors refuse what does not);
//!  2. `layout.block.size == size == signature.bytes()`;
//!  3. `lb`/`ub` are those of the standard's definition: from lb/ub markers if there are any, else from the data,
//!     with the extent rounded up to the strictest alignment of the basic types (§5.1, ε).

mod array;
mod assemble;
mod basic;
pub mod calls;
mod construct;
mod engine;
mod envelope;
mod external32;
pub mod handle;
mod layout;
mod packing;
mod predefined;
mod received;
mod recipe;
mod shared;
mod signature;
mod walk;

#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;

pub use array::{Darray, Subarray};
pub use basic::{Basic, BasicInfo, Class, Repr};
pub use engine::{copy, copy_raw, for_each_run, pack, pack_raw, unpack, unpack_raw};
pub use envelope::Envelope;
pub use external32::{pack_external, pack_external_size, unpack_external};
pub use packing::{pack_into, pack_size, unpack_from};
pub use predefined::{predefined, predefined_by_index};
pub use shared::DatatypeRef;
pub use signature::Signature;

use crate::error::MpiResult;
use crate::mpi_err;
use layout::{Layout, Shape};
use std::sync::atomic::{AtomicBool, Ordering};

/// Which set of bindings a constructor was called through: it decides how MPI_Type_get_contents returns the arguments
/// (MPI-5.0 §5.1.13): counts as integers and addresses, or as large counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `MPI_Type_vector(int count, …)`
    Int,
    /// `MPI_Type_vector_c(MPI_Count count, …)`
    Large,
}

/// A datatype; see the module's head.
#[derive(Debug)]
pub struct Datatype {
    size: i64,
    lb: i64,
    ub: i64,
    true_lb: i64,
    true_ub: i64,
    align: i64,
    /// lb and ub come from markers (MPI_Type_create_resized and the array constructors).
    marked: bool,
    committed: AtomicBool,
    basic: Option<Basic>,
    layout: Layout,
    signature: Signature,
    envelope: Envelope,
}

impl Datatype {
    /// Bytes of data in one element (MPI-5.0 §5.1.5, MPI_Type_size).
    #[inline]
    pub fn size(&self) -> i64 {
        self.size
    }

    /// Lower bound (MPI-5.0 §5.1.7, MPI_Type_get_extent).
    pub fn lb(&self) -> i64 {
        self.lb
    }

    /// Upper bound: lb + extent.
    pub fn ub(&self) -> i64 {
        self.ub
    }

    /// The distance between elements of an array of this type (MPI-5.0 §5.1.7, MPI_Type_get_extent).
    #[inline]
    pub fn extent(&self) -> i64 {
        // Cannot wrap: checked when the type was made.
        self.ub - self.lb
    }

    /// Where the data begin, markers ignored (MPI-5.0 §5.1.8, MPI_Type_get_true_extent).
    pub fn true_lb(&self) -> i64 {
        self.true_lb
    }

    /// The span of the data, markers and padding ignored (MPI-5.0 §5.1.8, MPI_Type_get_true_extent).
    pub fn true_extent(&self) -> i64 {
        self.true_ub - self.true_lb
    }

    /// The strictest alignment of its basic types: the k of the standard's ε (MPI-5.0 §5.1).
    pub fn align(&self) -> i64 {
        self.align
    }

    /// The predefined type that this is, if it is one (a duplicate of one is not).
    #[inline]
    pub fn basic(&self) -> Option<Basic> {
        self.basic
    }

    /// The ABI handle of a predefined type.
    pub fn predefined_handle(&self) -> Option<usize> {
        self.basic.map(Basic::handle)
    }

    /// The sequence of basic types of one element.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// How this type was made (MPI-5.0 §5.1.13).
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// MPI_Type_commit (MPI-5.0 §5.1.9).
    pub fn commit(&self) {
        self.committed.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub fn is_committed(&self) -> bool {
        self.committed.load(Ordering::Relaxed)
    }

    /// Bytes of `count` elements; an error if that does not fit an MPI_Count.
    #[inline]
    pub fn packed_size(&self, count: i64) -> MpiResult<i64> {
        match self.size.checked_mul(count) {
            Some(bytes) if count >= 0 => Ok(bytes),
            _ => self.bad_count(count),
        }
    }

    #[cold]
    fn bad_count(&self, count: i64) -> MpiResult<i64> {
        if count < 0 {
            return mpi_err!(MPI_ERR_COUNT, "count is {count}, must not be negative");
        }
        mpi_err!(
            MPI_ERR_COUNT,
            "count is {count}: with a datatype of {} bytes the message does not fit an MPI_Count",
            self.size
        )
    }

    /// If the bytes of `count` elements lie in one run: its offset from the buffer's address and its length. The
    /// first question on the message path, hence in constant time. `None` also when the length would overflow.
    #[inline]
    pub fn is_contiguous(&self, count: i64) -> Option<(i64, i64)> {
        if self.size == 0 || count <= 0 {
            return Some((0, 0));
        }
        match self.layout.block.shape {
            Shape::Run if count == 1 || self.size == self.ub - self.lb => {
                Some((self.layout.off, self.size.checked_mul(count)?))
            }
            _ => None,
        }
    }

    /// How many separate runs of bytes `count` elements have (saturating): what makes an iovec sensible or not.
    pub fn run_count(&self, count: i64) -> i64 {
        if self.is_contiguous(count).is_some_and(|(_, len)| len > 0) {
            return 1;
        }
        self.layout.block.runs().saturating_mul(count.max(0))
    }

    /// The bytes that `count` elements touch: `(first, one past the last)` relative to the buffer's address, and
    /// `(0, 0)` if they touch none. For checks of windows and buffers; `None` if that does not fit 64 bits.
    pub fn touched(&self, count: i64) -> Option<(i64, i64)> {
        if count <= 0 || self.size == 0 {
            return Some((0, 0));
        }
        let last = self.extent().checked_mul(count - 1)?;
        Some((self.true_lb.checked_add(last.min(0))?, self.true_ub.checked_add(last.max(0))?))
    }

    /// Same typemap as far as bytes, bounds and signature go, whichever way it was made.
    pub fn same_typemap(&self, other: &Datatype) -> bool {
        (self.size, self.lb, self.ub, self.true_lb, self.true_ub, self.align, self.marked)
            == (other.size, other.lb, other.ub, other.true_lb, other.true_ub, other.align, other.marked)
            && self.layout == other.layout
            && self.signature == other.signature
    }
}
