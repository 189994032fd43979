//! Sizes and bounds (MPI-5.0 §5.1.5 – §5.1.8), and predefined types found by their properties.
//!
//! What does not fit the `int` form becomes `MPI_UNDEFINED`.

use super::T;
use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutHandle, OutPoly};
use crate::datatype::Basic;
use crate::datatype::handle::handle_of;
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::mpi_err;
use crate::rank::Rank;

/// `MPI_Type_size` — bytes of data in one element. MPI-5.0 §5.1.5.
pub fn size(_me: &'static Rank, datatype: T, size: OutPoly) -> MpiResult {
    size.set(datatype.datatype.size());
    Ok(())
}

/// `MPI_Type_size_x` — as [`size`] (deprecated). MPI-5.0 §16.
pub fn size_x(_me: &'static Rank, datatype: T, size: Out<i64>) -> MpiResult {
    size.set(datatype.datatype.size());
    Ok(())
}

/// `MPI_Type_get_extent` — lower bound, and distance from element to element, in bytes. MPI-5.0 §5.1.7.
pub fn get_extent(_me: &'static Rank, datatype: T, lb: OutPoly, extent: OutPoly) -> MpiResult {
    lb.set(datatype.datatype.lb());
    extent.set(datatype.datatype.extent());
    Ok(())
}

/// `MPI_Type_get_extent_x` — as [`get_extent`] (deprecated). MPI-5.0 §16.
pub fn get_extent_x(_me: &'static Rank, datatype: T, lb: Out<i64>, extent: Out<i64>) -> MpiResult {
    lb.set(datatype.datatype.lb());
    extent.set(datatype.datatype.extent());
    Ok(())
}

/// `MPI_Type_get_true_extent` — where the data begin and how far they reach, in bytes, whatever the bounds are.
/// MPI-5.0 §5.1.8.
pub fn get_true_extent(_me: &'static Rank, datatype: T, true_lb: OutPoly, true_extent: OutPoly) -> MpiResult {
    true_lb.set(datatype.datatype.true_lb());
    true_extent.set(datatype.datatype.true_extent());
    Ok(())
}

/// `MPI_Type_get_true_extent_x` — as [`get_true_extent`] (deprecated). MPI-5.0 §16.
pub fn get_true_extent_x(
    _me: &'static Rank,
    datatype: T,
    true_lb: Out<i64>,
    true_extent: Out<i64>,
) -> MpiResult {
    true_lb.set(datatype.datatype.true_lb());
    true_extent.set(datatype.datatype.true_extent());
    Ok(())
}

/// `MPI_Type_match_size` — the predefined datatype of a Fortran type class with elements of `size` bytes.
/// MPI-5.0 §19.1.5.
pub fn match_size(_me: &'static Rank, typeclass: i32, size: i32, datatype: OutHandle) -> MpiResult {
    let class = match typeclass {
        c::MPI_TYPECLASS_INTEGER => "MPI_TYPECLASS_INTEGER",
        c::MPI_TYPECLASS_REAL => "MPI_TYPECLASS_REAL",
        c::MPI_TYPECLASS_COMPLEX => "MPI_TYPECLASS_COMPLEX",
        _ => {
            return mpi_err!(
                MPI_ERR_ARG,
                "typeclass is {typeclass}, must be MPI_TYPECLASS_INTEGER, _REAL or _COMPLEX"
            );
        }
    };
    match Basic::match_size(typeclass, size) {
        Some(basic) => datatype.set(handle_of(basic)),
        None => return mpi_err!(MPI_ERR_ARG, "size is {size}, a size that no datatype of {class} has"),
    }
    Ok(())
}

/// `MPI_Type_get_value_index` — the predefined pair type for `MPI_MINLOC` and `MPI_MAXLOC`, or `MPI_DATATYPE_NULL` if
/// there is none. MPI-5.0 §6.9.4.
pub fn get_value_index(_me: &'static Rank, value_type: T, index_type: T, pair_type: OutHandle) -> MpiResult {
    let pair = match (value_type.datatype.basic(), index_type.datatype.basic()) {
        (Some(value), Some(index)) => Basic::value_index(value, index),
        _ => None,
    };
    pair_type.set(pair.map_or(Handle(c::MPI_DATATYPE_NULL), handle_of));
    Ok(())
}
