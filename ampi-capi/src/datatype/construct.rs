//! The datatype constructors without arrays' geometry (MPI-5.0 §5.1.2, §5.1.7, §5.1.12).
//!
//! Counts and displacements are `i64`; the int bindings widen theirs and say [`Form::Int`]. Array arguments are
//! slices: their common length is the standard's `count`.

use super::assemble::{Assembler, Copies};
use super::envelope::{Arguments, Envelope};
use super::{Datatype, DatatypeRef, Form};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;

fn not_negative(name: &str, value: i64) -> MpiResult {
    match name {
        _ if value >= 0 => Ok(()),
        "count" => mpi_err!(MPI_ERR_COUNT, "count is {value}, must not be negative"),
        _ => mpi_err!(MPI_ERR_ARG, "{name} is {value}, must not be negative"),
    }
}

fn blocklengths_not_negative(blocklengths: &[i64]) -> MpiResult {
    match blocklengths.iter().position(|b| *b < 0) {
        None => Ok(()),
        Some(i) => {
            mpi_err!(MPI_ERR_ARG, "array_of_blocklengths[{i}] is {}, must not be negative", blocklengths[i])
        }
    }
}

fn same_length(what: &str, len: usize, count: usize) -> MpiResult {
    if len == count {
        return Ok(());
    }
    mpi_err!(MPI_ERR_ARG, "{what} has {len} entries, count is {count}")
}

impl Datatype {
    /// MPI_Type_contiguous (MPI-5.0 §5.1.2).
    pub fn contiguous(count: i64, old: &DatatypeRef, form: Form) -> MpiResult<DatatypeRef> {
        not_negative("count", count)?;
        let mut new = Assembler::new();
        new.place(0, &[Copies { count, stride: old.extent() as i128 }], old)?;
        let mut args = Arguments::new(form);
        args.count(count)?;
        new.finish(args.envelope(c::MPI_COMBINER_CONTIGUOUS, [old]))
    }

    /// MPI_Type_vector (MPI-5.0 §5.1.2): `stride` in units of the old extent.
    pub fn vector(
        count: i64,
        blocklength: i64,
        stride: i64,
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(count)?;
        args.count(blocklength)?;
        args.count(stride)?;
        let bytes = stride as i128 * old.extent() as i128;
        vector_of_bytes(count, blocklength, bytes, old, args.envelope(c::MPI_COMBINER_VECTOR, [old]))
    }

    /// MPI_Type_create_hvector (MPI-5.0 §5.1.2): `stride` in bytes.
    pub fn hvector(
        count: i64,
        blocklength: i64,
        stride: i64,
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(count)?;
        args.count(blocklength)?;
        args.address(stride);
        vector_of_bytes(
            count,
            blocklength,
            stride as i128,
            old,
            args.envelope(c::MPI_COMBINER_HVECTOR, [old]),
        )
    }

    /// MPI_Type_indexed (MPI-5.0 §5.1.2): displacements in units of the old extent.
    pub fn indexed(
        blocklengths: &[i64],
        displacements: &[i64],
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(blocklengths.len() as i64)?;
        args.counts(blocklengths)?;
        args.counts(displacements)?;
        same_length("array_of_displacements", displacements.len(), blocklengths.len())?;
        blocklengths_not_negative(blocklengths)?;
        let extent = old.extent() as i128;
        let blocks = blocklengths.iter().zip(displacements).map(|(b, d)| (*b, *d as i128 * extent));
        blocks_of(blocks, old, args.envelope(c::MPI_COMBINER_INDEXED, [old]))
    }

    /// MPI_Type_create_hindexed (MPI-5.0 §5.1.2): displacements in bytes.
    pub fn hindexed(
        blocklengths: &[i64],
        displacements: &[i64],
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(blocklengths.len() as i64)?;
        args.counts(blocklengths)?;
        args.addresses(displacements);
        same_length("array_of_displacements", displacements.len(), blocklengths.len())?;
        blocklengths_not_negative(blocklengths)?;
        let blocks = blocklengths.iter().zip(displacements).map(|(b, d)| (*b, *d as i128));
        blocks_of(blocks, old, args.envelope(c::MPI_COMBINER_HINDEXED, [old]))
    }

