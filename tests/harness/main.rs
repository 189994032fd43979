//! One named test per program and configuration, and the tests of the commands. See `tests/README.md`.

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
    for program in programs {
        for configuration in program.directives.configurations() {
            let program = program.clone();
            let ignored = program.directives.ignore.is_some();
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
