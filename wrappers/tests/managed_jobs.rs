//! `ampirun` as one of several tasks of MPICH's hydra, Open MPI's mpirun and Slurm's srun: one job, not several. With real process
//! managers when `AMPI_TEST_CLUSTER` asks for it; what is not installed is skipped with a printed reason.

#[path = "../../ampi-core/tests/slurm/mod.rs"]
mod slurm;
mod stage;

use slurm::Slurm;
use stage::{Ended, Stage, found, signal};
use std::process::Command;
use std::time::{Duration, Instant};

/// A process manager and the words before the command.
type Manager = (&'static str, &'static [&'static str]);

const HYDRA: Manager = ("mpiexec.hydra", &[]);
const OPEN_MPI: Manager =
    ("mpirun.openmpi", &["--allow-run-as-root", "--oversubscribe", "--bind-to", "none", "-q"]);
const PRRTE: Manager =
    ("prterun", &["--allow-run-as-root", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none"]);

fn is_there(manager: Manager) -> bool {
    let why = match slurm::wanted() {
        Err(why) => why,
        Ok(()) if found(manager.0) => return true,
        Ok(()) => "it is not installed".into(),
    };
    println!("{} is skipped: {why}", manager.0);
    false
}

/// `manager -n TASKS ampirun WORDS`
fn command(stage: &Stage, manager: Manager, tasks: usize, words: &str) -> Command {
    let mut command = Command::new(manager.0);
    command.args(manager.1).arg("-n").arg(tasks.to_string()).arg(stage.ampirun());
    command.args(words.split_whitespace());
    stage::clean(&mut command);
    command
}

fn run(stage: &Stage, manager: Manager, tasks: usize, words: &str) -> Ended {
    stage.start_command(command(stage, manager, tasks, words)).end()
}

/// What ampirun says, without the process manager's own words.
fn said(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| line.starts_with("ampirun: ")).collect()
}

fn is_one_job(ended: &Ended, expected: &[&str]) {
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.lines().len(), expected.len(), "{ended:?}");
    for (line, parts) in ended.lines().iter().zip(expected) {
        assert!(parts.split(", ").all(|part| line.contains(part)), "\"{parts}\": {ended:?}");
    }
}

/// What holds under each of them.
fn jobs_under(stage: &Stage, run: &dyn Fn(usize, &str) -> Ended) {
    let ended = run(2, "+p 4 +vp 32 /bin/true barrier say");
    is_one_job(&ended, &["process 0/2, ranks 32 pes 0+2", "process 1/2, ranks 32 pes 2+2"]);
    let ended = run(3, "++ppn 1 /bin/true barrier say");
    is_one_job(&ended, &["process 0/3, ranks 3 pes 0+1", "1/3, pes 1+1", "2/3, pes 2+1"]);
    let ended = run(1, "+p 2 +vp 8 /bin/true say");
    is_one_job(&ended, &["process 0/1, ranks 8 pes 0+2"]);
    let ended = run(2, "--pmi none +p 1 +vp 3 /bin/true say");
    is_one_job(&ended, &["process 0/1, ranks 3", "process 0/1, ranks 3"]);

    for words in ["0:exit=4", "1:exit=4 0:wait=300 0:say 2:wait=300 2:say"] {
        let ended = run(3, &format!("+p 3 /bin/true {words}"));
        assert_eq!((ended.code, said(&ended).len()), (4, 0), "{ended:?}");
        assert_eq!(ended.lines().len(), words.matches("say").count(), "the others go on: {ended:?}");
    }
    for (words, parts) in [
        ("0:kill hang", &["process 0 on host ", "was ended by signal 9 (Killed)"][..]),
        ("1:crash hang", &["process 1 on host "]),
        ("2:quit=7 hang", &["process 2 on host "]),
        ("1:abort=5 hang", &["process 1 on host ", "ended the job: rank 3 has had enough"]),
        ("deaf stubborn 1:kill hang", &["process 1 on host "]),
    ] {
        let began = Instant::now();
        let ended = run(3, &format!("+p 3 /bin/true {words}"));
        assert_ne!(ended.code, 0, "{words}: {ended:?}");
        let all = said(&ended).join("\n");
        assert!(parts.iter().all(|part| all.contains(part)), "{words}: {ended:?}");
        assert!(began.elapsed() < Duration::from_secs(6), "{words}: {ended:?}");
    }
    // What is the same for all is said once.
    for (words, part) in [
        ("/nowhere/at/all", "the program /nowhere/at/all does not exist"),
        ("--host h1 /bin/true", "decided by who started the tasks"),
        ("-n 1 /bin/true", "1 rank cannot be spread over 3 processes"),
        ("/bin/true decline=126", "cannot start: there is nothing to run"),
    ] {
        let ended = run(3, words);
        assert_ne!(ended.code, 0, "{words}: {ended:?}");
        assert!(said(&ended).len() == 1 && ended.stderr.contains(part), "{words}: {ended:?}");
    }
    let ended = run(2, "+p 2 --timeout 0.5 /bin/true stubborn hang");
    assert!(ended.code != 0 && ended.stderr.contains("time over"), "{ended:?}");
    stage.await_nothing_left();
}

#[test]
fn tasks_of_hydra_are_one_job() {
    if is_there(HYDRA) {
        let stage = Stage::new();
        jobs_under(&stage, &|tasks, words| run(&stage, HYDRA, tasks, words));
        let port = ("mpiexec.hydra", &["-pmi-port"][..]);
        is_one_job(&run(&stage, port, 2, "+p 2 /bin/true say"), &["process 0/2", "process 1/2"]);
        is_one_job(&run(&stage, HYDRA, 2, "--pmi pmi2 +p 2 /bin/true say"), &["process 0/2", "process 1/2"]);
        let wrong = run(&stage, HYDRA, 2, "--pmi pmix +p 2 /bin/true say");
        assert!(
            wrong.code != 0 && wrong.stderr.contains("pmix was asked for, but PMIX_NAMESPACE"),
            "{wrong:?}"
        );
    }
}

#[test]
fn tasks_of_open_mpi_are_one_job() {
    for manager in [OPEN_MPI, PRRTE] {
        if is_there(manager) {
            let stage = Stage::new();
            jobs_under(&stage, &|tasks, words| run(&stage, manager, tasks, words));
        }
    }
}

#[test]
fn no_task_outlives_its_process_manager() {
    if !is_there(HYDRA) {
        return;
    }
    let stage = Stage::new();
    let mut job = stage.start_command(command(&stage, HYDRA, 3, "+p 3 /bin/true stubborn deaf say hang"));
    job.await_lines(3);
    job.signal(libc::SIGKILL);
    assert_eq!(job.end().code, 137);
    // A task that dies with its launcher.
    let mut job = stage.start_command(command(&stage, HYDRA, 3, "+p 3 /bin/true stubborn deaf say hang"));
    job.await_lines(3);
    let ampirun = stage.ampirun();
    let is_launcher =
        |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == ampirun);
    let launchers: Vec<u32> = stage.processes().into_iter().filter(is_launcher).collect();
    assert_eq!(launchers.len(), 3);
    signal(launchers[1], libc::SIGKILL);
    assert_ne!(job.end().code, 0);
}

#[test]
fn slurm_gives_hosts_and_tasks() {
    let slurm = match Slurm::up("jobs") {
        Ok(slurm) => slurm,
        Err(why) => return println!("slurm_gives_hosts_and_tasks is skipped: {why}"),
    };
    let stage = Stage::new();
    let start = |words: &[&str], job: &str| {
        let mut command = slurm.command("timeout");
        stage::clean(&mut command);
        command.args(["-k", "1", "25"]).args(words).arg(stage.ampirun()).args(job.split_whitespace());
        stage.start_command(command).end()
    };
    let kinds = slurm.command("srun").arg("--mpi=list").output().unwrap();
    let kinds = String::from_utf8_lossy(&[kinds.stdout, kinds.stderr].concat()).into_owned();
    for kind in ["pmi2", "pmix"] {
        if !kinds.contains(kind) {
            println!("srun --mpi={kind} is skipped: this Slurm has no plugin for it");
            continue;
        }
        let mpi = format!("--mpi={kind}");
        let run = |tasks: usize, words: &str| {
            let tasks = format!("-n{tasks}");
            start(&["srun", "-Q", &mpi, &tasks, "--overcommit"], words)
        };
        jobs_under(&stage, &run);
        let two_nodes = start(&["srun", "-Q", &mpi, "-N2", "-n3"], "+p 3 /bin/true barrier say");
        is_one_job(&two_nodes, &["process 0/3", "process 1/3", "process 2/3"]);
    }

    let crowd = start(&["srun", "-Q", "--mpi=none", "-n3"], "+p 3 /bin/true say");
    assert!(crowd.code != 0 && crowd.stdout.is_empty(), "{crowd:?}");
    assert_eq!(said(&crowd).len(), 1, "{crowd:?}");
    assert!(crowd.stderr.contains("start them with srun --mpi=pmi2"), "{crowd:?}");

    // One launcher in an allocation uses all of it.
    let ended = start(&["salloc", "-Q", "-N2", "-n3"], "+vp 9 /bin/true barrier say");
    is_one_job(&ended, &["process 0/2, ranks 9 pes 0+2", "process 1/2, ranks 9 pes 2+1"]);
    let ended = start(&["salloc", "-Q", "-N2", "-n2"], "++local +p 1 /bin/true say");
    is_one_job(&ended, &["process 0/1, pes 0+1"]);
    let ended = start(&["salloc", "-Q", "-N2", "-n4"], "++ppn 1 /bin/true 1:exit=6");
    assert_eq!((ended.code, said(&ended).len()), (6, 0), "{ended:?}");
    let ended = start(&["salloc", "-Q", "-N2", "-n2"], "/bin/true stubborn deaf 1:kill hang");
    assert_eq!(ended.code, 137, "{ended:?}");
    assert!(said(&ended)[0].contains("process 1 on host n2 was ended by signal 9"), "{ended:?}");
    // A step of one task has its host.
    let ended = start(&["salloc", "-Q", "-N2", "-n4", "srun", "-Q", "-n1"], "+p 1 /bin/true say");
    is_one_job(&ended, &["process 0/1, pes 0+1"]);
}
