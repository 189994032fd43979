//! `ampi-bench`: runs the programs of `benchmarks/programs` under our library and its peers, in turns, and tells how they
//! compare. Started by `cargo xtask bench`; `benchmarks/README.md` says how to read the result.
//!
//! * [`cases`]: what is measured and what is aimed at;
//! * [`peers`]: how each MPI compiles and starts a program;
//! * [`figures`]: the lines that programs print, over all rounds;
//! * [`machine`]: what the machine is and in what state;
//! * [`report`]: the table.

mod cases;
mod figures;
mod machine;
mod peers;
mod report;

use ampi_tests::{process, tree};
use cases::{CASES, Case};
use figures::Figures;
use machine::Machine;
use peers::{PEERS, Peer};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

const HELP: &str = "ampi-bench [options]
  --only WORD,...     cases whose names contain one of the words; the table in docs/ is not written
  --peers NAME,...    of ampi, mpich, mpich-yielding, openmpi (all that are installed)
  --rounds N          how often each case is run by each peer (5)
  --write, --no-write whether docs/performance.md gets the table
  --list              the names of the cases";

struct Options {
    only: Vec<String>,
    peers: Vec<Peer>,
    rounds: usize,
    write: Option<bool>,
    list: bool,
}

fn options(arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut o = Options { only: Vec::new(), peers: PEERS.to_vec(), rounds: 5, write: None, list: false };
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value\n{HELP}"));
        match argument.as_str() {
            "--only" => o.only = value()?.split(',').map(String::from).collect(),
            "--peers" => {
                let named = value()?;
                let find = |name: &str| {
                    let peer = PEERS.into_iter().find(|p| p.key() == name);
                    peer.ok_or(format!("there is no peer {name}\n{HELP}"))
                };
                o.peers = named.split(',').map(find).collect::<Result<_, _>>()?;
            }
            "--rounds" => {
                let told = value()?;
                o.rounds = told.parse().map_err(|_| format!("--rounds {told}: not a number"))?;
            }
            "--write" => o.write = Some(true),
            "--no-write" => o.write = Some(false),
            "--list" => o.list = true,
            "--help" => return Err(HELP.into()),
            other => return Err(format!("unknown option {other}\n{HELP}")),
        }
    }
    Ok(o)
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)).and_then(|o| bench(&o)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// The compiled programs of all peers and the two helpers.
struct Built {
    /// Or what the compiler said.
    programs: BTreeMap<(Peer, &'static str), Result<PathBuf, String>>,
    state: PathBuf,
    preload: PathBuf,
}

fn build(cases: &[&'static Case], peers: &[Peer]) -> Result<Built, String> {
    let folder = tree::repository().join("target/benchmarks");
    std::fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    let mut programs = BTreeMap::new();
    for peer in peers {
        for case in cases {
            if let Entry::Vacant(place) = programs.entry((*peer, case.program)) {
                let compiled = peer.compile(case.program, &folder);
                if let Err(text) = &compiled {
                    eprintln!("{text}");
                }
                place.insert(compiled);
            }
        }
    }
    Ok(Built { programs, state: peers::machine_state(&folder)?, preload: peers::yielding(&folder)? })
}

fn bench(options: &Options) -> Result<(), String> {
    let wanted =
        |c: &&Case| options.only.is_empty() || options.only.iter().any(|w| c.name.contains(w.as_str()));
    let cases: Vec<&'static Case> = CASES.iter().filter(wanted).collect();
    if options.list {
        cases.iter().for_each(|c| println!("{}", c.name));
        return Ok(());
    }
    if cases.is_empty() {
        return Err(format!("no case is named so; there are:\n{}", names()));
    }
    tree::check()?;
    let machine = Machine::here();
    let (here, missing): (Vec<Peer>, Vec<Peer>) = options.peers.iter().partition(|p| p.is_here());
    for peer in missing {
        println!("{} is not installed and left out", peer.title());
    }
    println!("{machine}, load {}", Machine::load());
    if Machine::load() > 0.7 {
        println!("other programs are running: peers that poll suffer most from that");
    }
    let built = build(&cases, &here)?;
    let mut all: Vec<Figures> = cases.iter().map(|_| Figures::default()).collect();
    for round in 1..=options.rounds {
        for (case, figures) in cases.iter().zip(&mut all) {
            eprintln!("round {round} of {}: {}", options.rounds, case.name);
            figures.line.extend(machine::line(&built.state));
            for peer in &here {
                // What failed once is not tried again.
                if peer.left_out(case, machine.cores).is_none() && !figures.failures.contains_key(peer) {
                    measure(case, *peer, &built, &machine, figures);
                }
            }
        }
    }
    for (case, figures) in cases.iter().zip(&all) {
        print!("{}", report::text(case, figures, machine.cores));
    }
    if options.write.unwrap_or(options.only.is_empty()) {
        let done: Vec<(&Case, Figures, Vec<String>)> = cases
            .iter()
            .zip(all)
            .map(|(case, figures)| (*case, figures, commands(case, &here, &built, &machine)))
            .collect();
        report::write(&report::markdown(&done, &machine, options.rounds))?;
    }
    Ok(())
}

fn names() -> String {
    CASES.iter().map(|c| format!("  {}\n", c.name)).collect()
}

/// One run of one peer.
fn measure(case: &Case, peer: Peer, built: &Built, machine: &Machine, figures: &mut Figures) {
    let Ok(program) = &built.programs[&(peer, case.program)] else {
        figures.failures.insert(peer, "the program does not compile".into());
        return;
    };
    let mut command = peer.command(case, program, machine.cores, &built.preload);
    let outcome = match process::run(&mut command, "", Duration::from_secs(case.seconds)) {
        Ok(outcome) => outcome,
        Err(text) => {
            figures.failures.insert(peer, text);
            return;
        }
    };
    // A run that was cut off leaves the figures that it had printed.
    let taken = figures.take(peer, &outcome.stdout);
    if outcome.timed_out {
        let had = if taken > 0 { ", with the figures it had by then" } else { "" };
        figures.failures.insert(peer, format!("stopped after {} s{had}", case.seconds));
    } else if outcome.code != 0 {
        let last = outcome.stderr.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("").trim();
        figures.failures.insert(peer, format!("failed with exit code {}: {last}", outcome.code));
    } else if case.whole {
        let took = outcome.took.as_secs_f64() * 1e3;
        figures.add(peer, "start and end", case.ranks as i64, took, "ms");
    }
}

/// The command lines of a case, without the folders.
fn commands(case: &Case, here: &[Peer], built: &Built, machine: &Machine) -> Vec<String> {
    let short = |word: &std::ffi::OsStr| {
        let word = word.to_string_lossy().into_owned();
        let is_path = word.starts_with('/');
        let name = Path::new(&word).file_name().map(|n| n.to_string_lossy().into_owned());
        if is_path { name.unwrap_or(word) } else { word }
    };
    here.iter()
        .filter(|p| p.left_out(case, machine.cores).is_none())
        .filter_map(|p| Some((p, built.programs[&(*p, case.program)].as_ref().ok()?)))
        .map(|(p, program)| {
            let command = p.command(case, program, machine.cores, &built.preload);
            let words: Vec<String> =
                std::iter::once(command.get_program()).chain(command.get_args()).map(short).collect();
            words.join(" ")
        })
        .collect()
}
