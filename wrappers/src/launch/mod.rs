//! The launcher: reads the command line, describes the job to the worker, stays its parent until the end.
//!
//! ```text
//! ampirun +p 2 +vp 32 ./app x      →  AMPI_JOB="pes=2\nranks=32\n…"  bin/ampi-worker ./app x
//! ```
//!
//! * [`options`]: one table of every option: its names in the worlds of MPICH, Open MPI and Charm++, and what it does;
//! * [`words`]: the command line by that table;
//! * [`plan`]: what was asked for, as a job: how many ranks, on how many PEs;
//! * [`place`]: where the processes of a job on several hosts go;
//! * [`programs`]: several programs in one job;
//! * [`program`]: find the program as a shell would;
//! * [`remote`]: processes on other hosts;
//! * [`child`]: start the worker, hand on signals, keep the time limit, tell the end;
//! * [`help`]: `--help`, printed from the table.

pub mod child;
pub mod help;
pub mod options;
pub mod place;
pub mod plan;
pub mod program;
pub mod programs;
pub mod remote;
pub mod words;

use crate::layout::Layout;
use crate::say::{self, err, out};
use crate::{ABI_VERSION, MPI_VERSION, VERSION};
use std::ffi::OsString;
use std::process::ExitCode;

/// Why no job was started: a sentence and the exit code of the launcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub code: u8,
    pub why: String,
}

impl Refusal {
    /// The command line is wrong: exit code 2.
    pub fn usage(why: impl Into<String>) -> Refusal {
        Refusal { code: 2, why: why.into() }
    }
}

/// The whole command; `args` without the command's own name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if args == [remote::AGENT_WORD] {
        return remote::agent::main();
    }
    match run(&args) {
        Ok(code) => ExitCode::from(code),
        Err(refusal) => {
            err!("ampirun: {}", refusal.why);
            ExitCode::from(refusal.code)
        }
    }
}

fn run(args: &[OsString]) -> Result<u8, Refusal> {
    let request = words::read(args)?;
    if request.help {
        say::answer(format_args!("{}", help::text()));
        return Ok(0);
    }
    if request.version {
        out!("ampirun (Adaptive MPI in Rust) {VERSION}, MPI {MPI_VERSION}, ABI {ABI_VERSION}");
        return Ok(0);
    }
    let Some(name) = request.program.clone() else {
        say::remark(format_args!("{}", help::usage()));
        return Err(Refusal::usage("no program is named"));
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let here =
        std::env::current_dir().map_err(|e| Refusal::usage(format!("the current folder is gone: {e}")))?;
    let plan = plan::plan(&request, cores, &here, &|name| std::env::var_os(name))?;
    if let Some(folder) = &request.folder {
        std::env::set_current_dir(folder)
            .map_err(|e| Refusal::usage(format!("cannot go to the folder {}: {e}", folder.display())))?;
    }
    let path = program::find(&name, std::env::var_os("PATH"))?;
    let layout = Layout::of_this_process()
        .map_err(|e| Refusal { code: 1, why: format!("cannot find my installation: {e}") })?;
    for note in &plan.notes {
        err!("ampirun: {note}");
    }
    child::run(&layout.worker(), &path, &request, &plan)
}
