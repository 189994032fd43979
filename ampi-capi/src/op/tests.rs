//! Every operation on every type, against small exact integers: all formats represent them exactly.

use super::*;
use crate::datatype::{Form, Repr, predefined};
use crate::memory::Address;
use half::f16;

/// A small integer in a representation; complex numbers get `imaginary` too.
fn encode(repr: Repr, x: i64, imaginary: i64) -> Vec<u8> {
    use Repr::*;
    let both = |one: Repr| [encode(one, x, 0), encode(one, imaginary, 0)].concat();
    match repr {
        I8 | U8 => (x as i8).to_ne_bytes().to_vec(),
        I16 | U16 => (x as i16).to_ne_bytes().to_vec(),
        I32 | U32 => (x as i32).to_ne_bytes().to_vec(),
        I64 | U64 => x.to_ne_bytes().to_vec(),
        I128 => (x as i128).to_ne_bytes().to_vec(),
        F16 => f16::from_f64(x as f64).to_ne_bytes().to_vec(),
        F32 => (x as f32).to_ne_bytes().to_vec(),
        F64 => (x as f64).to_ne_bytes().to_vec(),
        F128 => binary128(x).to_ne_bytes().to_vec(),
        LongDouble => {
            let mut long_double = [0; 16];
            extended::quad_to_long_double(&binary128(x).to_ne_bytes(), &mut long_double);
            long_double.to_vec()
        }
        ComplexF16 => both(F16),
        ComplexF32 => both(F32),
        ComplexF64 => both(F64),
        ComplexLongDouble => both(LongDouble),
        ComplexF128 => both(F128),
        _ => unreachable!("pairs are encoded by their members"),
    }
}

