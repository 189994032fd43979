//! The launcher: reads the command line, describes the job to its workers, stays their parent until the end.
//!
//! ```text
//! ampirun +p 2 +vp 32 ./app x      →  AMPI_JOB="pes=2\nranks=32\n…"  bin/ampi-worker ./app x
//! ampirun --host h1,h2 ./app       →  a worker here; ssh h2 … ampirun --remote-agent, which starts one there
//! ```
//!
//! * [`options`]: one table of every option: its names in the worlds of MPICH, Open MPI and Charm++, and what it does;
//! * [`words`]: the command line by that table;
//! * [`programs`]: several programs in one job;
//! * [`program`]: find the program as a shell would;
//! * [`hosts`], [`place`]: which hosts there are, and where the processes of a job go;
//! * [`size`], [`plan`]: what was asked for, as a job: how many ranks, on how many PEs, in how many processes;
//! * [`start`]: from there to a running job; [`meeting`]: where its processes meet;
//! * [`under`]: as one of several tasks of another launcher;
//! * [`direct`]: ranks that are processes of their own; [`output`], [`lines`]: what they and other hosts write;
//! * [`child`]: a worker on this host; [`remote`]: processes on other hosts;
//! * [`run`]: the running job until its end; [`signals`]: the signals that the launcher fetches;
//! * [`help`]: `--help`, printed from the table.

pub mod child;
pub mod direct;
pub mod help;
pub mod hosts;
pub mod lines;
pub mod meeting;
pub mod options;
pub mod output;
pub mod place;
pub mod plan;
pub mod program;
pub mod programs;
pub mod remote;
pub mod run;
pub mod signals;
pub mod size;
pub mod start;
pub mod under;
pub mod words;

use crate::layout::Layout;
use crate::say::{self, err, out};
use crate::{ABI_VERSION, MPI_VERSION, VERSION};
use ampi_core::job::Isolate;
use output::Output;
use signals::Signals;
use start::{Runs, Setting};
use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Instant;

/// Why no job was started: a sentence (empty: somebody else says it) and the exit code of the launcher.
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
            if !refusal.why.is_empty() {
                err!("ampirun: {}", refusal.why);
            }
            ExitCode::from(refusal.code)
        }
    }
}

fn run(args: &[OsString]) -> Result<u8, Refusal> {
    let since = Instant::now();
    let sections = programs::sections(args);
    let mut request = words::read(sections[0])?;
    if request.help {
        say::answer(format_args!("{}", help::text()));
        return Ok(0);
    }
    if request.version {
        out!("ampirun (Adaptive MPI in Rust) {VERSION}, MPI {MPI_VERSION}, ABI {ABI_VERSION}");
        return Ok(0);
    }
    let mut several = Vec::new();
    if sections.len() > 1 || request.config.is_some() {
        several = programs::read(args, &|path| std::fs::read_to_string(path))?;
        request = match several.as_slice() {
            [_, _, ..] => programs::together(&several),
            _ => several.remove(0).request,
        };
    }
    if several.len() > 1 && request.isolate == Some(Isolate::None) {
        return Err(Refusal::usage("--isolate=none: ranks of several programs cannot share one copy"));
    }
    let Some(name) = request.program.clone() else {
        say::remark(format_args!("{}", help::usage()));
        return Err(Refusal::usage("no program is named"));
    };
    if request.explain {
        // It is a question about the program, not a job.
        request = words::Request {
            only_here: true,
            hosts: None,
            host_file: None,
            node_group: None,
            nodes: None,
            pes_per_process: None,
            processes_per: None,
            isolate: None,
            ..request
        };
    }
    let here =
        std::env::current_dir().map_err(|e| Refusal::usage(format!("the current folder is gone: {e}")))?;
    if let Some(folder) = &request.folder {
        std::env::set_current_dir(folder)
            .map_err(|e| Refusal::usage(format!("cannot go to the folder {}: {e}", folder.display())))?;
    }
    let layout = Layout::of_this_process()
        .map_err(|e| Refusal { code: 1, why: format!("cannot find my installation: {e}") })?;
    let signals =
        Signals::block().map_err(|e| Refusal { code: 1, why: format!("cannot block signals: {e}") })?;
    let output = Output::new(&request, &here)?;
    let setting = Setting {
        request: &request,
        layout: &layout,
        signals: &signals,
        output: &output,
        here: &here,
        since,
    };
    let path = std::env::var_os("PATH");
    let runs = match several.is_empty() {
        true => program::find(&name, path).map(|file| Runs { file, programs: Vec::new() }),
        false => programs::described(&several, &here, &|name, folder| match folder {
            Some(folder) => program::find_in(folder, name, path.clone()),
            None => program::find(name, path.clone()),
        })
        .map(|programs| Runs { file: programs[0].path.clone(), programs }),
    };
    if !request.explain
        && let Some(client) = under::task(&request, &start::variable)?
    {
        return under::run(&setting, client, runs);
    }
    start::run(&setting, &runs?)
}
