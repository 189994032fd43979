//! Sessions with real agents behind a remote shell that is a script: it runs the line here, or fails as ssh fails.

mod far;

use ampi_wrappers::launch::place::Host;
use ampi_wrappers::launch::remote::{Event, News, Order, Shell, Start};
use far::Far;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(20);

/// What the script does for each host; the words are those of OpenSSH.
const SCRIPT: &str = r#"#!/bin/sh
case $1 in
nohost) echo 'ssh: Could not resolve hostname nohost: Name or service not known' >&2; exit 255 ;;
refused) echo 'ssh: connect to host refused port 22: Connection refused' >&2; exit 255 ;;
me@nokey) echo 'me@nokey: Permission denied (publickey).' >&2; exit 255 ;;
noagent) exec sh -c "exec /nowhere/at/all/ampirun --remote-agent" ;;
old) echo 'AMPI-AGENT 2 version=0.0.1 cores=1'; exec sleep 60 ;;
garbage) printf 'AMPI-AGENT 2 version=%s\nnot a frame at all' "$VERSION"; exec sleep 60 ;;
silent) exec sleep 60 ;;
quiet) exit 0 ;;
noisy) echo 'Last login: today'; printf 'no line end'; sh -c "$2" ;;
*) exec sh -c "$2" ;;
esac
"#;

/// Writes a script that can be executed at once. By another process: what this one writes, the children that other tests
/// fork at that moment have open for writing, and then it cannot be executed ("text file busy").
fn executable(path: &Path, text: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    writer.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
}

struct Stage {
    folder: TempDir,
    shell: Shell,
}

impl Stage {
    fn new() -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("fake-ssh");
        executable(&script, &SCRIPT.replace("$VERSION", ampi_wrappers::VERSION));
        Stage { shell: Shell::Words(vec![script.into()]), folder }
    }

    fn open(&self, names: &[&str], limit: Duration) -> Result<Far, String> {
        let hosts: Vec<Host> = names.iter().map(|n| Host::named(*n)).collect();
        let hosts: Vec<(usize, &Host)> = hosts.iter().enumerate().collect();
        Far::open(&hosts, &self.shell, agent(), limit)
    }

    fn order(&self, scripts: &[&str]) -> Order {
        let start = |(process, script): (usize, &&str)| Start {
            process: process as u32,
            path: "/bin/sh".into(),
            words: ["worker", "-c", script].map(OsString::from).to_vec(),
            environment: vec![("NUMBER".into(), process.to_string().into())],
            folder: None,
        };
        Order {
            folder: self.folder.path().into(),
            secret: "5ec7e70f7he10b".into(),
            environment: vec![("GREETING".into(), "it's \"$HOME\"\nand more".into())],
            starts: scripts.iter().enumerate().map(start).collect(),
        }
    }
}

fn agent() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_ampirun"))
}

/// All that happens until every session is closed.
#[derive(Default, Debug)]
struct Story {
    stdout: BTreeMap<u32, String>,
    stderr: BTreeMap<u32, String>,
    /// In the order of their arrival, each in whole lines.
    pieces: Vec<String>,
    pids: BTreeMap<u32, u32>,
    ends: BTreeMap<u32, (Option<i32>, Option<i32>)>,
    not_started: Vec<(Option<u32>, String)>,
    closed: Vec<Result<(), String>>,
}

impl Story {
    fn take(&mut self, event: Event) {
        match event.news {
            News::Started { process, pid } => drop(self.pids.insert(process, pid)),
            News::NotStarted { process, why } => self.not_started.push((process, why)),
            News::Ended { process, code, signal } => drop(self.ends.insert(process, (code, signal))),
            News::Closed(result) => self.closed.push(result),
            News::Unheard(kind) => panic!("the test listens: {kind}"),
            News::Hello(_) | News::Said(_) => {}
        }
    }

    fn hear(&mut self, fleet: &Far) {
        for (process, is_error, text) in fleet.heard() {
            let of = if is_error { &mut self.stderr } else { &mut self.stdout };
            of.entry(process).or_default().push_str(&text);
            self.pieces.push(text);
        }
    }

    /// Until `enough` says so.
    fn follow(&mut self, fleet: &mut Far, enough: impl Fn(&Story) -> bool) {
        let until = Instant::now() + LIMIT;
        while !enough(self) {
            assert!(Instant::now() < until, "it takes too long: {self:?}");
            match fleet.next(Duration::from_millis(20)) {
                Some(event) => self.take(event),
                None => assert!(!fleet.is_over(), "it ended too early: {self:?}"),
            }
            self.hear(fleet);
        }
    }
}

