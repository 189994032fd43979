//! Tests of the launcher, the compiler wrappers and the installation: plain functions, each a named test.
//!
//! * [`launcher`]: `ampirun`: options, exit codes, signals, time limit;
//! * [`compiler`]: `ampicc` and `ampicxx` with real compilers and build systems;
//! * [`placement`]: the same results wherever ranks live;
//! * [`processes`]: jobs of several processes that something happens to ([`job`]: such a job);
//! * [`own_processes`]: ranks that are processes, `--isolate=process`;
//! * [`several`]: several programs in one job;
//! * [`rust`]: programs with rsmpi;
//! * [`installation`]: a moved tree, the exported names, the example.

mod compiler;
mod installation;
mod job;
mod launcher;
mod own_processes;
mod placement;
mod processes;
mod rust;
mod several;

use crate::process::{Outcome, run};
use crate::tree;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A name and what it does; `Err` says what was wrong.
pub type Test = (&'static str, fn() -> Result<(), String>);

const LIMIT: Duration = Duration::from_secs(60);

/// All of them.
pub fn all() -> Vec<Test> {
    [
        launcher::ALL,
        compiler::ALL,
        placement::ALL,
        processes::ALL,
        rust::ALL,
        own_processes::ALL,
        several::ALL,
        installation::ALL,
    ]
    .concat()
}

/// A fresh folder.
fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|e| format!("no folder: {e}"))
}

/// Runs a command of the tree, or of PATH when its name is there.
fn command(name: &str, args: &[&str]) -> Command {
    let own = tree::bin(name);
    let mut command = if own.exists() { Command::new(own) } else { Command::new(name) };
    command.args(args);
    command
}

/// The path of a command of the tree, for a line of a shell.
fn tree_bin(name: &str) -> String {
    tree::bin(name).display().to_string()
}

fn call(name: &str, args: &[&str]) -> Result<Outcome, String> {
    run(&mut command(name, args), "", LIMIT)
}

/// Fails unless the command ended with `code`.
fn ended(outcome: Outcome, code: i32) -> Result<Outcome, String> {
    if outcome.code == code && !outcome.timed_out {
        return Ok(outcome);
    }
    Err(format!("expected exit code {code}: {}", outcome.told()))
}

fn has(what: &str, text: &str, part: &str) -> Result<(), String> {
    if text.contains(part) { Ok(()) } else { Err(format!("{what} has no \"{part}\":\n{text}")) }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

/// Writes `source` into `folder`, compiles it with `compiler` and `flags`, returns the program.
fn program(folder: &Path, compiler: &str, source: &str, flags: &[&str]) -> Result<PathBuf, String> {
    let name = if compiler.ends_with("cc") { "program.c" } else { "program.cpp" };
    write(&folder.join(name), source)?;
    let mut compile = command(compiler, &["-Wall", "-Werror", "-o", "program", name]);
    compile.args(flags).current_dir(folder);
    ended(run(&mut compile, "", LIMIT)?, 0)?;
    Ok(folder.join("program"))
}

/// Rank and size on one line per rank; the exit code is the first argument, if there is one.
const HELLO: &str = r#"
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int rank, size;
int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    MPI_Barrier(MPI_COMM_WORLD);
    const char *word = getenv("WORD");
    printf("rank %d of %d", rank, size);
    for (int i = 1; i < argc; i++)
        printf(" [%s]", argv[i]);
    printf("%s%s\n", word ? " " : "", word ? word : "");
    MPI_Finalize();
    return 0;
}
"#;
