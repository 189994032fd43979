//! Datatypes for parts of arrays: MPI_Type_create_subarray and MPI_Type_create_darray (MPI-5.0 §5.1.3, §5.1.4).
//!
//! Both are nested loops over the array's dimensions, from the slowest varying to the fastest, and have the whole
//! array as extent. In Fortran order the first dimension varies fastest, in C order the last.
//!
//! ```text
//!  block over 3 processes           cyclic(2) over 3 processes
//!  000111222                        001122001122001     process 0 owns: full blocks, then what is left of one
//! ```

use super::assemble::{Assembler, Copies};
use super::envelope::Arguments;
use super::{Datatype, DatatypeRef, Form};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;

/// The arguments of MPI_Type_create_subarray; `ndims` is the slices' length.
#[derive(Debug, Clone, Copy)]
pub struct Subarray<'a> {
    pub sizes: &'a [i64],
    pub subsizes: &'a [i64],
    pub starts: &'a [i64],
    pub order: i32,
}

/// The arguments of MPI_Type_create_darray; `ndims` is the slices' length.
#[derive(Debug, Clone, Copy)]
pub struct Darray<'a> {
    pub size: i32,
    pub rank: i32,
    pub gsizes: &'a [i64],
    pub distribs: &'a [i32],
    pub dargs: &'a [i32],
    pub psizes: &'a [i32],
    pub order: i32,
}

/// The dimensions' numbers, fastest varying first.
fn fastest_first(ndims: usize, order: i32) -> MpiResult<Vec<usize>> {
    match order {
        c::MPI_ORDER_FORTRAN => Ok((0..ndims).collect()),
        c::MPI_ORDER_C => Ok((0..ndims).rev().collect()),
        _ => mpi_err!(MPI_ERR_ARG, "order is {order}, must be MPI_ORDER_C or MPI_ORDER_FORTRAN"),
    }
}

fn dimensions(ndims: usize, others: &[(&str, usize)]) -> MpiResult {
    if ndims == 0 {
        return mpi_err!(MPI_ERR_ARG, "ndims is 0, must be positive");
    }
    for (name, len) in others {
        if *len != ndims {
            return mpi_err!(MPI_ERR_ARG, "{name} has {len} entries, ndims is {ndims}");
        }
    }
    Ok(())
}

/// Bytes of the whole array.
fn whole(sizes: &[i64], old: &Datatype) -> i128 {
    sizes.iter().fold(old.extent() as i128, |bytes, n| bytes.saturating_mul(*n as i128))
}

impl Datatype {
    /// MPI_Type_create_subarray (MPI-5.0 §5.1.3).
    pub fn subarray(array: Subarray, old: &DatatypeRef, form: Form) -> MpiResult<DatatypeRef> {
        let Subarray { sizes, subsizes, starts, order } = array;
        let ndims = sizes.len();
        dimensions(ndims, &[("array_of_subsizes", subsizes.len()), ("array_of_starts", starts.len())])?;
        for i in 0..ndims {
            let (size, sub, start) = (sizes[i], subsizes[i], starts[i]);
            if size < 1 {
                return mpi_err!(MPI_ERR_ARG, "array_of_sizes[{i}] is {size}, must be positive");
            }
            if sub < 1 || sub > size {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "array_of_subsizes[{i}] is {sub}, must be 1 to {size} (array_of_sizes[{i}])"
                );
            }
            if start < 0 || start > size - sub {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "array_of_starts[{i}] is {start}, must be 0 to {} (array_of_sizes[{i}] is {size}, \
                     array_of_subsizes[{i}] is {sub})",
                    size - sub
                );
            }
        }
        let mut args = Arguments::new(form);
        args.int(ndims as i32);
        args.counts(sizes)?;
        args.counts(subsizes)?;
        args.counts(starts)?;
        args.int(order);

        let (mut disp, mut stride) = (0i128, old.extent() as i128);
        let mut loops = Vec::with_capacity(ndims);
        for i in fastest_first(ndims, order)? {
            disp = disp.saturating_add(stride.saturating_mul(starts[i] as i128));
            loops.push(Copies { count: subsizes[i], stride });
            stride = stride.saturating_mul(sizes[i] as i128);
        }
        loops.reverse();
        let mut new = Assembler::new();
        new.place(disp, &loops, old)?;
        new.finish_marked(0, whole(sizes, old), args.envelope(c::MPI_COMBINER_SUBARRAY, [old]))
    }

    /// MPI_Type_create_darray (MPI-5.0 §5.1.4).
    pub fn darray(array: Darray, old: &DatatypeRef, form: Form) -> MpiResult<DatatypeRef> {
        let Darray { size, rank, gsizes, distribs, dargs, psizes, order } = array;
        let ndims = gsizes.len();
        dimensions(
            ndims,
            &[
                ("array_of_distribs", distribs.len()),
                ("array_of_dargs", dargs.len()),
                ("array_of_psizes", psizes.len()),
            ],
        )?;
        let coords = grid_coordinates(size, rank, psizes)?;
        let mut args = Arguments::new(form);
        args.int(size);
        args.int(rank);
        args.int(ndims as i32);
        args.counts(gsizes)?;
        args.ints(distribs);
        args.ints(dargs);
        args.ints(psizes);
        args.int(order);

        // From the fastest dimension outwards: what one process owns of the dimensions so far is the element of the
        // next one.
        let mut owned = old.clone();
        let mut stride = old.extent() as i128;
        for i in fastest_first(ndims, order)? {
            let slices = Slices::new(i, gsizes[i], distribs[i], dargs[i], psizes[i], coords[i])?;
            let mut dim = Assembler::new();
            let element = Copies { count: slices.block, stride };
            let round = Copies { count: slices.rounds, stride: stride.saturating_mul(slices.step) };
            let at = |start: i128| stride.saturating_mul(start);
            dim.place(at(slices.start), &[round, element], &owned)?;
            dim.place(at(slices.rest_start), &[Copies { count: slices.rest, stride }], &owned)?;
            owned = dim.finish(super::Envelope::named())?;
            stride = stride.saturating_mul(gsizes[i] as i128);
        }
        let mut new = Assembler::new();
        new.place(0, &[], &owned)?;
        new.finish_marked(0, whole(gsizes, old), args.envelope(c::MPI_COMBINER_DARRAY, [old]))
    }
}