fn whole_story(fleet: &mut Far) -> Story {
    let mut story = Story::default();
    story.follow(fleet, |s| !s.closed.is_empty());
    story
}

fn is_there(pid: u32) -> bool {
    // A zombie has no command line.
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty())
}

fn wait_for_end(pid: u32) {
    let until = Instant::now() + Duration::from_secs(3);
    while is_there(pid) {
        assert!(Instant::now() < until, "process {pid} is still there");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn processes_run_and_end_with_all_they_were_told() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    let (place, hello) = fleet.facts()[0].clone();
    assert!(place == 0 && hello.cores >= 1 && hello.version == ampi_wrappers::VERSION);
    let scripts = [
        r#"echo "$GREETING $NUMBER $AMPI_SECRET $0"; pwd; echo error >&2; exit 3"#,
        "echo no line end | tr -d '\\n'; kill -9 $$",
    ];
    fleet.order(0, &stage.order(&scripts)).unwrap();
    let story = whole_story(&mut fleet);
    let folder = fs::canonicalize(stage.folder.path()).unwrap();
    assert_eq!(
        story.stdout[&0],
        format!("it's \"$HOME\"\nand more 0 5ec7e70f7he10b worker\n{}\n", folder.display())
    );
    assert_eq!((story.stderr[&0].as_str(), story.stdout[&1].as_str()), ("error\n", "no line end"));
    assert_eq!(story.ends[&0], (Some(3), None));
    assert_eq!(story.ends[&1], (None, Some(9)));
    assert_eq!(story.closed, [Ok(())]);
    assert!(fleet.is_over());
}

#[test]
fn what_start_up_files_print_is_passed_over() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["noisy"], LIMIT).unwrap();
    fleet.order(0, &stage.order(&["echo fine"])).unwrap();
    let story = whole_story(&mut fleet);
    assert_eq!((story.stdout[&0].as_str(), &story.closed[..]), ("fine\n", &[Ok(())][..]));
}

#[test]
fn lines_of_processes_do_not_mix() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    // Each line is written in two parts.
    let script = "i=0; while [ $i -lt 300 ]; do printf \"<$NUMBER $i \"; printf 'xxxxxxxxxxxxxxxx>\\n'; i=$((i+1)); done";
    fleet.order(0, &stage.order(&[script, script, script])).unwrap();
    let story = whole_story(&mut fleet);
    let whole = story.pieces.concat();
    let good = |l: &&str| l.starts_with('<') && l.ends_with("xxx>") && l.matches('<').count() == 1;
    assert_eq!(whole.lines().filter(good).count(), 900);
    assert!(story.pieces.iter().all(|p| p.ends_with('\n')));
}

#[test]
fn the_secret_is_on_no_command_line() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    fleet.order(0, &stage.order(&["echo ready; exec sleep 60"])).unwrap();
    let mut story = Story::default();
    story.follow(&mut fleet, |s| s.stdout.contains_key(&0));
    let mut seen = 0;
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        seen += usize::from(line.contains("--remote-agent"));
        assert!(!line.contains("5ec7e70f7he10b"), "{line}");
    }
    assert!(seen > 0, "the agent was looked at");
}

#[test]
fn closing_ends_even_what_ignores_signals() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    let stubborn = "trap '' TERM; (trap '' TERM; sleep 60) & echo $!; while :; do sleep 60; done";
    let polite = "trap 'echo bye; exit 5' TERM; echo on; while :; do sleep 0.01; done";
    fleet.order(0, &stage.order(&[stubborn, polite])).unwrap();
    let mut story = Story::default();
    story.follow(&mut fleet, |s| s.stdout.len() == 2);
    let grandchild: u32 = story.stdout[&0].trim().parse().unwrap();
    fleet.close();
    story.follow(&mut fleet, |s| !s.closed.is_empty());
    assert_eq!(story.ends[&0], (None, Some(9)));
    assert_eq!((story.ends[&1], story.stdout[&1].as_str()), ((Some(5), None), "on\nbye\n"));
    assert_eq!(story.closed, [Ok(())]);
    wait_for_end(grandchild);
}

#[test]
fn a_launcher_that_is_gone_leaves_nothing_behind() {
    let stage = Stage::new();
    // "noisy" has a shell between launcher and agent, as ssh and sshd are.
    for host in ["h1", "noisy"] {
        let mut fleet = stage.open(&[host], LIMIT).unwrap();
        fleet.order(0, &stage.order(&["echo on; sleep 60"])).unwrap();
        let mut story = Story::default();
        story.follow(&mut fleet, |s| s.stdout.len() == 1 && s.pids.len() == 1);
        assert!(is_there(story.pids[&0]));
        drop(fleet);
        wait_for_end(story.pids[&0]);
    }
}

