//! Agents inside a Slurm allocation: `--launcher srun`, in a Slurm of two nodes that the test starts itself (skipped with a
//! printed reason where that is not possible).

#[path = "../../ampi-core/tests/slurm/mod.rs"]
mod slurm;

mod far;

use ampi_wrappers::launch::place::{Host, slurm as allocation};
use ampi_wrappers::launch::remote::{News, Order, Shell, Start, quote::quote};
use far::Far;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(15);

/// A script that runs `srun` inside of the allocation, with the words that the launcher would use.
fn shell(slurm: &slurm::Slurm, job: &str, agent: &Path, file: &Path) -> Shell {
    let nsenter = slurm.command("env");
    let mut line = b"#!/bin/sh\nexec ".to_vec();
    let words = std::iter::once(nsenter.get_program()).chain(nsenter.get_args());
    for word in words.map(OsString::from) {
        line.extend(quote(&word).as_bytes());
        line.push(b' ');
    }
    for (name, value) in nsenter.get_envs() {
        let pair = format!("{}={} SLURM_JOB_ID={job} ", name.display(), value.unwrap_or_default().display());
        line.extend(pair.as_bytes());
    }
    let srun = Shell::parse("--launcher", "srun").unwrap();
    for word in srun.words("@HOST@", agent) {
        // Words with a host in them stand in single quotes, as they have a "=".
        let word = quote(&word).to_string_lossy().replace("@HOST@", "'\"$1\"'");
        line.extend(word.as_bytes());
        line.push(b' ');
    }
    fs::write(file, line).unwrap();
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    Shell::Words(vec![file.into()])
}

#[test]
fn agents_run_as_steps_of_an_allocation() {
    let slurm = match slurm::Slurm::up("agents") {
        Ok(slurm) => slurm,
        Err(why) => return println!("agents_run_as_steps_of_an_allocation is skipped: {why}"),
    };
    // What a script of sbatch finds in its environment.
    let mut salloc = slurm.command("timeout");
    salloc.args(["20", "salloc", "-Q", "-N2", "-n3", "env"]);
    let output = salloc.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let environment: BTreeMap<&str, &str> = text.lines().filter_map(|l| l.split_once('=')).collect();
    let variable = |name: &str| environment.get(name).map(|v| v.to_string());
    let hosts = allocation::allocation(&variable).unwrap().expect("an allocation");
    let told: Vec<(&str, Option<usize>)> = hosts.iter().map(|h| (h.name.as_str(), h.slots)).collect();
    assert_eq!(told, [("n1", Some(2)), ("n2", Some(1))], "{text}");

    let mut salloc = slurm.command("timeout");
    let output = salloc.args(["20", "salloc", "--no-shell", "-N2", "-n3"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let job = text.split_whitespace().last().unwrap_or_default().to_string();
    assert!(job.parse::<u32>().is_ok(), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let agent = Path::new(env!("CARGO_BIN_EXE_ampirun"));
    let places: Vec<(usize, &Host)> = hosts.iter().enumerate().collect();

    let shell_here = shell(&slurm, &job, agent, &folder.path().join("srun-here"));
    let mut fleet = Far::open(&places, &shell_here, agent, LIMIT).unwrap();
    for (place, host) in &places {
        let script =
            format!("echo {} $SLURMD_NODENAME; head -c 100000 /dev/zero | tr '\\0' x; echo", host.name);
        let words = ["worker", "-c", &script].map(OsString::from).to_vec();
        let start = Start {
            process: *place as u32,
            path: "/bin/sh".into(),
            words,
            environment: vec![],
            folder: None,
        };
        fleet.order(*place, &Order { folder: "/".into(), starts: vec![start], ..Order::default() }).unwrap();
    }
    let (mut output, mut closed) = (BTreeMap::<u32, String>::new(), Vec::new());
    let until = Instant::now() + LIMIT;
    while !fleet.is_over() {
        assert!(Instant::now() < until, "it takes too long: {closed:?}");
        if let Some(News::Closed(result)) = fleet.next(Duration::from_millis(100)).map(|event| event.news) {
            closed.push(result);
        }
        for (process, _, text) in fleet.heard() {
            output.entry(process).or_default().push_str(&text);
        }
    }
    assert_eq!(closed, [Ok(()), Ok(())]);
    for (place, host) in &places {
        let expected = format!("{0} {0}\n{1}\n", host.name, "x".repeat(100_000));
        assert!(output[&(*place as u32)] == expected, "{place}: the output is another");
    }

    // A program on a step that waits for ever ends with its launcher.
    let mut fleet = Far::open(&places[..1], &shell_here, agent, LIMIT).unwrap();
    let words = ["worker", "-c", "echo on; exec sleep 1000"].map(OsString::from).to_vec();
    let start = Start { process: 0, path: "/bin/sh".into(), words, environment: vec![], folder: None };
    fleet.order(0, &Order { folder: "/".into(), starts: vec![start], ..Order::default() }).unwrap();
    let until = Instant::now() + LIMIT;
    while fleet.heard().is_empty() {
        assert!(Instant::now() < until, "it says nothing");
        fleet.next(Duration::from_millis(20));
    }
    fleet.close();
    let mut last = None;
    while let Some(event) = fleet.next(LIMIT) {
        last = Some(event.news);
    }
    assert_eq!(last, Some(News::Closed(Ok(()))));

    let nowhere = Path::new("/no/such/ampirun");
    let broken = shell(&slurm, &job, nowhere, &folder.path().join("srun-broken"));
    let why = Far::open(&places[..1], &broken, nowhere, LIMIT).err().unwrap();
    assert!(why.starts_with("n1 has no /no/such/ampirun"), "{why}");
}
