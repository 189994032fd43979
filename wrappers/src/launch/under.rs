//! Under another launcher: each of its tasks is one `ampirun`, and becomes one process of one job.
//!
//! ```text
//! srun -n 2 ampirun +p 4 +vp 32 ./app
//!   task 0: ampirun ─ server ─ worker 0       board:  "task"  what each is: host, cores, program found
//!   task 1: ampirun ────────── worker 1                       ── fence ──
//!                                                     "meet"  secret and addresses, of task 0
//!                                                             ── fence ──
//! ```
//!
//! 1. All tasks make the same plan, from the same command line and the same board. `+p` is for the whole job, `++ppn` the PEs of
//!    each task; without both a task has its share of the cores that it may use.
//! 2. Tasks of one host that may use the same cores get different ones of them, if there are enough.
//! 3. What concerns all is told by task 0.
//! 4. Tasks without a way to find each other are an error, never several jobs.
//! 5. The exit code of the job is task 0's. Other tasks end with 0 when their worker ended by itself: most process managers end a
//!    job at the first other code, but the ranks of other processes shall go on.
//! 6. A job that fails is ended by the process manager; any other is left in good order.

use super::meeting::{self, Meeting};
use super::place::{Host, Per};
use super::run::{Ending, Member, Outcome, Place};
use super::start::{Runs, Setting, variable};
use super::words::Request;
use super::{Refusal, child, plan};
use ampi_core::job::{Bind, Isolate, JobSpec};
use ampi_core::pe::placement::allowed_cores;
use ampi_core::pmi::{self, Client, Interface, Offer};
use ampi_core::wire::bootstrap::{HostIdentity, Server, host_name};
use ampi_core::wire::secret::Secret;
use std::ffi::OsString;
use std::time::Duration;

/// How long the last words may take to the user.
const LAST_WORDS: Duration = Duration::from_millis(100);

const TASK: &str = "task";
const MEET: &str = "meet";

