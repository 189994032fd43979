//! The MPIs that are compared: how each compiles a program and starts a job.

use crate::cases::{Case, Peers};
use ampi_tests::{process, tree};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peer {
    Ampi,
    /// Ours, each PE in a process of its own; only with several PEs.
    AmpiProcesses,
    Mpich,
    /// MPICH with a yield after each empty poll, by a preloaded library; only with more ranks than cores.
    MpichYielding,
    OpenMpi,
}

pub const PEERS: [Peer; 5] =
    [Peer::Ampi, Peer::AmpiProcesses, Peer::Mpich, Peer::MpichYielding, Peer::OpenMpi];

impl Peer {
    /// Name on the command line and of the folder of its programs.
    pub fn key(self) -> &'static str {
        match self {
            Peer::Ampi => "ampi",
            Peer::AmpiProcesses => "ampi-processes",
            Peer::Mpich => "mpich",
            Peer::MpichYielding => "mpich-yielding",
            Peer::OpenMpi => "openmpi",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Peer::Ampi => "ours",
            Peer::AmpiProcesses => "ours, processes",
            Peer::Mpich => "MPICH",
            Peer::MpichYielding => "MPICH, yielding",
            Peer::OpenMpi => "Open MPI",
        }
    }

    fn compiler(self) -> PathBuf {
        match self {
            Peer::Ampi | Peer::AmpiProcesses => tree::bin("ampicc"),
            Peer::Mpich | Peer::MpichYielding => "mpicc.mpich".into(),
            Peer::OpenMpi => "mpicc.openmpi".into(),
        }
    }

    /// Whether its compiler can be started here.
    pub fn is_here(self) -> bool {
        Command::new(self.compiler()).arg("-show").output().is_ok_and(|o| o.status.success())
    }

    /// Why this peer does not run this case, if it does not.
    pub fn left_out(self, case: &Case, cores: usize) -> Option<&'static str> {
        match (self, case.peers) {
            (Peer::Ampi, _) => None,
            (Peer::AmpiProcesses, _) if case.pes < 2 => Some("there is one PE"),
            (Peer::AmpiProcesses, _) => None,
            (_, Peers::Skip(why)) => Some(why),
            (Peer::MpichYielding, _) if case.ranks <= cores && !case.one_core => {
                Some("as MPICH: there is a core for each rank")
            }
            _ => None,
        }
    }

    /// Compiles `program` and gives the path of what came out.
    pub fn compile(self, program: &str, folder: &Path) -> Result<PathBuf, String> {
        let own = folder.join(self.key());
        std::fs::create_dir_all(&own).map_err(|e| format!("cannot make {}: {e}", own.display()))?;
        let source = programs().join(format!("{program}.c"));
        let out = own.join(program);
        let mut command = Command::new(self.compiler());
        command.args(["-O2", "-g", "-o"]).arg(&out).arg(&source);
        compiled(&mut command)?;
        Ok(out)
    }

    /// The command that runs `program` as this case says. `preload` is the library that makes MPICH yield.
    pub fn command(self, case: &Case, program: &Path, cores: usize, preload: &Path) -> Command {
        let ranks = case.ranks.to_string();
        let crowded = case.ranks > cores || case.one_core;
        let mut words: Vec<String> = Vec::new();
        let mut say = |text: &[&str]| words.extend(text.iter().map(|w| w.to_string()));
        match self {
            Peer::Ampi | Peer::AmpiProcesses => {
                let pes = case.pes.to_string();
                say(&[&tree::bin("ampirun").to_string_lossy(), "+p", &pes, "+vp", &ranks]);
                if self == Peer::AmpiProcesses {
                    say(&["++ppn", "1"]);
                }
            }
            _ if case.one_core => say(&["taskset", "-c", "0"]),
            _ => (),
        }
        match self {
            Peer::Ampi | Peer::AmpiProcesses => (),
            Peer::Mpich | Peer::MpichYielding => {
                say(&["mpiexec.mpich", "-bind-to", if crowded { "none" } else { "core" }]);
                if self == Peer::MpichYielding {
                    say(&["-env", "LD_PRELOAD", &preload.to_string_lossy()]);
                }
                say(&["-n", &ranks]);
            }
            Peer::OpenMpi => {
                say(&["mpirun.openmpi", "--allow-run-as-root", "--oversubscribe"]);
                say(&["--bind-to", if crowded { "none" } else { "core" }]);
                if crowded {
                    say(&["--mca", "mpi_yield_when_idle", "1"]);
                }
                say(&["-np", &ranks]);
            }
        }
        say(&[&program.to_string_lossy()]);
        say(case.arguments);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(program.parent().unwrap_or(Path::new(".")));
        command
    }
}

/// The folder of the programs.
pub fn programs() -> PathBuf {
    tree::repository().join("benchmarks/programs")
}

/// The library that makes MPICH yield.
pub fn yielding(folder: &Path) -> Result<PathBuf, String> {
    let out = folder.join("libmpich_yield.so");
    let source = tree::repository().join("tests/harness/mpich_yield.c");
    compiled(Command::new("cc").args(["-O2", "-fPIC", "-shared", "-o"]).arg(&out).arg(source).arg("-ldl"))?;
    Ok(out)
}

/// The program that tells the state of the machine.
pub fn machine_state(folder: &Path) -> Result<PathBuf, String> {
    let out = folder.join("machine_state");
    let source = programs().join("machine_state.c");
    compiled(Command::new("cc").args(["-O2", "-pthread", "-o"]).arg(&out).arg(source))?;
    Ok(out)
}

fn compiled(command: &mut Command) -> Result<(), String> {
    let told = format!("{command:?}");
    let outcome = process::run(command, "", Duration::from_secs(120))?;
    if outcome.code != 0 {
        return Err(format!("{told}\n{}", outcome.told()));
    }
    Ok(())
}
