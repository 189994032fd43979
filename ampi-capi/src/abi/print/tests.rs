//! The printed texts: the header compiles as C and C++, with the ABI's values; committed files are up to date.

use super::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A directory with the headers as printed now.
fn printed(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("ampi-header-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::write(dir.join("mpi.h"), header()).unwrap();
    std::fs::write(dir.join("ampi.h"), extensions()).unwrap();
    dir
}

/// Compiles and runs a program that includes the header; exit code 0 is success.
fn runs(compiler: &str, flags: &[&str], language: &str, source: &str) {
    let dir = printed(&format!("{compiler}{}", flags.concat()));
    let (file, program) = (dir.join("t.c"), dir.join("t"));
    std::fs::write(&file, source).unwrap();
    let result = Command::new(compiler)
        .args(flags)
        .args(["-Wall", "-Wextra", "-pedantic", "-Werror", "-x", language, "-I"])
        .args([&dir, &file])
        .arg("-o")
        .arg(&program)
        .output()
        .unwrap();
    assert!(result.status.success(), "{compiler} {flags:?}: {}", String::from_utf8_lossy(&result.stderr));
    let run = Command::new(&program).output().unwrap();
    assert!(run.status.success(), "{compiler} {flags:?}: {}", String::from_utf8_lossy(&run.stdout));
    std::fs::remove_dir_all(dir).unwrap();
}

/// A program that prints every constant whose type or value is not the ABI's, and fails if there is one. Integers are
/// checked in constant expressions as well.
fn constant_checks() -> String {
    let mut globals = String::new();
    let mut checks = String::new();
    let mut values = std::collections::BTreeMap::new();
    for line in include_str!("../../../abi-data/constants.tsv").lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (name, kind) = (fields[0], fields[1]);
        let value = if kind == "alias" { values[fields[2]] } else { fields[2] };
        values.insert(name, value);
        if kind == "int" || kind.starts_with("enum ") {
            let _ = writeln!(globals, "typedef int value_{name}[{name} == {value} ? 1 : -1];");
        } else if kind != "alias" {
            let _ = writeln!(globals, "{kind} typed_{name} = {name};");
        }
        let _ = writeln!(checks, "  if ((intptr_t){name} != {value}) {{ puts(\"{name}\"); bad = 1; }}");
    }
    format!(
        "#include <mpi.h>\n#include <stdint.h>\n#include <stdio.h>\n\
         typedef int size_of_status[sizeof(MPI_Status) == 32 ? 1 : -1];\n\
         typedef int size_of_integers[sizeof(MPI_Aint) == sizeof(void *) && sizeof(MPI_Count) == 8 && sizeof(MPI_Offset) == 8 ? 1 : -1];\n\
         {globals}\nint main(void) {{\n  int bad = 0;\n{checks}  return bad;\n}}\n"
    )
}

#[test]
fn the_header_is_c99_with_the_abis_constants() {
    runs("gcc", &["-std=c99"], "c", &constant_checks());
}

#[test]
fn the_header_stands_alone_without_extensions() {
    let source = "#include <mpi.h>\n#if MPI_VERSION != 5 || !defined(AMPI) || defined(AMPI_MY_WTH)\n#error wrong\n#endif\nint main(void) { return 0; }\n";
    runs("gcc", &["-std=c99", "-DAMPI_NO_EXTENSIONS"], "c", source);
}

#[test]
fn the_header_is_cplusplus() {
    if Command::new("g++").arg("--version").output().is_err() {
        return;
    }
    runs("g++", &["-std=c++11"], "c++", &constant_checks());
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
fn what_is_only_declared_is_of_the_standard_and_not_in_the_library() {
    let h = header();
    let there: Vec<String> =
        crate::abi::table::exported().flat_map(|e| e.symbols().map(|(name, _)| name)).collect();
    for name in super::declared::DECLARED {
        assert_eq!(h.matches(&format!("{name}(")).count(), 1, "{name}");
        assert!(!there.iter().any(|n| n == name), "{name} is there now: take it from the list");
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
