//! MPI_Pack_external and its kin: the canonical representation "external32" (MPI-5.0 §5.3, §14.5.2).
//!
//! Big-endian IEEE, with the sizes of the standard's table. Where they differ from this machine's:
//!
//! | type | here | external32 |
//! |---|---:|---:|
//! | MPI_LONG, MPI_UNSIGNED_LONG | 8 | 4 (a value that does not fit is MPI_ERR_CONVERSION) |
//! | MPI_WCHAR | 4 | 2 (likewise) |
//! | MPI_LONG_DOUBLE and its complex types | 80-bit extended in 16 | 16, IEEE binary128 |
//!
//! Elements are packed natively in small pieces and converted by the runs of the type's signature.

use super::Datatype;
use super::basic::{Basic, Repr};
use super::engine::{pack, unpack};
use super::packing::advance;
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::memory::{self, Address};
use crate::mpi_err;
use crate::op::extended;

/// How the scalars of a basic type change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Swap,
    NarrowSigned,
    NarrowUnsigned,
    LongDouble,
}

/// The conversion of one scalar: native bytes, external bytes, and how.
#[derive(Clone, Copy)]
struct Scalar {
    native: usize,
    external: usize,
    how: How,
}

fn scalar(basic: Basic) -> Scalar {
    let native = basic.repr().unit() as usize;
    match (basic.handle(), basic.repr()) {
        (c::MPI_LONG, _) => Scalar { native, external: 4, how: How::NarrowSigned },
        (c::MPI_UNSIGNED_LONG, _) => Scalar { native, external: 4, how: How::NarrowUnsigned },
        (c::MPI_WCHAR, _) => Scalar { native, external: 2, how: How::NarrowUnsigned },
        (_, Repr::LongDouble | Repr::ComplexLongDouble) => {
            Scalar { native, external: 16, how: How::LongDouble }
        }
        _ => Scalar { native, external: native, how: How::Swap },
    }
}

/// Only one representation is defined.
fn check_datarep(datarep: &str) -> MpiResult {
    if datarep == "external32" {
        return Ok(());
    }
    mpi_err!(MPI_ERR_ARG, "datarep is \"{datarep}\", must be \"external32\"")
}

fn external_bytes(count: i64, datatype: &Datatype) -> MpiResult<i64> {
    // Never more than the native size: the standard's sizes are at most this machine's.
    datatype.packed_size(count)?;
    let one = datatype.signature().runs(1).fold(0, |bytes, (basic, n)| {
        let s = scalar(basic);
        bytes + basic.size() / s.native as i64 * s.external as i64 * n
    });
    Ok(one * count)
}

/// MPI_Pack_external_size (MPI-5.0 §5.3).
pub fn pack_external_size(datarep: &str, count: i64, datatype: &Datatype) -> MpiResult<i64> {
    check_datarep(datarep)?;
    external_bytes(count, datatype)
}

/// Scalars per step; two buffers of 16 bytes per scalar lie on the stack.
const STEP: usize = 64;

/// Calls `convert(range of the native packed stream, scalar, external position)` piece by piece.
fn pieces(
    count: i64,
    datatype: &Datatype,
    mut convert: impl FnMut(std::ops::Range<i64>, Scalar, i64) -> MpiResult,
) -> MpiResult {
    let (mut native, mut external) = (0, 0);
    for (basic, n) in datatype.signature().runs(count) {
        let s = scalar(basic);
        let mut scalars = basic.size() / s.native as i64 * n;
        while scalars > 0 {
            let now = scalars.min(STEP as i64);
            let end = native + now * s.native as i64;
            convert(native..end, s, external)?;
            native = end;
            external += now * s.external as i64;
            scalars -= now;
        }
    }
    Ok(())
}

