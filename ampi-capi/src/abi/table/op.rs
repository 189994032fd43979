//! 6.9 Reduction operations.

/// Chapter of the standard.
pub const TITLE: &str = "6.9 Reduction operations";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// A reduction operation of the program.
            large MPI_Op_create (user_fn: UserFunction, commute: Logical, op: NewOp) = op::calls::create;
            /// Frees a reduction operation.
            small MPI_Op_free (op: OpInOut) = op::calls::free;
            /// Does the order of operands not matter?
            small MPI_Op_commutative (op: Op, commute: OutFlag) = op::calls::commutative;
        }
    };
}
pub(crate) use entries;
