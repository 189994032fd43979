//! The start and the failing end of every call.
//!
//! The start costs two thread-local loads and one comparison with the rank's phase; everything else is cold.

use crate::errhandler;
use crate::error::MpiError;
use crate::mpi_err;
use crate::rank::{Phase, Rank, guest_thread_entry};
use ampi_core::current;

/// The calling rank, if it may call `function` now; else the code that the call returns. `early`: the function may be
/// called before `MPI_Init` and after `MPI_Finalize`.
#[inline(always)]
pub fn enter(function: &'static str, early: bool) -> Result<&'static Rank, i32> {
    if let Some(me) = Rank::current()
        && (me.phase.get() == Phase::Running || early)
        && current::word(current::FLAGS) & current::FLAG_GUEST_THREAD == 0
    {
        me.function.set(function);
        return Ok(me);
    }
    enter_slowly(function, early)
}

#[cold]
#[inline(never)]
fn enter_slowly(function: &'static str, early: bool) -> Result<&'static Rank, i32> {
    let Some(me) = Rank::current_or_alone() else {
        errhandler::abort_outside(&format!(
            "{function} was called by a thread that belongs to no rank: only the thread that called MPI first may do so"
        ));
    };
    if current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0 {
        guest_thread_entry(me, function);
    }
    let refused = match me.phase.get() {
        _ if early => return Ok(me),
        Phase::Running => return Ok(me),
        Phase::BeforeInit => mpi_err!(MPI_ERR_OTHER, "called before MPI_Init"),
        Phase::Finalized => mpi_err!(MPI_ERR_OTHER, "called after MPI_Finalize"),
    };
    refused.map_err(|e: MpiError| errhandler::raise(me, function, e, &[]))
}

/// The end of a failed call: its error handler, then the code to return. `arguments`: the handles among the arguments.
#[cold]
#[inline(never)]
pub fn failed(me: &'static Rank, function: &'static str, error: MpiError, arguments: &[usize]) -> i32 {
    errhandler::raise(me, function, error, arguments)
}
