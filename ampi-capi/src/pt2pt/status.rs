//! Statuses (MPI-5.0 §3.2.5, §3.7.6, §13.3): from outcomes, and what programs ask of them.

use super::request::Outcome;
use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutPoly, OutTruth, Status, StatusOut};
use crate::datatype::handle::Type;
use crate::error::{MpiError, MpiResult};
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::Cell;
use std::rc::Rc;

/// Fills a status of the program (or not, if it is ignored); leaves `MPI_ERROR` alone.
#[inline(always)]
pub(super) fn store(status: StatusOut, o: &Outcome) {
    if !status.is_ignored() {
        let mut s = Status::new(o.source, o.tag, o.bytes as i64);
        s.set_cancelled(o.cancelled);
        status.set(s);
    }
}

/// The error an outcome stands for.
#[inline(always)]
pub(super) fn check(o: &Outcome) -> MpiResult {
    if o.error == c::MPI_SUCCESS { Ok(()) } else { Err(failed(o)) }
}

#[cold]
fn failed(o: &Outcome) -> MpiError {
    match o.error {
        c::MPI_ERR_TRUNCATE => MpiError::new(
            c::MPI_ERR_TRUNCATE,
            format!(
                "the message from rank {} with tag {} is longer than the receive buffer of {} bytes",
                o.source, o.tag, o.bytes
            ),
        ),
        class => MpiError::new(class, "the operation failed"),
    }
}

type S<'a> = &'a Cell<Status>;

/// `MPI_Get_count` — whole elements of `ty` received; `MPI_UNDEFINED` when there is a rest. MPI-5.0 §3.2.5.
pub fn get_count(_: &'static Rank, status: S, ty: &Rc<Type>, count: OutPoly) -> MpiResult {
    match ty.datatype.count_in(status.get().bytes()) {
        Some(n) => count.set(n),
        None => count.set(c::MPI_UNDEFINED as i64),
    }
    Ok(())
}

/// `MPI_Get_elements` — basic elements received. MPI-5.0 §5.1.11.
pub fn get_elements(_: &'static Rank, status: S, ty: &Rc<Type>, count: OutPoly) -> MpiResult {
    match ty.datatype.elements_in(status.get().bytes()) {
        Some(n) => count.set(n),
        None => count.set(c::MPI_UNDEFINED as i64),
    }
    Ok(())
}

/// `MPI_Get_elements_x`. MPI-5.0 §5.1.11.
pub fn get_elements_x(_: &'static Rank, status: S, ty: &Rc<Type>, count: Out<i64>) -> MpiResult {
    count.set(ty.datatype.elements_in(status.get().bytes()).unwrap_or(c::MPI_UNDEFINED as i64));
    Ok(())
}

/// `MPI_Test_cancelled`. MPI-5.0 §3.8.4.
pub fn test_cancelled(_: &'static Rank, status: S, flag: OutTruth) -> MpiResult {
    flag.set(status.get().cancelled());
    Ok(())
}

fn change(status: S, f: impl FnOnce(&mut Status)) -> MpiResult {
    let mut s = status.get();
    f(&mut s);
    status.set(s);
    Ok(())
}

/// `MPI_Status_set_cancelled`. MPI-5.0 §13.3.
pub fn set_cancelled(_: &'static Rank, status: S, flag: bool) -> MpiResult {
    change(status, |s| s.set_cancelled(flag))
}

/// `MPI_Status_set_elements` — as if `count` elements of `ty` had been received. MPI-5.0 §13.3.
pub fn set_elements(_: &'static Rank, status: S, ty: &Rc<Type>, count: i64) -> MpiResult {
    let Some(bytes) = ty.datatype.bytes_of_elements(count) else {
        return mpi_err!(MPI_ERR_COUNT, "count is {count}: that many elements do not fit");
    };
    change(status, |s| s.set_bytes(bytes))
}

/// `MPI_Status_get_source`. MPI-5.0 §3.2.5.
pub fn get_source(_: &'static Rank, status: S, source: Out<i32>) -> MpiResult {
    source.set(status.get().source);
    Ok(())
}
/// `MPI_Status_get_tag`. MPI-5.0 §3.2.5.
pub fn get_tag(_: &'static Rank, status: S, tag: Out<i32>) -> MpiResult {
    tag.set(status.get().tag);
    Ok(())
}
/// `MPI_Status_get_error`. MPI-5.0 §3.2.5.
pub fn get_error(_: &'static Rank, status: S, error: Out<i32>) -> MpiResult {
    error.set(status.get().error);
    Ok(())
}
/// `MPI_Status_set_source`. MPI-5.0 §13.3.
pub fn set_source(_: &'static Rank, status: S, source: i32) -> MpiResult {
    change(status, |s| s.source = source)
}
/// `MPI_Status_set_tag`. MPI-5.0 §13.3.
pub fn set_tag(_: &'static Rank, status: S, tag: i32) -> MpiResult {
    change(status, |s| s.tag = tag)
}
/// `MPI_Status_set_error`. MPI-5.0 §13.3.
pub fn set_error(_: &'static Rank, status: S, error: i32) -> MpiResult {
    change(status, |s| s.error = error)
}
