//! What the system must have, and how to get it: one table. On Debian and Ubuntu, as root, missing packages are
//! installed; elsewhere the exact command is told.

use crate::run::run;
use std::path::Path;
use std::process::Command;

/// For what a package is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    Build,
    Test,
    Bench,
}

/// How one sees that a package is there.
enum Sign {
    /// A command in PATH.
    Command(&'static str),
    /// A file whose path starts and ends so (`/usr/lib/llvm-`, `/libclang.so`).
    File(&'static str, &'static str),
}

struct Package {
    name: &'static str,
    sign: Sign,
    needed_for: For,
    why: &'static str,
}

const fn package(name: &'static str, sign: Sign, needed_for: For, why: &'static str) -> Package {
    Package { name, sign, needed_for, why }
}

const PACKAGES: &[Package] = &[
    package("gcc", Sign::Command("gcc"), For::Build, "links the library, compiles the C parts"),
    package("libc6-dev", Sign::File("/usr/include/", "/stdio.h"), For::Build, "headers of libc"),
    package("g++", Sign::Command("g++"), For::Test, "programs in C++"),
    package("gfortran", Sign::Command("gfortran"), For::Test, "programs in Fortran"),
    package("clang", Sign::Command("clang"), For::Test, "programs of another compiler"),
    package("libclang-dev", Sign::File("/usr/lib/llvm-", "/lib/libclang.so"), For::Test, "rsmpi's bindgen"),
    package("cmake", Sign::Command("cmake"), For::Test, "FindMPI must find us"),
    package("make", Sign::Command("make"), For::Test, "cmake's default generator"),
    package("pkg-config", Sign::Command("pkg-config"), For::Test, "our .pc files are tried"),
    package(
        "mpich",
        Sign::Command("mpiexec.mpich"),
        For::Test,
        "programs must write what they write under MPICH",
    ),
    package("libmpich-dev", Sign::Command("mpicc.mpich"), For::Test, "the same"),
    package(
        "libfabric-dev",
        Sign::File("/usr/include/rdma/", "/fi_tagged.h"),
        For::Test,
        "links by libfabric, their layouts",
    ),
    package("gdb", Sign::Command("gdb"), For::Test, "a debugger must work inside a rank"),
    package("openmpi-bin", Sign::Command("mpirun.openmpi"), For::Bench, "a peer to measure"),
    package("libopenmpi-dev", Sign::Command("mpicc.openmpi"), For::Bench, "the same"),
];

/// Makes sure that everything needed for `purpose` is there.
pub fn need(purpose: For) -> Result<(), String> {
    let missing: Vec<&Package> =
        PACKAGES.iter().filter(|p| p.needed_for <= purpose && !present(&p.sign)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for package in &missing {
        println!("Missing: {} ({}).", package.name, package.why);
    }
    let names: Vec<&str> = missing.iter().map(|p| p.name).collect();
    let command = format!("apt-get install -y --no-install-recommends {}", names.join(" "));
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err(format!("Install what is missing. On Debian it would be: {command}"));
    }
    if !is_root() {
        return Err(format!("Install what is missing: sudo {command}"));
    }
    println!("Installing: {command}");
    run(apt().arg("update"))?;
    run(apt().args(["install", "-y", "--no-install-recommends"]).args(&names))
        .map_err(|why| format!("{why}\nInstall what is missing by hand: {command}"))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|l| l.strip_prefix("Uid:")?.split_whitespace().nth(1));
    effective == Some("0")
}

fn present(sign: &Sign) -> bool {
    match sign {
        Sign::Command(name) => {
            let path = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
        }
        Sign::File(start, end) => {
            let start = Path::new(start);
            if start.join(end.trim_start_matches('/')).exists() {
                return true;
            }
            // `/usr/lib/llvm-` stands for every folder of /usr/lib whose name starts with `llvm-`.
            let (Some(folder), Some(prefix)) = (start.parent(), start.file_name()) else { return false };
            let prefix = prefix.to_string_lossy().into_owned();
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut folders = entries.filter(|e| e.file_name().to_string_lossy().starts_with(&prefix));
            folders.any(|e| e.path().join(end.trim_start_matches('/')).exists())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_seen() {
        assert!(present(&Sign::Command("sh")));
        assert!(!present(&Sign::Command("no-such-command-here")));
        assert!(present(&Sign::File("/usr/bi", "/env")));
        assert!(!present(&Sign::File("/usr/bi", "/no-such-file-here")));
    }

    #[test]
    fn a_build_needs_little() {
        assert!(PACKAGES.iter().filter(|p| p.needed_for == For::Build).count() <= 3);
        assert!(For::Build < For::Test && For::Test < For::Bench);
    }
}
