//! Elementwise loops: `inout[i] = in[i] op inout[i]` (MPI-5.0 §6.9.2).
//!
//! One generic loop, made once per operation and machine type, so that the compiler vectorises each. On x86-64 every
//! loop exists twice, for the baseline and for AVX2, and the CPU decides at look-up.
//!
//! # Safety
//! Kernels are unsafe functions: see [`Loop`]. Elements are read and written unaligned, so alignment
//! is no condition; overlap of the two sides is none either.

#![allow(unsafe_code)]

use super::PredefinedOp;
use crate::datatype::{Basic, Class, Repr};
use crate::memory::Address;

/// `f(in, inout, n)`: `inout[i] = in[i] op inout[i]` for `n` elements, an extent apart.
///
/// To call one is unsafe: both addresses must have `n` elements of the datatype that it was looked up for.
pub(super) type Loop = unsafe fn(*const u8, *mut u8, usize);

/// The loop of a predefined operation on a predefined datatype.
#[derive(Debug, Clone, Copy)]
pub struct Kernel(pub(super) Loop);

impl Kernel {
    /// Where its code is: tells kernels apart.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0 as usize
    }

    /// `inout[i] = in[i] op inout[i]` for `n` elements, an extent apart, of the datatype that the kernel was looked up
    /// for. The addresses stand for memory of that length ([`crate::memory`]).
    #[inline(always)]
    pub fn apply(self, input: Address, inout: Address, n: usize) {
        // SAFETY: the contract of addresses: both sides have `n` elements of the kernel's datatype.
        unsafe { (self.0)(input.0 as *const u8, inout.0 as *mut u8, n) }
    }
}

/// An operation on two elements: the first from `in`, the second from `inout`.
pub(super) trait Apply<T> {
    fn apply(a: T, b: T) -> T;
}

/// # Safety
/// `a` and `b` have `n` elements of type `T`.
#[inline(always)]
unsafe fn body<T: Copy, O: Apply<T>>(a: *const u8, b: *mut u8, n: usize) {
    let (a, b) = (a.cast::<T>(), b.cast::<T>());
    for i in 0..n {
        // SAFETY: `i < n`, the caller's promise.
        unsafe {
            let value = O::apply(a.add(i).read_unaligned(), b.add(i).read_unaligned());
            b.add(i).write_unaligned(value);
        }
    }
}

/// # Safety
/// `a` and `b` have `n` elements of type `T`.
unsafe fn baseline<T: Copy, O: Apply<T>>(a: *const u8, b: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { body::<T, O>(a, b, n) }
}

/// # Safety
/// As [`baseline`], on a CPU with AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2<T: Copy, O: Apply<T>>(a: *const u8, b: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { body::<T, O>(a, b, n) }
}

/// The best loop for this CPU.
pub(super) fn each<T: Copy, O: Apply<T>>() -> Loop {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return avx2::<T, O>;
    }
    baseline::<T, O>
}

/// A complex number as C and Fortran store it.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Complex<T> {
    pub re: T,
    pub im: T,
}

pub(super) struct SumOp;
pub(super) struct ProdOp;
pub(super) struct MinOp;
pub(super) struct MaxOp;
struct BandOp;
struct BorOp;
struct BxorOp;
struct LandOp;
struct LorOp;
struct LxorOp;

macro_rules! apply {
    ($op:ident, $a:ident, $b:ident => $value:expr; $($t:ty)*) => {
        $(impl Apply<$t> for $op {
            #[inline(always)]
            fn apply($a: $t, $b: $t) -> $t { $value }
        })*
    };
}

