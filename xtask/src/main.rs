//! `cargo xtask <command>`: everything one does in this repository.
//!
//! * [`packages`]: what the system must have, and how to get it;
//! * [`tree`]: `build`, the installed tree in `target/ampi`; [`install`];
//! * [`demo`]; [`suite`]: `test`; [`bench`];
//! * [`printed`]: `gen`, the files that are printed from tables;
//! * [`tidy`]: rules of this repository that no compiler checks;
//! * [`run`]: commands of the system.

mod bench;
mod demo;
mod install;
mod packages;
mod printed;
mod run;
mod suite;
mod tidy;
mod tree;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  build                   build everything; the installed tree is target/ampi
  install --prefix DIR    build, and copy the tree to DIR (it may be moved later)
  demo                    build, compile the example with ampicc, run it as 32 ranks on 2 PEs
  test [FILTER]           format, lints, unit tests, generated files, tidy, programs; with FILTER only
                          the programs and commands whose name contains it
  bench [ARGUMENTS]       the benchmarks of benchmarks/
  gen [--check]           print the generated files; --check: only say which are out of date
  tidy                    layers, sizes, names, headers, links
";

/// The repository.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["build"] => tree::build().map(|root| println!("The tree is {}.", root.display())),
        ["install", "--prefix", folder] => install::install(Path::new(folder)),
        ["install", prefix] if prefix.starts_with("--prefix=") => {
            install::install(Path::new(prefix.trim_start_matches("--prefix=")))
        }
        ["demo"] => demo::demo(),
        ["test"] => suite::test(),
        ["test", filter] => suite::programs_only(filter),
        ["bench", rest @ ..] => bench::bench(rest),
        ["gen"] => printed::write(),
        ["gen", "--check"] => printed::check(),
        ["tidy"] => tidy::check(&repository()).map(|()| println!("Tidy.")),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("cargo xtask {}: there is no such command\n\n{HELP}", words.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