/// This task, connected to the process manager; `None`: the launcher was started by nobody of that kind, or as the only task.
/// The signals that the launcher fetches are blocked: threads that a library of PMIx makes must not take them.
pub fn task(
    request: &Request,
    variable: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Box<dyn Client>>, Refusal> {
    let offer = match pmi::detect(request.pmi, variable) {
        Ok(offer) => offer,
        Err(_) if is_later_task(request.pmi, variable) => return Err(told_by_task_0(1)),
        Err(e) => return Err(failed(&e)),
    };
    if matches!(offer, Offer::Pmi1 { size: 1, .. } | Offer::Pmi2 { size: 1, .. }) {
        return Ok(None);
    }
    match pmi::connect(&offer).map_err(|e| failed(&e))? {
        Some(mut only) if only.size() == 1 => {
            only.end().map_err(|e| failed(&e))?;
            Ok(None)
        }
        other => Ok(other),
    }
}

fn failed(e: &ampi_core::error::Error) -> Refusal {
    Refusal { code: 1, why: e.to_string() }
}

/// Rule 3.
fn told_by_task_0(code: u8) -> Refusal {
    Refusal { code, why: String::new() }
}

/// Whether the environment of a crowd without a way to find each other says that this is not the first task.
fn is_later_task(wanted: Interface, variable: &dyn Fn(&str) -> Option<OsString>) -> bool {
    let later = |name: &str| {
        let number = variable(name).and_then(|v| v.into_string().ok()?.parse::<usize>().ok());
        number.is_some_and(|n| n > 0)
    };
    wanted == Interface::Auto
        && ["SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "JSM_NAMESPACE_RANK"].into_iter().any(later)
}

/// What a task is, as the others need to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Task {
    /// Name of its host, for people and for looking up its address.
    host: String,
    /// The same for tasks that share a kernel and see each other.
    identity: String,
    /// Cores that it may use.
    cores: Vec<usize>,
    /// How many of them at once.
    room: usize,
    /// Why it cannot start.
    refusal: Option<(u8, String)>,
}

impl Task {
    fn own(runs: &Result<Runs, Refusal>) -> Result<Task, Refusal> {
        let HostIdentity { boot_id, pid_namespace, ipc_namespace } =
            HostIdentity::read().map_err(|e| failed(&e))?;
        Ok(Task {
            host: host_name(),
            identity: format!("{boot_id} {pid_namespace} {ipc_namespace}"),
            cores: allowed_cores(),
            room: std::thread::available_parallelism().map_or(1, usize::from),
            refusal: runs.as_ref().err().map(|r| (r.code, r.why.clone())),
        })
    }

    /// A line each.
    fn to_text(&self) -> String {
        let cores: Vec<String> = self.cores.iter().map(usize::to_string).collect();
        let (code, why) = self.refusal.clone().unwrap_or_default();
        let why = why.replace('\n', " ");
        format!("{}\n{}\n{}\n{}\n{code} {why}", self.host, self.identity, cores.join(","), self.room)
    }

    fn parse(text: &str) -> Option<Task> {
        let mut lines = text.split('\n');
        let (host, identity) = (lines.next()?.to_string(), lines.next()?.to_string());
        let cores = lines.next()?.split(',').filter(|c| !c.is_empty());
        let cores = cores.map(|c| c.parse().ok()).collect::<Option<_>>()?;
        let room = lines.next()?.parse().ok()?;
        let (code, why) = lines.next()?.split_once(' ')?;
        let refusal = Some((code.parse().ok()?, why.to_string())).filter(|(code, _)| *code != 0);
        Some(Task { host, identity, cores, room, refusal })
    }

    fn shares_with(&self, other: &Task) -> bool {
        self.identity == other.identity && self.cores == other.cores
    }
}

/// Runs this task's part of the job to its end and returns its exit code. `runs`: the programs, or why there are none.
pub fn run(
    setting: &Setting<'_>,
    mut client: Box<dyn Client>,
    runs: Result<Runs, Refusal>,
) -> Result<u8, Refusal> {
    let result = take_part(setting, client.as_mut(), runs);
    let failure = matches!(&result, Ok(Outcome { by: Ending::Failure, .. }) | Err(Failure::Here(_)));
    if failure {
        // Process managers may lose what was written just before the end that they are asked for.
        std::thread::sleep(LAST_WORDS);
    }
    let end = match &result {
        Ok(Outcome { code, by: Ending::Failure }) => client.abort(*code, "the job failed"),
        Ok(_) => client.end(),
        // All tasks have the same reason, or this one cannot say it to the others in any other way.
        Err(Failure::Everywhere(_)) => client.end(),
        Err(Failure::Here(refusal)) => client.abort(refusal.code, &refusal.why),
    };
    let rank = client.rank();
    match result {
        Ok(Outcome { by: Ending::Itself, .. }) if rank > 0 => end.map(|()| 0).map_err(|e| failed(&e)),
        Ok(outcome) => end.map(|()| outcome.code).map_err(|e| failed(&e)),
        Err(Failure::Everywhere(refusal)) if rank == 0 => Err(refusal),
        Err(Failure::Everywhere(refusal)) => Err(told_by_task_0(refusal.code)),
        Err(Failure::Here(refusal)) => Err(refusal),
    }
}

enum Failure {
    /// All tasks come to the same.
    Everywhere(Refusal),
    Here(Refusal),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Here(refusal)
    }
}

impl From<ampi_core::error::Error> for Failure {
    fn from(e: ampi_core::error::Error) -> Failure {
        Failure::Here(failed(&e))
    }
}

