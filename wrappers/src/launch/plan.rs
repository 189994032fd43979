//! What was asked for, as a job: how many ranks on how many PEs, and everything the worker has to know.
//!
//! | given | ranks | PEs |
//! |---|---|---|
//! | nothing | one per core | cores |
//! | `-n N` | N | cores, at most N |
//! | `+vp N` | N | cores, at most N |
//! | `+p P` | P | P |
//! | `+p P` with `-n N` or `+vp N` | N | P, at most N |
//! | `-n P +vp N` (as AMPI users write it) | N | P, at most N |
//!
//! PEs that nobody asked for are at most [`PES_MAX`]; more that somebody asks for are refused.

use super::Refusal;
use super::words::{Request, seconds};
use ampi_core::job::{Bind, JobSpec, Mapping, PES_MAX};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A job that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    pub job: JobSpec,
    pub timeout: Option<Duration>,
    /// Where the time limit comes from, for the sentence at its end.
    pub timeout_from: &'static str,
    /// What to tell the user before the start.
    pub notes: Vec<String>,
}

/// Makes the plan. `cores`: how many this process may use; `here`: what relative names of files are relative to.
pub fn plan(
    request: &Request,
    cores: usize,
    here: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Plan, Refusal> {
    let mut notes: Vec<String> = request.warnings.clone();
    let most = cores.min(PES_MAX);
    let (ranks, pes) = match (request.ranks, request.processes, request.pes) {
        (Some(vp), Some(_), Some(p)) => (vp, p),
        (Some(vp), Some(n), None) => (vp, n),
        (Some(vp), None, p) => (vp, p.unwrap_or(most.min(vp))),
        (None, Some(n), p) => (n, p.unwrap_or(most.min(n))),
        (None, None, p) => (p.unwrap_or(most), p.unwrap_or(most)),
    };
    let used = pes.min(ranks);
    if used > PES_MAX {
        return Err(Refusal::usage(format!("{pes} PEs are too many: a process has at most {PES_MAX}")));
    }
    if used < pes {
        let s = if ranks == 1 { "" } else { "s" };
        notes.push(format!("{pes} PEs would be more than {ranks} rank{s}; {used} will do"));
    }
    for (name, value) in &request.exports {
        if value.is_none() && name.to_str().is_some_and(|n| variable(n).is_none()) {
            notes.push(format!("the variable {} is not set, so it cannot be handed on", name.display()));
        }
    }
    let (timeout, timeout_from) = match (request.timeout, variable("MPIEXEC_TIMEOUT")) {
        (Some(limit), _) => (Some(limit), "--timeout"),
        (None, Some(text)) => (Some(seconds("MPIEXEC_TIMEOUT", &text.to_string_lossy())?), "MPIEXEC_TIMEOUT"),
        (None, None) => (None, ""),
    };
    let defaults = JobSpec::default();
    let job = JobSpec {
        pes: used,
        ranks,
        mapping: mapping(request.mapping.as_deref(), here)?,
        isolate: request.isolate.unwrap_or(defaults.isolate),
        stack_bytes: request.stack_bytes.unwrap_or(defaults.stack_bytes),
        deadlock: request.deadlock.unwrap_or(defaults.deadlock),
        tag_output: request.tag_output,
        output_filename: request.output_filename.as_ref().map(|name| here.join(name)),
        bind: if request.no_bind || used > cores { Bind::None } else { Bind::Core },
        verbose: request.verbose,
        explain: request.explain,
        report_bindings: request.report_bindings,
        ..defaults
    };
    if request.verbose {
        notes.extend(request.notes.iter().cloned());
        notes.push(summary(&job, cores));
    }
    Ok(Plan { job, timeout, timeout_from, notes })
}

fn summary(job: &JobSpec, cores: usize) -> String {
    let bound = match (&job.bind, job.pes) {
        (Bind::Core, 1) => ", bound to a core",
        (Bind::Core, _) => ", a core each",
        (Bind::None, _) => "",
    };
    let (ranks, pes, cores) = (count(job.ranks, "rank"), count(job.pes, "PE"), count(cores, "core"));
    format!("{ranks} on {pes}{bound} ({cores} may be used)")
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

fn mapping(name: Option<&OsStr>, here: &Path) -> Result<Mapping, Refusal> {
    let Some(name) = name else { return Ok(Mapping::Block) };
    match name.to_string_lossy().as_ref() {
        "BLOCK_MAP" | "block" => Ok(Mapping::Block),
        "RR_MAP" | "rr" => Ok(Mapping::RoundRobin),
        "PROP_MAP" | "prop" => Err(Refusal::usage(
            "+mapping PROP_MAP: PEs of different speeds are not in this version; there are BLOCK_MAP and RR_MAP",
        )),
        "MAPFILE" => file(here.join("mapfile")),
        _ => file(here.join(name)),
    }
}

fn file(path: PathBuf) -> Result<Mapping, Refusal> {
    if path.is_file() {
        return Ok(Mapping::File(path));
    }
    Err(Refusal::usage(format!("+mapping: {} is neither BLOCK_MAP nor RR_MAP nor a file", path.display())))
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;

    fn make(line: &str, cores: usize) -> Result<Plan, Refusal> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        plan(&words::read(&args)?, cores, Path::new("/here"), &|name| (name == "SET").then(|| "1".into()))
    }

    #[test]
    fn the_table_of_sizes() {
        for (line, ranks, pes) in [
            ("a", 4, 4),
            ("-n 3 a", 3, 3),
            ("-n 9 a", 9, 4),
            ("+vp 9 a", 9, 4),
            ("+vp 2 a", 2, 2),
            ("+p 6 a", 6, 6),
            ("+p 6 -n 9 a", 9, 6),
            ("+p 2 a +vp 32", 32, 2),
            ("-n 2 a +vp 32", 32, 2),
            ("-n 2 +p 3 a +vp 32", 32, 3),
            ("+p 8 +vp 2 a", 2, 2),
        ] {
            let plan = make(line, 4).unwrap();
            assert_eq!((plan.job.ranks, plan.job.pes), (ranks, pes), "{line}");
        }
    }

    #[test]
    fn too_many_pes_are_told_and_more_pes_than_cores_are_not_bound() {
        assert_eq!(make("+p 8 +vp 2 a", 4).unwrap().notes, ["8 PEs would be more than 2 ranks; 2 will do"]);
        assert_eq!(make("+p 8 a", 4).unwrap().job.bind, Bind::None);
        assert_eq!(make("+p 4 a", 4).unwrap().job.bind, Bind::Core);
        assert_eq!(make("+p 4 --bind-to none a", 4).unwrap().job.bind, Bind::None);
    }

    #[test]
    fn a_process_has_room_for_so_many_pes() {
        let job = make("-n 500 a", 256).unwrap().job;
        assert_eq!((job.ranks, job.pes), (500, 127));
        assert_eq!(make("+p 127 a", 4).unwrap().job.pes, 127);
        assert!(make("+p 128 a", 4).unwrap_err().why.contains("128 PEs are too many"));
        assert_eq!(make("+p 128 -n 8 a", 4).unwrap().job.pes, 8);
    }

    #[test]
    fn names_of_files_are_made_absolute() {
        let plan = make("--output-filename out a", 4).unwrap();
        assert_eq!(plan.job.output_filename, Some("/here/out".into()));
        assert!(make("+mapping nowhere a", 4).unwrap_err().why.contains("/here/nowhere"));
        assert_eq!(make("+mapping RR_MAP a", 4).unwrap().job.mapping, Mapping::RoundRobin);
    }

    #[test]
    fn variables_that_are_not_set_are_told() {
        assert!(make("-x SET a", 4).unwrap().notes.is_empty());
        assert!(make("-x UNSET a", 4).unwrap().notes[0].contains("UNSET is not set"));
    }

    #[test]
    fn verbose_tells_the_size_and_the_words_without_meaning() {
        let notes = make("-v --oversubscribe +vp 8 a", 4).unwrap().notes;
        assert!(notes[0].contains("--oversubscribe means nothing here"));
        assert_eq!(notes[1], "8 ranks on 4 PEs, a core each (4 cores may be used)");
        assert_eq!(
            make("-v +vp 4 a", 1).unwrap().notes,
            ["4 ranks on 1 PE, bound to a core (1 core may be used)"]
        );
        assert_eq!(make("-v -n 1 --no-bind a", 2).unwrap().notes, ["1 rank on 1 PE (2 cores may be used)"]);
    }
}
