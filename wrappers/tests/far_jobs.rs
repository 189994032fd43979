//! Jobs over hosts that are reached by a remote shell. The shell is a script that runs the line here, or fails as ssh fails; over
//! a real ssh, between hosts made of namespaces, when `AMPI_TEST_CLUSTER` asks for it.

mod hosts;
mod stage;

use hosts::Hosts;
use stage::{Numbers, Stage, signal};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(1);

/// What the script does for each host.
const SCRIPT: &str = r#"#!/bin/sh
case $1 in
nohost) echo 'ssh: Could not resolve hostname nohost: Name or service not known' >&2; exit 255 ;;
refused) echo 'ssh: connect to host refused port 22: Connection refused' >&2; exit 255 ;;
old) echo 'AMPI-AGENT 2 version=0.0.1 cores=1'; exec sleep 60 ;;
silent) exec sleep 60 ;;
*) cd /; exec sh -c "$2" ;;
esac
"#;

/// A stage with a remote shell.
struct Far {
    stage: Stage,
    shell: String,
}

impl Far {
    fn new() -> Far {
        let stage = Stage::new();
        let shell = stage.path("fake-ssh");
        // Written by another process: what this one writes, children that other tests fork have open.
        let mut writer = Command::new("sh")
            .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
            .arg(&shell)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        writer.stdin.take().unwrap().write_all(SCRIPT.as_bytes()).unwrap();
        assert!(writer.wait().unwrap().success());
        Far { shell: shell.display().to_string(), stage }
    }

    fn words(&self, hosts: &str, words: &str) -> String {
        format!("--launcher {} --host {hosts} {words}", self.shell)
    }

    fn run(&self, hosts: &str, words: &str) -> stage::Ended {
        self.stage.run(&self.words(hosts, words))
    }
}

#[test]
fn processes_run_on_all_hosts_and_know_their_part() {
    let far = Far::new();
    for (hosts, words, expected) in [
        ("h1:2,h2:1", "", vec!["0/2 pes 0+2 ranks 3", "1/2 pes 2+1 ranks 3"]),
        ("localhost:1,h2:2", "+vp 9", vec!["0/2 pes 0+1 ranks 9", "1/2 pes 1+2 ranks 9"]),
        ("h1:2,h2:2", "++ppn 1", vec!["0/4 pes 0+1", "1/4 pes 1+1", "2/4 pes 2+1", "3/4 pes 3+1"]),
        ("h1:2,h2:2", "-n 2", vec!["0/1 pes 0+2"]),
        ("h1:4,h2:4,h3:4", "-ppn 1 -n 2", vec!["0/2 pes 0+1 ranks 2", "1/2 pes 1+1"]),
        ("h1,h2", "--procs-per-host 1 +p 2", vec!["0/2 pes 0+1", "1/2 pes 1+1"]),
    ] {
        let ended = far.run(hosts, &format!("{words} /bin/true barrier say"));
        ended.expect(0, "");
        assert_eq!(ended.lines().len(), expected.len(), "{hosts} {words}: {ended:?}");
        for (line, parts) in ended.lines().iter().zip(expected) {
            let mut parts = parts.split(' ');
            let number = parts.next().unwrap();
            assert!(line.starts_with(&format!("process {number} ")), "{hosts} {words}: {ended:?}");
            let rest = parts.collect::<Vec<_>>();
            assert!(rest.chunks(2).all(|p| line.contains(&p.join(" "))), "{hosts} {words}: {ended:?}");
        }
    }
    let ended = far.run("h1,localhost", "+p 2 ++ppn 1 -x WORD=far /bin/true variable=WORD 0:exit=5");
    ended.expect(5, "");
    assert_eq!(ended.lines(), ["0 far", "1 far"]);
}

#[test]
fn cores_are_those_of_the_host_when_no_slots_are_told() {
    let far = Far::new();
    let cores = std::thread::available_parallelism().unwrap().get();
    let ended = far.run("h1,h2", "/bin/true say");
    ended.expect(0, "");
    assert!(ended.lines()[1].contains(&format!("ranks {} pes {cores}+{cores}", 2 * cores)), "{ended:?}");
}

