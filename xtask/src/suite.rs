//! `cargo xtask test`: everything that must hold. Every step runs, also after one that failed; the last line is
//! `N passed, N failed`.

use crate::packages::{self, For};
use crate::run::{cargo, run, show};
use crate::{printed, repository, tidy, tree};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    passed: usize,
    failed: usize,
}

impl Tally {
    fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    fn one(result: &Result<(), String>) -> Tally {
        if result.is_ok() { Tally { passed: 1, failed: 0 } } else { Tally { passed: 0, failed: 1 } }
    }

    fn told(self) -> Result<(), String> {
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.failed == 0 { Ok(()) } else { Err("cargo xtask test failed".into()) }
    }
}

/// The whole suite.
pub fn test() -> Result<(), String> {
    packages::need(For::Test)?;
    let mut all = Tally::default();
    step(&mut all, "format", || run(cargo().args(["fmt", "--all", "--check"])));
    step(&mut all, "lints", || {
        run(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    });
    step(&mut all, "generated files", printed::check);
    step(&mut all, "tidy", || tidy::check(&repository()));
    tests(&mut all, "unit tests", cargo().args(["test", "--workspace", "--no-fail-fast", "--quiet"]));
    tests(&mut all, "every interleaving of the lock-free parts (loom)", &mut interleavings());
    if step(&mut all, "build", || tree::build().map(|_| ())) {
        tests(&mut all, "programs and commands", &mut programs());
    }
    all.told()
}

/// Only the programs and commands whose name contains `filter`.
pub fn programs_only(filter: &str) -> Result<(), String> {
    packages::need(For::Test)?;
    tree::build()?;
    let mut all = Tally::default();
    tests(&mut all, "programs and commands", programs().args(["--", filter]));
    all.told()
}

/// The models that loom explores. A target folder of their own: other flags would have everything else built again.
fn interleavings() -> Command {
    let mut command = cargo();
    command.args([
        "test",
        "--quiet",
        "--release",
        "-p",
        "ampi-core",
        "--lib",
        "--target-dir",
        "target/loom",
        "loom",
    ]);
    command.env("RUSTFLAGS", "--cfg loom").env("LOOM_MAX_PREEMPTIONS", "4");
    // A build of half a minute for a run of seconds would be a bad bargain.
    command.env("CARGO_PROFILE_RELEASE_LTO", "off").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    command.env("CARGO_PROFILE_RELEASE_DEBUG", "false");
    command
}

fn programs() -> Command {
    let mut command = cargo();
    command.args(["test", "--quiet", "-p", "ampi-tests", "--test", "programs"]);
    command
}

/// A step that succeeds or not.
fn step(all: &mut Tally, title: &str, act: impl FnOnce() -> Result<(), String>) -> bool {
    println!("\n== {title}");
    let start = Instant::now();
    let result = act();
    all.add(Tally::one(&result));
    match &result {
        Ok(()) => println!("ok: {title} ({:.1} s)", start.elapsed().as_secs_f64()),
        Err(why) => println!("FAILED: {title}: {why}"),
    }
    result.is_ok()
}

/// A command that prints the summaries of libtest.
fn tests(all: &mut Tally, title: &str, command: &mut Command) {
    println!("\n== {title}");
    let start = Instant::now();
    let tally = counted(command).unwrap_or_else(|why| {
        println!("FAILED: {why}");
        Tally { passed: 0, failed: 1 }
    });
    let took = start.elapsed().as_secs_f64();
    println!("{title}: {} passed, {} failed ({took:.1} s)", tally.passed, tally.failed);
    all.add(tally);
}

/// Runs `command`, shows its output, adds up the summaries. A failure without a failed test counts as one.
fn counted(command: &mut Command) -> Result<Tally, String> {
    let shown = show(command);
    let mut child = command
        .current_dir(repository())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start {shown}: {e}"))?;
    let mut tally = Tally::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            println!("{line}");
            tally.add(summary(&line).unwrap_or_default());
        }
    }
    let status = child.wait().map_err(|e| format!("cannot wait for {shown}: {e}"))?;
    if !status.success() && tally.failed == 0 {
        tally.failed = 1;
    }
    Ok(tally)
}

/// `test result: FAILED. 3 passed; 1 failed; …`
fn summary(line: &str) -> Option<Tally> {
    let numbers = line.trim().strip_prefix("test result: ")?.split_once(". ")?.1;
    let count = |word: &str| {
        let part = numbers.split(';').find_map(|p| p.trim().strip_suffix(word))?;
        part.trim().parse().ok()
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_libtest_are_read() {
        let line = "test result: FAILED. 40 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        assert_eq!(summary(line), Some(Tally { passed: 40, failed: 2 }));
        assert_eq!(
            summary("test result: ok. 7 passed; 0 failed; 0 ignored"),
            Some(Tally { passed: 7, failed: 0 })
        );
        assert_eq!(summary("test a::b ... ok"), None);
    }

    #[test]
    fn a_command_that_fails_without_a_summary_counts_as_one_failure() {
        let tally = counted(Command::new("sh").args(["-c", "exit 1"])).unwrap();
        assert_eq!(tally, Tally { passed: 0, failed: 1 });
        let two = "echo 'test result: ok. 1 passed; 0 failed;'; echo 'test result: ok. 2 passed; 0 failed;'";
        assert_eq!(counted(Command::new("sh").args(["-c", two])).unwrap(), Tally { passed: 3, failed: 0 });
    }
}