/// An integer as IEEE binary128, by hand: the bits of a double, re-biased and shifted.
fn binary128(x: i64) -> u128 {
    let bits = (x as f64).to_bits() as u128;
    if x == 0 {
        return 0;
    }
    let (sign, exponent, fraction) = (bits >> 63, (bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
    sign << 127 | (exponent + 16383 - 1023) << 112 | fraction << 60
}

/// A pair with its padding, of value `x` and index `i`.
fn encode_pair(basic: Basic, x: i64, i: i64) -> Vec<u8> {
    let (value, index) = basic.pair().unwrap();
    let mut bytes = encode(value.repr(), x, 0);
    bytes.resize(basic.repr().index_offset() as usize, 0);
    bytes.extend(encode(index.repr(), i, 0));
    bytes.resize(kernel::element_bytes(basic), 0);
    bytes
}

/// Runs a kernel on arrays at an odd address.
fn run(op: PredefinedOp, basic: Basic, a: &[Vec<u8>], b: &[Vec<u8>]) -> Vec<u8> {
    let input = [vec![0], a.concat()].concat();
    let mut inout = [vec![0], b.concat()].concat();
    let kernel = kernel(op, basic).unwrap();
    let at = |start: *const u8| Address(start.expose_provenance() + 1);
    kernel.apply(at(input.as_ptr()), at(inout.as_mut_ptr()), a.len());
    inout.split_off(1)
}

const A: [i64; 7] = [0, 1, 2, 3, 7, 5, 9];
const B: [i64; 7] = [0, 0, 5, 3, 4, 10, 2];

#[test]
fn a_loop_exists_exactly_where_the_standard_defines_the_operation() {
    let mut defined = 0;
    for op in PredefinedOp::ALL {
        assert_eq!(PredefinedOp::from_handle(op.handle()), Some(op));
        for basic in Basic::all() {
            let datatype = predefined(basic.handle()).unwrap();
            assert_eq!(kernel(op, basic).is_some(), op.allows(basic.class()), "{op} on {basic:?}");
            match kernel_for(op, datatype) {
                Ok(_) => defined += 1,
                Err(e) => {
                    assert_eq!(e.class.0, c::MPI_ERR_OP);
                    assert!(e.detail.contains(op.name()) && e.detail.contains(basic.name()), "{e}");
                }
            }
        }
    }
    assert!(defined > 400, "{defined}");
    assert!(kernel(PredefinedOp::Sum, Basic::from_handle(c::MPI_LOGICAL).unwrap()).is_none());
    assert!(kernel(PredefinedOp::Band, Basic::from_handle(c::MPI_DOUBLE).unwrap()).is_none());
}

#[test]
fn derived_types_and_duplicates_are_refused() {
    let int = predefined(c::MPI_INT).unwrap();
    for t in [Datatype::dup(int), Datatype::contiguous(1, int, Form::Int).unwrap()] {
        assert_eq!(kernel_for(PredefinedOp::Sum, &t).unwrap_err().class.0, c::MPI_ERR_OP);
    }
}

#[test]
fn arithmetic_and_logic_on_every_type() {
    use PredefinedOp::*;
    type OnNumbers = fn(i64, i64) -> i64;
    let f: [(PredefinedOp, OnNumbers); 10] = [
        (Sum, |a, b| a + b),
        (Prod, |a, b| a * b),
        (Min, i64::min),
        (Max, i64::max),
        (Band, |a, b| a & b),
        (Bor, |a, b| a | b),
        (Bxor, |a, b| a ^ b),
        (Land, |a, b| (a != 0 && b != 0) as i64),
        (Lor, |a, b| (a != 0 || b != 0) as i64),
        (Lxor, |a, b| ((a != 0) != (b != 0)) as i64),
    ];
    let mut checked = 0;
    for (op, f) in f {
        for basic in Basic::all().filter(|b| op.allows(b.class())) {
            let complex = basic.class() == Class::Complex;
            // Imaginary parts: the mirrored lists.
            let im = |list: [i64; 7], i: usize| if complex { list[6 - i] } else { 0 };
            let list = |l: [i64; 7]| -> Vec<Vec<u8>> {
                (0..7).map(|i| encode(basic.repr(), l[i], im(l, i))).collect()
            };
            let expected: Vec<u8> = (0..7)
                .flat_map(|i| {
                    let (a, b, x, y) = (A[i], B[i], im(A, i), im(B, i));
                    match (complex, op) {
                        (true, Prod) => encode(basic.repr(), a * b - x * y, a * y + x * b),
                        _ => encode(basic.repr(), f(a, b), f(x, y)),
                    }
                })
                .collect();
            assert_eq!(run(op, basic, &list(A), &list(B)), expected, "{op} on {basic:?}");
            checked += 1;
        }
    }
    assert!(checked > 250, "{checked}");
}

#[test]
fn signs_matter_in_comparisons() {
    for (handle, expected) in [
        (c::MPI_INT8_T, -3),
        (c::MPI_INT, -3),
        (c::MPI_INTEGER16, -3),
        (c::MPI_LONG_DOUBLE, -3),
        (c::MPI_REAL16, -3),
        (c::MPI_UINT8_T, 2),
        (c::MPI_UINT64_T, 2),
    ] {
        let basic = Basic::from_handle(handle).unwrap();
        let (a, b) = ([encode(basic.repr(), -3, 0)], [encode(basic.repr(), 2, 0)]);
        assert_eq!(run(PredefinedOp::Min, basic, &a, &b), encode(basic.repr(), expected, 0), "{basic:?}");
    }
}

#[test]
fn the_smallest_index_wins_among_equal_values() {
    for basic in Basic::all().filter(|b| b.class() == Class::Pair) {
        let a: Vec<_> = [(3, 9), (4, 1), (5, 2), (5, 8)].map(|(x, i)| encode_pair(basic, x, i)).into();
        let b: Vec<_> = [(4, 2), (3, 7), (5, 6), (5, 1)].map(|(x, i)| encode_pair(basic, x, i)).into();
        let check = |op, expected: [(i64, i64); 4]| {
            let data = |bytes: Vec<u8>| -> Vec<Vec<u8>> {
                let t = predefined(basic.handle()).unwrap();
                bytes.chunks(t.extent() as usize).map(|e| e[..t.true_extent() as usize].to_vec()).collect()
            };
            let expected: Vec<u8> =
                expected.into_iter().flat_map(|(x, i)| encode_pair(basic, x, i)).collect();
            let (got, expected) = (data(run(op, basic, &a, &b)), data(expected));
            for (got, expected) in got.iter().zip(&expected) {
                let index = basic.repr().index_offset() as usize;
                let value = basic.pair().unwrap().0.size() as usize;
                assert_eq!(
                    (&got[..value], &got[index..]),
                    (&expected[..value], &expected[index..]),
                    "{op} {basic:?}"
                );
            }
        };
        check(PredefinedOp::Minloc, [(3, 9), (3, 7), (5, 2), (5, 1)]);
        check(PredefinedOp::Maxloc, [(4, 2), (4, 1), (5, 2), (5, 1)]);
    }
}

#[test]
fn replace_takes_the_input_and_no_op_keeps_the_target() {
    for basic in Basic::all() {
        let bytes = kernel::element_bytes(basic);
        assert_eq!(bytes as i64, predefined(basic.handle()).unwrap().extent());
        let (a, b) = ([vec![1; bytes], vec![2; bytes]], [vec![3; bytes], vec![4; bytes]]);
        assert_eq!(run(PredefinedOp::Replace, basic, &a, &b), a.concat());
        assert_eq!(run(PredefinedOp::NoOp, basic, &a, &b), b.concat());
    }
}

#[test]
fn complex_infinities_survive_products() {
    let basic = Basic::from_handle(c::MPI_C_DOUBLE_COMPLEX).unwrap();
    let z = |re: f64, im: f64| [re.to_ne_bytes(), im.to_ne_bytes()].concat();
    let product = run(PredefinedOp::Prod, basic, &[z(f64::INFINITY, f64::NAN)], &[z(2.0, 0.0)]);
    assert_eq!(f64::from_ne_bytes(product[..8].try_into().unwrap()), f64::INFINITY);
}
