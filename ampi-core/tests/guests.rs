//! Programs as private images, end to end: compiles the guests of `tests/guests`, builds a worker from `worker/worker.c`
//! and the test host (`examples/guest_host.rs`), runs several ranks of each guest in one process and compares output.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

struct Kit {
    dir: PathBuf,
    worker: PathBuf,
    private_lib: PathBuf,
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests")
}

fn tool(program: &str, args: &[&str]) {
    let out = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(out.status.success(), "{program} {args:?}\n{}", String::from_utf8_lossy(&out.stderr));
}

fn has(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|o| o.status.success())
}

/// Worker, stub library and private library, built once.
fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(|| {
        // target/<profile>/deps/guests-... -> target/<profile>/examples
        let profile = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().to_path_buf();
        let host = profile.join("examples/libguest_host.so");
        // `cargo test --test guests` alone does not build examples.
        let release: &[&str] = if profile.ends_with("release") { &["--release"] } else { &[] };
        let mut cargo = vec!["build", "--quiet", "-p", "ampi-core", "--example", "guest_host"];
        cargo.extend(release);
        tool(env!("CARGO"), &cargo);
        let dir = profile.join("guests");
        std::fs::create_dir_all(&dir).unwrap();
        let worker = dir.join("worker");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = |p: &Path| p.display().to_string();
        let source = text(&package.join("worker/worker.c"));
        let (w, h) = (text(&worker), text(&host));
        let rpath = format!("-Wl,-rpath,{}", profile.join("examples").display());
        tool(
            "cc",
            &[
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                "-fPIE",
                "-ftls-model=local-exec",
                &source,
                "-pie",
                "-rdynamic",
                "-Wl,-z,now",
                &h,
                &rpath,
                "-o",
                &w,
            ],
        );
        let stub = text(&dir.join("libampi_test.so"));
        tool(
            "cc",
            &[
                "-shared",
                "-fPIC",
                &text(&sources().join("stub.c")),
                "-Wl,-soname,libampi_test.so",
                "-o",
                &stub,
            ],
        );
        let private_lib = dir.join("libampi_private.so");
        let mut args: Vec<String> = std::fs::read_dir(package.join("c/private"))
            .unwrap()
            .map(|f| text(&f.unwrap().path()))
            .filter(|f| f.ends_with(".c"))
            .collect();
        args.extend(
            ["-shared", "-fPIC", "-O2", "-w", "-Wl,-soname,libampi_private.so", "-o"].map(String::from),
        );
        args.push(text(&private_lib));
        tool("cc", &args.iter().map(String::as_str).collect::<Vec<_>>());
        Kit { dir, worker, private_lib }
    })
}

/// Compiles a guest; `name` distinguishes variants.
fn build(compiler: &str, source: &str, name: &str, flags: &[&str]) -> PathBuf {
    let k = kit();
    let out = k.dir.join(name);
    let (from, to, lib) =
        (sources().join(source), out.display().to_string(), format!("-L{}", k.dir.display()));
    let from = from.display().to_string();
    let mut args = vec!["-O1", "-g", from.as_str(), "-o", to.as_str()];
    args.extend(flags);
    args.extend([lib.as_str(), "-lampi_test"]);
    tool(compiler, &args);
    out
}

fn run(settings: &[&str], program: &Path, args: &[&str]) -> Output {
    let k = kit();
    let mut c = Command::new("timeout");
    c.arg("120")
        .arg(&k.worker)
        .args(settings)
        .arg(format!("private={}", k.private_lib.display()))
        .arg(program)
        .args(args);
    c.env("AMPI_TEST_VARIABLE", "value").env("LD_LIBRARY_PATH", &k.dir).current_dir(&k.dir).output().unwrap()
}

/// Runs a guest and demands that every rank printed `line` (with R replaced by its number) and ended well.
fn expect(settings: &[&str], program: &Path, args: &[&str], line: &str) -> String {
    let out = run(settings, program, args);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut report = String::new();
    let _ = write!(
        report,
        "{settings:?} {}\n{text}\n{}",
        program.display(),
        String::from_utf8_lossy(&out.stderr)
    );
    assert!(out.status.success(), "{:?}\n{report}", out.status);
    let n = settings.iter().find_map(|s| s.strip_prefix("n=")).map_or(4, |n| n.parse().unwrap());
    for r in 0..n {
        let want = line.replace('R', &r.to_string());
        assert_eq!(text.lines().filter(|l| l.trim() == want).count(), 1, "no line {want:?}\n{report}");
    }
    text
}

