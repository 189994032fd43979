//! MPI_Pack, MPI_Unpack and MPI_Pack_size (MPI-5.0 §5.2). The packed form has no header: it is the message's bytes.

use super::{Datatype, copy, predefined};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::memory::Address;
use crate::mpi_err;

/// MPI_Pack_size: an upper bound, here exact, for what [`pack_into`] adds to a pack buffer.
pub fn pack_size(count: i64, datatype: &Datatype) -> MpiResult<i64> {
    datatype.packed_size(count)
}

/// Whether `bytes` more fit a pack buffer; returns the new position.
pub(super) fn advance(what: &str, size: i64, position: i64, bytes: i64) -> MpiResult<i64> {
    if position < 0 {
        return mpi_err!(MPI_ERR_ARG, "position is {position}, must not be negative");
    }
    if size < 0 {
        return mpi_err!(MPI_ERR_ARG, "{what} is {size}, must not be negative");
    }
    match position.checked_add(bytes) {
        Some(end) if end <= size => Ok(end),
        _ => mpi_err!(
            MPI_ERR_TRUNCATE,
            "{bytes} bytes at position {position} do not fit the pack buffer: {what} is {size}"
        ),
    }
}

/// MPI_Pack (MPI-5.0 §5.2): appends `count` elements at `position` of the pack buffer `outbuf` of `outsize` bytes and
/// moves `position` behind them.
pub fn pack_into(
    inbuf: Address,
    count: i64,
    datatype: &Datatype,
    outbuf: Address,
    outsize: i64,
    position: &mut i64,
) -> MpiResult {
    let bytes = datatype.packed_size(count)?;
    let end = advance("outsize", outsize, *position, bytes)?;
    copy(inbuf, datatype, count, outbuf.add(*position), packed(), bytes, bytes)?;
    *position = end;
    Ok(())
}

/// MPI_Unpack (MPI-5.0 §5.2): takes `count` elements from `position` of the pack buffer `inbuf` of `insize` bytes and
/// moves `position` behind them.
pub fn unpack_from(
    inbuf: Address,
    insize: i64,
    position: &mut i64,
    outbuf: Address,
    count: i64,
    datatype: &Datatype,
) -> MpiResult {
    let bytes = datatype.packed_size(count)?;
    let end = advance("insize", insize, *position, bytes)?;
    copy(inbuf.add(*position), packed(), bytes, outbuf, datatype, count, bytes)?;
    *position = end;
    Ok(())
}

/// MPI_PACKED: one byte after another.
fn packed() -> &'static Datatype {
    match predefined(c::MPI_PACKED) {
        Some(datatype) => datatype,
        None => unreachable!("MPI_PACKED is predefined"),
    }
}
