//! `cargo xtask tidy`: rules of this repository that no compiler checks. Each is a function from the text of files to
//! complaints, with tests of its own.
//!
//! * [`source`]: Rust text without comments and strings;
//! * [`layers`]: arrows point down only, words stay in their layer;
//! * [`files`]: names, sizes, headers;
//! * [`opt_in`]: `unsafe` only where a file says so and why;
//! * [`links`]: links of documents lead somewhere.

mod files;
mod layers;
mod links;
mod opt_in;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// A file of the repository: its path relative to it, and its text.
#[derive(Debug, Clone)]
pub struct File {
    pub path: PathBuf,
    pub text: String,
}

impl File {
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn extension(&self) -> &str {
        self.path.extension().and_then(|e| e.to_str()).unwrap_or("")
    }
}

/// Fails with all complaints.
pub fn check(repository: &Path) -> Result<(), String> {
    let files = read(repository);
    let mut complaints = Vec::new();
    complaints.extend(layers::check(&files));
    complaints.extend(files::check(&files));
    complaints.extend(opt_in::check(&files));
    complaints.extend(links::check(&files, &|path| repository.join(path).exists()));
    complaints.sort();
    if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
}

/// Every text file that belongs to the repository.
fn read(repository: &Path) -> Vec<File> {
    let mut files = Vec::new();
    let mut folders = vec![repository.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                if name != "target" && name != ".git" {
                    folders.push(path);
                }
                continue;
            }
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(repository).map(Path::to_path_buf).unwrap_or(path);
            files.push(File { path, text });
        }
    }
    files
}

#[cfg(test)]
fn file(path: &str, text: &str) -> File {
    File { path: path.into(), text: text.into() }
}
