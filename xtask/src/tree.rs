//! `cargo xtask build`: everything, and the installed tree in `target/ampi`.
//!
//! ```text
//! bin/      ampirun ampicc ampi_info ampi-worker    ampicxx ampiCC ampic++ mpicc.ampi …  → the same under other names
//! bin/mpi/  mpicc mpicxx mpiexec …                   → the same, for PATH
//! lib/      libmpi_abi.so.1.0.0   ← libmpi_abi.so.1 ← libmpi_abi.so ← libmpi.so
//! lib/ampi/ libampi_private.so   pkgconfig/mpi.pc
//! lib/pkgconfig/ ampi.pc ampi-c.pc
//! include/  mpi.h ampi.h
//! ```
//!
//! The library is a static library of Rust linked again by the C compiler: rustc's own version script would hide the
//! weak MPI_ names that a profiling tool replaces (rust-lang/rust#128071).

use crate::packages::{self, For};
use crate::repository;
use crate::run::{cargo, run, up_to_date, write_if_changed};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const LIBRARY: &str = "libmpi_abi.so.1.0.0";
const SONAME: &str = "libmpi_abi.so.1";

/// Executables of the crate `wrappers`.
const EXECUTABLES: &[&str] = &["ampirun", "ampicc", "ampi_info"];

/// Links in the tree: where, and to what.
const LINKS: &[(&str, &str)] = &[
    ("bin/ampicxx", "ampicc"),
    ("bin/ampiCC", "ampicc"),
    ("bin/ampic++", "ampicc"),
    ("bin/mpicc.ampi", "ampicc"),
    ("bin/mpicxx.ampi", "ampicc"),
    ("bin/mpic++.ampi", "ampicc"),
    ("bin/mpiCC.ampi", "ampicc"),
    ("bin/mpiexec.ampi", "ampirun"),
    ("bin/mpirun.ampi", "ampirun"),
    ("bin/mpi/mpicc", "../ampicc"),
    ("bin/mpi/mpicxx", "../ampicc"),
    ("bin/mpi/mpic++", "../ampicc"),
    ("bin/mpi/mpiCC", "../ampicc"),
    ("bin/mpi/mpiexec", "../ampirun"),
    ("bin/mpi/mpirun", "../ampirun"),
    ("lib/libmpi_abi.so.1", LIBRARY),
    ("lib/libmpi_abi.so", SONAME),
    ("lib/libmpi.so", SONAME),
];

/// pkg-config files: where, the way up to the root, the name.
const PC_FILES: &[(&str, &str, &str)] = &[
    ("lib/pkgconfig/ampi.pc", "../..", "ampi"),
    ("lib/pkgconfig/ampi-c.pc", "../..", "ampi-c"),
    ("lib/ampi/pkgconfig/mpi.pc", "../../..", "mpi"),
];

/// Builds everything and returns the root of the tree.
pub fn build() -> Result<PathBuf, String> {
    packages::need(For::Build)?;
    let repository = repository();
    let root = repository.join("target/ampi");
    // The staticlib alone: cargo leaves out link-time optimization where the same compilation also makes an rlib.
    run(cargo().args(["rustc", "--release", "-p", "ampi-capi", "--lib", "--crate-type", "staticlib"]))?;
    run(cargo().args(["build", "--release", "-p", "ampi-wrappers"]))?;
    let release = repository.join("target/release");
    headers(&root)?;
    library(&release, &root)?;
    private_library(&repository, &root)?;
    worker(&repository, &root)?;
    for name in EXECUTABLES {
        copy_if_newer(&release.join(name), &root.join("bin").join(name))?;
    }
    let template = repository.join("wrappers/pkgconfig/ampi.pc.in");
    let template = fs::read_to_string(&template).map_err(|e| format!("{}: {e}", template.display()))?;
    for (path, up, name) in PC_FILES {
        write_if_changed(&root.join(path), &pc_file(&template, up, name))?;
    }
    for (path, target) in LINKS {
        link(&root.join(path), target)?;
    }
    Ok(root)
}

fn pc_file(template: &str, up: &str, name: &str) -> String {
    template.replace("@UP@", up).replace("@NAME@", name).replace("@VERSION@", env!("CARGO_PKG_VERSION"))
}

/// The headers are printed anew, so that they fit the library even while the committed ones are out of date.
fn headers(root: &Path) -> Result<(), String> {
    write_if_changed(&root.join("include/mpi.h"), &ampi_capi::abi::print::header())?;
    write_if_changed(&root.join("include/ampi.h"), &ampi_capi::abi::print::extensions())
}

