//! From the request to a running job: hosts, plan, the place to meet, processes.
//!
//! ```text
//! hosts ─ agents on other hosts say how many cores they have ─ plan
//!   └─ one process here:     its worker, nothing else
//!   └─ several processes:    server and secret ─ workers here by fork, others by their host's agent
//!                            (with --isolate=process the ranks themselves)
//! ```

use super::child::{self, Start};
use super::direct::{self, Direct};
use super::hosts::{self, Hosts};
use super::meeting::{self, Meeting};
use super::output::Output;
use super::place::Host;
use super::plan::{self, Plan};
use super::remote::fleet::START_LIMIT;
use super::remote::{self, Fleet, Order, order};
use super::run::verdict::Cause;
use super::run::{Member, Place, Running, wake};
use super::signals::{ENDING, Signals};
use super::words::Request;
use super::{Refusal, size};
use crate::layout::Layout;
use crate::say::err;
use ampi_core::job::{self, Isolate, JobSpec, Transport};
use ampi_core::wire::bootstrap::host_name;
use ampi_core::wire::secret::Secret;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What a job runs.
pub struct Runs {
    /// The program, or the first of several.
    pub file: PathBuf,
    /// If there are several.
    pub programs: Vec<job::Program>,
}

/// What all ways of starting a job need.
pub struct Setting<'a> {
    pub request: &'a Request,
    pub layout: &'a Layout,
    pub signals: &'a Signals,
    pub output: &'a Output,
    /// Where the command was given: what relative names of files are relative to.
    pub here: &'a Path,
    pub since: Instant,
}

impl Setting<'_> {
    /// A process of the job on this host: a worker, or the rank itself.
    pub fn start_here(
        &self,
        runs: &Runs,
        spec: &JobSpec,
        secret: Option<&Secret>,
    ) -> Result<std::process::Child, Refusal> {
        let order::Start { path, words, mut environment, folder, .. } = self.order(runs, spec);
        if let Some(secret) = secret {
            environment.push((job::SECRET.into(), secret.to_hex().into()));
        }
        let start = Start {
            file: &path,
            name: &words[0],
            arguments: &words[1..],
            variables: &environment,
            folder: folder.as_deref(),
            reads_stdin: spec.process == 0 && !self.request.no_stdin,
            is_managed: matches!(spec.transport, Transport::Host(_)),
            piped: self.output.marked,
        };
        let code = if spec.isolate == Isolate::Process { 126 } else { 1 };
        child::start(&start, self.signals)
            .map_err(|e| Refusal { code, why: format!("cannot start {}: {e}", path.display()) })
    }

    /// What is started for a process of the job, on whichever host.
    fn order(&self, runs: &Runs, spec: &JobSpec) -> order::Start {
        let process = spec.process as u32;
        let described = (job::VARIABLE.into(), spec.to_env().into());
        if spec.isolate == Isolate::Process {
            let Direct { file, arguments, mut variables, folder } = direct::of_rank(self, runs, spec.process);
            variables.push(described);
            let words = [file.into()].into_iter().chain(arguments.iter().cloned()).collect();
            return order::Start {
                process,
                path: file.into(),
                words,
                environment: variables,
                folder: folder.cloned(),
            };
        }
        let set =
            self.request.exports.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        // Several programs have their own.
        let arguments = if runs.programs.is_empty() { &self.request.program_args[..] } else { &[] };
        let words = [OsString::from("ampi-worker"), runs.file.clone().into()];
        order::Start {
            process,
            path: self.layout.worker(),
            words: words.into_iter().chain(arguments.iter().cloned()).collect(),
            environment: set.chain([described]).collect(),
            folder: None,
        }
    }

    /// What is to be told before the start.
    pub fn tell(&self, plan: &Plan) {
        for note in &plan.notes {
            err!("ampirun: {note}");
        }
    }

    pub fn running(&self, plan: &Plan) -> Running<'_> {
        let mut running = Running::new(self.signals, plan.placement.processes.len(), plan.limit, self.since);
        running.verbose = self.request.verbose;
        running.direct = plan.job.isolate == Isolate::Process;
        running
    }
}

fn failed(why: String) -> Refusal {
    Refusal { code: 1, why }
}

/// The environment as it is.
pub fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// Runs the job to its end and returns the exit code of the launcher.
pub fn run(setting: &Setting<'_>, runs: &Runs) -> Result<u8, Refusal> {
    let request = setting.request;
    let own = host_name();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let read = |path: &Path| std::fs::read_to_string(setting.here.join(path));
    let Hosts { mut list, shell, notes } = hosts::find(request, &own, cores, &variable, &read)?;
    list.truncate(size::needed(request, &list)?);
    let far: Vec<usize> = (0..list.len()).filter(|place| !list[*place].is_here(&own)).collect();
    let fleet = match far.is_empty() {
        true => None,
        false => match call(setting, &list, &far, &shell)? {
            Called::Fleet(fleet) => Some(fleet),
            Called::Signal(signal) => return Ok(Cause::Signal(signal).exit_code()),
        },
    };
    for (place, hello) in fleet.iter().flat_map(|fleet| fleet.facts()) {
        let host = &mut list[*place];
        host.cores = Some(host.cores.map_or(hello.cores, |told| told.min(hello.cores)));
        host.sockets = host.sockets.or(Some(hello.sockets));
    }
    let mut plan = plan::plan(request, &list, setting.here, &variable)?;
    plan.notes.splice(0..0, notes.into_iter().filter(|_| request.verbose));
    setting.tell(&plan);
    let outcome = begin(setting, runs, &plan, fleet, &own)?.finish();
    let outcome = outcome.map_err(|e| failed(format!("cannot wait for the job: {e}")))?;
    Ok(outcome.code)
}