#[test]
fn an_agent_that_is_killed_takes_its_processes_along() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["noisy"], LIMIT).unwrap();
    fleet.order(0, &stage.order(&["echo $PPID; exec sleep 60"])).unwrap();
    let mut story = Story::default();
    story.follow(&mut fleet, |s| s.stdout.len() == 1 && s.pids.len() == 1);
    let killed = Command::new("kill").args(["-9", story.stdout[&0].trim()]).status().unwrap();
    assert!(killed.success());
    story.follow(&mut fleet, |s| !s.closed.is_empty());
    wait_for_end(story.pids[&0]);
    let why = story.closed[0].clone().unwrap_err();
    assert!(why.contains("the agent on noisy ended with exit code 137"), "{why}");
}

#[test]
fn signals_reach_the_processes() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    let script = "trap 'echo got it; exit 0' USR1; echo on; while :; do sleep 0.01; done";
    fleet.order(0, &stage.order(&[script, script])).unwrap();
    let mut story = Story::default();
    story.follow(&mut fleet, |s| s.stdout.len() == 2);
    fleet.signal(10);
    story.follow(&mut fleet, |s| !s.closed.is_empty());
    assert!(story.stdout.values().all(|t| t == "on\ngot it\n"), "{story:?}");
}

#[test]
fn what_cannot_be_started_is_told() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    let mut order = stage.order(&["echo fine", "x"]);
    order.starts[1].path = "/nowhere/program".into();
    fleet.order(0, &order).unwrap();
    let story = whole_story(&mut fleet);
    assert_eq!(story.not_started, [(Some(1), "there is no /nowhere/program".into())]);
    assert_eq!((story.stdout[&0].as_str(), &story.closed[..]), ("fine\n", &[Ok(())][..]));

    let mut fleet = stage.open(&["h1"], LIMIT).unwrap();
    let order = Order { folder: PathBuf::from("/nowhere"), ..stage.order(&["echo fine"]) };
    fleet.order(0, &order).unwrap();
    let story = whole_story(&mut fleet);
    assert!(story.not_started[0].1.starts_with("cannot go to the folder /nowhere: "), "{story:?}");
    assert!(story.pids.is_empty());
}

#[test]
fn failures_are_one_sentence() {
    let stage = Stage::new();
    for (hosts, part) in [
        (vec!["nohost"], "nohost: there is no host of this name"),
        (vec!["refused"], "refused runs no ssh server (connection refused)"),
        (vec!["me@nokey"], "me@nokey accepts none of your ssh keys; ssh-copy-id me@nokey"),
        (
            vec!["noagent"],
            "ampirun; the same version of Adaptive MPI must be at the same place on every host",
        ),
        (vec!["old"], "old has version 0.0.1 of Adaptive MPI, this host has "),
        (vec!["quiet"], "ended at once without running anything"),
        (vec!["h1", "silent", "refused"], "refused runs no ssh server"),
    ] {
        let began = Instant::now();
        let why = stage.open(&hosts, LIMIT).err().unwrap();
        assert!(why.contains(part) && !why.contains('\n'), "{hosts:?}: {why}");
        assert!(began.elapsed() < Duration::from_secs(8), "{hosts:?} took {:?}", began.elapsed());
    }
    let why = stage.open(&["h1", "silent"], Duration::from_millis(300)).err().unwrap();
    assert_eq!(why, "no answer from silent within 0.3 s");
}

#[test]
fn damage_on_the_way_is_told() {
    let stage = Stage::new();
    let mut fleet = stage.open(&["garbage"], LIMIT).unwrap();
    let story = whole_story(&mut fleet);
    let why = story.closed[0].clone().unwrap_err();
    assert!(why.contains("what comes from the agent on garbage is damaged"), "{why}");
}

#[test]
fn a_missing_shell_is_told() {
    let host = Host::named("h1");
    let shell = Shell::parse("--launcher", "/nowhere/ssh").unwrap();
    let why = Far::open(&[(0, &host)], &shell, agent(), LIMIT).err().unwrap();
    assert!(why.contains("there is no /nowhere/ssh on this host"), "{why}");
}

#[test]
fn the_agent_is_not_for_people() {
    let output =
        Command::new(agent()).arg("--remote-agent").stdin(std::process::Stdio::null()).output().unwrap();
    // Without an order it ends at once.
    assert!(output.status.success() && output.stdout.starts_with(b"\nAMPI-AGENT 2 "), "{output:?}");
    let output = Command::new(agent()).arg("--help").output().unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains("remote-agent"));
}
