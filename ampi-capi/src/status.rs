//! Accessors of statuses that need no datatype (MPI-5.0 §3.2.5, §13.3).

use crate::abi::kinds::{Out, OutTruth, Status};
use crate::error::MpiResult;
use crate::rank::Rank;
use std::cell::Cell;

/// `MPI_Status_get_source` — the source of the message.
pub fn get_source(_me: &'static Rank, status: &Cell<Status>, source: Out<i32>) -> MpiResult {
    source.set(status.get().source);
    Ok(())
}

/// `MPI_Status_get_tag` — the tag of the message.
pub fn get_tag(_me: &'static Rank, status: &Cell<Status>, tag: Out<i32>) -> MpiResult {
    tag.set(status.get().tag);
    Ok(())
}

/// `MPI_Status_get_error` — the error code, meaningful after a call that returned `MPI_ERR_IN_STATUS`.
pub fn get_error(_me: &'static Rank, status: &Cell<Status>, error: Out<i32>) -> MpiResult {
    error.set(status.get().error);
    Ok(())
}

/// `MPI_Status_set_source` — changes the source.
pub fn set_source(_me: &'static Rank, status: &Cell<Status>, source: i32) -> MpiResult {
    let mut s = status.get();
    s.source = source;
    status.set(s);
    Ok(())
}

/// `MPI_Status_set_tag` — changes the tag.
pub fn set_tag(_me: &'static Rank, status: &Cell<Status>, tag: i32) -> MpiResult {
    let mut s = status.get();
    s.tag = tag;
    status.set(s);
    Ok(())
}

/// `MPI_Status_set_error` — changes the error code.
pub fn set_error(_me: &'static Rank, status: &Cell<Status>, error: i32) -> MpiResult {
    let mut s = status.get();
    s.error = error;
    status.set(s);
    Ok(())
}

/// `MPI_Test_cancelled` — was the operation cancelled?
pub fn test_cancelled(_me: &'static Rank, status: &Cell<Status>, flag: OutTruth) -> MpiResult {
    flag.set(status.get().cancelled());
    Ok(())
}

/// `MPI_Status_set_cancelled` — what `MPI_Test_cancelled` will answer.
pub fn set_cancelled(_me: &'static Rank, status: &Cell<Status>, flag: bool) -> MpiResult {
    let mut s = status.get();
    s.set_cancelled(flag);
    status.set(s);
    Ok(())
}

/// `MPI_Status_c2f`, `MPI_Status_f2c` — the Fortran form is the same eight integers.
pub fn convert(_me: &'static Rank, from: &Cell<Status>, to: &Cell<Status>) -> MpiResult {
    to.set(from.get());
    Ok(())
}
