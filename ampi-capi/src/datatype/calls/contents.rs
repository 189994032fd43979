//! How a datatype was made (MPI-5.0 §5.1.13).
//!
//! The `int` forms cannot return large counts: they refuse datatypes that were made by a `_c` constructor.

use super::T;
use crate::abi::kinds::{Array, Out};
use crate::datatype::handle::{Type, handle_of};
use crate::datatype::{DatatypeRef, Envelope, Form};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;

/// `MPI_Type_get_envelope` — the constructor that made the datatype, and how many arguments of each kind it got.
/// MPI-5.0 §5.1.13.
pub fn get_envelope(
    _me: &'static Rank,
    datatype: T,
    num_integers: Out<i32>,
    num_addresses: Out<i32>,
    num_datatypes: Out<i32>,
    combiner: Out<i32>,
) -> MpiResult {
    let envelope = datatype.datatype.envelope();
    envelope.readable_as(Form::Int)?;
    num_integers.set(envelope.integers.len() as i32);
    num_addresses.set(envelope.addresses.len() as i32);
    num_datatypes.set(envelope.types.len() as i32);
    combiner.set(envelope.combiner);
    Ok(())
}

/// `MPI_Type_get_envelope_c` — as [`get_envelope`], also for datatypes made with large counts. MPI-5.0 §5.1.13.
pub fn get_envelope_c(
    _me: &'static Rank,
    datatype: T,
    num_integers: Out<i64>,
    num_addresses: Out<i64>,
    num_large_counts: Out<i64>,
    num_datatypes: Out<i64>,
    combiner: Out<i32>,
) -> MpiResult {
    let envelope = datatype.datatype.envelope();
    num_integers.set(envelope.integers.len() as i64);
    num_addresses.set(envelope.addresses.len() as i64);
    num_large_counts.set(envelope.counts.len() as i64);
    num_datatypes.set(envelope.types.len() as i64);
    combiner.set(envelope.combiner);
    Ok(())
}

fn store<T: Copy>(values: &[T], to: Array<T>) -> MpiResult {
    for (place, value) in to.of(values.len())?.iter().zip(values) {
        place.set(*value);
    }
    Ok(())
}

/// A handle for a constituent: a new one for a derived type, which the caller must free.
fn handle_for(me: &'static Rank, datatype: &DatatypeRef) -> MpiResult<Handle> {
    match datatype.basic() {
        Some(basic) => Ok(handle_of(basic)),
        None => Ok(Type::insert(me, datatype.clone())?.handle()),
    }
}

fn store_types(me: &'static Rank, envelope: &Envelope, to: Array<Handle>) -> MpiResult {
    for (place, datatype) in to.of(envelope.types.len())?.iter().zip(&envelope.types) {
        place.set(handle_for(me, datatype)?);
    }
    Ok(())
}

/// `MPI_Type_get_contents` — the arguments of the constructor that made the datatype. Handles of derived types are new:
/// free them. MPI-5.0 §5.1.13.
#[allow(clippy::too_many_arguments)] // they are the standard's
pub fn get_contents(
    me: &'static Rank,
    datatype: T,
    max_integers: i32,
    max_addresses: i32,
    max_datatypes: i32,
    array_of_integers: Array<i32>,
    array_of_addresses: Array<i64>,
    array_of_datatypes: Array<Handle>,
) -> MpiResult {
    let (integers, addresses, types) = (max_integers.into(), max_addresses.into(), max_datatypes.into());
    let envelope = datatype.datatype.envelope().contents(Form::Int, integers, addresses, 0, types)?;
    store(&envelope.integers, array_of_integers)?;
    store(&envelope.addresses, array_of_addresses)?;
    store_types(me, envelope, array_of_datatypes)
}

/// `MPI_Type_get_contents_c` — as [`get_contents`], also for datatypes made with large counts. MPI-5.0 §5.1.13.
#[allow(clippy::too_many_arguments)] // they are the standard's
pub fn get_contents_c(
    me: &'static Rank,
    datatype: T,
    max_integers: i64,
    max_addresses: i64,
    max_large_counts: i64,
    max_datatypes: i64,
    array_of_integers: Array<i32>,
    array_of_addresses: Array<i64>,
    array_of_large_counts: Array<i64>,
    array_of_datatypes: Array<Handle>,
) -> MpiResult {
    let envelope = datatype.datatype.envelope().contents(
        Form::Large,
        max_integers,
        max_addresses,
        max_large_counts,
        max_datatypes,
    )?;
    store(&envelope.integers, array_of_integers)?;
    store(&envelope.addresses, array_of_addresses)?;
    store(&envelope.counts, array_of_large_counts)?;
    store_types(me, envelope, array_of_datatypes)
}
