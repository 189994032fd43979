//! The commands of an installation.
//!
//! * [`compile`]: `ampicc`, `ampicxx` and the names they have elsewhere: a compiler with our paths, otherwise unchanged;
//! * [`launch`]: `ampirun`, also as `mpiexec` and `mpirun`;
//! * [`info`]: `ampi_info`, facts about the installation for people and for tools;
//! * [`layout`]: where the installation is; it may be moved as a whole;
//! * [`nearest`]: "did you mean …?";
//! * `say`: writing to the user.

pub mod compile;
pub mod info;
pub mod launch;
pub mod layout;
pub mod nearest;
mod say;

/// Version of this installation.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Version of the MPI standard whose functions the library has.
pub const MPI_VERSION: &str = "5.0";
/// Version of the standard's ABI, as `MPI_Abi_get_version` answers it.
pub const ABI_VERSION: &str = "1.0";
