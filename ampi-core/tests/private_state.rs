//! `libampi_private.so` against glibc: small C programs must print the same with and without the library preloaded.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cc(out: &Path, args: impl IntoIterator<Item = impl AsRef<OsStr>>) {
    let r = Command::new("cc").arg("-o").arg(out).args(args).output().expect("a C compiler");
    assert!(r.status.success(), "cc: {}", String::from_utf8_lossy(&r.stderr));
}

/// The private library with a shim for the runtime's services.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libprivate_under_test.so");
        let sources = std::fs::read_dir(here().join("c/private")).unwrap().map(|e| e.unwrap().path());
        let mut args: Vec<PathBuf> = sources.filter(|p| p.extension() == Some(OsStr::new("c"))).collect();
        assert!(args.len() >= 10, "sources of the private library");
        args.push(here().join("tests/private_state/shim.c"));
        args.extend(
            ["-O2", "-fPIC", "-shared", "-fno-builtin", "-Wall", "-Werror", "-lm"].map(PathBuf::from),
        );
        cc(&out, args);
        out
    })
}

struct Program(PathBuf);

impl Program {
    fn new(name: &str) -> Self {
        Self::with(name, &[])
    }

    fn with(name: &str, flags: &[&str]) -> Self {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}{}", flags.concat()));
        let source = here().join("tests/private_state").join(format!("{name}.c"));
        let fixed = ["-O1", "-w", "-lm"].iter().chain(flags).map(PathBuf::from);
        cc(&out, std::iter::once(source).chain(fixed));
        Program(out)
    }

    fn run(&self, args: &[&str], env: &[(&str, &str)], input: &str, preload: Option<&Path>) -> Output {
        let mut c = Command::new(&self.0);
        c.args(args).env_clear().env("PATH", "/usr/bin:/bin").envs(env.iter().copied());
        if let Some(p) = preload {
            c.env("LD_PRELOAD", p);
        }
        let mut child =
            c.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Runs it both ways; everything observable must be equal, and there must be something to observe.
    fn compare(&self, args: &[&str], env: &[(&str, &str)], input: &str) -> String {
        let theirs = self.run(args, env, input, None);
        let ours = self.run(args, env, input, Some(library()));
        let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
        let what = format!("{} {args:?} {env:?}", self.0.display());
        assert!(!theirs.stdout.is_empty(), "{what} prints nothing");
        assert_eq!(text(&ours.stderr), text(&theirs.stderr), "stderr of {what}");
        assert_eq!(text(&ours.stdout), text(&theirs.stdout), "stdout of {what}");
        assert_eq!(ours.status, theirs.status, "exit of {what}");
        text(&ours.stdout) + &text(&ours.stderr)
    }
}

#[test]
fn options_are_parsed_and_reported_as_glibc_does() {
    let p = Program::new("options");
    let words = [
        &["-a", "x", "-b", "v", "y", "-c", "-cv", "-c", "v", "z"][..],
        &["x", "-ab", "v", "--", "-a", "y"],
        &["x", "y", "-a", "--", "z", "-b"],
        &["-z", "-b"],
        &["-", "-a", "-"],
        &["--verbose", "x", "--out=5", "--outp", "5", "--output", "6", "--optional", "--optional=7"],
        &["--ver", "--verb", "--o=1", "--op", "--nope", "--flag=3", "--flag", "--out-dir"],
        &["--alias", "--alias-", "--x", "-x", "-xa", "-verbose", "-out", "f", "-nope"],
        &["-W", "verbose", "-Woutput=3", "-W", "output", "q", "-Wnope", "-W"],
        &["-v", "--output"],
        &[],
    ];
    for shorts in ["ab:c::v", "+ab:c::v", "-ab:c::v", ":ab:c::v", "-:ab:c::v", "ab:c::vW;"] {
        for mode in ["short", "long", "only"] {
            for w in &words {
                let args: Vec<&str> = [mode, shorts].iter().chain(w.iter()).copied().collect();
                p.compare(&args, &[], "");
            }
        }
        let args = ["long", shorts, "x", "-a", "y", "--verbose"];
        p.compare(&args, &[("POSIXLY_CORRECT", "1")], "");
    }
}

#[test]
fn random_numbers_and_digits_are_glibcs() {
    assert!(Program::new("numbers").compare(&[], &[], "").starts_with("846930886 1804289383 "));
}

#[test]
fn strings_time_environment_and_children_agree() {
    let out = Program::new("state").compare(&[], &[], "");
    assert!(out.contains("child sees VAR99 First") && out.contains("popen sees VAR98"), "{out}");
    // Addresses of environ, optind and the like copied into the executable.
    Program::with("state", &["-no-pie", "-fno-pic"]).compare(&[], &[], "");
}

#[test]
fn messages_agree() {
    let p = Program::new("messages");
    for how in ["", "e", "x", "r", "a"] {
        p.compare(&[how], &[], "");
    }
}

const INPUT: &str = "12 -7 word\nrest of line\nthird line\nfourth\nlast without newline";

#[test]
fn standard_streams_agree() {
    for flags in [&[][..], &["-O2", "-D_FORTIFY_SOURCE=2"]] {
        let p = Program::with("streams", flags);
        for how in ["", "c", "r"] {
            p.compare(&[how], &[], INPUT);
        }
    }
}

#[test]
fn wide_streams_and_locales_agree() {
    let out = Program::new("wide").compare(&[], &[], "\u{e4}\u{20ac} wide input\nsecond \u{1f600}\n");
    assert!(out.contains("second \u{1f600}"), "{out}");
}
