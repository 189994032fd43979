//! The end of a job because of an error: through the launcher's service when there is one, else by leaving the process.

use crate::rank::Rank;
use std::io::Write;
use std::sync::OnceLock;

/// Ends the whole job: prints `why` (one sentence) for `rank` and never returns.
pub type JobAbort = fn(rank: &'static Rank, why: &str, exit_code: i32) -> !;

static ABORT: OnceLock<JobAbort> = OnceLock::new();

/// The runtime that hosts the ranks says how a job ends. Called once, before the first rank starts.
pub fn install_abort(abort: JobAbort) {
    assert!(ABORT.set(abort).is_ok(), "errhandler::install_abort called twice");
}

/// Ends the job.
#[cold]
#[inline(never)]
pub fn abort_job(me: &'static Rank, why: &str, exit_code: i32) -> ! {
    if let Some(abort) = ABORT.get() {
        abort(me, why, exit_code);
    }
    // The process is the job. stderr may be gone; the exit code still tells.
    let _ = writeln!(std::io::stderr(), "ampi: rank {}: {why}", me.world_rank);
    std::process::exit(if exit_code == 0 { 1 } else { exit_code & 0xff });
}
