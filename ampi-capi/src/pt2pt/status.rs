//! From the outcome of an operation to the program's status and the call's error.

use super::request::Outcome;
use crate::abi::constants as c;
use crate::abi::kinds::{Status, StatusOut};
use crate::error::{MpiError, MpiResult};

/// Fills a status of the program (or not, if it is ignored); leaves `MPI_ERROR` alone.
#[inline(always)]
pub(super) fn store(status: StatusOut, o: &Outcome) {
    if !status.is_ignored() {
        let mut s = Status::new(o.source, o.tag, o.bytes as i64);
        s.set_cancelled(o.cancelled);
        status.set(s);
    }
}

/// The status of a null or inactive request: source and tag any, nothing received, error `MPI_SUCCESS` (§3.7.3).
#[cold]
pub(super) fn store_empty(status: StatusOut) {
    status.set(Status::EMPTY);
    status.set_error(c::MPI_SUCCESS);
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
                "the message from rank {} with tag {} has {} bytes, the receive buffer has room for {}",
                o.source, o.tag, o.sent, o.bytes
            ),
        ),
        class => MpiError::new(class, "the operation failed"),
    }
}
