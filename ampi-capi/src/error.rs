//! MPI errors (MPI-5.0 §9.3): a class of the standard and a sentence for the user. The only place where errors are made.

use crate::abi::constants as c;
use std::fmt;

/// One of the standard's error classes (`MPI_ERR_*`); also used as its error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorClass(pub i32);

/// Why a call failed. The detail names the argument and its value; it is made only on the error path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MpiError {
    pub class: ErrorClass,
    pub detail: Box<str>,
}

pub type MpiResult<T = ()> = Result<T, MpiError>;

impl MpiError {
    /// An error of class `class` (an `MPI_ERR_*` constant) with a sentence that names the argument and its value.
    #[cold]
    pub fn new(class: i32, detail: impl Into<String>) -> Self {
        debug_assert!(class != c::MPI_SUCCESS);
        MpiError { class: ErrorClass(class), detail: detail.into().into_boxed_str() }
    }
}

impl fmt::Display for MpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for MpiError {}

/// `err!(MPI_ERR_COUNT, "count is {n}, must not be negative")`: an `Err` ready to return.
#[macro_export]
macro_rules! mpi_err {
    ($class:ident, $($arg:tt)*) => {
        Err($crate::error::MpiError::new($crate::abi::constants::$class, format!($($arg)*)))
    };
}