    /// MPI_Type_create_indexed_block (MPI-5.0 §5.1.2): displacements in units of the old extent.
    pub fn indexed_block(
        blocklength: i64,
        displacements: &[i64],
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(displacements.len() as i64)?;
        args.count(blocklength)?;
        args.counts(displacements)?;
        not_negative("blocklength", blocklength)?;
        let extent = old.extent() as i128;
        let blocks = displacements.iter().map(|d| (blocklength, *d as i128 * extent));
        blocks_of(blocks, old, args.envelope(c::MPI_COMBINER_INDEXED_BLOCK, [old]))
    }

    /// MPI_Type_create_hindexed_block (MPI-5.0 §5.1.2): displacements in bytes.
    pub fn hindexed_block(
        blocklength: i64,
        displacements: &[i64],
        old: &DatatypeRef,
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(displacements.len() as i64)?;
        args.count(blocklength)?;
        args.addresses(displacements);
        not_negative("blocklength", blocklength)?;
        let blocks = displacements.iter().map(|d| (blocklength, *d as i128));
        blocks_of(blocks, old, args.envelope(c::MPI_COMBINER_HINDEXED_BLOCK, [old]))
    }

    /// MPI_Type_create_struct (MPI-5.0 §5.1.2).
    pub fn structure(
        blocklengths: &[i64],
        displacements: &[i64],
        olds: &[DatatypeRef],
        form: Form,
    ) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.count(blocklengths.len() as i64)?;
        args.counts(blocklengths)?;
        args.addresses(displacements);
        same_length("array_of_displacements", displacements.len(), blocklengths.len())?;
        same_length("array_of_types", olds.len(), blocklengths.len())?;
        blocklengths_not_negative(blocklengths)?;
        let mut new = Assembler::new();
        for ((b, d), old) in blocklengths.iter().zip(displacements).zip(olds) {
            new.place(*d as i128, &[Copies { count: *b, stride: old.extent() as i128 }], old)?;
        }
        new.finish(args.envelope(c::MPI_COMBINER_STRUCT, olds))
    }

    /// MPI_Type_create_resized (MPI-5.0 §5.1.7).
    pub fn resized(old: &DatatypeRef, lb: i64, extent: i64, form: Form) -> MpiResult<DatatypeRef> {
        let mut args = Arguments::new(form);
        args.address(lb);
        args.address(extent);
        let mut new = Assembler::new();
        new.place(0, &[], old)?;
        new.finish_marked(
            lb as i128,
            lb as i128 + extent as i128,
            args.envelope(c::MPI_COMBINER_RESIZED, [old]),
        )
    }

    /// MPI_Type_dup (MPI-5.0 §5.1.10): the duplicate is committed if the original is.
    pub fn dup(old: &DatatypeRef) -> DatatypeRef {
        DatatypeRef::derived(old.duplicate(Arguments::new(Form::Int).envelope(c::MPI_COMBINER_DUP, [old])))
    }
}

fn vector_of_bytes(
    count: i64,
    blocklength: i64,
    stride: i128,
    old: &DatatypeRef,
    envelope: Envelope,
) -> MpiResult<DatatypeRef> {
    not_negative("count", count)?;
    not_negative("blocklength", blocklength)?;
    let mut new = Assembler::new();
    let block = Copies { count: blocklength, stride: old.extent() as i128 };
    new.place(0, &[Copies { count, stride }, block], old)?;
    new.finish(envelope)
}

fn blocks_of(
    blocks: impl Iterator<Item = (i64, i128)>,
    old: &DatatypeRef,
    envelope: Envelope,
) -> MpiResult<DatatypeRef> {
    let mut new = Assembler::new();
    for (count, disp) in blocks {
        new.place(disp, &[Copies { count, stride: old.extent() as i128 }], old)?;
    }
    new.finish(envelope)
}
