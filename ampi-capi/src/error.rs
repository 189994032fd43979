//! MPI errors (MPI-5.0 §9.3): a class of the standard and a sentence for the user. The only place where errors are made.

use crate::abi::constants as c;
use crate::handle::Handle;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// One of the standard's error classes (`MPI_ERR_*`), or a code that the program added; used as the returned code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorClass(pub i32);

/// Why a call failed: one word, so that results of calls that succeed stay in registers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MpiError(Box<Facts>);

/// What an error says. The detail names the argument and its value; it is made only on the error path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    pub class: ErrorClass,
    pub detail: Box<str>,
    /// The object whose error handler must be called, when it is not an argument of the call (`MPI_Wait`: the
    /// communicator of the request).
    pub on: Option<Handle>,
}

pub type MpiResult<T = ()> = Result<T, MpiError>;

impl MpiError {
    /// An error of class `class` (an `MPI_ERR_*` constant) with a sentence that names the argument and its value.
    #[cold]
    #[inline(never)]
    pub fn new(class: i32, detail: impl Into<String>) -> Self {
        debug_assert!(class != c::MPI_SUCCESS);
        MpiError(Box::new(Facts {
            class: ErrorClass(class),
            detail: detail.into().into_boxed_str(),
            on: None,
        }))
    }

    /// The same error, of another class.
    #[must_use]
    pub fn of_class(mut self, class: i32) -> Self {
        self.class = ErrorClass(class);
        self
    }

    /// The same error, raised on the communicator (window, file, session) `handle` whatever the call's arguments were.
    #[must_use]
    pub fn on(mut self, handle: Handle) -> Self {
        self.on = Some(handle);
        self
    }
}

impl Deref for MpiError {
    type Target = Facts;
    fn deref(&self) -> &Facts {
        &self.0
    }
}

impl DerefMut for MpiError {
    fn deref_mut(&mut self) -> &mut Facts {
        &mut self.0
    }
}

impl fmt::Display for MpiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for MpiError {}

/// `mpi_err!(MPI_ERR_COUNT, "count is {n}, must not be negative")`: an `Err` ready to return.
#[macro_export]
macro_rules! mpi_err {
    ($class:ident, $($arg:tt)*) => {
        Err($crate::error::MpiError::new($crate::abi::constants::$class, format!($($arg)*)))
    };
}
