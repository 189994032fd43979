//! Arrows point down only, words stay in their layer.
//!
//! 1. The modules of `ampi-core` use only those above them in the table of its `lib.rs`; each module is in the table.
//! 2. `ampi-core` has no word of MPI in its code (comments and strings may speak of it).
//! 3. `ampi-core` uses no other crate of ours; `ampi-capi` uses only `ampi-core`.
//! 4. In `ampi-capi` only `abi` has functions for C to call (`extern "C" fn name`); also `worker.rs`, which the worker's
//!    `main` enters, and tests, which are the user's side.

use super::File;
use super::source::code_without_tests;
use std::path::Path;

pub fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    let order = match files.iter().find(|f| f.path == Path::new("ampi-core/src/lib.rs")) {
        Some(lib) => order(&lib.text),
        None => return complaints,
    };
    for file in files.iter().filter(|f| f.extension() == "rs") {
        let code = code_without_tests(&file.text);
        if let Ok(inner) = file.path.strip_prefix("ampi-core/src") {
            complaints.extend(upward(inner, &code, &order).iter().map(|c| format!("{}: {c}", file.name())));
            complaints.extend(words_of_mpi(&code).iter().map(|c| format!("{}: {c}", file.name())));
            complaints.extend(foreign(&code, &["ampi_capi", "ampi_wrappers"], file));
        }
        if let Ok(inner) = file.path.strip_prefix("ampi-capi/src") {
            complaints.extend(foreign(&code, &["ampi_wrappers"], file));
            let semantic =
                !inner.starts_with("abi") && !inner.ends_with("tests.rs") && inner != Path::new("worker.rs");
            for (number, line) in code.lines().enumerate().filter(|_| semantic) {
                // Strings are blank in `code`: the name of the ABI is found in the text, the keyword in the code.
                let whole = file.text.lines().nth(number).unwrap_or("");
                if words(line).any(|w| w == "extern") && whole.contains("extern \"C\" fn ") {
                    complaints.push(format!(
                        "{}:{}: functions for C belong into abi/",
                        file.name(),
                        number + 1
                    ));
                }
            }
        }
    }
    complaints
}

/// The modules in the order of the table: lines `//! | [`name`] | …`.
fn order(lib: &str) -> Vec<String> {
    let rows = lib.lines().filter_map(|l| l.strip_prefix("//! | [`")?.split_once("`]"));
    rows.map(|(name, _)| name.to_string()).collect()
}

/// Uses of modules that stand below the file's own in the table.
fn upward(inner: &Path, code: &str, order: &[String]) -> Vec<String> {
    let path = module_path(inner);
    let Some(own) = path.first() else { return missing(code, order) };
    let Some(own_place) = order.iter().position(|m| m == own) else { return Vec::new() };
    let mut complaints = Vec::new();
    for used in used_modules(code, path.len()) {
        let place = order.iter().position(|m| *m == used);
        if place.is_some_and(|p| p > own_place) {
            complaints.push(format!("{own} uses {used}, which is a layer above it"));
        }
    }
    complaints.dedup();
    complaints
}

/// Modules of `lib.rs` that are not in the table.
fn missing(code: &str, order: &[String]) -> Vec<String> {
    let modules = code.lines().filter_map(|l| l.trim().strip_prefix("pub mod ")?.strip_suffix(';'));
    let unknown = modules.filter(|m| !order.iter().any(|o| o == m));
    unknown.map(|m| format!("the module {m} is not in the table of layers")).collect()
}

/// `arena/slot.rs` → `[arena, slot]`, `arena/mod.rs` → `[arena]`, `lib.rs` → `[]`.
fn module_path(inner: &Path) -> Vec<String> {
    let mut path: Vec<String> =
        inner.with_extension("").iter().map(|p| p.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|l| ["mod", "lib", "main"].contains(&l.as_str())) {
        path.pop();
    }
    path
}