#[test]
fn ends_of_far_processes_end_the_job() {
    let far = Far::new();
    for (words, code, what) in [
        ("1:kill", 137, "process 1 on host h2 was ended by signal 9 (Killed)"),
        ("0:quit=7", 7, "process 0 on host h1 ended with exit code 7 without having left the job"),
        ("1:abort=5", 5, "process 1 on host h2 ended the job: rank 3 has had enough"),
        ("1:decline=126", 126, "process 1 on host h2 cannot start: there is nothing to run"),
        ("1:early=126", 126, "process 1 on host h2 ended with exit code 126 before it joined"),
    ] {
        for others in ["", "deaf stubborn"] {
            let ended = far.run("h1:1,h2:1", &format!("/bin/true {others} {words} hang"));
            ended.expect(code, what);
            assert!(ended.time < Duration::from_secs(2), "{words} {others}: {ended:?}");
        }
    }
    far.run("h1:1", "/bin/true kill").expect(137, "ampirun: the job was ended by signal 9 (Killed)");
    far.run("h1:1", "/bin/true exit=3").expect(3, "");
}

#[test]
fn a_far_process_killed_at_any_moment_is_named() {
    let far = Far::new();
    let mut numbers = Numbers(11);
    let mut killed = 0;
    for round in 0..10 {
        let mut job = far.stage.start(&far.words("h1:1,h2:1,h3:1", "/bin/true barrier say wait=15 barrier"));
        let worker = far.stage.path("bin/ampi-worker");
        let workers = || {
            let all = far.stage.processes().into_iter();
            all.filter(|p| std::fs::read_link(format!("/proc/{p}/exe")).is_ok_and(|e| e == worker)).collect()
        };
        let mut running: Vec<u32> = workers();
        while running.len() < 3 && job.child.try_wait().unwrap().is_none() {
            running = workers();
        }
        std::thread::sleep(Duration::from_micros(numbers.below(15_000)));
        if let Some(victim) = running.get(numbers.below(3) as usize) {
            signal(*victim, libc::SIGKILL);
        }
        let ended = job.end();
        if ended.code != 0 {
            killed += 1;
            ended.expect(137, "was ended by signal 9 (Killed)");
        }
        assert!(ended.time < 2 * SOON, "round {round}: {ended:?}");
    }
    assert!(killed > 2, "the moments are chosen badly: {killed}");
}

