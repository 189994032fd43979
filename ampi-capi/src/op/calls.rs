//! The calls of MPI-5.0 §6.9.5 and §6.9.6: operations of the program.

use super::handle::Op;
use crate::abi::kinds::{HandleInOut, OutHandle, OutTruth, UserFn};
use crate::error::MpiResult;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// `MPI_Op_create` — a reduction operation that calls `user_fn`; it is associative, and commutative if `commute`.
/// MPI-5.0 §6.9.5.
pub fn create(me: &'static Rank, user_fn: UserFn, commute: bool, op: OutHandle) -> MpiResult {
    op.set(me.ops.insert(Rc::new(Op::User { function: user_fn, commutes: commute }))?);
    Ok(())
}

/// `MPI_Op_free` — the handle becomes `MPI_OP_NULL`; reductions under way are not affected. MPI-5.0 §6.9.5.
pub fn free(me: &'static Rank, op: HandleInOut<Op>) -> MpiResult {
    if let Some(predefined) = op.object().predefined() {
        return mpi_err!(MPI_ERR_OP, "op is {predefined}, a predefined operation, which cannot be freed");
    }
    me.ops.remove(op.handle());
    op.set_null();
    Ok(())
}

/// `MPI_Op_commutative` — may operands be exchanged? MPI-5.0 §6.9.6.
pub fn commutative(_me: &'static Rank, op: &Rc<Op>, commute: OutTruth) -> MpiResult {
    commute.set(op.commutes());
    Ok(())
}
