//! Reduction operations as objects of a rank: what a handle names.
//!
//! Like predefined datatypes, a predefined operation gets its object when the rank first uses its handle.

use super::{Kernel, PredefinedOp, kernel_for};
use crate::abi::constants as c;
use crate::abi::kinds::UserFn;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// A reduction operation.
#[derive(Debug, Clone, Copy)]
pub enum Op {
    Predefined(PredefinedOp),
    /// A function of the program (MPI-5.0 §6.9.5).
    User {
        function: UserFn,
        commutes: bool,
    },
}

/// How an operation is done on elements of one datatype.
#[derive(Debug, Clone, Copy)]
pub enum How {
    Kernel(Kernel),
    /// The program's function, and the handle of the datatype to pass to it.
    User(UserFn, Handle),
}

impl How {
    /// The same for members that do the same with the same kind of numbers; user-defined operations are not told apart:
    /// each rank has a function of its own.
    #[inline(always)]
    pub fn mark(&self) -> usize {
        match self {
            How::Kernel(kernel) => kernel.address(),
            How::User(..) => 1,
        }
    }
}

impl Op {
    /// What a collective reduction of elements of `ty` calls (MPI-5.0 §6.9.2). Refuses predefined operations on types
    /// for which the standard does not define them.
    #[inline]
    pub fn on(&self, ty: &Rc<Type>) -> MpiResult<How> {
        match *self {
            Op::Predefined(op) if op.is_collective() => Ok(How::Kernel(kernel_for(op, &ty.datatype)?)),
            Op::Predefined(op) => {
                mpi_err!(MPI_ERR_OP, "op is {op}, which is for one-sided communication only")
            }
            Op::User { function, .. } => Ok(How::User(function, ty.handle())),
        }
    }

    /// The predefined operation that this is, if it is one.
    pub fn predefined(&self) -> Option<PredefinedOp> {
        match *self {
            Op::Predefined(op) => Some(op),
            Op::User { .. } => None,
        }
    }

    /// May operands be exchanged (MPI-5.0 §6.9.6)?
    pub fn commutes(&self) -> bool {
        match *self {
            Op::Predefined(op) => op.commutes(),
            Op::User { commutes, .. } => commutes,
        }
    }
}

impl Object for Op {
    const KIND: HandleKind = HandleKind::Op;
    const NULL: usize = c::MPI_OP_NULL;
    const NULL_NAME: &'static str = "MPI_OP_NULL";
    const ERROR: i32 = c::MPI_ERR_OP;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.ops
    }
    fn predefined(handle: Handle) -> Option<Self> {
        PredefinedOp::from_handle(handle.0).map(Op::Predefined)
    }
}
