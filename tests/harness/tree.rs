//! Where the built tree is: `target/ampi` of this repository, or `AMPI_TREE`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_path_buf()
}

/// The tree of bin/, lib/, include/ under test.
pub fn root() -> PathBuf {
    std::env::var_os("AMPI_TREE").map_or_else(|| repository().join("target/ampi"), PathBuf::from)
}

pub fn bin(name: &str) -> PathBuf {
    root().join("bin").join(name)
}

/// Whether jobs can be run by libfabric here.
pub fn has_libfabric() -> bool {
    let list = |ldconfig: &str| Command::new(ldconfig).arg("-p").output().ok();
    let list = list("ldconfig").or_else(|| list("/sbin/ldconfig"));
    list.is_some_and(|list| String::from_utf8_lossy(&list.stdout).contains("libfabric.so.1"))
}

/// A sentence when the tree is not there.
pub fn check() -> Result<(), String> {
    let missing: Vec<String> =
        ["bin/ampirun", "bin/ampicc", "bin/ampi-worker", "lib/libmpi_abi.so.1", "include/mpi.h"]
            .iter()
            .filter(|name| !root().join(name).exists())
            .map(|name| name.to_string())
            .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("{} has no {}; run: cargo xtask build", root().display(), missing.join(", ")))
}
