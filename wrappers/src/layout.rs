//! Where the installation is, found from the running executable: nothing is written into it at installation, so the
//! whole tree can be moved.
//!
//! ```text
//! <root>/bin/ampirun, ampicc, ampi-worker …      bin/mpi/mpicc …: links with the names of other MPIs
//! <root>/lib/libmpi_abi.so.1                     lib/ampi/libampi_private.so
//! <root>/include/mpi.h, ampi.h
//! ```

use std::io;
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    pub root: PathBuf,
}

impl Layout {
    /// The installation this executable belongs to. Links are followed: `bin/mpi/mpicc` finds the same root.
    pub fn of_this_process() -> io::Result<Layout> {
        let exe = std::fs::read_link("/proc/self/exe")?;
        match exe.parent().and_then(|bin| bin.parent()) {
            Some(root) => Ok(Layout { root: root.to_path_buf() }),
            None => Err(io::Error::other(format!("{} lies in no installation", exe.display()))),
        }
    }

    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    pub fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    pub fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    pub fn worker(&self) -> PathBuf {
        self.bin().join("ampi-worker")
    }
}
