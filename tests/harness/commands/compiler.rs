//! `ampicc` and `ampicxx` with real compilers and build systems.

use super::{HELLO, LIMIT, Test, call, command, ended, folder, has, program, write};
use crate::process::{Outcome, run};
use crate::tree;
use std::path::Path;
use std::process::Command;

pub const ALL: &[Test] = &[
    ("ampicc answers every dialect of -show", dialects),
    ("ampicc refuses an unknown -show", unknown_show),
    ("ampicc passes questions to the compiler", questions),
    ("ampicc compiles in steps, makes libraries, reads response files", steps),
    ("ampicc takes another compiler from -cc= and the environment", other_compilers),
    ("ampicc accepts the flags of Charm++", charm_flags),
    ("ampicxx under all its names compiles C++", cxx_names),
    ("clang sees no unused argument", clang),
    ("a flag that protects $ORIGIN and quotes arrives unharmed", quoting),
    ("CMake's FindMPI finds us and its program runs", cmake),
    ("pkg-config gives flags that work", pkg_config),
    ("autoconf's -lmpi links", lmpi),
];

fn dialects() -> Result<(), String> {
    let root = tree::root();
    let (include, lib) = (format!("-I{}/include", root.display()), format!("-L{}/lib", root.display()));
    for (question, parts) in [
        ("-show", &[include.as_str(), lib.as_str(), "-lmpi_abi"][..]),
        ("-showme", &[&include, &lib]),
        ("--showme:compile", &[&include]),
        ("-showme:link", &[&lib, "-Wl,-rpath,", "-lmpi_abi"]),
        ("-showme:libs", &["mpi_abi"]),
        ("-showme:command", &["cc"]),
        ("-showme:version", &["MPI 5.0"]),
        ("-showme:help", &["-showme:incdirs"]),
        ("-compile-info", &[&include]),
        ("-compile_info", &[&include]),
        ("-link-info", &[&lib]),
        ("-link_info", &[&lib]),
    ] {
        let o = ended(call("ampicc", &[question])?, 0)?;
        for part in parts {
            has(question, &o.stdout, part)?;
        }
    }
    for (question, folder) in [("-showme:incdirs", "include"), ("-showme:libdirs", "lib")] {
        let o = ended(call("ampicc", &[question])?, 0)?;
        if o.stdout.trim() != root.join(folder).display().to_string() {
            return Err(format!("{question}: {}", o.told()));
        }
    }
    let o = ended(call("ampicc", &["-show", "-c", "x.c"])?, 0)?;
    if o.stdout.contains("-lmpi_abi") { Err(format!("-show -c links: {}", o.told())) } else { Ok(()) }
}

fn unknown_show() -> Result<(), String> {
    let o = ended(call("ampicc", &["-showme:everything"])?, 1)?;
    has("stderr", &o.stderr, "unknown option -showme:everything")
}

fn questions() -> Result<(), String> {
    has("--version", &ended(call("ampicc", &["--version"])?, 0)?.stdout, "(")?;
    has("-dumpmachine", &ended(call("ampicc", &["-dumpmachine"])?, 0)?.stdout, "linux")?;
    has("-v", &ended(call("ampicc", &["-v"])?, 0)?.stderr, "version")?;
    let o = run(&mut command("ampicc", &["-E", "-dM", "-x", "c", "-"]), "#include <mpi.h>\n", LIMIT)?;
    has("the macros", &ended(o, 0)?.stdout, "MPI_VERSION")
}

/// Runs a wrapper in `folder`.
fn wrap(folder: &Path, name: &str, args: &[&str]) -> Result<Outcome, String> {
    ended(run(command(name, args).current_dir(folder), "", LIMIT)?, 0)
}

/// Runs a program on two ranks.
fn two_ranks(exe: &Path) -> Result<(), String> {
    let o = run(command("ampirun", &["-n", "2"]).arg(exe), "", LIMIT)?;
    let o = ended(o, 0)?;
    has("stdout", &o.stdout, "rank 0 of 2")?;
    has("stdout", &o.stdout, "rank 1 of 2")
}

