//! Rust programs with rsmpi, the crate `mpi`, in `tests/rsmpi`: its build script asks our `mpicc` where MPI is, bindgen
//! reads our `mpi.h`. Each program runs for +p {1,2} × +vp {1,4,16}, and once without the launcher.

use super::{LIMIT, Test, command, ended};
use crate::process::run;
use crate::tree;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub const ALL: &[Test] = &[("programs with rsmpi run virtualized", programs)];

/// The first build fetches and compiles bindgen.
const BUILD_LIMIT: Duration = Duration::from_secs(600);
const PROGRAMS: &[&str] = &["ring", "collectives", "datatypes", "requests", "communicators"];

fn programs() -> Result<(), String> {
    let folder = build()?;
    for name in PROGRAMS {
        let program = folder.join(name);
        for p in [1, 2] {
            for vp in [1, 4, 16] {
                if p <= vp {
                    let options = ["+p".into(), p.to_string(), "+vp".into(), vp.to_string()];
                    let mut launch = command("ampirun", &options.each_ref().map(String::as_str));
                    content(name, launch.arg(&program), vp)?;
                }
            }
        }
        content(name, &mut Command::new(&program), 1)?;
    }
    Ok(())
}

/// Builds the package with our compiler wrapper; the folder of the programs.
fn build() -> Result<PathBuf, String> {
    let target = tree::repository().join("target/ampi-tests/rsmpi");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--quiet", "--locked", "--bins"])
        .current_dir(tree::repository().join("tests/rsmpi"));
    cargo.env("MPICC", tree::bin("mpi/mpicc")).env("CARGO_TARGET_DIR", &target);
    // rsmpi's build script hands on where the library is, but not for running: a program started directly must find it.
    cargo.env("RUSTFLAGS", format!("-Clink-arg=-Wl,-rpath,{}", tree::root().join("lib").display()));
    cargo.env_remove("MPI_PKG_CONFIG").env_remove("CRAY_MPICH_DIR");
    ended(run(&mut cargo, "", BUILD_LIMIT)?, 0)?;
    Ok(target.join("debug"))
}

/// Every rank says once that it is content, and nothing else is said.
fn content(name: &str, command: &mut Command, vp: usize) -> Result<(), String> {
    let shown = format!("{command:?}");
    let outcome = ended(run(command.current_dir(Path::new("/")), "", LIMIT)?, 0)
        .map_err(|why| format!("{name}: {shown}\n{why}"))?;
    let mut lines = outcome.lines();
    lines.sort();
    let mut wanted: Vec<String> = (0..vp).map(|rank| format!("rank {rank} of {vp} is content")).collect();
    wanted.sort();
    if lines == wanted && outcome.stderr.is_empty() {
        return Ok(());
    }
    Err(format!("{name}: not every rank is content: {shown}\n{}", outcome.told()))
}
