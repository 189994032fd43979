//! Which process manager started this process, from the environment alone.
//!
//! | variables | offer |
//! |---|---|
//! | `PMIX_NAMESPACE`, `PMIX_RANK` | PMIx (Open MPI's mpirun, PRRTE, `srun --mpi=pmix`) |
//! | `PMI_FD` with `PMI_JOBID` | PMI-2 (`srun --mpi=pmi2`) |
//! | `PMI_FD` | PMI-1 (hydra) |
//! | `PMI_PORT`, `PMI_ID` | PMI-1 over TCP (`mpiexec -pmi-port`) |
//! | a size above 1, none of these | error: several processes that cannot find each other |
//! | none | alone |
//!
//! 1. `SLURM_PROCID` says nothing: the script of `sbatch` has it too. A task of a step has `SLURM_STEP_ID`, and the shell
//!    that `salloc` may run inside the allocation has it with one task.
//! 2. An interface that the user forces is the only one looked for; its variables must be there.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::fd::RawFd;

/// What the user wants spoken (`--pmi`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Interface {
    /// What the environment offers.
    #[default]
    Auto,
    Pmi1,
    Pmi2,
    Pmix,
    /// Nothing: this process is a job of its own, whatever started it.
    Nothing,
}

impl Interface {
    /// Reads the value of `--pmi`.
    pub fn parse(text: &str) -> Result<Interface> {
        Ok(match text {
            "auto" => Interface::Auto,
            "pmi1" | "pmi" => Interface::Pmi1,
            "pmi2" => Interface::Pmi2,
            "pmix" => Interface::Pmix,
            "none" => Interface::Nothing,
            _ => return Err(wrong("--pmi", format!("{text} is none of auto, pmi1, pmi2, pmix, none"))),
        })
    }
}

/// What the environment offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Nobody: a job of this one process.
    Alone,
    Pmi1 {
        descriptor: RawFd,
        rank: usize,
        size: usize,
    },
    Pmi1Port {
        address: String,
        id: String,
    },
    Pmi2 {
        descriptor: RawFd,
        rank: usize,
        size: usize,
        job: String,
    },
    Pmix {
        namespace: String,
        rank: usize,
    },
}

/// Variables that belong to this process's own connection: a program that found them would try to use it.
pub const PRIVATE_VARIABLES: &[&str] = &[
    "PMI_FD",
    "PMI_PORT",
    "PMI_ID",
    "PMI_RANK",
    "PMI_SIZE",
    "PMI_JOBID",
    "PMI_SPAWNED",
    "PMIX_NAMESPACE",
    "PMIX_RANK",
    "PMIX_ID",
    "PMIX_SERVER_URI",
    "PMIX_SERVER_URI2",
    "PMIX_SERVER_URI21",
    "PMIX_SERVER_URI3",
    "PMIX_SERVER_URI4",
    "PMIX_SERVER_URI41",
    "HYDI_CONTROL_FD",
];