/// `libampi_capi.a` → `libmpi_abi.so.1.0.0`, with exactly the names that the export map lists.
fn library(release: &Path, root: &Path) -> Result<(), String> {
    let archive = release.join("libampi_capi.a");
    let map = release.join("libmpi_abi.map");
    write_if_changed(&map, &ampi_capi::abi::print::export_map())?;
    let library = root.join("lib").join(LIBRARY);
    if up_to_date(&library, [archive.as_path(), map.as_path()]) {
        return Ok(());
    }
    fresh_folder(&library)?;
    let mut command = compiler();
    command.args(["-shared", "-o"]).arg(&library);
    command.arg("-Wl,--whole-archive").arg(&archive).arg("-Wl,--no-whole-archive");
    command.arg(format!("-Wl,--version-script={}", map.display())).arg(format!("-Wl,-soname,{SONAME}"));
    // its threads run on after dlclose, and exit calls it
    command.args([
        "-Wl,-z,now",
        "-Wl,-z,nodelete",
        "-Wl,--gc-sections",
        "-lgcc_s",
        "-lpthread",
        "-ldl",
        "-lm",
        "-lc",
    ]);
    run(&mut command)
}

/// The executable that hosts the ranks: a little C, all else is in the library.
fn worker(repository: &Path, root: &Path) -> Result<(), String> {
    let source = repository.join("ampi-core/worker/worker.c");
    let library = root.join("lib").join(LIBRARY);
    let worker = root.join("bin/ampi-worker");
    if up_to_date(&worker, [source.as_path(), library.as_path()]) {
        return Ok(());
    }
    link(&root.join("lib").join(SONAME), LIBRARY)?;
    link(&root.join("lib/libmpi_abi.so"), SONAME)?;
    fresh_folder(&worker)?;
    let mut command = compiler();
    command.args([
        "-O2",
        "-fPIE",
        "-pie",
        "-rdynamic",
        "-ftls-model=local-exec",
        "-Wall",
        "-Wl,-z,now",
        "-o",
    ]);
    command.arg(&worker).arg(&source).arg("-L").arg(root.join("lib"));
    command.args(["-Wl,-rpath,$ORIGIN/../lib", "-lmpi_abi"]);
    run(&mut command)
}

/// libc functions with hidden state, once per rank: every C file of `ampi-core/c/private`.
fn private_library(repository: &Path, root: &Path) -> Result<(), String> {
    let folder = repository.join("ampi-core/c/private");
    let mut sources = Vec::new();
    let mut inputs = Vec::new();
    for entry in fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?.flatten() {
        let path = entry.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("c") => sources.push(path.clone()),
            Some("h") => {}
            _ => continue,
        }
        inputs.push(path);
    }
    sources.sort();
    let library = root.join("lib/ampi/libampi_private.so");
    if up_to_date(&library, inputs.iter().map(PathBuf::as_path)) {
        return Ok(());
    }
    fresh_folder(&library)?;
    let mut command = compiler();
    command.args(["-O2", "-fPIC", "-shared", "-Wall", "-Wl,-soname,libampi_private.so"]);
    // one page of data per rank and as little text as possible (see COLD in private.h)
    command.args(["-Wl,-z,norelro,-z,noseparate-code,--sort-section=name", "-o"]).arg(&library);
    run(command.args(&sources))
}

/// The compiler of our own C parts and the linker of the library.
fn compiler() -> Command {
    Command::new("gcc")
}

/// The folder of `file` exists, `file` does not: a process that runs the old one keeps it.
fn fresh_folder(file: &Path) -> Result<(), String> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    match fs::remove_file(file) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot replace {}: {e}", file.display()))
        }
        _ => Ok(()),
    }
}

fn copy_if_newer(from: &Path, to: &Path) -> Result<(), String> {
    if up_to_date(to, [from]) {
        return Ok(());
    }
    fresh_folder(to)?;
    fs::copy(from, to)
        .map(|_| ())
        .map_err(|e| format!("cannot copy {} to {}: {e}", from.display(), to.display()))
}

fn link(path: &Path, target: &str) -> Result<(), String> {
    if fs::read_link(path).is_ok_and(|old| old == Path::new(target)) {
        return Ok(());
    }
    fresh_folder(path)?;
    symlink(target, path).map_err(|e| format!("cannot make the link {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_relative_and_stay_in_the_tree() {
        for (path, target) in LINKS {
            assert!(!target.starts_with('/'), "{path}");
            let depth = path.matches('/').count();
            assert!(target.matches("../").count() < depth, "{path} leaves the tree");
        }
    }

    #[test]
    fn pc_files_find_their_own_root() {
        for (path, up, name) in PC_FILES {
            let text = pc_file("prefix=${pcfiledir}/@UP@\nName: @NAME@\nVersion: @VERSION@\n", up, name);
            assert!(!text.contains('@'), "{text}");
            assert_eq!(
                up.split('/').count(),
                path.matches('/').count(),
                "{path} lies deeper than {up} goes up"
            );
        }
    }
}
