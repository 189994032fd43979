//! Reduction operations (MPI-5.0 §6.9): which exist, on which types they are defined, and the loops that do them.
//!
//! | module | content |
//! |---|---|
//! | `kernel` | elementwise loops for integers, floating-point, complex and logical types |
//! | `pairs` | MPI_MINLOC and MPI_MAXLOC |
//! | [`extended`] | long double, binary128 (in C) and binary16 |
//! | [`handle`] | operations as objects of a rank |
//! | [`calls`] | the MPI calls |
//!
//! A predefined operation on a predefined datatype is a [`Kernel`], found by one table look-up per call. Derived
//! datatypes, also contiguous ones and duplicates, are not allowed with predefined operations (§6.9.2).

pub mod calls;
pub mod extended;
pub mod handle;
mod kernel;
mod pairs;
#[cfg(test)]
mod tests;

use crate::abi::constants as c;
use crate::datatype::{Basic, Class, Datatype};
use crate::error::MpiResult;
use crate::mpi_err;
use std::fmt;

pub use kernel::Kernel;

/// The predefined operations (MPI-5.0 §6.9.2, §12.3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PredefinedOp {
    Sum,
    Min,
    Max,
    Prod,
    Band,
    Bor,
    Bxor,
    Land,
    Lor,
    Lxor,
    Minloc,
    Maxloc,
    /// One-sided operations only.
    Replace,
    /// One-sided operations only.
    NoOp,
}

use PredefinedOp::*;

impl PredefinedOp {
    pub const ALL: [PredefinedOp; 14] =
        [Sum, Min, Max, Prod, Band, Bor, Bxor, Land, Lor, Lxor, Minloc, Maxloc, Replace, NoOp];

    /// The operation of an ABI handle; `None` for MPI_OP_NULL, unassigned values and user operations.
    #[inline]
    pub fn from_handle(handle: usize) -> Option<PredefinedOp> {
        Some(match handle {
            c::MPI_SUM => Sum,
            c::MPI_MIN => Min,
            c::MPI_MAX => Max,
            c::MPI_PROD => Prod,
            c::MPI_BAND => Band,
            c::MPI_BOR => Bor,
            c::MPI_BXOR => Bxor,
            c::MPI_LAND => Land,
            c::MPI_LOR => Lor,
            c::MPI_LXOR => Lxor,
            c::MPI_MINLOC => Minloc,
            c::MPI_MAXLOC => Maxloc,
            c::MPI_REPLACE => Replace,
            c::MPI_NO_OP => NoOp,
            _ => return None,
        })
    }

    pub fn handle(self) -> usize {
        match self {
            Sum => c::MPI_SUM,
            Min => c::MPI_MIN,
            Max => c::MPI_MAX,
            Prod => c::MPI_PROD,
            Band => c::MPI_BAND,
            Bor => c::MPI_BOR,
            Bxor => c::MPI_BXOR,
            Land => c::MPI_LAND,
            Lor => c::MPI_LOR,
            Lxor => c::MPI_LXOR,
            Minloc => c::MPI_MINLOC,
            Maxloc => c::MPI_MAXLOC,
            Replace => c::MPI_REPLACE,
            NoOp => c::MPI_NO_OP,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Sum => "MPI_SUM",
            Min => "MPI_MIN",
            Max => "MPI_MAX",
            Prod => "MPI_PROD",
            Band => "MPI_BAND",
            Bor => "MPI_BOR",
            Bxor => "MPI_BXOR",
            Land => "MPI_LAND",
            Lor => "MPI_LOR",
            Lxor => "MPI_LXOR",
            Minloc => "MPI_MINLOC",
            Maxloc => "MPI_MAXLOC",
            Replace => "MPI_REPLACE",
            NoOp => "MPI_NO_OP",
        }
    }

    /// MPI_Op_commutative (MPI-5.0 §6.9.6): all predefined operations are, but for the two of one-sided communication.
    pub fn commutes(self) -> bool {
        !matches!(self, Replace | NoOp)
    }

    /// Whether collective reductions may use it (MPI-5.0 §12.3.4: MPI_REPLACE and MPI_NO_OP are for one-sided ones).
    pub fn is_collective(self) -> bool {
        !matches!(self, Replace | NoOp)
    }

    /// The standard's table of operations and groups of types (MPI-5.0 §6.9.2), and what all implementations take
    /// beyond it: logical operations on MPI_AINT, MPI_OFFSET and MPI_COUNT, and MPI_CHAR as an integer.
    pub fn allows(self, class: Class) -> bool {
        use Class::*;
        match self {
            Max | Min => matches!(class, CInteger | FortranInteger | Floating | MultiLanguage),
            Sum | Prod => matches!(class, CInteger | FortranInteger | Floating | Complex | MultiLanguage),
            Land | Lor | Lxor => matches!(class, CInteger | Logical | MultiLanguage),
            Band | Bor | Bxor => matches!(class, CInteger | FortranInteger | Byte | MultiLanguage),
            Minloc | Maxloc => class == Pair,
            Replace | NoOp => true,
        }
    }
}

impl fmt::Display for PredefinedOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The loop for an operation on a basic type, if the standard defines it.
pub fn kernel(op: PredefinedOp, basic: Basic) -> Option<Kernel> {
    if !op.allows(basic.class()) {
        return None;
    }
    kernel::find(op, basic)
        .or_else(|| pairs::find(op, basic.repr()))
        .or_else(|| extended::find(op, basic.repr()))
        .map(Kernel)
}

/// The loop for an operation on a datatype, or MPI_ERR_OP in a sentence that names both (MPI-5.0 §6.9.2).
pub fn kernel_for(op: PredefinedOp, datatype: &Datatype) -> MpiResult<Kernel> {
    let Some(basic) = datatype.basic() else {
        return mpi_err!(
            MPI_ERR_OP,
            "{op} is not defined on derived datatypes (this one has {} bytes); use the basic type with a count, or an \
             operation made with MPI_Op_create",
            datatype.size()
        );
    };
    match kernel(op, basic) {
        Some(kernel) => Ok(kernel),
        None => mpi_err!(MPI_ERR_OP, "{op} is not defined on {}", basic.name()),
    }
}
