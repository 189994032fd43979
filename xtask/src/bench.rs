//! `cargo xtask bench`: the crate in `benchmarks/`, against the built tree.

use crate::packages::{self, For};
use crate::run::{cargo, run};
use crate::{repository, tree};

pub fn bench(arguments: &[&str]) -> Result<(), String> {
    packages::need(For::Bench)?;
    let root = tree::build()?;
    if !repository().join("benchmarks/Cargo.toml").exists() {
        return Err("there is no benchmarks/Cargo.toml".into());
    }
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "-p", "ampi-benchmarks", "--"]).args(arguments);
    run(command.env("AMPI_TREE", root))
}