/// One image per rank however it is mapped, whichever thread runs it, and after its bytes were moved.
const WAYS: &[&[&str]] = &[
    &["n=4"],
    &["n=3", "map=baked"],
    &["n=16", "threads=2"],
    &["n=3", "move=1", "slot=64"],
    &["n=3", "move=1", "threads=2", "slot=64"],
];

#[test]
fn globals_and_thread_locals_are_private() {
    let args: &[&str] = &["one", "two words"];
    let variants: &[(&str, &[&str])] = &[
        ("variables", &[]),
        ("variables-now", &["-Wl,-z,now", "-fno-plt"]),
        ("variables-lazy", &["-Wl,-z,lazy", "-fcf-protection=none"]),
        ("variables-relr", &["-Wl,-z,pack-relative-relocs"]),
        ("variables-large", &["-mcmodel=large", "-fPIE"]),
        ("variables-stack-protector", &["-fstack-protector-all"]),
        ("variables-gd", &["-fPIC", "-ftls-model=global-dynamic", "-Wl,--no-relax"]),
        ("variables-desc", &["-fPIC", "-mtls-dialect=gnu2", "-Wl,--no-relax"]),
        ("variables-page", &["-Wl,-z,max-page-size=0x200000"]),
    ];
    for (name, flags) in variants {
        let program = build("cc", "variables.c", name, flags);
        expect(&["n=4"], &program, args, "rank R of 4 fine");
    }
    let program = kit().dir.join("variables");
    for way in WAYS {
        let n = way[0].strip_prefix("n=").unwrap();
        expect(way, &program, args, &format!("rank R of {n} fine"));
    }
}

#[test]
fn lld_layout_is_loaded_segment_by_segment() {
    // rustc brings an lld along on every machine that can build this; clang or gcc may find one too.
    let found = ["-fuse-ld=lld", "-fuse-ld=mold"].iter().find(|f| {
        let args = ["-x", "c", "-", "-shared", "-o", "/dev/null", f];
        Command::new("cc")
            .args(args)
            .stdin(std::process::Stdio::null())
            .output()
            .is_ok_and(|o| o.status.success())
    });
    let Some(flag) = found else {
        eprintln!("no other linker than ld here; skipped");
        return;
    };
    let program = build("cc", "variables.c", "variables-other-linker", &[flag]);
    expect(&["n=4"], &program, &["one", "two words"], "rank R of 4 fine");
}

#[test]
fn libraries_copy_relocations_and_interposition() {
    let k = kit();
    let lib = |name: &str, flags: &[&str]| {
        let (from, to) = (sources().join("lib_b.c"), k.dir.join(name));
        let (from, to) = (from.display().to_string(), to.display().to_string());
        let mut args = vec!["-shared", "-fPIC", "-O1", from.as_str(), "-o", to.as_str()];
        args.extend(flags);
        tool("cc", &args);
    };
    lib("libb.so", &["-Wl,-soname,libb.so"]);
    lib("libbdesc.so", &["-Wl,-soname,libbdesc.so", "-mtls-dialect=gnu2"]);
    lib("libbsysv.so", &["-Wl,-soname,libbsysv.so", "-Wl,--hash-style=sysv", "-ftls-model=initial-exec"]);
    let here = format!("-L{}", k.dir.display());
    for (name, flag) in [("libs", "-lb"), ("libs-desc", "-lbdesc"), ("libs-sysv", "-lbsysv")] {
        let program = build("cc", "libs.c", name, &[&here, flag]);
        let text = expect(&["n=4"], &program, &[], "rank R libs fine");
        assert_eq!(text.matches("library destructor").count(), 4, "{text}");
    }
    for way in WAYS {
        expect(way, &k.dir.join("libs"), &[], "rank R libs fine");
    }
}

