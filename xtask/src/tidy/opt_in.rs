//! `unsafe` only where a file says so and why: it (or a module above it) has `allow(unsafe_code)`, and the file that
//! allows it for its whole text has a section `# Safety` in its header.

use super::File;
use super::source::code;
use std::path::{Path, PathBuf};

pub fn check(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| f.extension() == "rs") {
        let code = code(&file.text);
        let whole = code.contains("#![allow(unsafe_code)]");
        let item = code.contains("#[allow(unsafe_code)]");
        let header: String = file.text.lines().filter(|l| l.starts_with("//!")).collect();
        if whole && !header.contains("# Safety") {
            complaints.push(format!(
                "{}: allows unsafe code without a section # Safety in its header",
                file.name()
            ));
        }
        let uses = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
        let inherited = || ancestors(&file.path).iter().any(|a| allows(files, a));
        if uses && !whole && !item && !inherited() {
            complaints.push(format!("{}: unsafe code without allow(unsafe_code)", file.name()));
        }
    }
    complaints
}

fn allows(files: &[File], path: &Path) -> bool {
    files.iter().any(|f| f.path == path && code(&f.text).contains("#![allow(unsafe_code)]"))
}

/// The files of the modules above: `a/b/c.rs` → `a/b/mod.rs`, `a/b.rs`, `a/mod.rs`, `a.rs`.
fn ancestors(path: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    let mut folder = path.parent();
    while let Some(f) = folder.filter(|f| f.file_name().is_some_and(|n| n != "src")) {
        let mod_file = f.join("mod.rs");
        if mod_file != path {
            all.push(mod_file);
        }
        all.push(f.with_extension("rs"));
        folder = f.parent();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn unsafe_needs_a_permission_and_a_reason() {
        let bare = file("c/src/a.rs", "//! x\nfn f() { unsafe { g() } }\n");
        assert!(check(&[bare])[0].contains("without allow"));
        let unexplained = file("c/src/a.rs", "//! x\n#![allow(unsafe_code)]\nfn f() { unsafe { g() } }\n");
        assert!(check(&[unexplained])[0].contains("# Safety"));
        let good = "//! x\n//! # Safety\n//! y\n#![allow(unsafe_code)]\nfn f() { unsafe { g() } }\n";
        assert!(check(&[file("c/src/a.rs", good)]).is_empty());
        assert!(check(&[file("c/src/a.rs", "//! x\n// unsafe\nlet unsafe_code = \"unsafe\";\n")]).is_empty());
    }

    #[test]
    fn a_module_gives_its_permission_to_those_below() {
        let parent = file("c/src/a/mod.rs", "//! x\n//! # Safety\n//! y\n#![allow(unsafe_code)]\n");
        let child = file("c/src/a/b.rs", "//! x\nfn f() { unsafe { g() } }\n");
        assert!(check(&[parent, child.clone()]).is_empty());
        let sibling = file("c/src/a.rs", "//! x\n//! # Safety\n#![allow(unsafe_code)]\n");
        assert!(check(&[sibling, child]).is_empty());
    }
}
