//! The crate's one error type. User-visible: every variant's text says what was wrong and what to do.

use std::fmt;

/// A failure of the runtime that the user can do something about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The program (or a library it needs) cannot be loaded as a private image.
    Load { path: String, why: String },
    /// Memory could not be reserved or mapped.
    Memory { what: String, why: String },
    /// Whoever started this process (`srun`, `mpiexec`) does not answer as it should.
    Launcher { who: String, why: String },
    /// A setting is wrong.
    Setting { name: String, why: String },
    /// Processes of the job cannot reach each other, or not any more.
    Wire { what: String, why: String },
}

pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Load { path, why } => write!(f, "cannot load {path}: {why}"),
            Error::Memory { what, why } => write!(f, "no memory for {what}: {why}"),
            Error::Launcher { who, why } => write!(f, "{who}: {why}"),
            Error::Setting { name, why } => write!(f, "{name}: {why}"),
            Error::Wire { what, why } => write!(f, "{what}: {why}"),
        }
    }
}

impl std::error::Error for Error {}
