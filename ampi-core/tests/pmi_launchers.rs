//! The clients of `pmi` under real process managers: MPICH's hydra (PMI-1 over a descriptor and over a port, PMI-2), Open
//! MPI's mpirun (PMIx), and a Slurm of two nodes that the test starts itself. What is not installed is skipped with a
//! printed reason.

mod slurm;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// Words of `timeout`: a job that takes longer hangs.
const LIMIT: [&str; 3] = ["-k", "1", "30"];

/// `examples/pmi_peer.rs`, built once.
fn peer() -> &'static PathBuf {
    static PEER: OnceLock<PathBuf> = OnceLock::new();
    PEER.get_or_init(|| {
        // target/<profile>/deps/pmi_launchers-… → target/<profile>/examples
        let profile = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
        let peer = profile.join("examples/pmi_peer");
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "-p", "ampi-core", "--example", "pmi_peer"]);
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "cargo build of pmi_peer");
        peer
    })
}

/// The first of the launchers that is installed.
fn launcher(names: &[&'static str], test: &str) -> Option<&'static str> {
    if let Err(why) = slurm::wanted() {
        println!("{test} is skipped: {why}");
        return None;
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = names.iter().find(|n| std::env::split_paths(&path).any(|folder| folder.join(n).is_file()));
    if found.is_none() {
        println!("{test} is skipped: there is no {} here", names.join(" and no "));
    }
    found.copied()
}

/// Runs a job to its end, which must come in time.
fn run(launcher: &str, words: &[&str], peer_words: &[&str]) -> Output {
    finish(Command::new("timeout").args(LIMIT).arg(launcher).args(words).arg(peer()).args(peer_words))
}

fn finish(command: &mut Command) -> Output {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_ne!(output.status.code(), Some(124), "it did not end: {command:?}, {output:?}");
    output
}

/// Every process saw what every other published.
fn check(output: &Output, name: &str, size: usize, hosts: &str) {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    let mut lines: Vec<&str> = text.lines().filter(|l| !l.is_empty()).collect();
    lines.sort_unstable();
    let expected: Vec<String> =
        (0..size).map(|rank| format!("{name} {rank}/{size} wrong [] missing None hosts {hosts}")).collect();
    assert_eq!(lines, expected, "{output:?}");
}

const HYDRA: &[&str] = &["mpiexec.hydra", "mpiexec.mpich"];

#[test]
fn pmi1_under_hydra() {
    let Some(hydra) = launcher(HYDRA, "pmi1_under_hydra") else { return };
    check(&run(hydra, &["-n", "3"], &[]), "PMI-1", 3, "Some([0, 0, 0])");
    check(&run(hydra, &["-n", "1"], &[]), "PMI-1", 1, "Some([0])");
}

#[test]
fn pmi1_over_a_port_under_hydra() {
    let Some(hydra) = launcher(HYDRA, "pmi1_over_a_port_under_hydra") else { return };
    check(&run(hydra, &["-pmi-port", "-n", "3"], &[]), "PMI-1", 3, "Some([0, 0, 0])");
}

#[test]
fn pmi2_under_hydra() {
    let Some(hydra) = launcher(HYDRA, "pmi2_under_hydra") else { return };
    check(&run(hydra, &["-n", "3"], &["pmi2"]), "PMI-2", 3, "Some([0, 0, 0])");
}

#[test]
fn pmi1_abort_ends_the_job_with_its_exit_code() {
    let Some(hydra) = launcher(HYDRA, "pmi1_abort_ends_the_job_with_its_exit_code") else { return };
    let output = run(hydra, &["-n", "3"], &["pmi1", "abort"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

#[test]
fn pmi2_abort_ends_the_job() {
    let Some(hydra) = launcher(HYDRA, "pmi2_abort_ends_the_job") else { return };
    let output = run(hydra, &["-n", "3"], &["pmi2", "abort"]);
    assert!(!output.status.success(), "{output:?}");
}

/// Words that Open MPI wants before it starts anything as root, or more processes than cores.
const OPENMPI_WORDS: &[&str] = &["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"];

#[test]
fn pmix_under_open_mpi() {
    let Some(mpirun) = launcher(&["mpirun.openmpi"], "pmix_under_open_mpi") else { return };
    let words = [OPENMPI_WORDS, &["-np", "3"]].concat();
    check(&run(mpirun, &words, &[]), "PMIx", 3, "Some([0, 0, 0])");
}

#[test]
fn pmix_under_prrte() {
    let Some(prterun) = launcher(&["prterun"], "pmix_under_prrte") else { return };
    let words = ["--allow-run-as-root", "--map-by", ":OVERSUBSCRIBE", "--bind-to", "none", "-n", "3"];
    check(&run(prterun, &words, &[]), "PMIx", 3, "Some([0, 0, 0])");
}

#[test]
fn pmix_abort_ends_the_job() {
    let Some(mpirun) = launcher(&["mpirun.openmpi"], "pmix_abort_ends_the_job") else { return };
    let words = [OPENMPI_WORDS, &["-np", "2"]].concat();
    let output = run(mpirun, &words, &["pmix", "abort"]);
    assert_eq!(output.status.code(), Some(7), "{output:?}");
}

#[test]
fn pmi_under_slurm() {
    let slurm = match slurm::Slurm::up("pmi") {
        Ok(slurm) => slurm,
        Err(why) => return println!("pmi_under_slurm is skipped: {why}"),
    };
    let srun = |words: &[&str], peer_words: &[&str]| {
        finish(slurm.command("timeout").args(LIMIT).arg("srun").args(words).arg(peer()).args(peer_words))
    };
    // Two tasks on the first node, one on the second.
    let spread = ["-N2", "-n3"];
    let hosts = "Some([0, 0, 1])";
    check(&srun(&[&["--mpi=pmi2"], &spread[..]].concat(), &[]), "PMI-2", 3, hosts);
    check(&srun(&[&["--mpi=pmi2"], &spread[..]].concat(), &["pmi1"]), "PMI-1", 3, hosts);
    let kinds = slurm.command("srun").arg("--mpi=list").output().unwrap();
    if String::from_utf8_lossy(&[kinds.stdout, kinds.stderr].concat()).contains("pmix") {
        check(&srun(&[&["--mpi=pmix"], &spread[..]].concat(), &[]), "PMIx", 3, hosts);
        assert!(!srun(&["--mpi=pmix", "-n2"], &["pmix", "abort"]).status.success());
    } else {
        println!("PMIx under Slurm is skipped: this Slurm has no plugin for it");
    }
    assert!(!srun(&["--mpi=pmi2", "-n2"], &["pmi2", "abort"]).status.success());
    let output = srun(&[&["--mpi=none"], &spread[..]].concat(), &[]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{output:?}");
    assert!(text.contains("of the 3 of Slurm's step") && text.contains("srun --mpi=pmi2"), "{text}");
    // One task is no crowd.
    assert_eq!(srun(&["-n1"], &[]).stdout, b"alone\n");
}

#[test]
fn pmi_is_not_taken_from_remains_of_other_jobs() {
    for (variables, part) in [
        (vec![("PMI_FD", "77"), ("PMI_RANK", "0"), ("PMI_SIZE", "2")], "PMI_FD=77: is not an open socket"),
        (vec![("PMI_RANK", "0"), ("PMI_SIZE", "2")], "gave them no way to find each other"),
        (vec![("PMI_PORT", "127.0.0.1:1"), ("PMI_ID", "0")], "PMI_PORT=127.0.0.1:1: cannot be reached"),
    ] {
        let output = Command::new(peer()).env_clear().envs(variables).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(part), "{output:?}");
    }
    let output = Command::new(peer()).env_clear().output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "alone\n");
}