#[test]
fn hosts_that_cannot_be_used_are_one_sentence() {
    let far = Far::new();
    for (hosts, part) in [
        ("localhost,nohost", "nohost: there is no host of this name"),
        ("h1,refused", "refused runs no ssh server (connection refused)"),
        ("h1,old", "old has version 0.0.1 of Adaptive MPI, this host has "),
        ("nohost,refused,old", ""),
        ("h1;reboot", "--host, character 1"),
    ] {
        let ended = far.run(hosts, "++ppn 1 /bin/true hang");
        assert!(ended.code == 1 || ended.code == 2, "{ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
        assert!(ended.stderr.contains(part), "{ended:?}");
        assert!(ended.time < Duration::from_secs(3), "{ended:?}");
    }
    std::fs::remove_file(far.stage.path("bin/ampi-worker")).unwrap();
    let ended = far.run("h1:2,h2:2", "++ppn 1 /bin/true hang");
    ended.expect(1, "ampi-worker");
    assert!(ended.stderr.contains(": there is no /"), "{ended:?}");
    let silent = far.run("silent", "--timeout 0.3 /bin/true");
    silent.expect(1, "no answer from silent within 0.3 s");
    let unneeded = Far::new().run("h1:2,nohost", "-n 2 /bin/true say");
    unneeded.expect(0, "");
}

#[test]
fn time_limits_and_signals_end_far_processes() {
    let far = Far::new();
    for words in ["hang", "stubborn deaf hang"] {
        let ended = far.run("h1:1,h2:1", &format!("--timeout 0.5 /bin/true {words}"));
        ended.expect(124, "time over: the job was ended after 0.5 s (--timeout)");
        let mut job = far.stage.start(&far.words("h1:1,localhost:1", &format!("/bin/true say {words}")));
        job.await_lines(2);
        let began = Instant::now();
        job.signal(libc::SIGINT);
        job.end().expect(130, "");
        assert!(began.elapsed() < SOON + Duration::from_millis(200), "{words}: {:?}", began.elapsed());
    }
    // While hosts are waited for.
    let mut job = far.stage.start(&far.words("h1,silent", "/bin/true"));
    std::thread::sleep(Duration::from_millis(100));
    assert!(job.child.try_wait().unwrap().is_none());
    let began = Instant::now();
    job.signal(libc::SIGTERM);
    assert_eq!(job.end().code, 143);
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
}

#[test]
fn no_far_process_outlives_a_launcher_that_is_killed() {
    let far = Far::new();
    for round in 0..6 {
        let mut job =
            far.stage.start(&far.words("h1:2,localhost:1", "++ppn 1 /bin/true stubborn deaf say hang"));
        if round % 2 == 0 {
            job.await_lines(3);
        } else {
            std::thread::sleep(Duration::from_millis(round * 5));
        }
        job.signal(libc::SIGKILL);
        assert_eq!(job.end().code, 137);
    }
}

#[test]
fn far_output_comes_whole_and_in_order() {
    let far = Far::new();
    let ended = far.run("h1:1,h2:1,localhost:1", "/bin/true lines=2000");
    ended.expect(0, "");
    let mut next = [0; 3];
    for line in ended.stdout.lines() {
        let mut words = line.trim_start_matches('<').split(' ');
        let process: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(words.next().unwrap().parse(), Ok(next[process]), "{line}");
        assert!(line.ends_with("x>") && line.matches('<').count() == 1, "{line}");
        next[process] += 1;
    }
    assert_eq!(next, [2000; 3]);
}

/// Nobody reads what far processes write: the launcher still listens to its user.
#[test]
fn a_reader_that_does_not_read_holds_up_nothing_else() {
    let far = Far::new();
    let start = |words: &str| {
        let mut command = far.stage.command(&far.words("h1:1,h2:1", words));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
    };
    let end = |mut child: std::process::Child, what: &str| {
        let began = Instant::now();
        loop {
            match child.try_wait().unwrap() {
                Some(status) => break status.code(),
                None => assert!(began.elapsed() < Duration::from_secs(4), "{what}: it goes on"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    let blocked = start("/bin/true lines=100000");
    std::thread::sleep(Duration::from_millis(400));
    signal(blocked.id(), libc::SIGINT);
    assert_eq!(end(blocked, "blocked"), Some(130));
    far.stage.await_nothing_left();

    let mut left = start("/bin/true 0:lines=100000 1:hang");
    drop(left.stdout.take());
    assert_eq!(end(left, "left"), Some(141));
    far.stage.await_nothing_left();
}

// --------------------------------------------------------------------------------------------- hosts made of namespaces

#[test]
fn jobs_run_over_ssh() {
    let mut hosts = match Hosts::up() {
        Ok(hosts) => hosts,
        Err(why) => return println!("jobs_run_over_ssh is skipped: {why}"),
    };
    let stage = Stage::new();
    let shell = hosts.shell_inside();
    // The launcher runs on h1.
    let start = |hosts: &Hosts, words: &str| {
        let mut command = hosts.command(0, "env");
        stage::clean(&mut command);
        command.arg(stage.ampirun()).arg("--launcher").arg(&shell).args(words.split_whitespace());
        stage.start_command(command)
    };
    let ended = start(&hosts, "--host h1:1,h2:1 /bin/true barrier say").end();
    ended.expect(0, "");
    assert!(ended.lines()[0].contains("host h1 ranks 2 pes 0+1"), "{ended:?}");
    assert!(ended.lines()[1].contains("host h2 ranks 2 pes 1+1"), "{ended:?}");
    for (words, code, what) in [
        ("--host h1:1,h2:1 /bin/true 1:exit=7", 7, ""),
        (
            "--host h1:1,h2:1 /bin/true 0:hang 1:kill",
            137,
            "process 1 on host h2 was ended by signal 9 (Killed)",
        ),
        ("--host h2:1,h1:1 /bin/true 0:hang 1:crash", 139, "process 1 on host h1 was ended by signal 11"),
        ("--host h1:1,h2:1 --timeout 0.6 /bin/true stubborn hang", 124, "time over"),
        (
            "--host h1:1,closed-port:1 /bin/true hang",
            1,
            "closed-port runs no ssh server (connection refused)",
        ),
        ("--host h1:1,wrong-key:1 /bin/true hang", 1, "wrong-key accepts none of your ssh keys"),
        ("--host h1:1,no.such.host.invalid:1 /bin/true hang", 1, "no.such.host.invalid: "),
        // A folder that is not there on h2, as the launcher's process is not.
        ("--host h2:2 --wdir /proc/self/net /bin/true hang", 1, "h2: cannot go to the folder "),
    ] {
        start(&hosts, words).end().expect(code, what);
    }

    let mut job = start(&hosts, "--host h1:1,h2:1 /bin/true stubborn deaf say hang");
    job.await_lines(2);
    // `env` has become the launcher; nsenter, its parent, waits for it.
    for pid in job.children() {
        signal(pid, libc::SIGKILL);
    }
    assert_ne!(job.end().code, 0, "the launcher was killed");

    let mut job = start(&hosts, "--host h1:1,h2:1 /bin/true say hang");
    job.await_lines(2);
    let began = Instant::now();
    hosts.crash(1);
    let ended = job.end();
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.stderr.contains("h2") && ended.stderr.lines().count() == 1, "{ended:?}");
    assert!(began.elapsed() < 2 * SOON, "{:?}", began.elapsed());
}
