//! `--isolate=process`: for each rank the program itself is started, and joins the job when it calls `MPI_Init`.
//!
//! 1. It finds the library in the folder where this launcher's is, if nothing comes before it: `LD_LIBRARY_PATH` gets that folder
//!    as its last.
//! 2. How its process ends is how the rank ends; who ends without having joined is told only when others wait for it
//!    (`run`).

use super::start::{Runs, Setting};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";

/// What is started for one rank.
pub struct Direct<'a> {
    pub file: &'a Path,
    pub arguments: &'a [OsString],
    /// Set for it.
    pub variables: Vec<(OsString, OsString)>,
    /// `None`: where the launcher runs.
    pub folder: Option<&'a PathBuf>,
}

/// What is started for rank `number`.
pub fn of_rank<'a>(setting: &Setting<'a>, runs: &'a Runs, number: usize) -> Direct<'a> {
    let mut end = 0;
    let own = runs.programs.iter().find(|program| {
        end += program.ranks;
        number < end
    });
    let exports = &setting.request.exports;
    let mut direct = match own {
        Some(program) => Direct {
            file: &program.path,
            arguments: &program.arguments,
            variables: program.variables.clone(),
            folder: program.folder.as_ref(),
        },
        None => Direct {
            file: &runs.file,
            arguments: &setting.request.program_args,
            variables: exports
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), value.clone()?)))
                .collect(),
            folder: None,
        },
    };
    let set =
        direct.variables.iter().rev().find(|(name, _)| name == LIBRARY_PATH).map(|(_, value)| value.clone());
    let path = with_last(set.or_else(|| std::env::var_os(LIBRARY_PATH)), &setting.layout.lib());
    direct.variables.push((LIBRARY_PATH.into(), path));
    direct
}

/// A search path with one more folder at its end.
fn with_last(path: Option<OsString>, folder: &Path) -> OsString {
    let mut path = path.unwrap_or_default();
    if !path.is_empty() {
        path.push(OsStr::new(":"));
    }
    path.push(folder);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_library_comes_last() {
        let lib = Path::new("/opt/lib");
        assert_eq!(with_last(None, lib), "/opt/lib");
        assert_eq!(with_last(Some("".into()), lib), "/opt/lib");
        assert_eq!(with_last(Some("/a:/b".into()), lib), "/a:/b:/opt/lib");
    }
}
