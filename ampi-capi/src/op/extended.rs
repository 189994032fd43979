//! Number formats without a Rust type: long double and binary128 (loops in `c/extended.c`), binary16 (crate `half`).
//!
//! # Safety
//! The C functions have the contract of [`Loop`](super::kernel::Loop), the conversions that of their slices' lengths,
//! which are checked here.

#![allow(unsafe_code)]

use super::PredefinedOp;
use super::kernel::{Apply, Complex, Loop, MaxOp, MinOp, ProdOp, SumOp, each};
use crate::datatype::Repr;
use half::f16;

unsafe extern "C" {
    fn ampi_ld_to_quad(from: *const u8, to: *mut u8, n: usize);
    fn ampi_quad_to_ld(from: *const u8, to: *mut u8, n: usize);
}

/// Declares a C kernel and a Rust twin with the type of [`Loop`].
macro_rules! c_kernels {
    ($($name:ident = $c:ident;)*) => {
        $(
            /// # Safety
            /// As [`Loop`].
            unsafe fn $name(a: *const u8, b: *mut u8, n: usize) {
                unsafe extern "C" {
                    fn $c(a: *const u8, b: *mut u8, n: usize);
                }
                // SAFETY: the caller's promise.
                unsafe { $c(a, b, n) }
            }
        )*
    };
}

c_kernels! {
    ld_sum = ampi_ld_sum;
    ld_prod = ampi_ld_prod;
    ld_min = ampi_ld_min;
    ld_max = ampi_ld_max;
    ldc_sum = ampi_ldc_sum;
    ldc_prod = ampi_ldc_prod;
    quad_sum = ampi_quad_sum;
    quad_prod = ampi_quad_prod;
    quad_min = ampi_quad_min;
    quad_max = ampi_quad_max;
    quadc_sum = ampi_quadc_sum;
    quadc_prod = ampi_quadc_prod;
    ld_int_minloc = ampi_ld_int_minloc;
    ld_int_maxloc = ampi_ld_int_maxloc;
}

macro_rules! half_apply {
    ($($op:ident, $a:ident, $b:ident => $value:expr;)*) => {
        $(impl Apply<f16> for $op {
            #[inline(always)]
            fn apply($a: f16, $b: f16) -> f16 { $value }
        })*
    };
}
half_apply! {
    SumOp, a, b => a + b;
    ProdOp, a, b => a * b;
    MinOp, a, b => if a < b { a } else { b };
    MaxOp, a, b => if a > b { a } else { b };
}

impl Apply<Complex<f16>> for SumOp {
    fn apply(a: Complex<f16>, b: Complex<f16>) -> Complex<f16> {
        Complex { re: a.re + b.re, im: a.im + b.im }
    }
}

impl Apply<Complex<f16>> for ProdOp {
    /// In single precision, rounded once.
    fn apply(a: Complex<f16>, b: Complex<f16>) -> Complex<f16> {
        let wide = |z: Complex<f16>| Complex { re: f32::from(z.re), im: f32::from(z.im) };
        let product = <ProdOp as Apply<Complex<f32>>>::apply(wide(a), wide(b));
        Complex { re: f16::from_f32(product.re), im: f16::from_f32(product.im) }
    }
}

pub(super) fn find(op: PredefinedOp, repr: Repr) -> Option<Loop> {
    use PredefinedOp::*;
    Some(match (op, repr) {
        (Sum, Repr::F16) => each::<f16, SumOp>(),
        (Prod, Repr::F16) => each::<f16, ProdOp>(),
        (Min, Repr::F16) => each::<f16, MinOp>(),
        (Max, Repr::F16) => each::<f16, MaxOp>(),
        (Sum, Repr::ComplexF16) => each::<Complex<f16>, SumOp>(),
        (Prod, Repr::ComplexF16) => each::<Complex<f16>, ProdOp>(),
        (Sum, Repr::LongDouble) => ld_sum,
        (Prod, Repr::LongDouble) => ld_prod,
        (Min, Repr::LongDouble) => ld_min,
        (Max, Repr::LongDouble) => ld_max,
        (Sum, Repr::ComplexLongDouble) => ldc_sum,
        (Prod, Repr::ComplexLongDouble) => ldc_prod,
        (Sum, Repr::F128) => quad_sum,
        (Prod, Repr::F128) => quad_prod,
        (Min, Repr::F128) => quad_min,
        (Max, Repr::F128) => quad_max,
        (Sum, Repr::ComplexF128) => quadc_sum,
        (Prod, Repr::ComplexF128) => quadc_prod,
        (Minloc, Repr::PairLongDoubleI32) => ld_int_minloc,
        (Maxloc, Repr::PairLongDoubleI32) => ld_int_maxloc,
        _ => return None,
    })
}

/// Bytes of a long double, and of a binary128 number.
const WIDE: usize = 16;

/// Converts long doubles to binary128 numbers; as many as both slices hold.
pub fn long_double_to_quad(from: &[u8], to: &mut [u8]) {
    let n = (from.len() / WIDE).min(to.len() / WIDE);
    // SAFETY: both slices have `n` numbers.
    unsafe { ampi_ld_to_quad(from.as_ptr(), to.as_mut_ptr(), n) }
}

/// Converts binary128 numbers to long doubles; as many as both slices hold.
pub fn quad_to_long_double(from: &[u8], to: &mut [u8]) {
    let n = (from.len() / WIDE).min(to.len() / WIDE);
    // SAFETY: both slices have `n` numbers.
    unsafe { ampi_quad_to_ld(from.as_ptr(), to.as_mut_ptr(), n) }
}
