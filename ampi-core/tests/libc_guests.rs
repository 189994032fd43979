//! libc as ranks see it: C programs run as several ranks of one process must behave as they do alone.
//!
//! Uses the worker and the test host of the loader's tests (`worker/worker.c`, `examples/guest_host.rs`).

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

struct Kit {
    dir: PathBuf,
    worker: PathBuf,
    private: PathBuf,
}

fn tool(program: &str, args: &[&str]) {
    let out = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(out.status.success(), "{program} {args:?}\n{}", String::from_utf8_lossy(&out.stderr));
}

fn text(p: &Path) -> String {
    p.display().to_string()
}

fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let profile = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
        let host = profile.join("examples/libguest_host.so");
        assert!(host.exists(), "{} is built by cargo test", host.display());
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libc_guests");
        std::fs::create_dir_all(&dir).unwrap();
        let (worker, private) = (dir.join("worker"), dir.join("libampi_private.so"));
        let rpath = format!("-Wl,-rpath,{}", text(&profile.join("examples")));
        let (source, h) = (text(&package.join("worker/worker.c")), text(&host));
        let flags =
            ["-O2", "-fPIE", "-ftls-model=local-exec", &source, "-pie", "-rdynamic", "-Wl,-z,now", &h];
        tool("cc", &[&flags[..], &[&rpath, "-o", &text(&worker)]].concat());
        let stub = text(&dir.join("libampi_test.so"));
        let source = text(&package.join("tests/guests/stub.c"));
        tool("cc", &["-shared", "-fPIC", &source, "-Wl,-soname,libampi_test.so", "-o", &stub]);
        let sources = std::fs::read_dir(package.join("c/private")).unwrap().map(|f| text(&f.unwrap().path()));
        let mut args: Vec<String> = sources.filter(|f| f.ends_with(".c")).collect();
        args.extend(
            ["-shared", "-fPIC", "-O2", "-fno-builtin", "-Wl,-soname,libampi_private.so", "-o"]
                .map(String::from),
        );
        args.extend([text(&private), "-lm".into()]);
        tool("cc", &args.iter().map(String::as_str).collect::<Vec<_>>());
        Kit { dir, worker, private }
    })
}

fn build(source: &str) -> PathBuf {
    let out = kit().dir.join(source.split('.').next().unwrap());
    let from = text(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/libc_guests").join(source));
    let cc = if source.ends_with("cpp") { "c++" } else { "cc" };
    tool(
        cc,
        &["-O1", "-g", "-w", &from, "-o", &text(&out), "-L", &text(&kit().dir), "-lampi_test", "-pthread"],
    );
    out
}

fn run(mut c: Command) -> Output {
    c.env("LD_LIBRARY_PATH", &kit().dir).env("FOO", "foo").stdin(Stdio::null()).output().unwrap()
}

fn alone(program: &Path, args: &[&str]) -> Output {
    let mut c = Command::new(program);
    c.args(args);
    run(c)
}

fn ranks(settings: &[&str], program: &Path, args: &[&str]) -> Output {
    let mut c = Command::new("timeout");
    c.arg("100").arg(&kit().worker).args(settings).arg(format!("private={}", text(&kit().private)));
    c.arg(program).args(args);
    run(c)
}

fn count(settings: &[&str]) -> usize {
    settings.iter().find_map(|s| s.strip_prefix("n=")).unwrap().parse().unwrap()
}

/// Every rank prints what the program prints alone (`times` times the same lines) and ends with the same code.
fn same_as_alone(ways: &[&[&str]], source: &str, args: &[&str]) -> String {
    let program = build(source);
    let expected = alone(&program, args);
    let want = String::from_utf8_lossy(&expected.stdout).into_owned();
    assert!(!want.is_empty() && want != "?\n", "{source} prints nothing alone");
    for settings in ways {
        let n = count(settings);
        let got = ranks(settings, &program, args);
        let out = String::from_utf8_lossy(&got.stdout).into_owned();
        let report =
            format!("{settings:?} {source} {args:?}\n{out}\n{}", String::from_utf8_lossy(&got.stderr));
        let codes = format!("codes {:?}\n", vec![expected.status.code().unwrap(); n]);
        let body = out.strip_suffix(&codes).unwrap_or_else(|| panic!("codes differ from {codes}{report}"));
        let sorted = |s: &str| {
            let mut v: Vec<_> = s.lines().map(String::from).collect();
            v.sort();
            v
        };
        assert_eq!(sorted(body), sorted(&want.repeat(n)), "{report}");
    }
    want
}

const ONE: &[&str] = &["n=1"];
const PLAIN: &[&str] = &["n=3"];
const BAKED: &[&str] = &["n=3", "map=baked"];
const THREADS: &[&str] = &["n=6", "threads=2"];
const MOVED: &[&str] = &["n=3", "move=1", "slot=128"];
const MOVED_THREADS: &[&str] = &["n=3", "move=1", "threads=2", "slot=128"];

#[test]
fn memory() {
    assert_eq!(same_as_alone(&[ONE, PLAIN, BAKED, THREADS, MOVED], "memory.c", &[]), "fine\n");
}

#[test]
fn the_end_comes_in_the_right_order() {
    for how in ["return", "exit", "handler", "quick", "now", "thread"] {
        // A rank whose threads run cannot move.
        let ways = [ONE, PLAIN, THREADS, MOVED];
        let out = same_as_alone(&ways[..if how == "thread" { 3 } else { 4 }], "ending.cpp", &[how]);
        assert!(out.contains("quick") || out.contains("now") || out.contains("destroy global"), "{out}");
    }
}

#[test]
fn threads_of_ranks() {
    assert_eq!(same_as_alone(&[ONE, PLAIN, THREADS], "threads.c", &[]), "fine\n");
}

#[test]
fn signals_of_ranks() {
    assert_eq!(same_as_alone(&[ONE, PLAIN, THREADS, MOVED], "signals.c", &[]), "fine\n");
}

#[test]
fn files_directories_and_children() {
    let out = same_as_alone(&[ONE, PLAIN, THREADS, MOVED, MOVED_THREADS], "files.c", &[]);
    assert!(
        out.contains("child got [] foo") && out.contains("shell error") && out.contains("one t|wo"),
        "{out}"
    );
}

#[test]
fn ranks_of_one_pe_sleep_at_the_same_time() {
    for how in ["usleep", "nanosleep", "poll", "select", "thread", "wait"] {
        assert_eq!(same_as_alone(&[&["n=5"]], "sleep.c", &[how]), "fine\n");
    }
}

#[test]
fn what_a_rank_does_wrong_is_said_in_a_sentence() {
    let program = build("wrong.c");
    for (how, code, words) in [
        ("double", 134, "free(): double free or corrupted block 0x10"),
        ("inside", 134, "free(): invalid pointer 0x10"),
        ("stack", 134, "free(): invalid pointer 0x10"),
        ("abort", 134, "called abort()"),
        ("failed", 134, "Assertion `argc == 0' failed"),
        ("exec", 126, "called exec of /bin/true"),
        ("term", 143, "was ended by signal 15 (SIGTERM)"),
    ] {
        let out = ranks(PLAIN, &program, &[how]);
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(code) && err.contains(words), "{how}: {:?}\n{err}", out.status);
    }
}
