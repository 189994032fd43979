//! Memory that the program asks MPI for (MPI-5.0 §9.2).
//!
//! # Safety
//! `free_mem` trusts that the address came from `alloc_mem`, as the standard demands.
#![allow(unsafe_code)]

use crate::abi::kinds::Out;
use crate::error::MpiResult;
use crate::info::Info;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// Alignment of every block: a cache line, enough for every vector type.
const DEFAULT_ALIGNMENT: usize = 64;

/// `MPI_Alloc_mem` — `size` bytes, aligned to a cache line or to the info key `mpi_minimum_memory_alignment`.
pub fn alloc_mem(_me: &'static Rank, size: i64, info: Option<&Rc<Info>>, baseptr: Out<usize>) -> MpiResult {
    let wanted = info.and_then(|i| i.get(b"mpi_minimum_memory_alignment"));
    let alignment = wanted
        .and_then(|v| std::str::from_utf8(&v).ok()?.trim().parse::<usize>().ok())
        .filter(|a| a.is_power_of_two())
        .unwrap_or(DEFAULT_ALIGNMENT)
        .max(DEFAULT_ALIGNMENT);
    let mut block = std::ptr::null_mut();
    // SAFETY: writes the pointer it is given; the alignment is a power of two and a multiple of a pointer's size.
    if unsafe { libc::posix_memalign(&raw mut block, alignment, (size as usize).max(1)) } != 0 {
        return mpi_err!(MPI_ERR_NO_MEM, "size is {size} bytes, which cannot be allocated");
    }
    baseptr.set(block.expose_provenance());
    Ok(())
}

/// `MPI_Free_mem` — gives a block back.
pub fn free_mem(_me: &'static Rank, base: usize) -> MpiResult {
    // SAFETY: module.
    unsafe { libc::free(std::ptr::with_exposed_provenance_mut(base)) };
    Ok(())
}