apply!(SumOp, a, b => a.wrapping_add(b); i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(ProdOp, a, b => a.wrapping_mul(b); i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(MinOp, a, b => a.min(b); i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(MaxOp, a, b => a.max(b); i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(BandOp, a, b => a & b; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(BorOp, a, b => a | b; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(BxorOp, a, b => a ^ b; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(LandOp, a, b => ((a != 0) & (b != 0)) as _; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(LorOp, a, b => ((a != 0) | (b != 0)) as _; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(LxorOp, a, b => ((a != 0) ^ (b != 0)) as _; i8 i16 i32 i64 i128 u8 u16 u32 u64);
apply!(SumOp, a, b => a + b; f32 f64);
apply!(ProdOp, a, b => a * b; f32 f64);
// As C programs write it: one machine instruction, and the second operand if one is not a number.
apply!(MinOp, a, b => if a < b { a } else { b }; f32 f64);
apply!(MaxOp, a, b => if a > b { a } else { b }; f32 f64);
apply!(SumOp, a, b => Complex { re: a.re + b.re, im: a.im + b.im }; Complex<f32> Complex<f64>);

macro_rules! complex_product {
    ($($t:ident)*) => {
        $(impl Apply<Complex<$t>> for ProdOp {
            #[inline(always)]
            fn apply(a: Complex<$t>, b: Complex<$t>) -> Complex<$t> {
                let (re, im) = (a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
                if re.is_nan() && im.is_nan() {
                    let (re, im) = infinite_product(
                        [a.re as f64, a.im as f64], [b.re as f64, b.im as f64], [re as f64, im as f64],
                    );
                    return Complex { re: re as $t, im: im as $t };
                }
                Complex { re, im }
            }
        })*
    };
}
complex_product!(f32 f64);

/// The product of complex numbers of which one is infinite, as C's Annex G.5.1 recovers it from not-a-number.
#[cold]
fn infinite_product(mut a: [f64; 2], mut b: [f64; 2], product: [f64; 2]) -> (f64, f64) {
    let boxed = |x: f64| (if x.is_infinite() { 1.0f64 } else { 0.0 }).copysign(x);
    let zero_nan = |x: f64| if x.is_nan() { 0.0f64.copysign(x) } else { x };
    let infinite = |z: [f64; 2]| z[0].is_infinite() || z[1].is_infinite();
    let mut recalculate = false;
    if infinite(a) {
        (a, b, recalculate) = (a.map(boxed), b.map(zero_nan), true);
    }
    if infinite(b) {
        (b, a, recalculate) = (b.map(boxed), a.map(zero_nan), true);
    }
    let overflow = [a[0] * b[0], a[1] * b[1], a[0] * b[1], a[1] * b[0]];
    if !recalculate && overflow.iter().any(|x| x.is_infinite()) {
        (a, b, recalculate) = (a.map(zero_nan), b.map(zero_nan), true);
    }
    if !recalculate {
        return (product[0], product[1]);
    }
    (f64::INFINITY * (a[0] * b[0] - a[1] * b[1]), f64::INFINITY * (a[0] * b[1] + a[1] * b[0]))
}

/// # Safety
/// `a` and `b` have `n` elements of `N` bytes.
unsafe fn replace<const N: usize>(a: *const u8, b: *mut u8, n: usize) {
    // SAFETY: the caller's promise.
    unsafe { std::ptr::copy(a, b, n * N) }
}

/// # Safety
/// None: nothing is touched.
unsafe fn no_op(_: *const u8, _: *mut u8, _: usize) {}

fn integers<O>(repr: Repr) -> Option<Loop>
where
    O: Apply<i8> + Apply<i16> + Apply<i32> + Apply<i64> + Apply<i128>,
    O: Apply<u8> + Apply<u16> + Apply<u32> + Apply<u64>,
{
    Some(match repr {
        Repr::I8 => each::<i8, O>(),
        Repr::I16 => each::<i16, O>(),
        Repr::I32 => each::<i32, O>(),
        Repr::I64 => each::<i64, O>(),
        Repr::I128 => each::<i128, O>(),
        Repr::U8 => each::<u8, O>(),
        Repr::U16 => each::<u16, O>(),
        Repr::U32 => each::<u32, O>(),
        Repr::U64 => each::<u64, O>(),
        _ => return None,
    })
}

fn floats<O: Apply<f32> + Apply<f64>>(repr: Repr) -> Option<Loop> {
    match repr {
        Repr::F32 => Some(each::<f32, O>()),
        Repr::F64 => Some(each::<f64, O>()),
        _ => None,
    }
}

fn complexes<O: Apply<Complex<f32>> + Apply<Complex<f64>>>(repr: Repr) -> Option<Loop> {
    match repr {
        Repr::ComplexF32 => Some(each::<Complex<f32>, O>()),
        Repr::ComplexF64 => Some(each::<Complex<f64>, O>()),
        _ => None,
    }
}

/// The loop for an operation that [`PredefinedOp::allows`] on the type, if this module has it.
pub(super) fn find(op: PredefinedOp, basic: Basic) -> Option<Loop> {
    let repr = basic.repr();
    match op {
        PredefinedOp::Sum => {
            integers::<SumOp>(repr).or_else(|| floats::<SumOp>(repr)).or_else(|| complexes::<SumOp>(repr))
        }
        PredefinedOp::Prod => {
            integers::<ProdOp>(repr).or_else(|| floats::<ProdOp>(repr)).or_else(|| complexes::<ProdOp>(repr))
        }
        PredefinedOp::Min => integers::<MinOp>(repr).or_else(|| floats::<MinOp>(repr)),
        PredefinedOp::Max => integers::<MaxOp>(repr).or_else(|| floats::<MaxOp>(repr)),
        PredefinedOp::Band => integers::<BandOp>(repr),
        PredefinedOp::Bor => integers::<BorOp>(repr),
        PredefinedOp::Bxor => integers::<BxorOp>(repr),
        PredefinedOp::Land => integers::<LandOp>(repr),
        PredefinedOp::Lor => integers::<LorOp>(repr),
        PredefinedOp::Lxor => integers::<LxorOp>(repr),
        PredefinedOp::Minloc | PredefinedOp::Maxloc => None,
        PredefinedOp::NoOp => Some(no_op),
        PredefinedOp::Replace => match element_bytes(basic) {
            1 => Some(replace::<1>),
            2 => Some(replace::<2>),
            4 => Some(replace::<4>),
            8 => Some(replace::<8>),
            16 => Some(replace::<16>),
            32 => Some(replace::<32>),
            _ => None,
        },
    }
}

/// The extent of a predefined type.
pub(super) fn element_bytes(basic: Basic) -> usize {
    let (repr, align) = (basic.repr(), basic.repr().align());
    let end = if basic.class() == Class::Pair {
        repr.index_offset() + if repr == Repr::PairF64F64 { 8 } else { 4 }
    } else {
        repr.size()
    };
    ((end + align - 1) / align * align) as usize
}
