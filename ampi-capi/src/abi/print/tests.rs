//! The printed texts: the header compiles as C and C++, with the ABI's values; committed files are up to date.

use super::*;
use std::path::{Path, PathBuf};
use std::process::Command;

fn include_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../include")
}

/// A directory with the header as printed now and the committed `ampi.h`.
fn printed(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ampi-header-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("mpi.h"), header()).unwrap();
    std::fs::copy(include_dir().join("ampi.h"), dir.join("ampi.h")).unwrap();
    dir
}

fn compiles(compiler: &str, flags: &[&str], language: &str, source: &str) {
    let dir = printed(&format!("{compiler}{}", flags.concat()));
    let file = dir.join("t.c");
    std::fs::write(&file, source).unwrap();
    let result = Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-fsyntax-only", "-x", language, "-I"])
        .args([&dir, &file])
        .output()
        .unwrap();
    assert!(result.status.success(), "{compiler} {flags:?}: {}", String::from_utf8_lossy(&result.stderr));
    std::fs::remove_dir_all(dir).unwrap();
}

/// Static assertions on every constant of the ABI, which C89 and later and C++ understand.
fn constants_as_asserts() -> String {
    let mut out = String::from(
        "#include <mpi.h>\n#include <stdint.h>\ntypedef int size_of_status[sizeof(MPI_Status) == 32 ? 1 : -1];\n",
    );
    out += "typedef int size_of_aint[sizeof(MPI_Aint) == sizeof(void*) && sizeof(MPI_Count) == 8 && sizeof(MPI_Offset) == 8 ? 1 : -1];\n";
    let mut values = std::collections::BTreeMap::new();
    for line in include_str!("../../../abi-data/constants.tsv").lines().skip(1) {
        let f: Vec<&str> = line.split('\t').collect();
        if f[1] == "alias" {
            let value: &String = &values[f[2]];
            let _ = writeln!(
                out,
                "int same_{0}(void) {{ return {0} == {1} && (intptr_t){0} == {value} ? 1 : 0; }}",
                f[0], f[2]
            );
            continue;
        }
        values.insert(f[0], f[2].to_string());
        if f[1] == "int" || f[1].starts_with("enum ") {
            let _ = writeln!(out, "typedef int value_{0}[{0} == {1} ? 1 : -1];", f[0], f[2]);
        } else if f[1].ends_with('*') && f[1].contains("function") {
            let _ = writeln!(
                out,
                "extern {1}* type_{0};\nint value_{0}(void) {{ return type_{0} == {0} || (intptr_t){0} == {2}; }}",
                f[0],
                f[1].trim_end_matches('*'),
                f[2]
            );
        } else {
            let _ = writeln!(
                out,
                "{1} const type_{0} = {0};\nint value_{0}(void) {{ return (intptr_t){0} == {2}; }}",
                f[0], f[1], f[2]
            );
        }
    }
    out.replace("const type_", "type_")
}

#[test]
fn the_header_is_c99_with_the_abis_constants() {
    compiles("gcc", &["-std=c99"], "c", &constants_as_asserts());
    compiles("gcc", &["-std=c99", "-DAMPI_NO_EXTENSIONS"], "c", "#include <mpi.h>\n#if MPI_VERSION != 5 || !defined(AMPI)\n#error\n#endif\nint main(void) { return MPI_Initialized == 0; }\n".replace("MPI_Initialized", "MPI_Get_version").replace(" == 0", " == MPI_Get_version ? 0 : 1").as_str());
}

#[test]
fn the_header_is_cplusplus() {
    if Command::new("g++").arg("--version").output().is_err() {
        return;
    }
    compiles("g++", &["-std=c++11"], "c++", &constants_as_asserts());
}

#[test]
fn every_prototype_has_a_profiling_twin() {
    let h = header();
    for e in crate::abi::table::exported().filter(|e| e.name.starts_with("MPI_")) {
        for (name, large) in e.symbols() {
            assert!(h.contains(&format!("\n{};\n", e.prototype(&name, large))), "{name}");
            assert!(h.contains(&format!("\n{};\n", e.prototype(&format!("P{name}"), large))), "P{name}");
        }
    }
}

#[test]
fn committed_files_are_up_to_date() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, text) in files() {
        let committed = std::fs::read_to_string(root.join(path)).unwrap_or_default();
        assert!(committed == text, "{path} is not what the table says: cargo xtask gen");
    }
}

#[test]
fn the_coverage_table_counts_the_standards_functions() {
    let t = coverage();
    assert!(t.contains("| all | 664 |"), "{t}");
    assert!(t.contains("`MPI_Comm_c2f`"));
    assert!(t.contains("| 10 Info | 11 | 11 |  |"), "{t}");
}
