//! Constructors (MPI-5.0 §5.1.2 – §5.1.7): each makes an uncommitted datatype.
//!
//! Old types need not be committed, and may be freed afterwards. The form of the call (`int` or `_c`) is kept in the
//! datatype for `MPI_Type_get_contents`.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::T;
use crate::abi::kinds::{Array, ArrayPoly, Formed, OutHandle};
use crate::datatype::handle::{Type, any};
use crate::datatype::{Darray, Datatype, DatatypeRef, Form, Subarray};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;

pub(super) fn publish(me: &'static Rank, datatype: DatatypeRef, newtype: OutHandle) -> MpiResult {
    newtype.set(Type::insert(me, datatype)?.handle());
    Ok(())
}

/// The types of a list, looked up; errors name the entry.
pub(super) fn types_of(
    me: &'static Rank,
    array_of_types: Array<Handle>,
    count: usize,
) -> MpiResult<Vec<DatatypeRef>> {
    let look_up = |(i, handle): (usize, Handle)| {
        any(me, handle, "array_of_types")
            .or_else(|_| any(me, handle, &format!("array_of_types[{i}]")))
            .map(|t| t.datatype.clone())
    };
    array_of_types.of(count)?.iter().map(|cell| cell.get()).enumerate().map(look_up).collect()
}

/// The form of a call, seen by the width of its counts.
fn form_of(counts: ArrayPoly) -> Form {
    match counts {
        ArrayPoly::Int(_) => Form::Int,
        ArrayPoly::Large(_) => Form::Large,
    }
}

/// `MPI_Type_contiguous` — `count` elements of `oldtype`, one after the other. MPI-5.0 §5.1.2.
pub fn contiguous(me: &'static Rank, count: Formed, oldtype: T, newtype: OutHandle) -> MpiResult {
    publish(me, Datatype::contiguous(count.value, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_vector` — `count` blocks of `blocklength` elements; from block to block `stride` extents of `oldtype`.
/// MPI-5.0 §5.1.2.
pub fn vector(
    me: &'static Rank,
    count: Formed,
    blocklength: i64,
    stride: i64,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    publish(me, Datatype::vector(count.value, blocklength, stride, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_create_hvector` — as [`vector`], with `stride` in bytes. MPI-5.0 §5.1.2.
pub fn create_hvector(
    me: &'static Rank,
    count: Formed,
    blocklength: i64,
    stride: i64,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    publish(me, Datatype::hvector(count.value, blocklength, stride, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_indexed` — `count` blocks; block i has `array_of_blocklengths[i]` elements and begins
/// `array_of_displacements[i]` extents of `oldtype` from the start. MPI-5.0 §5.1.2.
pub fn indexed(
    me: &'static Rank,
    count: Formed,
    array_of_blocklengths: ArrayPoly,
    array_of_displacements: ArrayPoly,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let n = count.value as usize;
    let (lengths, displacements) = (array_of_blocklengths.to_vec(n)?, array_of_displacements.to_vec(n)?);
    publish(me, Datatype::indexed(&lengths, &displacements, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_create_hindexed` — as [`indexed`], with displacements in bytes. MPI-5.0 §5.1.2.
pub fn create_hindexed(
    me: &'static Rank,
    count: Formed,
    array_of_blocklengths: ArrayPoly,
    array_of_displacements: ArrayPoly,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let n = count.value as usize;
    let (lengths, displacements) = (array_of_blocklengths.to_vec(n)?, array_of_displacements.to_vec(n)?);
    publish(me, Datatype::hindexed(&lengths, &displacements, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_create_indexed_block` — as [`indexed`], with blocks of equal length. MPI-5.0 §5.1.2.
pub fn create_indexed_block(
    me: &'static Rank,
    count: Formed,
    blocklength: i64,
    array_of_displacements: ArrayPoly,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let displacements = array_of_displacements.to_vec(count.value as usize)?;
    publish(me, Datatype::indexed_block(blocklength, &displacements, &oldtype.datatype, count.form)?, newtype)
}

/// `MPI_Type_create_hindexed_block` — as [`create_indexed_block`], with displacements in bytes. MPI-5.0 §5.1.2.
pub fn create_hindexed_block(
    me: &'static Rank,
    count: Formed,
    blocklength: i64,
    array_of_displacements: ArrayPoly,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let displacements = array_of_displacements.to_vec(count.value as usize)?;
    publish(
        me,
        Datatype::hindexed_block(blocklength, &displacements, &oldtype.datatype, count.form)?,
        newtype,
    )
}

/// `MPI_Type_create_struct` — `count` blocks; block i has `array_of_blocklengths[i]` elements of `array_of_types[i]` and
/// begins `array_of_displacements[i]` bytes from the start. MPI-5.0 §5.1.2.
pub fn create_struct(
    me: &'static Rank,
    count: Formed,
    array_of_blocklengths: ArrayPoly,
    array_of_displacements: ArrayPoly,
    array_of_types: Array<Handle>,
    newtype: OutHandle,
) -> MpiResult {
    let n = count.value as usize;
    let (lengths, displacements) = (array_of_blocklengths.to_vec(n)?, array_of_displacements.to_vec(n)?);
    let types = types_of(me, array_of_types, n)?;
    publish(me, Datatype::structure(&lengths, &displacements, &types, count.form)?, newtype)
}

/// `MPI_Type_create_subarray` — a part of an array of `ndims` dimensions, with the whole array as extent.
/// MPI-5.0 §5.1.3.
pub fn create_subarray(
    me: &'static Rank,
    ndims: i32,
    array_of_sizes: ArrayPoly,
    array_of_subsizes: ArrayPoly,
    array_of_starts: ArrayPoly,
    order: i32,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let n = ndims as usize;
    let (sizes, subsizes) = (array_of_sizes.to_vec(n)?, array_of_subsizes.to_vec(n)?);
    let starts = array_of_starts.to_vec(n)?;
    let array = Subarray { sizes: &sizes, subsizes: &subsizes, starts: &starts, order };
    publish(me, Datatype::subarray(array, &oldtype.datatype, form_of(array_of_sizes))?, newtype)
}

/// `MPI_Type_create_darray` — what process `rank` of `size` owns of an array that is distributed over a grid of
/// processes, with the whole array as extent. MPI-5.0 §5.1.4.
pub fn create_darray(
    me: &'static Rank,
    size: i32,
    rank: i32,
    ndims: i32,
    array_of_gsizes: ArrayPoly,
    array_of_distribs: Array<i32>,
    array_of_dargs: Array<i32>,
    array_of_psizes: Array<i32>,
    order: i32,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let n = ndims as usize;
    let (gsizes, distribs) = (array_of_gsizes.to_vec(n)?, array_of_distribs.to_vec(n)?);
    let (dargs, psizes) = (array_of_dargs.to_vec(n)?, array_of_psizes.to_vec(n)?);
    let array =
        Darray { size, rank, gsizes: &gsizes, distribs: &distribs, dargs: &dargs, psizes: &psizes, order };
    publish(me, Datatype::darray(array, &oldtype.datatype, form_of(array_of_gsizes))?, newtype)
}

/// `MPI_Type_create_resized` — the same data with lower bound `lb` and `extent`, both in bytes. MPI-5.0 §5.1.7.
pub fn create_resized(
    me: &'static Rank,
    oldtype: T,
    lb: Formed,
    extent: Formed,
    newtype: OutHandle,
) -> MpiResult {
    publish(me, Datatype::resized(&oldtype.datatype, lb.value, extent.value, lb.form)?, newtype)
}