/// MPI_Pack_external (MPI-5.0 §5.3).
pub fn pack_external(
    datarep: &str,
    inbuf: Address,
    count: i64,
    datatype: &Datatype,
    outbuf: Address,
    outsize: i64,
    position: &mut i64,
) -> MpiResult {
    check_datarep(datarep)?;
    let start = *position;
    let end = advance("outsize", outsize, start, external_bytes(count, datatype)?)?;
    let (mut native, mut external) = ([0u8; 16 * STEP], [0u8; 16 * STEP]);
    pieces(count, datatype, |range, s, at| {
        let scalars = (range.end - range.start) as usize / s.native;
        let native = &mut native[..scalars * s.native];
        let external = &mut external[..scalars * s.external];
        pack(datatype, inbuf, count, range, native)?;
        to_external(s, native, external)?;
        memory::store(outbuf.add(start + at), external);
        Ok(())
    })?;
    *position = end;
    Ok(())
}

/// MPI_Unpack_external (MPI-5.0 §5.3).
pub fn unpack_external(
    datarep: &str,
    inbuf: Address,
    insize: i64,
    position: &mut i64,
    outbuf: Address,
    count: i64,
    datatype: &Datatype,
) -> MpiResult {
    check_datarep(datarep)?;
    let start = *position;
    let end = advance("insize", insize, start, external_bytes(count, datatype)?)?;
    let (mut native, mut external) = ([0u8; 16 * STEP], [0u8; 16 * STEP]);
    pieces(count, datatype, |range, s, at| {
        let scalars = (range.end - range.start) as usize / s.native;
        let native = &mut native[..scalars * s.native];
        let external = &mut external[..scalars * s.external];
        external.copy_from_slice(memory::view(inbuf.add(start + at), external.len()));
        to_native(s, external, native);
        unpack(datatype, native, outbuf, count, range)
    })?;
    *position = end;
    Ok(())
}

/// Reverses the byte order of each scalar where this machine is little-endian.
fn swap(bytes: &mut [u8], scalar: usize) {
    if cfg!(target_endian = "little") && scalar > 1 {
        bytes.chunks_exact_mut(scalar).for_each(<[u8]>::reverse);
    }
}

fn to_external(s: Scalar, native: &mut [u8], external: &mut [u8]) -> MpiResult {
    swap_unless_long_double(s, native);
    match s.how {
        How::Swap => external.copy_from_slice(native),
        How::LongDouble => {
            extended::long_double_to_quad(native, external);
            swap(external, s.external);
        }
        How::NarrowSigned | How::NarrowUnsigned => {
            let cut = s.native - s.external;
            for (n, e) in native.chunks_exact(s.native).zip(external.chunks_exact_mut(s.external)) {
                let (high, low) = n.split_at(cut);
                let fill = if s.how == How::NarrowSigned && low[0] >= 0x80 { 0xff } else { 0 };
                if high.iter().any(|b| *b != fill) {
                    return mpi_err!(
                        MPI_ERR_CONVERSION,
                        "the value 0x{} does not fit the {} bytes that external32 has for it",
                        n.iter().map(|b| format!("{b:02x}")).collect::<String>(),
                        s.external
                    );
                }
                e.copy_from_slice(low);
            }
        }
    }
    Ok(())
}

fn to_native(s: Scalar, external: &mut [u8], native: &mut [u8]) {
    match s.how {
        How::Swap => native.copy_from_slice(external),
        How::LongDouble => {
            swap(external, s.external);
            extended::quad_to_long_double(external, native);
        }
        How::NarrowSigned | How::NarrowUnsigned => {
            let cut = s.native - s.external;
            for (e, n) in external.chunks_exact(s.external).zip(native.chunks_exact_mut(s.native)) {
                let fill = if s.how == How::NarrowSigned && e[0] >= 0x80 { 0xff } else { 0 };
                n[..cut].fill(fill);
                n[cut..].copy_from_slice(e);
            }
        }
    }
    swap_unless_long_double(s, native);
}