fn steps() -> Result<(), String> {
    let folder = folder()?;
    let here = folder.path();
    write(&here.join("a.c"), HELLO)?;
    write(
        &here.join("b.c"),
        "#include <mpi.h>\nint twice(int x) { static int calls; calls++; return 2 * x; }\n",
    )?;
    wrap(here, "ampicc", &["-Wall", "-Werror", "-MMD", "-MF", "a.d", "-c", "a.c"])?;
    has("a.d", &std::fs::read_to_string(here.join("a.d")).unwrap_or_default(), "mpi.h")?;
    wrap(here, "ampicc", &["-o", "one", "a.o"])?;
    two_ranks(&here.join("one"))?;
    wrap(here, "ampicc", &["-fPIC", "-shared", "-o", "libb.so", "b.c"])?;
    write(&here.join("link.rsp"), "-o two a.o \"-L.\" -lb -Wl,-rpath,'$ORIGIN'\n")?;
    wrap(here, "ampicc", &["@link.rsp"])?;
    two_ranks(&here.join("two"))?;
    write(&here.join("compile.rsp"), "-c a.c -o 'c d.o'\n")?;
    wrap(here, "ampicc", &["@compile.rsp"])?;
    if here.join("c d.o").exists() { Ok(()) } else { Err("@compile.rsp made no object".into()) }
}

fn other_compilers() -> Result<(), String> {
    has("-cc=", &ended(call("ampicc", &["-cc=clang", "-show"])?, 0)?.stdout, "clang ")?;
    for name in ["AMPI_CC", "MPICH_CC", "OMPI_CC", "I_MPI_CC"] {
        let o = run(command("ampicc", &["-show"]).env(name, "my-cc"), "", LIMIT)?;
        has(name, &ended(o, 0)?.stdout, "my-cc ")?;
    }
    let o = run(command("ampicc", &["-c", "x.c"]).env("AMPI_CC", "no-such-compiler"), "", LIMIT)?;
    has("stderr", &ended(o, 1)?.stderr, "cannot start the compiler no-such-compiler")
}

fn charm_flags() -> Result<(), String> {
    let folder = folder()?;
    let flags = [
        "-tlsglobals",
        "-memory",
        "isomalloc",
        "-module",
        "CommonLBs",
        "-balancer",
        "GreedyLB",
        "-standalone",
    ];
    two_ranks(&program(folder.path(), "ampicc", HELLO, &flags)?)?;
    write(&folder.path().join("x.c"), "int x;\n")?;
    let o = wrap(folder.path(), "ampicc", &["-verbose", "-pieglobals", "-c", "x.c"])?;
    has("the note", &o.stderr, "-pieglobals is not needed")?;
    has("the command", &o.stderr, "-fPIE -c x.c")
}