#[test]
fn cxx_objects_and_exceptions() {
    for (name, flags) in [
        ("cxx", &[][..]),
        ("cxx-static-libs", &["-static-libstdc++", "-static-libgcc"][..]),
        ("cxx-old-tables", &["-O0", "-fno-pie", "-fPIE", "-Wl,-z,lazy"][..]),
    ] {
        let program = build("c++", "cxx.cpp", name, flags);
        let text = expect(&["n=4"], &program, &[], "rank R 1.5 cxx fine");
        for r in 0..4 {
            assert!(text.contains(&format!("rank {r} static object destroyed with {}", 3 + r)), "{text}");
        }
    }
    for way in WAYS {
        expect(way, &kit().dir.join("cxx"), &[], "rank R 1.5 cxx fine");
    }
    // A private copy of the unwinder works as well as the shared one.
    expect(&["n=3", "privatelib=libgcc_s"], &kit().dir.join("cxx"), &[], "rank R 1.5 cxx fine");
}

#[test]
fn fortran_units_are_private() {
    if !has("gfortran") {
        eprintln!("no gfortran here; skipped");
        return;
    }
    let dir = kit().dir.display().to_string();
    let program = build("gfortran", "fortran.f90", "fortran", &["-J", &dir]);
    expect(&["n=4"], &program, &[], "rank R fortran fine");
    expect(&["n=4", "map=baked"], &program, &[], "rank R fortran fine");
    expect(&["n=8", "threads=2"], &program, &[], "rank R fortran fine");
}

#[test]
fn dlopen_gives_each_rank_its_own_plugin() {
    let plugin = kit().dir.join("plugin.so");
    let (from, to) = (sources().join("plugin.cpp").display().to_string(), plugin.display().to_string());
    for dialect in ["-mtls-dialect=gnu", "-mtls-dialect=gnu2"] {
        tool("c++", &["-shared", "-fPIC", "-O1", dialect, &from, "-o", &to]);
        let program = build("c++", "dl.cpp", "dl", &["-rdynamic"]);
        for way in [
            &["n=4"][..],
            &["n=3", "map=baked"],
            &["n=8", "threads=2"],
            &["n=3", "debugger=1"],
            &["n=3", "move=1", "slot=64"],
        ] {
            expect(way, &program, &[&to], "rank R dl fine");
        }
    }
}

#[test]
fn threads_of_a_rank_have_its_variables() {
    let program = build("c++", "threads.cpp", "threads", &["-pthread"]);
    expect(&["n=4"], &program, &[], "rank R threads fine");
    expect(&["n=8", "threads=2"], &program, &[], "rank R threads fine");
}

#[test]
fn openmp_teams_are_private() {
    let program = build("cc", "openmp.c", "openmp", &["-fopenmp"]);
    expect(&["n=4"], &program, &[], "rank R openmp fine");
    expect(&["n=8", "threads=2"], &program, &[], "rank R openmp fine");
}

#[test]
fn rust_programs_run_unchanged() {
    let k = kit();
    let (from, to) = (sources().join("rust.rs").display().to_string(), k.dir.join("rust"));
    let here = k.dir.display().to_string();
    tool(
        "rustc",
        &[
            "--edition=2024",
            "-Copt-level=1",
            &from,
            "-L",
            &here,
            "-lampi_test",
            "-o",
            &to.display().to_string(),
        ],
    );
    for way in WAYS {
        expect(way, &to, &[], "rank R rust fine");
    }
}

#[test]
fn one_image_for_all_ranks() {
    let program = build("cc", "shared_image.c", "shared_image", &[]);
    for way in [&["n=5", "isolate=none"][..], &["n=5", "isolate=none", "threads=2"]] {
        let text = expect(way, &program, &[], "rank R shared image fine");
        assert_eq!(text.matches("destroyed once, counted 5").count(), 1, "{text}");
    }
}

#[test]
fn a_thousand_ranks_fit() {
    let program = kit().dir.join("variables");
    build("cc", "variables.c", "variables", &[]);
    let text = expect(&["n=1000", "stats=1"], &program, &["one", "two words"], "rank R of 1000 fine");
    let line = text.lines().find(|l| l.starts_with("stats first step")).expect("statistics");
    let number = |unit: &str| -> f64 {
        let before = &line[..line.find(unit).unwrap()];
        before.trim().rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(number("mappings") < 6.0 && number("KiB dirty") < 80.0, "{line}");
}

/// Error text of a program that must be refused.
fn refused(program: &Path) -> String {
    let out = run(&["n=2"], program, &[]);
    assert_eq!(out.status.code(), Some(2), "{}", String::from_utf8_lossy(&out.stdout));
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains(&program.display().to_string()), "{text}");
    text
}

