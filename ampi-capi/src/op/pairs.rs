//! MPI_MINLOC and MPI_MAXLOC on pairs of value and index (MPI-5.0 §6.9.4): the smaller (larger) value, and the smaller
//! index among equal values.

use super::PredefinedOp;
use super::kernel::{Apply, Loop, each};
use crate::datatype::Repr;

/// The C struct of a pair type; Fortran's pairs are two numbers of the same type.
#[derive(Clone, Copy)]
#[repr(C)]
struct Pair<V, I> {
    value: V,
    index: I,
}

struct MinlocOp;
struct MaxlocOp;

macro_rules! located {
    ($op:ident, $better:tt) => {
        impl<V: Copy + PartialOrd, I: Copy + PartialOrd> Apply<Pair<V, I>> for $op {
            #[inline(always)]
            fn apply(a: Pair<V, I>, b: Pair<V, I>) -> Pair<V, I> {
                if a.value == b.value {
                    return if a.index < b.index { a } else { b };
                }
                if a.value $better b.value { a } else { b }
            }
        }
    };
}
located!(MinlocOp, <);
located!(MaxlocOp, >);

fn on_pairs<O>(repr: Repr) -> Option<Loop>
where
    O: Apply<Pair<f32, i32>> + Apply<Pair<f64, i32>> + Apply<Pair<i64, i32>> + Apply<Pair<i32, i32>>,
    O: Apply<Pair<i16, i32>> + Apply<Pair<f32, f32>> + Apply<Pair<f64, f64>>,
{
    Some(match repr {
        Repr::PairF32I32 => each::<Pair<f32, i32>, O>(),
        Repr::PairF64I32 => each::<Pair<f64, i32>, O>(),
        Repr::PairI64I32 => each::<Pair<i64, i32>, O>(),
        Repr::PairI32I32 => each::<Pair<i32, i32>, O>(),
        Repr::PairI16I32 => each::<Pair<i16, i32>, O>(),
        Repr::PairF32F32 => each::<Pair<f32, f32>, O>(),
        Repr::PairF64F64 => each::<Pair<f64, f64>, O>(),
        _ => return None,
    })
}

pub(super) fn find(op: PredefinedOp, repr: Repr) -> Option<Loop> {
    match op {
        PredefinedOp::Minloc => on_pairs::<MinlocOp>(repr),
        PredefinedOp::Maxloc => on_pairs::<MaxlocOp>(repr),
        _ => None,
    }
}
