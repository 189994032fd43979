//! Functions that MPI-3 removed (MPI-5.0 §17): programs still call them. Displacements are in bytes.

use super::T;
use super::constructors::{publish, types_of};
use crate::abi::kinds::{Array, Out, OutHandle};
use crate::datatype::{Datatype, Form};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;

fn blocks(
    count: i32,
    array_of_blocklengths: Array<i32>,
    array_of_displacements: Array<i64>,
) -> MpiResult<(Vec<i64>, Vec<i64>)> {
    let lengths = array_of_blocklengths.of(count as usize)?.iter().map(|n| n.get().into()).collect();
    Ok((lengths, array_of_displacements.to_vec(count as usize)?))
}

/// `MPI_Type_hvector` — as `MPI_Type_create_hvector`. MPI-5.0 §17.
pub fn hvector(
    me: &'static Rank,
    count: i32,
    blocklength: i32,
    stride: i64,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let new = Datatype::hvector(count.into(), blocklength.into(), stride, &oldtype.datatype, Form::Int)?;
    publish(me, new, newtype)
}

/// `MPI_Type_hindexed` — as `MPI_Type_create_hindexed`. MPI-5.0 §17.
pub fn hindexed(
    me: &'static Rank,
    count: i32,
    array_of_blocklengths: Array<i32>,
    array_of_displacements: Array<i64>,
    oldtype: T,
    newtype: OutHandle,
) -> MpiResult {
    let (lengths, displacements) = blocks(count, array_of_blocklengths, array_of_displacements)?;
    publish(me, Datatype::hindexed(&lengths, &displacements, &oldtype.datatype, Form::Int)?, newtype)
}

/// `MPI_Type_struct` — as `MPI_Type_create_struct`. MPI-5.0 §17.
pub fn structure(
    me: &'static Rank,
    count: i32,
    array_of_blocklengths: Array<i32>,
    array_of_displacements: Array<i64>,
    array_of_types: Array<Handle>,
    newtype: OutHandle,
) -> MpiResult {
    let (lengths, displacements) = blocks(count, array_of_blocklengths, array_of_displacements)?;
    let types = types_of(me, array_of_types, count as usize)?;
    publish(me, Datatype::structure(&lengths, &displacements, &types, Form::Int)?, newtype)
}

/// `MPI_Type_extent` — the extent. MPI-5.0 §17.
pub fn extent(_me: &'static Rank, datatype: T, extent: Out<i64>) -> MpiResult {
    extent.set(datatype.datatype.extent());
    Ok(())
}

/// `MPI_Type_lb` — the lower bound. MPI-5.0 §17.
pub fn lb(_me: &'static Rank, datatype: T, displacement: Out<i64>) -> MpiResult {
    displacement.set(datatype.datatype.lb());
    Ok(())
}

/// `MPI_Type_ub` — lower bound plus extent. MPI-5.0 §17.
pub fn ub(_me: &'static Rank, datatype: T, displacement: Out<i64>) -> MpiResult {
    displacement.set(datatype.datatype.ub());
    Ok(())
}
