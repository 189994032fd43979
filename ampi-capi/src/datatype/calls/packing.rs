//! Pack buffers (MPI-5.0 §5.2) and external32 (§5.3).
//!
//! The communicator of the unportable calls says nothing here: all ranks of a job have the same representation.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::T;
use crate::abi::kinds::{InOutPoly, OutPoly, UserBuf};
use crate::datatype;
use crate::error::MpiResult;
use crate::handle::Object;
use crate::memory::Address;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

fn at(buf: UserBuf) -> Address {
    Address(buf.address())
}

/// Calls `step` with the position, then stores what it made of it.
fn advance(position: InOutPoly, step: impl FnOnce(&mut i64) -> MpiResult) -> MpiResult {
    let mut here = position.get();
    step(&mut here)?;
    if position.set(here) {
        Ok(())
    } else {
        mpi_err!(MPI_ERR_ARG, "position would become {here}, which does not fit an int; use the _c form")
    }
}

/// `MPI_Pack` — appends `incount` elements at `inbuf` to the pack buffer `outbuf` of `outsize` bytes, at byte
/// `position`, and moves `position` behind them. MPI-5.0 §5.2.
pub fn pack(
    _me: &'static Rank,
    inbuf: UserBuf,
    incount: i64,
    datatype: T,
    outbuf: UserBuf,
    outsize: i64,
    position: InOutPoly,
    _comm: &Rc<impl Object>,
) -> MpiResult {
    datatype.check_buffer(inbuf, "inbuf", incount)?;
    outbuf.check("outbuf", incount > 0 && datatype.datatype.size() > 0)?;
    advance(position, |here| {
        datatype::pack_into(at(inbuf), incount, &datatype.datatype, at(outbuf), outsize, here)
    })
}

/// `MPI_Unpack` — takes `outcount` elements from byte `position` of the pack buffer `inbuf` of `insize` bytes, and moves
/// `position` behind them. MPI-5.0 §5.2.
pub fn unpack(
    _me: &'static Rank,
    inbuf: UserBuf,
    insize: i64,
    position: InOutPoly,
    outbuf: UserBuf,
    outcount: i64,
    datatype: T,
    _comm: &Rc<impl Object>,
) -> MpiResult {
    inbuf.check("inbuf", outcount > 0 && datatype.datatype.size() > 0)?;
    datatype.check_buffer(outbuf, "outbuf", outcount)?;
    advance(position, |here| {
        datatype::unpack_from(at(inbuf), insize, here, at(outbuf), outcount, &datatype.datatype)
    })
}

/// `MPI_Pack_size` — bytes that [`pack`] adds for `incount` elements. MPI-5.0 §5.2.
pub fn pack_size(
    _me: &'static Rank,
    incount: i64,
    datatype: T,
    _comm: &Rc<impl Object>,
    size: OutPoly,
) -> MpiResult {
    size.set(datatype::pack_size(incount, &datatype.datatype)?);
    Ok(())
}

/// `MPI_Pack_external` — as [`pack`], in the representation `datarep`: "external32". MPI-5.0 §5.3.
pub fn pack_external(
    _me: &'static Rank,
    datarep: &[u8],
    inbuf: UserBuf,
    incount: i64,
    datatype: T,
    outbuf: UserBuf,
    outsize: i64,
    position: InOutPoly,
) -> MpiResult {
    datatype.check_buffer(inbuf, "inbuf", incount)?;
    outbuf.check("outbuf", incount > 0 && datatype.datatype.size() > 0)?;
    let datarep = String::from_utf8_lossy(datarep);
    advance(position, |here| {
        datatype::pack_external(&datarep, at(inbuf), incount, &datatype.datatype, at(outbuf), outsize, here)
    })
}

/// `MPI_Unpack_external` — as [`unpack`], from the representation `datarep`: "external32". MPI-5.0 §5.3.
pub fn unpack_external(
    _me: &'static Rank,
    datarep: &[u8],
    inbuf: UserBuf,
    insize: i64,
    position: InOutPoly,
    outbuf: UserBuf,
    outcount: i64,
    datatype: T,
) -> MpiResult {
    inbuf.check("inbuf", outcount > 0 && datatype.datatype.size() > 0)?;
    datatype.check_buffer(outbuf, "outbuf", outcount)?;
    let datarep = String::from_utf8_lossy(datarep);
    advance(position, |here| {
        datatype::unpack_external(&datarep, at(inbuf), insize, here, at(outbuf), outcount, &datatype.datatype)
    })
}

/// `MPI_Pack_external_size` — bytes that [`pack_external`] adds for `incount` elements. MPI-5.0 §5.3.
pub fn pack_external_size(
    _me: &'static Rank,
    datarep: &[u8],
    incount: i64,
    datatype: T,
    size: OutPoly,
) -> MpiResult {
    let datarep = String::from_utf8_lossy(datarep);
    size.set(datatype::pack_external_size(&datarep, incount, &datatype.datatype)?);
    Ok(())
}
