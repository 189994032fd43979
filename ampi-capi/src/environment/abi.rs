//! The ABI chapter (MPI-5.0 §20): version, facts about the Fortran compiler, handles as integers.
//!
//! # Safety
//! Fortran logicals come as untyped pointers to a stated number of bytes.
#![allow(unsafe_code)]

use crate::abi::constants as c;
use crate::abi::kinds::{Out, OutHandle, OutTruth};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::info::Info;
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a Fortran binding told about its compiler.
#[derive(Default)]
pub struct Fortran {
    /// Size of a logical and the values of true and false.
    booleans: Cell<Option<(i32, i64, i64)>>,
    info: RefCell<Option<Rc<Info>>>,
}

/// `MPI_Abi_get_version` — version of the ABI.
pub fn abi_get_version(_me: &'static Rank, abi_major: Out<i32>, abi_minor: Out<i32>) -> MpiResult {
    abi_major.set(c::MPI_ABI_VERSION);
    abi_minor.set(c::MPI_ABI_SUBVERSION);
    Ok(())
}

/// `MPI_Abi_get_info` — sizes of the types that the ABI leaves open.
pub fn abi_get_info(me: &'static Rank, info: OutHandle) -> MpiResult {
    let facts = Info::default();
    for key in ["mpi_aint_size", "mpi_count_size", "mpi_offset_size"] {
        facts.set(key.as_bytes(), b"8");
    }
    info.set(me.info.insert(Rc::new(facts))?);
    Ok(())
}

/// `MPI_Abi_set_fortran_info` — a Fortran binding tells sizes and supported types, once.
pub fn abi_set_fortran_info(me: &'static Rank, info: &Rc<Info>) -> MpiResult {
    if me.fortran.info.borrow().is_some() {
        return mpi_err!(MPI_ERR_ABI, "the Fortran facts are set already");
    }
    me.fortran.info.replace(Some(Rc::new(Info::clone(info))));
    Ok(())
}

/// `MPI_Abi_get_fortran_info` — what was told, or `MPI_INFO_NULL`.
pub fn abi_get_fortran_info(me: &'static Rank, info: OutHandle) -> MpiResult {
    let told = me.fortran.info.borrow().as_ref().map(|i| Info::clone(i));
    info.set(match told {
        Some(i) => me.info.insert(Rc::new(i))?,
        None => Handle(c::MPI_INFO_NULL),
    });
    Ok(())
}

fn logical_size(size: i32) -> MpiResult<usize> {
    match size {
        1 | 2 | 4 | 8 => Ok(size as usize),
        _ => mpi_err!(MPI_ERR_ARG, "logical_size is {size}, must be 1, 2, 4 or 8"),
    }
}

/// `MPI_Abi_set_fortran_booleans` — the values of `.true.` and `.false.` in logicals of `size` bytes, once.
pub fn abi_set_fortran_booleans(
    me: &'static Rank,
    size: i32,
    logical_true: usize,
    logical_false: usize,
) -> MpiResult {
    let bytes = logical_size(size)?;
    if me.fortran.booleans.get().is_some() {
        return mpi_err!(MPI_ERR_ABI, "the Fortran logicals are set already");
    }
    let read = |address: usize| {
        let mut raw = [0u8; 8];
        // SAFETY: the caller's logical has `size` bytes (module).
        unsafe {
            std::ptr::with_exposed_provenance::<u8>(address).copy_to_nonoverlapping(raw.as_mut_ptr(), bytes)
        };
        i64::from_ne_bytes(raw)
    };
    me.fortran.booleans.set(Some((size, read(logical_true), read(logical_false))));
    Ok(())
}

/// `MPI_Abi_get_fortran_booleans` — what was told, if it was.
pub fn abi_get_fortran_booleans(
    me: &'static Rank,
    size: i32,
    logical_true: usize,
    logical_false: usize,
    is_set: OutTruth,
) -> MpiResult {
    let bytes = logical_size(size)?;
    let told = me.fortran.booleans.get();
    if let Some((told_size, t, f)) = told {
        if told_size != size {
            return mpi_err!(MPI_ERR_ARG, "logical_size is {size}, but {told_size} was set");
        }
        for (address, value) in [(logical_true, t), (logical_false, f)] {
            let place = std::ptr::with_exposed_provenance_mut::<u8>(address);
            // SAFETY: the caller's logical has `size` bytes (module).
            unsafe { place.copy_from_nonoverlapping(value.to_ne_bytes().as_ptr(), bytes) };
        }
    }
    is_set.set(told.is_some());
    Ok(())
}

/// `MPI_*_toint`, `MPI_*_c2f` — the handle as an integer.
pub fn to_int(handle: usize) -> i32 {
    Handle(handle).to_int()
}

/// `MPI_*_fromint`, `MPI_*_f2c` — the handle of an integer.
pub fn from_int(value: i32) -> usize {
    Handle::from_int(value).0
}