enum Called {
    Fleet(Fleet),
    /// The user does not want to wait any more.
    Signal(i32),
}

/// Reaches the other hosts.
fn call(
    setting: &Setting<'_>,
    list: &[Host],
    far: &[usize],
    shell: &remote::Shell,
) -> Result<Called, Refusal> {
    let places: Vec<(usize, &Host)> = far.iter().map(|place| (*place, &list[*place])).collect();
    let agent = setting.layout.bin().join("ampirun");
    let mut fleet = Fleet::call(&places, shell, &agent, &setting.output.outlet)?;
    let limit = plan::time_limit(setting.request, &variable)?.limit.unwrap_or(START_LIMIT).min(START_LIMIT);
    let until = Instant::now() + limit;
    while !fleet.gather()? {
        if Instant::now() >= until {
            return Err(fleet.silent(limit));
        }
        wake::wait(setting.signals, None, Some(&fleet), until);
        while let Some(signal) = setting.signals.next().map_err(|e| failed(e.to_string()))? {
            if ENDING.contains(&signal) {
                return Ok(Called::Signal(signal));
            }
        }
    }
    Ok(Called::Fleet(fleet))
}

/// Starts all processes.
fn begin<'a>(
    setting: &'a Setting<'_>,
    runs: &Runs,
    plan: &Plan,
    fleet: Option<Fleet>,
    own: &str,
) -> Result<Running<'a>, Refusal> {
    let processes = &plan.placement.processes;
    let here = |host: usize| plan.placement.hosts[host].is_here(own);
    let (server, meeting) = match processes.len() {
        1 => (None, None),
        count => {
            let far = fleet.as_ref().map_or(&[][..], Fleet::facts);
            let far = far.iter().filter(|(place, _)| processes.iter().any(|p| p.host == *place));
            let reached = far
                .map(|(place, hello)| {
                    let name = &plan.placement.hosts[*place].name;
                    meeting::address_towards(name, hello.from, &hello.host, own).map(|at| (*place, at))
                })
                .collect::<Result<Vec<(usize, IpAddr)>, Refusal>>()?;
            let (server, meeting) = meeting::open(count, &reached, plan.job.isolate == Isolate::Process)?;
            (Some(server), Some(meeting))
        }
    };
    let spec = |number: usize| {
        let host = processes[number].host;
        let server = meeting.as_ref().map_or(String::new(), |m| m.address(host));
        JobSpec { server, programs: runs.programs.clone(), ..plan.spec(number) }
    };
    child::adopt();
    let mut running = setting.running(plan);
    running.server = server;
    for (number, process) in processes.iter().enumerate() {
        let host = &plan.placement.hosts[process.host].name;
        let member = if here(process.host) {
            let mut child = setting.start_here(runs, &spec(number), meeting.as_ref().map(|m| &m.secret))?;
            running.readers.extend(setting.output.read(number as u32, &mut child));
            Member::new(number as u32, Place::Here(child), own.into())
        } else {
            Member::new(number as u32, Place::OnHost(process.host), host.clone())
        };
        running.members.push(member);
    }
    if let Some(mut fleet) = fleet {
        let places: Vec<usize> = fleet.facts().iter().map(|(place, _)| *place).collect();
        for place in places {
            let numbers: Vec<usize> = (0..processes.len()).filter(|n| processes[*n].host == place).collect();
            let starts = numbers.iter().map(|number| setting.order(runs, &spec(*number))).collect();
            fleet.order(place, &order_of(setting, starts, meeting.as_ref())?)?;
        }
        running.fleet = Some(fleet);
    }
    Ok(running)
}

/// All for one host; nothing for one without processes, whose agent then ends.
fn order_of(
    setting: &Setting<'_>,
    starts: Vec<order::Start>,
    meeting: Option<&Meeting>,
) -> Result<Order, Refusal> {
    if starts.is_empty() {
        return Ok(Order { folder: PathBuf::from("/"), ..Order::default() });
    }
    let folder = std::env::current_dir().map_err(|e| failed(format!("the current folder is gone: {e}")))?;
    let mut environment: Vec<order::Variable> =
        std::env::vars_os().filter(|(name, _)| order::travels(name)).collect();
    for (name, value) in &setting.request.exports {
        if let Some(value) = value.clone().or_else(|| std::env::var_os(name)) {
            environment.push((name.clone(), value));
        }
    }
    let secret = meeting.map_or(String::new(), |m| m.secret.to_hex());
    Ok(Order { folder, secret, environment, starts })
}
