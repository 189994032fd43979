//! Links through the MPICH and the Open MPI of this machine. The ends cannot live in one process: each test starts its own
//! executable by their `mpiexec`, as [`helper`], which plays one end of a scenario.

use super::*;
use crate::wire::frame::FrameHead;
use crate::wire::link::{Link, State};
use crate::wire::place::Lent;
use crate::wire::rules::{Kept, Numbers};
use crate::wire::whole_job;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Instant;

const STEP: &str = "AMPI_WIRE_TEST_HOST";
const SOON: Duration = Duration::from_secs(20);
/// What the false library below ends a process with.
const CALLED: i32 = 77;

struct Launcher {
    name: &'static str,
    words: &'static [&'static str],
    /// Says that a variable goes to the processes.
    variable: fn(&str, &str) -> Vec<String>,
    compiler: &'static str,
}

const LAUNCHERS: [Launcher; 2] = [
    Launcher {
        name: "mpiexec.mpich",
        words: &["-bind-to", "none"],
        variable: |name, value| vec!["-genv".into(), name.into(), value.into()],
        compiler: "mpicc.mpich",
    },
    Launcher {
        name: "mpirun.openmpi",
        words: &["--allow-run-as-root", "--oversubscribe", "--bind-to", "none"],
        variable: |name, value| vec!["-x".into(), format!("{name}={value}")],
        compiler: "mpicc.openmpi",
    },
];

fn in_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

fn launchers() -> impl Iterator<Item = &'static Launcher> {
    LAUNCHERS.iter().filter(|l| {
        let there = in_path(l.name);
        if !there {
            println!("skipped: there is no {}", l.name);
        }
        there
    })
}

/// Runs `n` processes of `scenario`; waits at most a minute.
fn run(launcher: &Launcher, n: u32, scenario: &str, more: &[(&str, &str)]) -> Output {
    let secret = Secret::random().unwrap().to_hex();
    let mut command = Command::new("timeout");
    command.args(["-k", "5", "60", launcher.name]).args(launcher.words).args(["-n", &n.to_string()]);
    for (name, value) in [(STEP, format!("{scenario} {secret}").as_str())].iter().chain(more) {
        command.args((launcher.variable)(name, value));
    }
    let own = std::env::current_exe().unwrap();
    command.arg(own).args([
        "--exact",
        "wire::host_library::tests::helper",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.stdin(Stdio::null()).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn passes(n: u32, scenario: &str) {
    for launcher in launchers() {
        let output = run(launcher, n, scenario, &[]);
        let done = text(&output).matches("end of the scenario").count();
        assert!(output.status.success(), "{} {scenario}: {}", launcher.name, text(&output));
        assert_eq!(done, n as usize, "{} {scenario}: {}", launcher.name, text(&output));
    }
}

/// Not a test of its own: one end of a scenario.
#[test]
#[allow(unsafe_code)]
fn helper() {
    let Ok(words) = std::env::var(STEP) else { return };
    let words: Vec<&str> = words.split(' ').collect();
    // SAFETY: a C string.
    if !unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"MPI_Init_thread".as_ptr()) }.is_null() {
        println!("others have the same names");
    }
    let host = Host::join(&Options::default()).unwrap();
    let (me, n) = (host.me(), host.processes());
    println!("process {me} of {n}, {}", host.version());
    let secret = match words[0] {
        "secret" => Secret::random().unwrap(),
        _ => Secret::from_hex(words[1]).unwrap(),
    };
    let limit = if words[0] == "secret" { Duration::from_millis(300) } else { SOON };
    let mut link = host.link(secret, limit).unwrap();
    let end = Play { link: link.as_mut(), me, n, kept: Kept::default(), end: Instant::now() + SOON };
    match words[0] {
        "exchange" => whole_job::exchange(end.link, me, n, &channel().1).unwrap(),
        "random" => end.random(),
        "back" => end.back_pressure(),
        "long" => end.long(),
        "idle" => end.idle(),
        "cut" => end.cut(),
        "secret" => end.secret(),
        "die" => end.die(),
        other => panic!("no scenario {other}"),
    }
    drop(link);
    println!("end of the scenario");
}

struct Play<'a> {
    link: &'a mut dyn Link,
    me: ProcessId,
    n: u32,
    kept: Kept,
    end: Instant,
}

fn payload(key: u64, len: usize) -> Vec<u8> {
    (0..len).map(|i| (i as u64 * 7 + key) as u8).collect()
}