/// Who started this process. `variable` is the environment.
pub fn detect(wanted: Interface, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Offer> {
    let found = Found { variable };
    match wanted {
        Interface::Nothing => Ok(Offer::Alone),
        Interface::Pmix => found.pmix()?.ok_or_else(|| missing("pmix", "PMIX_NAMESPACE and PMIX_RANK")),
        Interface::Pmi2 => found.pmi2()?.ok_or_else(|| missing("pmi2", "PMI_FD")),
        Interface::Pmi1 => match found.pmi1()? {
            Some(offer) => Ok(offer),
            None => found.port()?.ok_or_else(|| missing("pmi1", "PMI_FD or PMI_PORT")),
        },
        Interface::Auto => {
            if let Some(offer) = found.pmix()? {
                return Ok(offer);
            }
            let second = found.text("PMI_JOBID")?.is_some();
            if let Some(offer) = if second { found.pmi2()? } else { found.pmi1()? } {
                return Ok(offer);
            }
            if let Some(offer) = found.port()? {
                return Ok(offer);
            }
            found.refuse_crowd()?;
            Ok(Offer::Alone)
        }
    }
}

/// The environment, with readers for what is in it.
struct Found<'a> {
    variable: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Found<'_> {
    fn text(&self, name: &str) -> Result<Option<String>> {
        match (self.variable)(name) {
            None => Ok(None),
            Some(value) if value.is_empty() => Ok(None),
            Some(value) => match value.into_string() {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(wrong(name, "the value is not text".into())),
            },
        }
    }

    fn number(&self, name: &str) -> Result<Option<usize>> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match text.parse::<usize>() {
            Ok(n) if n <= 1 << 24 => Ok(Some(n)),
            _ => Err(wrong(name, format!("{text} is not a number of processes"))),
        }
    }

    fn rank_and_size(&self) -> Result<(usize, usize)> {
        let need = |name: &str| {
            let number = self.number(name)?;
            number.ok_or_else(|| wrong(name, "is not set, although PMI_FD is".into()))
        };
        let (rank, size) = (need("PMI_RANK")?, need("PMI_SIZE")?);
        if rank >= size {
            return Err(wrong("PMI_RANK", format!("{rank} is not below PMI_SIZE={size}")));
        }
        Ok((rank, size))
    }

    fn descriptor(&self) -> Result<Option<RawFd>> {
        let Some(text) = self.text("PMI_FD")? else { return Ok(None) };
        match text.parse::<RawFd>() {
            Ok(fd) if fd >= 0 => Ok(Some(fd)),
            _ => Err(wrong("PMI_FD", format!("{text} is not a file descriptor"))),
        }
    }

    fn pmix(&self) -> Result<Option<Offer>> {
        match (self.text("PMIX_NAMESPACE")?, self.number("PMIX_RANK")?) {
            (Some(namespace), Some(rank)) => Ok(Some(Offer::Pmix { namespace, rank })),
            _ => Ok(None),
        }
    }

    fn pmi1(&self) -> Result<Option<Offer>> {
        let Some(descriptor) = self.descriptor()? else { return Ok(None) };
        let (rank, size) = self.rank_and_size()?;
        Ok(Some(Offer::Pmi1 { descriptor, rank, size }))
    }

    fn pmi2(&self) -> Result<Option<Offer>> {
        let Some(descriptor) = self.descriptor()? else { return Ok(None) };
        let (rank, size) = self.rank_and_size()?;
        let job = self.text("PMI_JOBID")?.unwrap_or_default();
        Ok(Some(Offer::Pmi2 { descriptor, rank, size, job }))
    }

    fn port(&self) -> Result<Option<Offer>> {
        match (self.text("PMI_PORT")?, self.text("PMI_ID")?) {
            (Some(address), Some(id)) => Ok(Some(Offer::Pmi1Port { address, id })),
            (Some(_), None) => Err(wrong("PMI_ID", "is not set, although PMI_PORT is".into())),
            _ => Ok(None),
        }
    }

    /// Rule 3 of the module: several processes that nobody introduces to each other.
    fn refuse_crowd(&self) -> Result<()> {
        if let Some(step) = self.text("SLURM_STEP_ID")? {
            let tasks = match self.number("SLURM_STEP_NUM_TASKS")? {
                Some(tasks) => Some(tasks),
                None => self.number("SLURM_NTASKS")?,
            };
            if let Some(tasks) = tasks.filter(|t| *t > 1) {
                let task = self.text("SLURM_PROCID")?.unwrap_or_else(|| "?".into());
                let job = self.text("SLURM_JOB_ID")?.unwrap_or_else(|| "?".into());
                return Err(wrong(
                    "srun",
                    format!(
                        "this is task {task} of the {tasks} of Slurm's step {job}.{step}, but srun gave them no way to \
                         find each other: start them with srun --mpi=pmi2 or srun --mpi=pmix (srun --mpi=list says \
                         which there are), or start one ampirun inside salloc or sbatch"
                    ),
                ));
            }
        }
        for (name, who, advice) in CROWDS {
            if let Some(size) = self.number(name)?.filter(|n| *n > 1) {
                return Err(wrong(
                    name,
                    format!(
                        "{who} started {size} processes, but gave them no way to find each other: {advice}"
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Sizes that launchers leave in the environment, and what to do when nothing else came along.
const CROWDS: &[(&str, &str, &str)] = &[
    (
        "OMPI_COMM_WORLD_SIZE",
        "Open MPI's mpirun",
        "it has no PMIx (Open MPI before 4.0); start the program with ampirun, which takes the same --host and --hostfile",
    ),
    (
        "PMI_SIZE",
        "a process manager",
        "PMI_SIZE is set, PMI_FD and PMI_PORT are not; if they are remains of another job, unset PMI_SIZE and PMI_RANK, \
         else start the program with ampirun",
    ),
    ("JSM_NAMESPACE_SIZE", "jsrun", "start one ampirun per job, with --host"),
];

fn wrong(name: &str, why: String) -> Error {
    Error::Setting { name: name.into(), why }
}

fn missing(interface: &str, variables: &str) -> Error {
    wrong("--pmi", format!("{interface} was asked for, but {variables} is not in the environment"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(wanted: Interface, environment: &str) -> Result<Offer> {
        let pairs: Vec<(&str, &str)> =
            environment.split_whitespace().filter_map(|p| p.split_once('=')).collect();
        detect(wanted, &|name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v)))
    }

    #[test]
    fn pmi_launchers_are_told_apart_by_what_they_leave() {
        let auto = |environment| look(Interface::Auto, environment).unwrap();
        assert_eq!(
            auto("PMI_FD=8 PMI_RANK=1 PMI_SIZE=2 MPI_LOCALNRANKS=2 HYDI_CONTROL_FD=7"),
            Offer::Pmi1 { descriptor: 8, rank: 1, size: 2 }
        );
        assert_eq!(
            auto("PMI_PORT=vm:45907 PMI_ID=1"),
            Offer::Pmi1Port { address: "vm:45907".into(), id: "1".into() }
        );
        assert_eq!(
            auto(
                "PMI_FD=11 PMI_JOBID=10.0 PMI_RANK=1 PMI_SIZE=2 SLURM_MPI_TYPE=pmi2 SLURM_STEP_ID=0 SLURM_NTASKS=2"
            ),
            Offer::Pmi2 { descriptor: 11, rank: 1, size: 2, job: "10.0".into() }
        );
        assert_eq!(
            auto("PMIX_NAMESPACE=slurm.pmix.11.0 PMIX_RANK=1 SLURM_STEP_ID=0 SLURM_NTASKS=2"),
            Offer::Pmix { namespace: "slurm.pmix.11.0".into(), rank: 1 }
        );
        assert_eq!(
            auto("OMPI_COMM_WORLD_SIZE=3 OMPI_COMM_WORLD_RANK=2 PMIX_NAMESPACE=23 PMIX_RANK=2"),
            Offer::Pmix { namespace: "23".into(), rank: 2 }
        );
    }

    #[test]
    fn pmi_less_processes_of_their_own_are_alone() {
        for environment in [
            "HOME=/root",
            // salloc, sbatch, one task of srun, the interactive step of salloc
            "SLURM_JOB_ID=8 SLURM_NTASKS=4 SLURM_NPROCS=4",
            "SLURM_JOB_ID=8 SLURM_NTASKS=4 SLURM_PROCID=0 SLURM_NODEID=0",
            "SLURM_JOB_ID=8 SLURM_STEP_ID=0 SLURM_NTASKS=1 SLURM_STEP_NUM_TASKS=1",
            "SLURM_JOB_ID=8 SLURM_STEP_ID=4294967290 SLURM_NTASKS=4 SLURM_STEP_NUM_TASKS=1",
            "PMI_SIZE=1 PMI_RANK=0",
        ] {
            assert_eq!(look(Interface::Auto, environment), Ok(Offer::Alone), "{environment}");
        }
    }

    #[test]
    fn several_processes_without_pmi_are_told_what_to_do() {
        for (environment, part) in [
            (
                "SLURM_JOB_ID=9 SLURM_STEP_ID=0 SLURM_STEP_NUM_TASKS=4 SLURM_PROCID=2",
                "task 2 of the 4 of Slurm's step 9.0",
            ),
            ("SLURM_STEP_ID=0 SLURM_NTASKS=4", "srun --mpi=pmi2 or srun --mpi=pmix"),
            ("OMPI_COMM_WORLD_SIZE=2", "Open MPI's mpirun started 2 processes"),
            ("PMI_SIZE=2 PMI_RANK=0", "unset PMI_SIZE"),
            ("JSM_NAMESPACE_SIZE=8", "jsrun started 8 processes"),
        ] {
            let why = look(Interface::Auto, environment).unwrap_err().to_string();
            assert!(why.contains(part), "{environment}: {why}");
            assert_eq!(look(Interface::Nothing, environment), Ok(Offer::Alone));
        }
    }

    #[test]
    fn a_forced_pmi_is_the_only_one_looked_for() {
        let both = "PMIX_NAMESPACE=1 PMIX_RANK=0 PMI_FD=5 PMI_RANK=0 PMI_SIZE=2";
        assert!(matches!(look(Interface::Pmi1, both), Ok(Offer::Pmi1 { descriptor: 5, .. })));
        assert!(matches!(look(Interface::Pmi2, both), Ok(Offer::Pmi2 { descriptor: 5, .. })));
        assert!(matches!(look(Interface::Pmix, both), Ok(Offer::Pmix { .. })));
        for (wanted, part) in [
            (Interface::Pmi1, "pmi1 was asked for, but PMI_FD or PMI_PORT"),
            (Interface::Pmi2, "pmi2 was asked for"),
            (Interface::Pmix, "pmix was asked for"),
        ] {
            let why = look(wanted, "HOME=/").unwrap_err().to_string();
            assert!(why.contains(part), "{why}");
        }
        assert_eq!(Interface::parse("pmix"), Ok(Interface::Pmix));
        assert!(Interface::parse("pmi3").unwrap_err().to_string().contains("pmi3 is none of"));
    }

    #[test]
    fn damaged_pmi_variables_are_named() {
        for (environment, part) in [
            ("PMI_FD=x PMI_RANK=0 PMI_SIZE=1", "PMI_FD: x is not a file descriptor"),
            ("PMI_FD=-1 PMI_RANK=0 PMI_SIZE=1", "PMI_FD: -1"),
            ("PMI_FD=5 PMI_SIZE=1", "PMI_RANK: is not set"),
            ("PMI_FD=5 PMI_RANK=3 PMI_SIZE=3", "PMI_RANK: 3 is not below PMI_SIZE=3"),
            ("PMI_FD=5 PMI_RANK=0 PMI_SIZE=99999999999999999999", "PMI_SIZE: 999"),
            ("PMI_PORT=vm:1", "PMI_ID: is not set"),
            ("PMIX_NAMESPACE=1 PMIX_RANK=first", "PMIX_RANK: first"),
        ] {
            let why = look(Interface::Auto, environment).unwrap_err().to_string();
            assert!(why.contains(part), "{environment}: {why}");
        }
    }
}