fn take_part(
    setting: &Setting<'_>,
    client: &mut dyn Client,
    runs: Result<Runs, Refusal>,
) -> Result<Outcome, Failure> {
    let (rank, size) = (client.rank(), client.size());
    client.publish(TASK, Task::own(&runs)?.to_text().as_bytes())?;
    setting.signals.let_through(|| client.fence())?;
    let tasks = (0..size).map(|task| read_task(client, task)).collect::<Result<Vec<Task>, Refusal>>()?;
    if let Some(task) = tasks.iter().find(|t| t.refusal.is_some()) {
        let (code, why) = task.refusal.clone().unwrap_or_default();
        return Err(Failure::Everywhere(Refusal { code, why: format!("host {}: {why}", task.host) }));
    }
    let runs = runs?;
    let plan = make_plan(setting, client.name(), &tasks).map_err(Failure::Everywhere)?;
    if rank == 0 {
        setting.tell(&plan);
    }
    let mut server = None;
    if rank == 0 {
        let (opened, meeting) = open(&tasks)?;
        client.publish(MEET, invitation(&meeting, size).as_bytes())?;
        server = Some(opened);
    }
    setting.signals.let_through(|| client.fence())?;
    let (secret, address) = read_invitation(client, rank)?;
    child::adopt();
    let spec = JobSpec { server: address, programs: runs.programs.clone(), ..plan.spec(rank) };
    let worker = setting.start_here(&runs, &spec, Some(&secret))?;
    let mut running = setting.running(&plan);
    running.server = server;
    running.members.push(Member::new(rank as u32, Place::Here(worker), tasks[rank].host.clone()));
    if rank == 0 {
        let others = tasks.iter().enumerate().skip(1);
        let others = others.map(|(n, task)| Member::new(n as u32, Place::Elsewhere, task.host.clone()));
        running.members.extend(others);
    }
    let outcome = running.finish();
    Ok(outcome.map_err(|e| Refusal { code: 1, why: format!("cannot wait for the worker: {e}") })?)
}

fn read_task(client: &mut dyn Client, number: usize) -> Result<Task, Refusal> {
    let found = client.lookup(number, TASK).map_err(|e| failed(&e))?;
    let text = found.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| Task::parse(&text)).ok_or_else(|| damaged(client.name(), number))
}

fn damaged(who: &str, number: usize) -> Refusal {
    let why =
        format!("what task {number} said of itself by {who} did not arrive; are all tasks the same ampirun?");
    Refusal { code: 1, why }
}

/// Rule 1.
fn make_plan(setting: &Setting<'_>, manager: &str, tasks: &[Task]) -> Result<plan::Plan, Refusal> {
    let request = for_tasks(setting.request, manager)?;
    let mut plan = plan::plan(&request, &hosts(tasks), setting.here, &variable)?;
    share_cores(&mut plan, tasks);
    Ok(plan)
}

/// The request, with a process per task.
fn for_tasks(request: &Request, manager: &str) -> Result<Request, Refusal> {
    for (word, given) in [
        ("--host", request.hosts.is_some()),
        ("--hostfile", request.host_file.is_some()),
        ("--procs-per-host", request.processes_per.is_some()),
        ("-ppn", request.ranks_per_host.is_some()),
    ] {
        if given {
            return Err(Refusal::usage(format!(
                "{word}: where processes run is decided by who started the tasks ({manager}); --pmi none makes every task a \
                 job of its own"
            )));
        }
    }
    if request.isolate == Some(Isolate::Process) {
        return Err(Refusal::usage(format!(
            "--isolate=process: ranks that are processes are started by ampirun itself, which {manager} has started once for each \
             task; start it once (inside an allocation it finds the hosts), or leave the option out"
        )));
    }
    Ok(Request { processes_per: Some((Per::Host, 1)), ..request.clone() })
}

/// Each task as a host with its share of the cores.
fn hosts(tasks: &[Task]) -> Vec<Host> {
    let share = |task: &Task| {
        let sharers = tasks.iter().filter(|other| task.shares_with(other)).count();
        (task.room.min(task.cores.len()) / sharers).max(1)
    };
    tasks.iter().map(|task| Host { cores: Some(share(task)), ..Host::named(task.host.clone()) }).collect()
}

