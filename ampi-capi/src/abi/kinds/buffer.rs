//! Message buffers: addresses of the program's memory, not yet references.
//!
//! What a buffer covers follows from count and datatype, so only the datatype engine may turn it into memory.

use super::{describe, plain_kind};
use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;

describe! {
    /// A buffer that is read; collective operations also take `MPI_IN_PLACE`.
    BufIn, "const void *@", "UserBuf";
    /// A buffer that is written.
    BufOut, "void *@", "UserBuf";
    /// A buffer that is read and written.
    BufInOut, "void *@", "UserBuf";
}

/// The address of a message buffer in the calling rank's memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UserBuf(pub usize);

impl UserBuf {
    /// `MPI_BOTTOM`: displacements are absolute addresses. It is also the null pointer.
    #[inline(always)]
    pub fn is_bottom(self) -> bool {
        self.0 == c::MPI_BOTTOM
    }
    /// `MPI_IN_PLACE`: the data is in the other buffer.
    #[inline(always)]
    pub fn is_in_place(self) -> bool {
        self.0 == c::MPI_IN_PLACE
    }
    /// The address.
    #[inline(always)]
    pub fn address(self) -> usize {
        self.0
    }
    /// The address as a pointer; using it is up to the caller.
    #[inline(always)]
    pub fn as_ptr(self) -> *const u8 {
        std::ptr::with_exposed_provenance(self.0)
    }
    /// The address as a pointer; using it is up to the caller.
    #[inline(always)]
    pub fn as_mut_ptr(self) -> *mut u8 {
        std::ptr::with_exposed_provenance_mut(self.0)
    }
    /// Refuses a null buffer where data with relative displacements would be read or written there (`has_data`), and
    /// `MPI_IN_PLACE` where it means nothing.
    #[inline(always)]
    pub fn check(self, name: &str, has_data: bool) -> MpiResult {
        if self.0 > c::MPI_BUFFER_AUTOMATIC || !has_data {
            return Ok(());
        }
        match self.0 {
            c::MPI_BOTTOM => {
                mpi_err!(MPI_ERR_BUFFER, "{name} is a null pointer, but there is data to transfer")
            }
            c::MPI_IN_PLACE => mpi_err!(MPI_ERR_BUFFER, "{name} is MPI_IN_PLACE, which is not allowed here"),
            _ => mpi_err!(MPI_ERR_BUFFER, "{name} is MPI_BUFFER_AUTOMATIC, which is not allowed here"),
        }
    }
}

plain_kind!(BufIn: usize => UserBuf, |me, v, name| Ok(UserBuf(v)));
plain_kind!(BufOut: usize => UserBuf, |me, v, name| Ok(UserBuf(v)));
plain_kind!(BufInOut: usize => UserBuf, |me, v, name| Ok(UserBuf(v)));