fn swap_unless_long_double(s: Scalar, native: &mut [u8]) {
    if s.how != How::LongDouble {
        swap(native, s.native);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datatype::{Form, predefined};

    fn round_trip<T: Copy + PartialEq + std::fmt::Debug>(handle: usize, values: &[T], bytes: &[u8]) {
        let t = predefined(handle).unwrap();
        let n = values.len() as i64 * size_of::<T>() as i64 / t.size();
        let mut external = vec![0u8; bytes.len() + 3];
        let (src, dst) = (test_buf(values.as_ptr()), test_buf(external.as_mut_ptr()));
        let mut position = 3;
        assert_eq!(pack_external_size("external32", n, t), Ok(bytes.len() as i64));
        pack_external("external32", src, n, t, dst, external.len() as i64, &mut position).unwrap();
        assert_eq!((&external[3..], position), (bytes, external.len() as i64));
        let mut back = values.to_vec();
        back.rotate_left(1);
        let back_buf = test_buf(back.as_mut_ptr());
        position = 3;
        unpack_external("external32", dst, external.len() as i64, &mut position, back_buf, n, t).unwrap();
        assert_eq!(back, values);
    }

    fn test_buf<T>(p: *const T) -> Address {
        Address(p.expose_provenance())
    }

    #[test]
    fn scalars_are_big_endian_with_the_tables_sizes() {
        round_trip(c::MPI_INT, &[1i32, -2], &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe]);
        round_trip(c::MPI_LONG, &[1i64, -2], &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe]);
        round_trip(c::MPI_UNSIGNED_LONG, &[0xfedc_ba98u64], &[0xfe, 0xdc, 0xba, 0x98]);
        round_trip(c::MPI_LONG_LONG, &[-2i64], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]);
        round_trip(c::MPI_DOUBLE, &[1.0f64], &[0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
        round_trip(c::MPI_C_FLOAT_COMPLEX, &[[1.0f32, -2.0]], &[0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]);
        round_trip(c::MPI_WCHAR, &[0x20acu32], &[0x20, 0xac]);
        round_trip(c::MPI_SHORT_INT, &[[7i16, 0, 9, 0]], &[0, 7, 0, 0, 0, 9]);
    }

    #[test]
    fn long_double_becomes_binary128() {
        // 1.0 and -2.5 as x87 extended (explicit leading 1) and as binary128.
        #[cfg(target_arch = "x86_64")]
        {
            let one = 0x3fff_8000_0000_0000_0000u128;
            let other = 0xc000_a000_0000_0000_0000u128;
            let mut bytes = vec![0x3f, 0xff];
            bytes.extend([0; 14]);
            bytes.extend([0xc0, 0x00, 0x40]);
            bytes.extend([0; 13]);
            round_trip(c::MPI_LONG_DOUBLE, &[one, other], &bytes);
        }
    }

    #[test]
    fn values_that_do_not_fit_are_a_conversion_error() {
        let t = predefined(c::MPI_LONG).unwrap();
        let (value, mut out, mut position) = ([1i64 << 40], [0u8; 4], 0);
        let (src, dst) = (test_buf(value.as_ptr()), test_buf(out.as_mut_ptr()));
        let error = pack_external("external32", src, 1, t, dst, 4, &mut position).unwrap_err();
        assert_eq!(error.class.0, c::MPI_ERR_CONVERSION);
        assert_eq!(position, 0);
        assert!(pack_external_size("native", 1, t).is_err());
    }

    #[test]
    fn derived_types_convert_their_elements_in_order() {
        let int = predefined(c::MPI_INT).unwrap();
        let short = predefined(c::MPI_SHORT).unwrap();
        let t = Datatype::structure(&[1, 2], &[0, 4], &[short.clone(), int.clone()], Form::Int).unwrap();
        let values = [0x0102_i32, 5, 6, 0x0304, 7, 8];
        let mut out = [0u8; 20];
        let mut position = 0;
        let (src, dst) = (test_buf(values.as_ptr()), test_buf(out.as_mut_ptr()));
        pack_external("external32", src, 2, &t, dst, 20, &mut position).unwrap();
        assert_eq!(out, [1, 2, 0, 0, 0, 5, 0, 0, 0, 6, 3, 4, 0, 0, 0, 7, 0, 0, 0, 8]);
    }
}
