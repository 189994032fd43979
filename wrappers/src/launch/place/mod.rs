//! Where the processes of a job go: from lists of hosts to a plan, as plain data.
//!
//! ```text
//! --host h1:2,h2        ┐
//! --hostfile FILE       ├─► hosts ─┐
//! Slurm's allocation    ┘          ├─► placement: process 0 on h1 with PEs 0-1, process 1 on h2 with PEs 2-3
//! +p, ++ppn, ++processPer… ────────┘
//! ```
//!
//! | file | what it reads or makes |
//! |---|---|
//! | [`text`] | the place of a mistake in a text |
//! | [`ranges`] | `n[1-3,07]` → n1 n2 n3 n07 |
//! | [`host`] | `--host`, and what is known about a host |
//! | [`hostfile`] | files of MPICH, Open MPI and Charm++ |
//! | [`slurm`] | the hosts of a Slurm allocation |
//! | [`spread`] | processes and PEs over hosts |
//!
//! Nothing here acts: files are read and variables looked up by the caller.

pub mod host;
pub mod hostfile;
pub mod ranges;
pub mod slurm;
pub mod spread;
pub mod text;

pub use host::Host;
pub use spread::{Per, Placement, Process, Wish};
pub use text::BadText;
