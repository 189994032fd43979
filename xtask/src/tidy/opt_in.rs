//! Who uses `unsafe` says why. That it is used only under `allow(unsafe_code)` is checked by the compiler; here: a file
//! that allows it for its whole text has a section `# Safety` in its header, or a module above it has. Tests,
//! examples and benchmarks need not say why.

use super::File;
use super::source::code;
use std::path::{Path, PathBuf};

pub fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| f.extension() == "rs") {
        let trial = file.path.iter().any(|part| part == "tests" || part == "examples" || part == "benches");
        if trial || !code(&file.text).contains("#![allow(unsafe_code)]") || explains(&file.text) {
            continue;
        }
        let above = ancestors(&file.path);
        if !above.iter().any(|a| files.iter().any(|f| f.path == *a && explains(&f.text))) {
            complaints.push(format!(
                "{}: allows unsafe code without a section # Safety in its header",
                file.name()
            ));
        }
    }
    complaints
}

fn explains(text: &str) -> bool {
    text.lines().any(|l| l.starts_with("//! # Safety"))
}

/// The files of the modules above: `a/b/c.rs` → `a/b/mod.rs`, `a/b.rs`, `a/mod.rs`, `a.rs`.
fn ancestors(path: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folder = path.parent();
    while let Some(f) = folder.filter(|f| f.file_name().is_some_and(|n| n != "src")) {
        all.push(f.join("mod.rs"));
        all.push(f.with_extension("rs"));
        folder = f.parent();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    const UNEXPLAINED: &str = "//! x\n#![allow(unsafe_code)]\nfn f() { unsafe { g() } }\n";

    #[test]
    fn unsafe_needs_a_reason() {
        assert!(check(&[file("c/src/a.rs", UNEXPLAINED)])[0].contains("# Safety"));
        let good = format!("//! x\n//!\n//! # Safety\n//! y\n{UNEXPLAINED}");
        assert!(check(&[file("c/src/a.rs", &good)]).is_empty());
        assert!(check(&[file("c/src/a.rs", "//! x\n// #![allow(unsafe_code)]\n")]).is_empty());
        assert!(check(&[file("c/tests/a.rs", UNEXPLAINED)]).is_empty());
    }

    #[test]
    fn a_module_explains_for_those_below() {
        let child = file("c/src/a/b.rs", UNEXPLAINED);
        let explained = "//! x\n//! # Safety\n//! y\n";
        assert!(check(&[file("c/src/a/mod.rs", explained), child.clone()]).is_empty());
        assert!(check(&[file("c/src/a.rs", explained), child.clone()]).is_empty());
        assert_eq!(check(&[file("c/src/d.rs", explained), child]).len(), 1);
    }
}
