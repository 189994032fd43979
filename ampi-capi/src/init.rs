//! Start and end of MPI (MPI-5.0 §11.2, §11.4).

use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutTruth};
use crate::coll::calls::execute;
use crate::coll::{Call, Operation};
use crate::comm::Comm;
use crate::comm::create::{Agreement, Wish};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::mpi_err;
use crate::rank::{Phase, Rank};
use std::rc::Rc;

/// The thread level that ranks get: calls by threads that a rank creates are refused for now.
const PROVIDED: i32 = c::MPI_THREAD_FUNNELED;

/// `MPI_Init`. MPI-5.0 §11.2.1.
pub fn init(me: &'static Rank, _argc: usize, _argv: usize) -> MpiResult {
    begin(me, PROVIDED)
}

/// `MPI_Init_thread` — `provided` is what the program gets. MPI-5.0 §11.2.1.
pub fn init_thread(
    me: &'static Rank,
    _argc: usize,
    _argv: usize,
    required: i32,
    provided: Out<i32>,
) -> MpiResult {
    if !(c::MPI_THREAD_SINGLE..=c::MPI_THREAD_MULTIPLE).contains(&required) {
        return mpi_err!(MPI_ERR_ARG, "required is {required}, which is no MPI_THREAD_ constant");
    }
    begin(me, required.min(PROVIDED))?;
    provided.set(required.min(PROVIDED));
    Ok(())
}

fn begin(me: &'static Rank, level: i32) -> MpiResult {
    match me.phase.get() {
        Phase::BeforeInit => {}
        Phase::Running => return mpi_err!(MPI_ERR_OTHER, "MPI has been initialized before"),
        Phase::Finalized => {
            return mpi_err!(MPI_ERR_OTHER, "MPI cannot be initialized again after MPI_Finalize");
        }
    }
    me.thread_level.set(level);
    crate::own_process::enter(me);
    me.start_chapters();
    me.phase.set(Phase::Running);
    Ok(())
}

/// `MPI_Initialized`. MPI-5.0 §11.4.1.
pub fn initialized(me: &'static Rank, flag: OutTruth) -> MpiResult {
    flag.set(me.phase.get() != Phase::BeforeInit);
    Ok(())
}

/// `MPI_Finalized`. MPI-5.0 §11.4.1.
pub fn finalized(me: &'static Rank, flag: OutTruth) -> MpiResult {
    flag.set(me.phase.get() == Phase::Finalized);
    Ok(())
}

/// `MPI_Finalize` — waits for all ranks; attributes of `MPI_COMM_SELF` are deleted first, in reverse order.
/// MPI-5.0 §11.2.2, §11.4.2.
pub fn finalize(me: &'static Rank) -> MpiResult {
    if let Some(alone) = me.comms.get(Handle(c::MPI_COMM_SELF)) {
        crate::attr::Cached::attributes(&*alone).delete_all(me, alone.handle())?;
    }
    crate::pt2pt::bsend::finish(me);
    if let Some(world) = me.comms.get(Handle(c::MPI_COMM_WORLD)) {
        crate::attr::Cached::attributes(&*world).delete_all(me, world.handle())?;
        let meeting = Operation::Agree(Agreement::new(Wish::Nothing));
        execute(me, &world, &Call::new("MPI_Finalize", meeting))?;
    }
    me.phase.set(Phase::Finalized);
    crate::own_process::leave(me);
    Ok(())
}

/// `MPI_Is_thread_main`. MPI-5.0 §11.6.
pub fn is_thread_main(_: &'static Rank, flag: OutTruth) -> MpiResult {
    use ampi_core::current;
    flag.set(current::word(current::FLAGS) & current::FLAG_GUEST_THREAD == 0);
    Ok(())
}

/// `MPI_Query_thread`. MPI-5.0 §11.6.
pub fn query_thread(me: &'static Rank, provided: Out<i32>) -> MpiResult {
    provided.set(me.thread_level.get());
    Ok(())
}

/// `MPI_Abort` — ends the whole job with `code`. MPI-5.0 §11.4.3.
pub fn abort(me: &'static Rank, comm: &Rc<Comm>, code: i32) -> MpiResult {
    let text = format!("called MPI_Abort({}, {code})", comm.label());
    crate::errhandler::abort_job(me, &text, code)
}