/// The place of `rank` in the process grid, which is row-major whatever the array's order is (MPI-5.0 §5.1.4).
fn grid_coordinates(size: i32, rank: i32, psizes: &[i32]) -> MpiResult<Vec<i64>> {
    if size < 1 {
        return mpi_err!(MPI_ERR_ARG, "size is {size}, must be positive");
    }
    if rank < 0 || rank >= size {
        return mpi_err!(MPI_ERR_ARG, "rank is {rank}, must be 0 to {} (size - 1)", size - 1);
    }
    if let Some(i) = psizes.iter().position(|p| *p < 1) {
        return mpi_err!(MPI_ERR_ARG, "array_of_psizes[{i}] is {}, must be positive", psizes[i]);
    }
    let grid = psizes.iter().fold(1i64, |n, p| n.saturating_mul(*p as i64));
    if grid != size as i64 {
        return mpi_err!(MPI_ERR_ARG, "array_of_psizes has {grid} processes in all, size is {size}");
    }
    let mut rest = rank as i64;
    let mut coords: Vec<i64> = psizes
        .iter()
        .rev()
        .map(|p| {
            let coord = rest % *p as i64;
            rest /= *p as i64;
            coord
        })
        .collect();
    coords.reverse();
    Ok(coords)
}

/// The indices of one dimension that a process owns: `rounds` blocks of `block`, `step` apart, then `rest` more.
struct Slices {
    start: i128,
    step: i128,
    block: i64,
    rounds: i64,
    rest_start: i128,
    rest: i64,
}

impl Slices {
    fn new(i: usize, gsize: i64, distrib: i32, darg: i32, psize: i32, coord: i64) -> MpiResult<Slices> {
        if gsize < 1 {
            return mpi_err!(MPI_ERR_ARG, "array_of_gsizes[{i}] is {gsize}, must be positive");
        }
        let procs = psize as i64;
        let default = darg == c::MPI_DISTRIBUTE_DFLT_DARG;
        if !default && darg < 1 && distrib != c::MPI_DISTRIBUTE_NONE {
            return mpi_err!(
                MPI_ERR_ARG,
                "array_of_dargs[{i}] is {darg}, must be positive or MPI_DISTRIBUTE_DFLT_DARG"
            );
        }
        let block = match distrib {
            c::MPI_DISTRIBUTE_NONE if procs != 1 => {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "array_of_psizes[{i}] is {psize}, must be 1 where array_of_distribs[{i}] is MPI_DISTRIBUTE_NONE"
                );
            }
            c::MPI_DISTRIBUTE_NONE => gsize,
            c::MPI_DISTRIBUTE_BLOCK if default => gsize / procs + (gsize % procs != 0) as i64,
            c::MPI_DISTRIBUTE_BLOCK if (darg as i64) < gsize / procs + (gsize % procs != 0) as i64 => {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "array_of_dargs[{i}] is {darg}: {psize} blocks of it do not cover array_of_gsizes[{i}] = {gsize}"
                );
            }
            c::MPI_DISTRIBUTE_CYCLIC if default => 1,
            c::MPI_DISTRIBUTE_BLOCK | c::MPI_DISTRIBUTE_CYCLIC => darg as i64,
            _ => {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "array_of_distribs[{i}] is {distrib}, must be MPI_DISTRIBUTE_BLOCK, _CYCLIC or _NONE"
                );
            }
        };
        // Block distribution is the cyclic one whose first round covers the whole dimension.
        let (gsize, wide) = (gsize as i128, block as i128);
        let (start, step) = (coord as i128 * wide, procs as i128 * wide);
        let left = (gsize - start).max(0);
        let rounds = left / step + (left % step >= wide) as i128;
        let rest_start = start + rounds * step;
        let rest = (gsize - rest_start).clamp(0, wide);
        Ok(Slices { start, step, block, rounds: rounds as i64, rest_start, rest: rest as i64 })
    }
}
