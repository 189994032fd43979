//! Source lines of code addresses, from the debug information of files.

use addr2line::Loader;
use std::path::{Path, PathBuf};

/// One function at an address; inlined functions come before those that they are part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub function: Option<String>,
    pub file: Option<String>,
    pub line: Option<u32>,
}

/// Files whose debug information has been opened.
#[derive(Default)]
pub struct Sources {
    files: Vec<(PathBuf, Option<Loader>)>,
}

impl Sources {
    /// What lies at `offset` of `library` (as its tools count); empty when it has no debug information.
    pub fn lines(&mut self, library: &Path, offset: u64) -> Vec<Line> {
        let known = self.files.iter().position(|(path, _)| path == library);
        let i = known.unwrap_or_else(|| {
            self.files.push((library.to_path_buf(), Loader::new(library).ok()));
            self.files.len() - 1
        });
        let Some(loader) = &self.files[i].1 else { return Vec::new() };
        let mut lines = Vec::new();
        if let Ok(mut frames) = loader.find_frames(offset) {
            while let Ok(Some(frame)) = frames.next() {
                let function = frame.function.and_then(|f| f.demangle().ok().map(|n| n.into_owned()));
                let (file, line) =
                    frame.location.map_or((None, None), |l| (l.file.map(str::to_string), l.line));
                lines.push(Line { function, file, line });
            }
        }
        lines.retain(|l| l.function.is_some() || l.file.is_some());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_without_debug_information_has_no_lines() {
        assert_eq!(Sources::default().lines(Path::new("/dev/null"), 0), []);
        assert_eq!(Sources::default().lines(Path::new("/no/such/file"), 0), []);
    }
}
