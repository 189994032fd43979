//! One named test per program and configuration, and the tests of the commands. See `tests/README.md`.

use ampi_tests::directives::{Configuration, FABRIC};
use ampi_tests::program::Program;
use ampi_tests::{commands, process, program, tree};
use libtest_mimic::{Arguments, Failed, Trial};
use std::process::ExitCode;

fn main() -> ExitCode {
    process::restore_signals();
    let mut arguments = Arguments::from_args();
    // Each run has two or more threads that work; more at once would only measure the machine's patience.
    arguments.test_threads.get_or_insert(2);
    let (programs, wrong) = program::find(&tree::repository().join("tests/programs"));
    let mut trials = Vec::new();
    trials.push(Trial::test("programs: every file is a test or a part of one", move || {
        if wrong.is_empty() { Ok(()) } else { Err(Failed::from(wrong.join("\n"))) }
    }));
    let fabric = tree::has_libfabric();
    if !fabric {
        println!("skipped: runs by libfabric, which is not installed (Debian: libfabric1)");
    }
    for (place, program) in programs.into_iter().enumerate() {
        let mut configurations = program.directives.configurations();
        configurations.extend(disturbed(&program, place));
        for configuration in configurations {
            let program = program.clone();
            let lacks = !fabric && configuration.spread.is_some_and(|s| s.transport == FABRIC);
            let ignored = lacks || program.directives.ignore.is_some();
            let name = program.test_name(&configuration);
            let test = move || program.test(&configuration).map_err(Failed::from);
            trials.push(Trial::test(name, test).with_ignored_flag(ignored));
        }
    }
    for (name, test) in commands::all() {
        trials.push(Trial::test(format!("commands/{name}"), move || test().map_err(Failed::from)));
    }
    if !arguments.list
        && let Err(why) = tree::check()
    {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs with delayed frames, of the programs that exchange the most: with `AMPI_TEST_CLUSTER` some seeds for each transport, else
/// one of two programs with one seed, by turns.
fn disturbed(program: &Program, place: usize) -> Vec<Configuration> {
    const TRANSPORTS: [&str; 2] = ["auto", "tcp"];
    if !["apps/", "coll/", "comm/", "pt2pt/"].iter().any(|folder| program.name.starts_with(folder)) {
        return Vec::new();
    }
    let of = |(seed, transport)| program.directives.disturbed(seed, transport);
    match std::env::var_os("AMPI_TEST_CLUSTER") {
        Some(_) => (1..=6).flat_map(|seed| TRANSPORTS.map(|t| (seed, t))).filter_map(of).collect(),
        None if place.is_multiple_of(2) => Vec::new(),
        None => of((place as u64, TRANSPORTS[place / 2 % 2])).into_iter().collect(),
    }
}