/// Top-level modules that the code of a module of this depth names: `crate::x`, `crate::{x, y::z}`, `super::…::x`.
fn used_modules(code: &str, depth: usize) -> Vec<String> {
    let flat: String = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let flat = flat.replace(" ::", "::").replace(":: ", "::");
    let to_root = "super::".repeat(depth);
    let mut used = Vec::new();
    for root in ["crate::", to_root.as_str()] {
        for (at, _) in flat.match_indices(root) {
            let before = flat[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            used.extend(heads(&flat[at + root.len()..]));
        }
    }
    used
}

/// The first words of a path or of each path in braces.
fn heads(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        return words(path).next().filter(|w| path.starts_with(w)).map(String::from).into_iter().collect();
    };
    let mut heads = Vec::new();
    let mut depth = 0;
    let mut item = String::new();
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => heads.push(std::mem::take(&mut item)),
            c if depth == 0 => item.push(c),
            _ => {}
        }
    }
    heads.push(item);
    heads.iter().filter_map(|h| words(h).next().map(String::from)).collect()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty())
}

/// Names in the code that belong to MPI.
fn words_of_mpi(code: &str) -> Vec<String> {
    let is_mpi = |word: &str| {
        let small = word.to_lowercase();
        small.starts_with("mpi_")
            || small.starts_with("pmpi_")
            || word.starts_with("Mpi")
            || small.contains("communicator")
            || small.contains("datatype")
    };
    let mut found: Vec<String> = words(code).filter(|w| is_mpi(w)).map(String::from).collect();
    found.sort();
    found.dedup();
    found.iter().map(|w| format!("{w} is a word of MPI, which this crate does not know")).collect()
}

fn foreign(code: &str, crates: &[&str], file: &File) -> Vec<String> {
    let used = crates.iter().filter(|c| words(code).any(|w| w == **c));
    used.map(|c| format!("{}: uses {c}, which is a layer above it", file.name())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const LIB: &str =
        "//! | [`error`] | x |\n//! | [`arena`] | x |\n//! | [`pe`] | x |\npub mod arena;\npub mod pe;\n";

    fn complaints(path: &str, text: &str) -> Vec<String> {
        check(&[file("ampi-core/src/lib.rs", LIB), file(path, text)])
    }

    #[test]
    fn upward_arrows_are_found_however_they_are_written() {
        for text in [
            "use crate::pe::Task;",
            "use crate::{error::Error, pe};",
            "use crate::{\n    error,\n    pe::{A, B},\n};",
            "fn f() { crate::pe::run() }",
            "use super::pe::Task;",
        ] {
            assert_eq!(complaints("ampi-core/src/arena/mod.rs", text).len(), 1, "{text}");
        }
        assert_eq!(complaints("ampi-core/src/arena/slot.rs", "use super::super::pe;").len(), 1);
    }

    #[test]
    fn downward_arrows_tests_and_comments_are_fine() {
        for text in [
            "use crate::error::{Error, pe};",
            "// crate::pe\nuse crate::error;",
            "#[cfg(test)]\nmod tests { use crate::pe; }",
            "use super::slot;",
            "use crate::{arena::x, error};",
        ] {
            assert!(complaints("ampi-core/src/arena/mod.rs", text).is_empty(), "{text}");
        }
        assert!(complaints("ampi-core/src/pe/mod.rs", "use crate::arena;").is_empty());
    }

    #[test]
    fn every_module_is_in_the_table() {
        let lib = file("ampi-core/src/lib.rs", &format!("{LIB}pub mod chare;\n"));
        assert!(check(&[lib])[0].contains("chare is not in the table"));
    }

    #[test]
    fn words_of_mpi_stay_above() {
        assert_eq!(complaints("ampi-core/src/pe/mod.rs", "fn mpi_send() {}").len(), 1);
        assert_eq!(complaints("ampi-core/src/pe/mod.rs", "struct MpiRank; struct Datatype;").len(), 2);
        assert!(
            complaints("ampi-core/src/pe/mod.rs", "// MPI_Send\nlet a = \"MPI_Send\"; let ampi_x = 1;")
                .is_empty()
        );
        assert_eq!(complaints("ampi-core/src/pe/mod.rs", "use ampi_capi::x;").len(), 1);
    }

    #[test]
    fn entry_points_are_in_abi_only() {
        let text = "pub extern \"C\" fn f() {}";
        assert_eq!(complaints("ampi-capi/src/pt2pt/send.rs", text).len(), 1);
        assert!(complaints("ampi-capi/src/abi/table.rs", text).is_empty());
        for text in ["// extern \"C\" fn f()\n", "unsafe extern \"C\" {}", "type F = extern \"C\" fn(i32);"] {
            assert!(complaints("ampi-capi/src/pt2pt/send.rs", text).is_empty(), "{text}");
        }
    }
}