/// Rule 2.
fn share_cores(plan: &mut plan::Plan, tasks: &[Task]) {
    let pes: Vec<usize> = plan.placement.processes.iter().map(|p| p.pes).collect();
    for (number, task) in tasks.iter().enumerate() {
        let sharers = || (0..tasks.len()).filter(|other| task.shares_with(&tasks[*other]));
        let all: usize = sharers().map(|other| pes[other]).sum();
        let before: usize = sharers().take_while(|other| *other < number).map(|other| pes[other]).sum();
        let enough = all <= task.cores.len();
        plan.placement.processes[number].cores =
            if enough { (before..before + pes[number]).collect() } else { Vec::new() };
    }
    if plan.placement.processes.iter().all(|p| p.cores.is_empty()) {
        plan.job.bind = Bind::None;
    }
}

/// The server of task 0.
fn open(tasks: &[Task]) -> Result<(Server, Meeting), Refusal> {
    let far = tasks.iter().enumerate().filter(|(_, task)| task.identity != tasks[0].identity);
    let reached = far
        .map(|(number, task)| {
            Ok((number, meeting::address_towards(&task.host, None, &task.host, &tasks[0].host)?))
        })
        .collect::<Result<Vec<_>, Refusal>>()?;
    meeting::open(tasks.len(), &reached, false)
}

/// The secret, the address of the server, and a line for each task that reaches it by another one.
fn invitation(meeting: &Meeting, tasks: usize) -> String {
    let usual = meeting.address(0);
    let mut text = format!("{}\n{usual}", meeting.secret.to_hex());
    for (task, address) in (0..tasks).map(|task| (task, meeting.address(task))) {
        if address != usual {
            text += &format!("\n{task} {address}");
        }
    }
    text
}

fn read_invitation(client: &mut dyn Client, rank: usize) -> Result<(Secret, String), Refusal> {
    let found = client.lookup(0, MEET).map_err(|e| failed(&e))?;
    let text = found.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| parse_invitation(&text, rank)).ok_or_else(|| damaged(client.name(), 0))
}

