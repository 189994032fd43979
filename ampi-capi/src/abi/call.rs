//! The start and the failing end of every call.
//!
//! The start costs two thread-local loads and one comparison with the rank's phase; everything else is cold.

use crate::errhandler;
use crate::error::MpiError;
use crate::mpi_err;
use crate::rank::{Phase, Rank, guest_thread_entry};
use ampi_core::current;
use ampi_core::image::libc::signals;

/// The calling rank, if nothing speaks against the call; `None`: ask [`enter_slowly`]. `early`: the function may be
/// called before `MPI_Init` and after `MPI_Finalize`.
#[inline(always)]
pub fn enter(function: &'static str, early: bool) -> Option<&'static Rank> {
    let me = Rank::current()?;
    let quick = (early || me.phase.get() == Phase::Running)
        && current::word(current::FLAGS) & current::FLAG_GUEST_THREAD == 0
        && !signals::in_use();
    if quick {
        me.function.set(function);
    }
    quick.then_some(me)
}

/// The calling rank, or the code that the call returns because it is not allowed now.
#[cold]
#[inline(never)]
pub fn enter_slowly(function: &'static str, early: bool) -> Result<&'static Rank, i32> {
    let me = Rank::current_or_own();
    if current::word(current::FLAGS) & current::FLAG_GUEST_THREAD != 0 {
        guest_thread_entry(me, function);
    } else {
        me.function.set(function);
        if signals::in_use() {
            signals::safe_point();
        }
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
