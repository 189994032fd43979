//! The address of a buffer that the program handed to an MPI call.
//!
//! # Safety
//! A [`UserBuf`] stands for the promise of the MPI standard that the memory a datatype describes, relative to this
//! address, may be read (send buffers) or written (receive buffers) until the operation completes. Whoever makes one
//! takes that promise on; the functions of this module that use it are then safe to call, as they touch exactly the
//! bytes of the datatype and count they are given.

#![allow(unsafe_code)]

/// A buffer argument: address only; what lies there is said by count and datatype. MPI_BOTTOM is the null address,
/// with absolute displacements in the datatype.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserBuf(*mut u8);

// SAFETY: a plain address; the promise named above holds on any thread of the process.
unsafe impl Send for UserBuf {}
// SAFETY: as above; the type has no interior state.
unsafe impl Sync for UserBuf {}

impl UserBuf {
    /// # Safety
    /// Every datatype and count that this value is later used with describes memory that may be read, and for
    /// receive buffers written, at that time, without another thread touching it.
    #[inline]
    pub unsafe fn new(address: *mut u8) -> UserBuf {
        UserBuf(address)
    }

    /// A buffer that is only read.
    ///
    /// # Safety
    /// As [`UserBuf::new`], and the value is used as source only.
    #[inline]
    pub unsafe fn source(address: *const u8) -> UserBuf {
        UserBuf(address.cast_mut())
    }

    #[inline]
    pub fn address(self) -> *mut u8 {
        self.0
    }
}

impl UserBuf {
    /// The address `bytes` further, inside the same buffer.
    #[inline]
    pub fn offset(self, bytes: i64) -> UserBuf {
        UserBuf(self.0.wrapping_offset(bytes as isize))
    }
}