#[test]
fn what_cannot_be_private_is_refused_with_advice() {
    let k = kit();
    let variant = |name: &str, flags: &[&str]| build("cc", "missing.c", name, flags);
    let undefined = "-Wl,--unresolved-symbols=ignore-all";
    assert!(refused(&variant("no-pie", &["-no-pie", undefined])).contains("relink with -pie"));
    assert!(refused(&k.dir.join("libampi_test.so")).contains("shared library, not a program"));
    assert!(refused(&k.dir.join("does-not-exist")).contains("No such file"));
    let script = k.dir.join("script.sh");
    std::fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    assert!(refused(&script).contains("script"));
    let text = k.dir.join("text");
    std::fs::write(&text, "hello").unwrap();
    assert!(refused(&text).contains("not an ELF file"));
    let needs = k.dir.join("libgone.so");
    tool(
        "cc",
        &["-shared", "-x", "c", "/dev/null", "-Wl,-soname,libgone.so", "-o", &needs.display().to_string()],
    );
    let here = format!("-L{}", k.dir.display());
    let program = variant("needs-gone", &[undefined, &here, "-Wl,--no-as-needed", "-lgone"]);
    std::fs::remove_file(&needs).unwrap();
    let message = refused(&program);
    assert!(message.contains("libgone.so") && message.contains("LD_LIBRARY_PATH"), "{message}");
    if Command::new("cc")
        .args(["-fsanitize=address", "-x", "c", "/dev/null", "-shared", "-o", "/dev/null"])
        .output()
        .is_ok_and(|o| o.status.success())
    {
        assert!(refused(&variant("asan", &[undefined, "-fsanitize=address"])).contains("sanitizer"));
    }
    // -m32 and other processors: a changed header is enough.
    let mut bytes = std::fs::read(&program).unwrap();
    bytes[18] = 183;
    let other = k.dir.join("aarch64");
    std::fs::write(&other, &bytes).unwrap();
    assert!(refused(&other).contains("another processor"));
}

#[test]
fn static_pie_is_refused() {
    let k = kit();
    let (from, to) = (sources().join("missing.c").display().to_string(), k.dir.join("static-pie"));
    let to_text = to.display().to_string();
    let args = ["-static-pie", "-O1", "-Ddefined_nowhere()=0", &from, "-o", &to_text];
    if !Command::new("cc").args(args).output().is_ok_and(|o| o.status.success()) {
        eprintln!("no static C library here; skipped");
        return;
    }
    assert!(refused(&to).contains("static-pie"));
}

#[test]
fn calling_an_undefined_function_names_it() {
    // Linked against a library that has the function, run with one that lacks it.
    let lib = kit().dir.join("libchanged.so").display().to_string();
    let compile = |code: &str| {
        let source = kit().dir.join("changed.c");
        std::fs::write(&source, code).unwrap();
        tool(
            "cc",
            &["-shared", "-fPIC", &source.display().to_string(), "-Wl,-soname,libchanged.so", "-o", &lib],
        );
    };
    compile("void defined_nowhere(void) {}");
    let here = format!("-L{}", kit().dir.display());
    let program = build("cc", "missing.c", "missing", &[&here, "-lchanged"]);
    compile("int something_else;");
    let out = run(&["n=2"], &program, &[]);
    assert_eq!(out.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&out.stderr).contains("defined_nowhere"));
}

#[test]
fn explain_says_what_is_private_and_why() {
    let program = build("c++", "cxx.cpp", "cxx-explain", &[]);
    let out = run(&["explain=1"], &program, &[]);
    let text = String::from_utf8_lossy(&out.stdout);
    let (private, shared) = text.split_once("shared by all ranks:").expect("two parts");
    assert!(private.contains("libstdc++.so.6") && private.contains("needed by cxx-explain"), "{text}");
    assert!(private.contains("relative") && private.contains("thread-local"), "{text}");
    assert!(shared.contains("libc.so.6") && shared.contains("libgcc_s.so.1"), "{text}");
}