impl Play<'_> {
    fn head(key: u64) -> FrameHead {
        FrameHead::new(1, 2, 3, key)
    }

    fn until(&mut self, what: &str, over: impl Fn(&Kept, &dyn Link) -> bool) {
        while !over(&self.kept, self.link) {
            assert!(Instant::now() < self.end, "process {}: {what}: not in time", self.me);
            self.link.poll(64, &mut self.kept);
        }
    }

    /// Both close; nothing is broken.
    fn close(mut self) {
        self.link.close();
        let others = self.n as usize - 1;
        self.until("the others' close", |kept, link| kept.closed.len() == others && link.backlog(0) == 0);
        assert!(self.kept.broken.is_empty());
    }

    /// Random frames to all; all of the others' arrive, in order.
    fn random(mut self) {
        let frames = 400u64;
        let len = |from: ProcessId, key: u64| match Numbers(key * 10 + from as u64).below(20) {
            0 => 16_000 + Numbers(key).below(3_000_000) as usize,
            1 => 16 << 10,
            2 => (16 << 10) + 1,
            n => n as usize * 20,
        };
        for key in 0..frames {
            for to in (0..self.n).filter(|to| *to != self.me) {
                let bytes = payload(key, len(self.me, key));
                let sent = match key % 3 {
                    0 => self.link.lend(to, &Self::head(key), Lent::owned(bytes, key)),
                    _ => self.link.send(to, &Self::head(key), &[&bytes]),
                };
                sent.unwrap();
            }
            if key % 7 == 0 {
                self.link.poll(9, &mut self.kept);
            }
        }
        let others = self.n as usize - 1;
        self.until("all frames", |kept, _| kept.frames.len() == frames as usize * others);
        let mut next = vec![0; self.n as usize];
        for (from, head, bytes) in &self.kept.frames {
            assert_eq!(head.key, next[*from as usize]);
            assert_eq!(*bytes, payload(head.key, len(*from, head.key)));
            next[*from as usize] += 1;
        }
        self.close();
    }

    /// The other does not poll for a while.
    fn back_pressure(mut self) {
        let frames = 2000;
        if self.me == 0 {
            self.link.send(1, &Self::head(0), &[]).unwrap();
            self.until("the connection", |_, link| link.state(1) == State::Up);
            for key in 1..frames {
                self.link.send(1, &Self::head(key), &[&payload(key, 10_000)]).unwrap();
            }
            let kept = self.link.flush();
            assert!(kept > 1 << 20, "{kept} bytes wait");
            self.until("the other's answer", |kept, _| kept.frames.len() == 1);
            assert_eq!(self.link.backlog(1), 0);
        } else {
            self.until("the first", |kept, _| !kept.frames.is_empty());
            std::thread::sleep(Duration::from_millis(300));
            self.until("all", |kept, _| kept.frames.len() == frames as usize);
            assert!(self.kept.frames.iter().enumerate().all(|(i, f)| f.1.key == i as u64));
            self.link.send(0, &Self::head(0), &[]).unwrap();
        }
        self.close();
    }

    /// 100 MB, and the receiver sleeps as the contract says.
    fn long(mut self) {
        let len = 100 << 20;
        if self.me == 0 {
            self.link.lend(1, &Self::head(5), Lent::owned(payload(5, len), 77)).unwrap();
            self.until("the answer", |kept, _| kept.frames.len() == 1);
            assert_eq!(self.kept.released, [(1, 77, true)]);
        } else {
            while self.kept.frames.is_empty() {
                assert!(Instant::now() < self.end);
                self.link.poll(9, &mut self.kept);
                if self.link.prepare_sleep() {
                    let until = self.link.deadline().unwrap();
                    std::thread::sleep(until.saturating_duration_since(Instant::now()));
                }
            }
            assert!(self.kept.frames[0].2 == payload(5, len));
            self.link.send(0, &Self::head(6), &[]).unwrap();
        }
        self.close();
    }

    /// A link on which nothing happens lets its user sleep, longer and longer.
    fn idle(mut self) {
        self.link.send(1 - self.me, &Self::head(0), &[b"x"]).unwrap();
        self.until("the connection", |kept, _| kept.frames.len() == 1);
        let until = Instant::now() + Duration::from_millis(300);
        let mut wakes = 0;
        while Instant::now() < until {
            self.link.poll(9, &mut self.kept);
            assert!(self.link.prepare_sleep());
            let deadline = self.link.deadline().unwrap();
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
            wakes += 1;
        }
        assert!(wakes < 300, "woken {wakes} times in 300 ms");
        self.close();
    }

    fn cut(mut self) {
        if self.me == 0 {
            self.link.lend(1, &Self::head(1), Lent::owned(vec![7; 64 << 20], 55)).unwrap();
            self.until("the connection", |_, link| link.state(1) == State::Up);
            for _ in 0..20 {
                self.link.poll(9, &mut self.kept);
            }
            assert!(self.link.backlog(1) > 0);
            self.link.cut(1, "the test says so");
            self.until("the news", |kept, _| !kept.broken.is_empty());
            assert_eq!(self.kept.broken[0].reason, "the test says so");
            assert_eq!(self.kept.released, [(1, 55, false)]);
            assert!(self.link.send(1, &Self::head(2), &[]).is_err());
        } else {
            self.until("the news", |kept, _| !kept.broken.is_empty());
            assert!(self.kept.broken[0].reason.contains("the test says so"), "{}", self.kept.broken[0]);
            assert!(self.kept.frames.is_empty());
        }
        // the host's library has no end in good order now: its mpiexec would complain of one without it
        println!("end of the scenario");
        std::thread::sleep(Duration::from_millis(500));
    }

    fn secret(mut self) {
        if self.me == 0 {
            self.link.send(1, &Self::head(0), &[b"x"]).unwrap();
            self.until("the failure", |kept, _| !kept.broken.is_empty());
            let reason = &self.kept.broken[0].reason;
            assert!(reason.contains("does not know the secret"), "{reason}");
        } else {
            let mut notes = Vec::new();
            while notes.is_empty() {
                assert!(Instant::now() < self.end);
                self.link.poll(9, &mut self.kept);
                notes = self.link.notes();
            }
            assert!(notes[0].contains("from process 0") && notes[0].contains("secret"), "{notes:?}");
            let until = Instant::now() + Duration::from_millis(500);
            while Instant::now() < until {
                self.link.poll(9, &mut self.kept);
            }
            assert!(self.kept.broken.is_empty() && self.kept.frames.is_empty());
        }
    }

    fn die(mut self) {
        self.link.send(1 - self.me, &Self::head(0), &[b"x"]).unwrap();
        self.until("the connection", |kept, _| kept.frames.len() == 1);
        if self.me == 1 {
            println!("process 1 kills itself");
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
        }
        self.until("the end", |kept, _| !kept.broken.is_empty());
    }
}