fn parse_invitation(text: &str, rank: usize) -> Option<(Secret, String)> {
    let mut lines = text.split('\n');
    let (secret, usual) = (Secret::from_hex(lines.next()?).ok()?, lines.next()?);
    let own = lines.filter_map(|line| line.split_once(' ')).find(|(task, _)| *task == rank.to_string());
    Some((secret, own.map_or(usual, |(_, address)| address).to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::words;
    use super::*;
    use std::path::Path;

    fn task(identity: &str, cores: &[usize]) -> Task {
        let (host, identity) = (format!("host-{identity}"), identity.to_string());
        Task { host, identity, cores: cores.to_vec(), room: cores.len(), refusal: None }
    }

    /// `ranks: PEs[cores] …`
    fn told(line: &str, tasks: &[Task]) -> String {
        let args: Vec<OsString> = line.split_whitespace().chain(["a"]).map(OsString::from).collect();
        let request = match words::read(&args).and_then(|request| for_tasks(&request, "PMI-1")) {
            Ok(request) => request,
            Err(refusal) => return refusal.why,
        };
        match plan::plan(&request, &hosts(tasks), Path::new("/"), &|_| None) {
            Err(refusal) => refusal.why,
            Ok(mut plan) => {
                share_cores(&mut plan, tasks);
                let spec = |n| plan.spec(n);
                let one = |n| {
                    let JobSpec { pes, first_pe, cores, bind, .. } = spec(n);
                    let bound = if bind == Bind::Core { format!("{cores:?}") } else { "free".into() };
                    format!(" {first_pe}+{pes}{bound}")
                };
                format!("{}:{}", plan.job.ranks, (0..tasks.len()).map(one).collect::<String>())
            }
        }
    }

    #[test]
    fn tasks_share_the_cores_of_their_host() {
        let two = [task("a", &[0, 1, 2, 3]), task("a", &[0, 1, 2, 3])];
        for (line, expected) in [
            ("", "4: 0+2[0, 1] 2+2[2, 3]"),
            ("+vp 32", "32: 0+2[0, 1] 2+2[2, 3]"),
            ("+p 2 +vp 32", "32: 0+1[0] 1+1[1]"),
            ("+p 3", "3: 0+2[0, 1] 2+1[2]"),
            ("+p 8", "8: 0+4free 4+4free"),
            ("++ppn 1", "2: 0+1[0] 1+1[1]"),
            ("++ppn 2 +p 4", "4: 0+2[0, 1] 2+2[2, 3]"),
            ("-n 3", "3: 0+2[0, 1] 2+1[2]"),
            ("-n 1", "1 rank cannot be spread over 2 processes"),
            (
                "++ppn 2 +p 6",
                "6 PEs cannot be 2 processes of 2 PEs, which are 4; leave out one of the numbers",
            ),
        ] {
            assert_eq!(told(line, &two), expected, "{line}");
        }
    }

    #[test]
    fn tasks_with_cores_of_their_own_use_those() {
        let bound = [task("a", &[0, 1]), task("a", &[2, 3]), task("b", &[0, 1])];
        assert_eq!(told("", &bound), "6: 0+2[0, 1] 2+2[0, 1] 4+2[0, 1]");
        let crowded = [task("a", &[0]), task("a", &[0]), task("b", &[0, 1])];
        assert_eq!(told("++ppn 1", &crowded), "3: 0+1free 1+1free 2+1[0]");
    }

    #[test]
    fn where_tasks_are_is_not_for_us_to_say() {
        let why = told("--isolate=process", &[task("a", &[0])]);
        assert!(why.contains("started by ampirun itself"), "{why}");
        for line in ["--host h1", "--hostfile F", "--procs-per-host 2", "-ppn 2"] {
            let why = told(line, &[task("a", &[0])]);
            assert!(why.contains("decided by who started the tasks (PMI-1)"), "{line}: {why}");
        }
    }

    #[test]
    fn what_is_on_the_board_comes_back() {
        let refused = Task { refusal: Some((127, "there is\nno a".into())), ..task("x y", &[]) };
        for one in [task("a b c", &[0, 7]), task("", &[3]), refused.clone()] {
            let mut expected = one.clone();
            if let Some((_, why)) = &mut expected.refusal {
                *why = why.replace('\n', " ");
            }
            assert_eq!(Task::parse(&one.to_text()), Some(expected));
        }
        for text in ["", "a", "a\nb\nx\n1\n0 ", "a\nb\n1\n1\n"] {
            assert_eq!(Task::parse(text), None, "{text}");
        }
    }

    #[test]
    fn invitations_name_the_address_of_each() {
        let near = [task("a", &[0]), task("a", &[0])];
        let (server, meeting) = open(&near).unwrap();
        let text = invitation(&meeting, 2);
        for rank in 0..2 {
            assert_eq!(parse_invitation(&text, rank).unwrap().1, server.address().to_string());
        }
        let secret = Secret::random().unwrap().to_hex();
        let text = format!("{secret}\ntcp:1.2.3.4:5\n3 tcp:9.9.9.9:5");
        let of = |rank| parse_invitation(&text, rank).unwrap();
        assert_eq!((of(0).1.as_str(), of(3).1.as_str()), ("tcp:1.2.3.4:5", "tcp:9.9.9.9:5"));
        assert_eq!(of(3).0.to_hex(), secret);
        assert!(parse_invitation("x\ny", 0).is_none() && parse_invitation(&secret, 0).is_none());
    }

    #[test]
    fn later_tasks_are_silent_when_nobody_introduces_them() {
        let with = |wanted, name: &'static str, value: &'static str| {
            is_later_task(wanted, &move |n| (n == name).then(|| value.into()))
        };
        assert!(with(Interface::Auto, "SLURM_PROCID", "1"));
        assert!(!with(Interface::Auto, "SLURM_PROCID", "0"));
        assert!(!with(Interface::Pmix, "SLURM_PROCID", "1"), "a mistake of the user");
        assert!(!with(Interface::Auto, "SLURM_LOCALID", "1"));
    }
}
