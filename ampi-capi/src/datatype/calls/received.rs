//! What a status says, in units of a datatype (MPI-5.0 §3.2.5, §5.1.11, §13.3).
//!
//! A count that ends inside an element, or does not fit the `int` form, is `MPI_UNDEFINED`.

use super::T;
use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutPoly, Status};
use crate::error::MpiResult;
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::Cell;

fn or_undefined(count: Option<i64>) -> i64 {
    count.unwrap_or(c::MPI_UNDEFINED.into())
}

/// `MPI_Get_count` — whole elements of `datatype` received. MPI-5.0 §3.2.5.
pub fn get_count(_me: &'static Rank, status: &Cell<Status>, datatype: T, count: OutPoly) -> MpiResult {
    count.set(or_undefined(datatype.datatype.count_in(status.get().bytes())));
    Ok(())
}

/// `MPI_Get_elements` — basic elements received, also of a last element that came in part. MPI-5.0 §5.1.11.
pub fn get_elements(_me: &'static Rank, status: &Cell<Status>, datatype: T, count: OutPoly) -> MpiResult {
    count.set(or_undefined(datatype.datatype.elements_in(status.get().bytes())));
    Ok(())
}

/// `MPI_Get_elements_x` — as [`get_elements`] (deprecated). MPI-5.0 §16.
pub fn get_elements_x(_me: &'static Rank, status: &Cell<Status>, datatype: T, count: Out<i64>) -> MpiResult {
    count.set(or_undefined(datatype.datatype.elements_in(status.get().bytes())));
    Ok(())
}

/// `MPI_Status_set_elements`, `MPI_Status_set_elements_x` (deprecated) — what [`get_elements`] will answer: `count`
/// basic elements of `datatype`. MPI-5.0 §13.3.
pub fn status_set_elements(_me: &'static Rank, status: &Cell<Status>, datatype: T, count: i64) -> MpiResult {
    if count < 0 {
        return mpi_err!(MPI_ERR_COUNT, "count is {count}, must not be negative");
    }
    let Some(bytes) = datatype.datatype.bytes_of_elements(count) else {
        return mpi_err!(
            MPI_ERR_COUNT,
            "count is {count}, more basic elements of the datatype than a status can hold"
        );
    };
    let mut s = status.get();
    s.set_bytes(bytes);
    status.set(s);
    Ok(())
}