#[test]
fn a_job_of_three() {
    passes(whole_job::PROCESSES, "exchange");
}

#[test]
fn random_frames_arrive_in_order() {
    passes(2, "random");
    passes(4, "random");
}

#[test]
fn a_peer_that_does_not_poll_is_waited_for_without_waiting() {
    passes(2, "back");
}

#[test]
fn a_hundred_megabytes_and_sleep() {
    passes(2, "long");
}

#[test]
fn nothing_to_do_is_sleep() {
    passes(2, "idle");
}

#[test]
fn another_secret_breaks_the_link_with_that_reason() {
    for launcher in launchers() {
        let output = run(launcher, 2, "secret", &[]);
        let all = text(&output);
        assert_eq!(all.matches("end of the scenario").count(), 2, "{}: {all}", launcher.name);
    }
}

#[test]
fn a_cut_is_told_on_both_sides() {
    for launcher in launchers() {
        let output = run(launcher, 2, "cut", &[]);
        let all = text(&output);
        assert!(
            all.matches("end of the scenario").count() >= 2 && !all.contains("panicked"),
            "{}: {all}",
            launcher.name
        );
    }
}

#[test]
fn a_killed_process_is_the_end_of_the_job() {
    for launcher in launchers() {
        let begin = Instant::now();
        let output = run(launcher, 2, "die", &[]);
        assert!(text(&output).contains("kills itself"), "{}", text(&output));
        assert!(!output.status.success() && begin.elapsed() < SOON, "{}: {}", launcher.name, text(&output));
    }
}

/// What a library needs to be taken for one of MPICH's family.
const NAMES: &str = "Init_thread Initialized Comm_rank Comm_size Comm_set_errhandler Isend Irecv Test Cancel Test_cancelled \
                     Get_count Ibarrier Finalize Error_string Get_library_version";

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("ampi-host-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn compile(folder: &Path, name: &str, source: &str) -> String {
    let (c, library) = (folder.join(format!("{name}.c")), folder.join(format!("lib{name}.so")));
    std::fs::write(&c, source).unwrap();
    let compiled = Command::new("cc").args(["-w", "-shared", "-fPIC", "-o"]).arg(&library).arg(&c).status();
    assert!(compiled.unwrap().success());
    library.display().to_string()
}

/// A library with the same names as the host's, for the global scope, where ours is in a job. It ends whoever calls it.
fn false_library(folder: &Path) -> String {
    let mut source = String::from("#include <stdio.h>\n#include <unistd.h>\n");
    for name in NAMES.split_whitespace().chain(["Barrier", "Allreduce", "Comm_dup", "Attr_get", "Type_size"])
    {
        for prefix in ["MPI_", "PMPI_"] {
            source += &format!(
                "int {prefix}{name}(void) {{ fputs(\"false {prefix}{name}\\n\", stderr); _exit({CALLED}); }}\n"
            );
        }
    }
    compile(folder, "false", &source)
}