fn cxx_names() -> Result<(), String> {
    let folder = folder()?;
    let source = "#include <mpi.h>\n#include <iostream>\nint main(int c, char **v) { MPI_Init(&c, &v); int r, n; \
                  MPI_Comm_rank(MPI_COMM_WORLD, &r); MPI_Comm_size(MPI_COMM_WORLD, &n); \
                  std::cout << \"rank \" << r << \" of \" << n << std::endl; MPI_Finalize(); }\n";
    for name in ["ampicxx", "ampiCC", "ampic++", "mpicxx.ampi", "mpi/mpicxx", "mpi/mpic++", "mpi/mpiCC"] {
        two_ranks(&program(folder.path(), name, source, &[])?).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(())
}

fn clang() -> Result<(), String> {
    let folder = folder()?;
    two_ranks(&program(folder.path(), "ampicc", HELLO, &["-cc=clang"])?)?;
    write(&folder.path().join("a.c"), HELLO)?;
    let flags = ["-cc=clang", "-Werror", "-Wunused-command-line-argument"];
    wrap(folder.path(), "ampicc", &[&flags[..], &["-c", "a.c"]].concat())?;
    wrap(folder.path(), "ampicc", &[&flags[..], &["-o", "a", "a.o"]].concat())?;
    two_ranks(&folder.path().join("a"))
}

fn quoting() -> Result<(), String> {
    let folder = folder()?;
    let source = HELLO.replace("getenv(\"WORD\")", "TEXT");
    let flags = ["-DTEXT=\"a b's $HOME\"", "-Wl,-rpath,$ORIGIN/some where", "-isystem", "/usr/include"];
    let exe = program(folder.path(), "ampicc", &source, &flags)?;
    let o = ended(run(command("ampirun", &["-n", "1"]).arg(&exe), "", LIMIT)?, 0)?;
    has("stdout", &o.stdout, "rank 0 of 1 a b's $HOME")?;
    let o = ended(run(Command::new("readelf").arg("-d").arg(&exe), "", LIMIT)?, 0)?;
    has("the runpath", &o.stdout, "$ORIGIN/some where")
}

fn cmake() -> Result<(), String> {
    let folder = folder()?;
    let here = folder.path();
    write(&here.join("hello.c"), HELLO)?;
    write(&here.join("hello.cpp"), "#include <mpi.h>\nint cxx() { return MPI_VERSION; }\n")?;
    write(
        &here.join("CMakeLists.txt"),
        "cmake_minimum_required(VERSION 3.13)\nproject(x C CXX)\nfind_package(MPI REQUIRED COMPONENTS C CXX)\n\
         message(STATUS \"found ${MPI_C_VERSION} ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG}\")\n\
         add_library(part SHARED hello.cpp)\ntarget_link_libraries(part MPI::MPI_CXX)\n\
         add_executable(hello hello.c)\ntarget_link_libraries(hello MPI::MPI_C part)\n\
         set_target_properties(hello PROPERTIES POSITION_INDEPENDENT_CODE ON)\n",
    )?;
    // As users do it: the names of other MPIs, first in PATH.
    let bin = tree::bin("mpi").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let mut configure = Command::new("cmake");
    let o =
        ended(run(configure.args(["-B", "build", "."]).current_dir(here).env("PATH", &path), "", LIMIT)?, 0)?;
    has("the configuration", &o.stdout, &format!("{bin}/mpiexec -n"))?;
    has("the configuration", &o.stdout, "found 5.0")?;
    ended(
        run(
            Command::new("cmake").args(["--build", "build"]).current_dir(here).env("PATH", &path),
            "",
            LIMIT,
        )?,
        0,
    )?;
    two_ranks(&here.join("build/hello"))
}

fn pkg_config() -> Result<(), String> {
    for (folder_name, package) in
        [("lib/pkgconfig", "ampi"), ("lib/pkgconfig", "ampi-c"), ("lib/ampi/pkgconfig", "mpi")]
    {
        let folder = folder()?;
        let path = tree::root().join(folder_name);
        let mut ask = Command::new("pkg-config");
        let o = run(ask.args(["--cflags", "--libs", package]).env("PKG_CONFIG_PATH", &path), "", LIMIT)?;
        let flags = ended(o, 0)?.stdout;
        write(&folder.path().join("a.c"), HELLO)?;
        let mut compile = Command::new("gcc");
        compile.args(["-o", "a", "a.c"]).args(flags.split_whitespace()).current_dir(folder.path());
        ended(run(&mut compile, "", LIMIT)?, 0)?;
        two_ranks(&folder.path().join("a")).map_err(|why| format!("{package}: {why}"))?;
    }
    Ok(())
}

fn lmpi() -> Result<(), String> {
    let folder = folder()?;
    write(&folder.path().join("a.c"), HELLO)?;
    let root = tree::root().display().to_string();
    let mut compile = Command::new("gcc");
    compile.args(["-o", "a", "a.c", &format!("-I{root}/include"), &format!("-L{root}/lib"), "-lmpi"]);
    compile.arg(format!("-Wl,-rpath,{root}/lib")).current_dir(folder.path());
    ended(run(&mut compile, "", LIMIT)?, 0)?;
    two_ranks(&folder.path().join("a"))
}
