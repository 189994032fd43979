//! What was asked for, as a job: what each process has to know ([`JobSpec`]), where it runs, how long.
//!
//! How many ranks, PEs and processes: [`super::size`]; which process on which host: [`super::place::spread`].

use super::Refusal;
use super::place::{Host, Placement, spread};
use super::run::Limit;
use super::size::{Size, count, size};
use super::words::{Request, seconds};
use ampi_core::job::{Bind, Isolate, JobSpec, Mapping, Transport};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A job that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What all processes have in common; [`Plan::spec`] gives each its own.
    pub job: JobSpec,
    pub placement: Placement,
    pub limit: Limit,
    /// What to tell the user before the start.
    pub notes: Vec<String>,
}

impl Plan {
    /// What process `number` has to know, but for the place where all meet.
    pub fn spec(&self, number: usize) -> JobSpec {
        let process = &self.placement.processes[number];
        let own =
            JobSpec { process: number, pes: process.pes, first_pe: process.first_pe, ..self.job.clone() };
        match (own.processes, own.bind) {
            (1, _) => own,
            (_, Bind::Core) if !process.cores.is_empty() => JobSpec { cores: process.cores.clone(), ..own },
            _ => JobSpec { bind: Bind::None, ..own },
        }
    }
}

/// Makes the plan for these hosts. `here`: what relative names of files are relative to.
pub fn plan(
    request: &Request,
    hosts: &[Host],
    here: &Path,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Plan, Refusal> {
    let own_processes = request.isolate == Some(Isolate::Process);
    let Size { ranks, wish, hosts: used, notes: told, remarks } = size(request, hosts)?;
    let placement = spread::spread(hosts[..used].to_vec(), &wish)?;
    let mut notes: Vec<String> =
        request.warnings.iter().chain(&told).chain(&placement.notes).cloned().collect();
    for (name, value) in &request.exports {
        if value.is_none() && name.to_str().is_some_and(|n| variable(n).is_none()) {
            notes.push(format!("the variable {} is not set, so it cannot be handed on", name.display()));
        }
    }
    if own_processes && request.stack_bytes.is_some() {
        notes.push("--stack-size: with --isolate=process the limit of the shell counts (ulimit -s)".into());
    }
    let processes = placement.processes.len();
    let transport = request.transport.clone().unwrap_or_default();
    let apart = placement.processes.iter().any(|p| p.host != placement.processes[0].host);
    if transport == Transport::Shm && apart {
        return Err(Refusal::usage("--transport shm: processes on several hosts cannot share memory"));
    }
    let mapping = mapping(request.mapping.as_deref(), here)?;
    if let (true, Mapping::File(map)) = (own_processes, &mapping) {
        let why = format!(
            "+mapping {}: with --isolate=process each rank is a process, and has no other place",
            map.display()
        );
        return Err(Refusal::usage(why));
    }
    let first = &placement.processes[0];
    let room = placement.hosts[first.host].cores.unwrap_or(usize::MAX);
    let defaults = JobSpec::default();
    let job = JobSpec {
        pes: first.pes,
        ranks,
        processes,
        transport,
        mapping,
        isolate: request.isolate.unwrap_or(defaults.isolate),
        stack_bytes: request.stack_bytes.unwrap_or(defaults.stack_bytes),
        deadlock: request.deadlock.unwrap_or(defaults.deadlock),
        tag_output: request.tag_output,
        output_filename: request.output_filename.as_ref().map(|name| here.join(name)),
        bind: if request.no_bind || own_processes || (processes == 1 && first.pes > room) {
            Bind::None
        } else {
            Bind::Core
        },
        verbose: request.verbose,
        explain: request.explain,
        report_bindings: request.report_bindings,
        ..defaults
    };
    if request.verbose {
        notes.extend(request.notes.iter().chain(&remarks).chain(&placement.remarks).cloned());
        notes.push(summary(&job, &placement));
    }
    Ok(Plan { job, placement, limit: time_limit(request, variable)?, notes })
}

/// How long the job may take.
pub fn time_limit(request: &Request, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Limit, Refusal> {
    let (limit, from) = match (request.timeout, variable("MPIEXEC_TIMEOUT")) {
        (Some(limit), _) => (Some(limit), "--timeout"),
        (None, Some(text)) => (Some(seconds("MPIEXEC_TIMEOUT", &text.to_string_lossy())?), "MPIEXEC_TIMEOUT"),
        (None, None) => (None, ""),
    };
    Ok(Limit { limit: limit.filter(|l| !l.is_zero()), from })
}

fn summary(job: &JobSpec, placement: &Placement) -> String {
    let ranks = count(job.ranks, "rank");
    if job.processes > 1 {
        let mut used: Vec<usize> = placement.processes.iter().map(|p| p.host).collect();
        used.dedup();
        let (pes, processes) = (count(placement.pes(), "PE"), count(job.processes, "process"));
        return format!("{ranks} on {pes} in {processes} on {}", count(used.len(), "host"));
    }
    let Some(cores) = placement.hosts[placement.processes[0].host].cores else {
        return format!("{ranks} on {}", count(job.pes, "PE"));
    };
    let bound = match (&job.bind, job.pes) {
        (Bind::Core, 1) => ", bound to a core",
        (Bind::Core, _) => ", a core each",
        (Bind::None, _) => "",
    };
    let (ranks, pes, cores) = (count(job.ranks, "rank"), count(job.pes, "PE"), count(cores, "core"));
    format!("{ranks} on {pes}{bound} ({cores} may be used)")
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
    use std::time::Duration;

    fn make_on(line: &str, hosts: &[Host]) -> Result<Plan, Refusal> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        plan(&words::read(&args)?, hosts, Path::new("/here"), &|name| (name == "SET").then(|| "1".into()))
    }

    fn make(line: &str, cores: usize) -> Result<Plan, Refusal> {
        make_on(line, &[Host { cores: Some(cores), ..Host::named("vm") }])
    }

    #[test]
    fn too_many_pes_are_told_and_more_pes_than_cores_are_not_bound() {
        assert_eq!(make("+p 8 +vp 2 a", 4).unwrap().notes, ["8 PEs would be more than 2 ranks; 2 will do"]);
        assert_eq!(make("+p 8 a", 4).unwrap().job.bind, Bind::None);
        assert_eq!(make("+p 4 a", 4).unwrap().job.bind, Bind::Core);
        assert_eq!(make("+p 4 --bind-to none a", 4).unwrap().job.bind, Bind::None);
    }

    #[test]
    fn one_process_on_this_host_is_told_nothing_of_others() {
        let job = make("+p 2 +vp 32 a", 4).unwrap().spec(0);
        assert_eq!(job, JobSpec { pes: 2, ranks: 32, ..JobSpec::default() });
    }

    #[test]
    fn each_process_knows_its_part() {
        let plan = make("+p 4 ++ppn 2 +vp 32 --transport tcp a", 5).unwrap();
        for (number, first_pe, cores) in [(0, 0, vec![0, 1]), (1, 2, vec![2, 3])] {
            let expected = JobSpec {
                processes: 2,
                process: number,
                pes: 2,
                first_pe,
                ranks: 32,
                cores,
                transport: Transport::Tcp,
                ..JobSpec::default()
            };
            assert_eq!(plan.spec(number), expected);
        }
        let crowded = make("+p 4 ++ppn 2 a", 3).unwrap();
        assert_eq!((crowded.spec(1).bind, crowded.spec(1).cores), (Bind::None, vec![]));
        assert!(crowded.notes.is_empty());
        let free = make("+p 4 ++ppn 2 --no-bind a", 8).unwrap().spec(1);
        assert_eq!((free.bind, free.cores), (Bind::None, vec![]));
    }

    #[test]
    fn ranks_that_are_processes_are_bound_by_nobody() {
        let plan = make("--isolate=process -n 2 a", 4).unwrap();
        let spec = plan.spec(1);
        assert_eq!((spec.process, spec.processes, spec.pes, spec.first_pe), (1, 2, 1, 1));
        assert_eq!((spec.isolate, spec.bind, spec.cores.len()), (Isolate::Process, Bind::None, 0));
        assert_eq!(make("--isolate=process -n 1 a", 4).unwrap().spec(0).bind, Bind::None);
        let notes = make("--isolate=process --stack-size 1M a", 4).unwrap().notes;
        assert!(notes.iter().any(|n| n.contains("ulimit -s")), "{notes:?}");
        let why = make("--isolate=process +mapping /etc/passwd a", 4).unwrap_err().why;
        assert!(why.contains("each rank is a process"), "{why}");
    }

    #[test]
    fn memory_is_not_shared_between_hosts() {
        let hosts = [Host::named("h1"), Host::named("h2")];
        assert!(make_on("--transport shm a", &hosts).unwrap_err().why.contains("cannot share memory"));
        assert!(make_on("--transport shm -n 1 a", &hosts).is_ok());
        assert!(make("--transport shm ++ppn 1 a", 2).is_ok());
    }

    #[test]
    fn no_time_limit_can_be_asked_for() {
        let with = |line: &str| {
            let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
            let request = words::read(&args).unwrap();
            let hosts = [Host { cores: Some(1), ..Host::named("vm") }];
            plan(&request, &hosts, Path::new("/"), &|name| (name == "MPIEXEC_TIMEOUT").then(|| "7".into()))
                .unwrap()
        };
        assert_eq!(with("a").limit.limit, Some(Duration::from_secs(7)));
        assert_eq!(with("--timeout 0 a").limit.limit, None);
        assert_eq!(with("--timeout 3 a").limit.limit, Some(Duration::from_secs(3)));
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
        assert_eq!(
            make("-v +p 4 ++ppn 2 a", 4).unwrap().notes,
            ["4 ranks on 4 PEs in 2 processes on 1 host"]
        );
        assert_eq!(make("-v -n 1 --no-bind a", 2).unwrap().notes, ["1 rank on 1 PE (2 cores may be used)"]);
    }
}