/// A library of MPICH's family that calls itself by its exported names, as some do.
fn library_that_calls_itself(folder: &Path) -> String {
    let mut source = String::from("#include <string.h>\n");
    for name in NAMES.split_whitespace().filter(|n| *n != "Get_library_version") {
        source += &format!("int MPI_{name}(void) {{ return 0; }}\n");
    }
    source += "int PMPI_Get_library_version(char *s, int *n) { strcpy(s, \"MPICH, it\"); *n = 9; return 0; }\n\
               int MPI_Get_library_version(char *s, int *n) { return PMPI_Get_library_version(s, n); }\n";
    compile(folder, "itself", &source)
}

const SCOPE: &str = "AMPI_WIRE_TEST_SCOPE";

/// Not a test of its own: opens a library while another one with the same names is in the global scope.
#[test]
#[allow(unsafe_code)]
fn scope_helper() {
    let Ok(text) = std::env::var(SCOPE) else { return };
    // SAFETY: a C string.
    let in_front = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"PMPI_Get_library_version".as_ptr()) };
    assert!(!in_front.is_null(), "the false library is not in the global scope");
    let (path, deep) = text.split_once(' ').unwrap();
    let (_, version) = library::open(Some(path), deep == "true").unwrap();
    assert_eq!(version, "MPICH, it");
}

#[test]
fn a_library_that_calls_itself_does_not_call_ours() {
    let folder = folder("scope");
    let (wrong, library) = (false_library(&folder), library_that_calls_itself(&folder));
    for (deep, expected) in [(true, 0), (false, CALLED)] {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "wire::host_library::tests::scope_helper", "--nocapture"])
            .env(SCOPE, format!("{library} {deep}"))
            .env("LD_PRELOAD", &wrong)
            .output()
            .unwrap();
        // without deep binding it goes wrong: the rule is there for something
        assert_eq!(output.status.code(), Some(expected), "deep {deep}: {}", text(&output));
        assert_eq!(text(&output).contains("false PMPI_Get_library_version"), !deep);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_libraries_of_this_machine_do_not_call_ours() {
    let folder = folder("preload");
    let wrong = false_library(&folder);
    for launcher in launchers() {
        let output = run(launcher, 2, "random", &[("LD_PRELOAD", &wrong)]);
        assert!(output.status.success(), "{}: {}", launcher.name, text(&output));
        assert!(text(&output).contains("others have the same names"), "{}", text(&output));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn handles_and_constants_are_those_of_the_installed_headers() {
    let program = r#"
        #include <mpi.h>
        #include <stdio.h>
        int main(void) {
        #ifndef OPEN_MPI
            printf("%x %x %x %x ", MPI_COMM_WORLD, MPI_BYTE, MPI_REQUEST_NULL, MPI_ERRORS_RETURN);
        #endif
            printf("%zu %zu %zu %zu %d %d %d", sizeof(MPI_Comm), sizeof(MPI_Datatype), sizeof(MPI_Request),
                   sizeof(MPI_Errhandler), MPI_ANY_SOURCE, MPI_THREAD_SERIALIZED, MPI_SUCCESS);
            return sizeof(MPI_Status) > 64 || MPI_MAX_LIBRARY_VERSION_STRING > 8192 || MPI_MAX_ERROR_STRING > 1024;
        }"#;
    let folder = folder("layout");
    let (source, binary) = (folder.join("layout.c"), folder.join("layout"));
    std::fs::write(&source, program).unwrap();
    for launcher in launchers() {
        if !in_path(launcher.compiler) {
            println!("skipped: there is no {}", launcher.compiler);
            continue;
        }
        let compiled = Command::new(launcher.compiler).arg("-o").arg(&binary).arg(&source).output().unwrap();
        assert!(compiled.status.success(), "{}", text(&compiled));
        let output = Command::new(&binary).output().unwrap();
        let expected = match launcher.name {
            "mpiexec.mpich" => "44000000 4c00010d 2c000000 54000001 4 4 4 4 -2 2 0",
            _ => "8 8 8 8 -1 2 0",
        };
        assert_eq!((text(&output).as_str(), output.status.success()), (expected, true), "{}", launcher.name);
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_library_that_is_none_is_a_sentence() {
    let join = |path: &str| Host::join(&Options { path: Some(path.into()) }).err().unwrap().to_string();
    assert!(join("/no/such/library.so").contains("/no/such/library.so"));
    assert!(join("libc.so.6").contains("MPI_Get_library_version"));
}
