//! The installed tree: moved, looked at, used.

use super::{HELLO, LIMIT, Test, call, command, ended, folder, has, program};
use crate::process::run;
use crate::tree;
use std::path::Path;
use std::process::Command;

pub const ALL: &[Test] = &[
    ("a copy of the tree works where it was moved to", moved),
    ("the library exports MPI and nothing of Rust", exports),
    ("ampi_info tells facts", info),
    ("the example runs, with the same result on 1 and on 12 ranks", example),
];

fn moved() -> Result<(), String> {
    let folder = folder()?;
    let (first, second) = (folder.path().join("first"), folder.path().join("second place"));
    let mut copy = Command::new("cp");
    ended(run(copy.arg("-a").arg(tree::root()).arg(&first), "", LIMIT)?, 0)?;
    std::fs::rename(&first, &second).map_err(|e| e.to_string())?;
    super::write(&folder.path().join("a.c"), HELLO)?;
    let mut compile = Command::new(second.join("bin/ampicc"));
    ended(run(compile.args(["-o", "a", "a.c"]).current_dir(folder.path()), "", LIMIT)?, 0)?;
    let exe = folder.path().join("a");
    let o = ended(run(Command::new("ldd").arg(&exe), "", LIMIT)?, 0)?;
    has("ldd", &o.stdout, &second.join("lib/libmpi_abi.so.1").display().to_string())?;
    let o = ended(run(Command::new(second.join("bin/ampirun")).args(["-n", "2"]).arg(&exe), "", LIMIT)?, 0)?;
    has("stdout", &o.stdout, "rank 1 of 2")?;
    let mut link = Command::new(second.join("bin/mpi/mpiexec"));
    has("mpiexec", &ended(run(link.args(["-n", "3"]).arg(&exe), "", LIMIT)?, 0)?.stdout, "rank 2 of 3")
}

fn exports() -> Result<(), String> {
    let library = tree::root().join("lib/libmpi_abi.so.1");
    let o = ended(run(Command::new("nm").args(["-D", "--defined-only"]).arg(&library), "", LIMIT)?, 0)?;
    for name in ["MPI_Init", "PMPI_Init", "MPI_Send", "MPI_Send_c", "MPI_Abi_get_version"] {
        if !o
            .stdout
            .lines()
            .any(|l| l.split_whitespace().last().is_some_and(|w| w.split('@').next() == Some(name)))
        {
            return Err(format!("{name} is not exported"));
        }
    }
    let mut names = o.stdout.lines().filter_map(|l| l.split_whitespace().last());
    match names.find(|n| ["_ZN", "_R", "rust_", "__rust", "__rdl"].iter().any(|p| n.starts_with(p))) {
        Some(name) => Err(format!("a name of Rust is exported: {name}")),
        None => Ok(()),
    }
}

fn info() -> Result<(), String> {
    let o = ended(call("ampi_info", &["--parsable"])?, 0)?;
    let root = tree::root().canonicalize().map_err(|e| e.to_string())?;
    for line in
        ["abi:version=1.0".into(), "mpi:version=5.0".into(), format!("path:prefix={}", root.display())]
    {
        if !o.stdout.lines().any(|l| l == line) {
            return Err(format!("no line {line}: {}", o.told()));
        }
    }
    has("the version", &ended(call("ampi_info", &["--version"])?, 0)?.stdout, "ampi_info")?;
    ended(call("ampi_info", &["--nonsense"])?, 2).map(|_| ())
}

fn example() -> Result<(), String> {
    let folder = folder()?;
    let source =
        std::fs::read_to_string(tree::repository().join("examples/heat.c")).map_err(|e| e.to_string())?;
    let exe = program(folder.path(), "ampicc", &source, &["-O2", "-lm"])?;
    let one = heat(&exe, &["+p", "1", "+vp", "1"])?;
    let twelve = heat(&exe, &["+p", "2", "+vp", "12"])?;
    if one == twelve { Ok(()) } else { Err(format!("1 rank: {one:?}; 12 ranks: {twelve:?}")) }
}

/// The lines of the example's output that must not depend on the number of ranks.
fn heat(exe: &Path, options: &[&str]) -> Result<Vec<String>, String> {
    let o = run(command("ampirun", options).arg(exe).args(["96", "600"]), "", LIMIT)?;
    let o = ended(o, 0)?;
    let kept = o.lines().into_iter().filter(|l| l.contains("step  ") || l.starts_with("Mean"));
    let kept: Vec<String> = kept.collect();
    if kept.len() >= 2 { Ok(kept) } else { Err(format!("too little output: {}", o.told())) }
}
