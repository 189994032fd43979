//! The programs of a job, and which rank runs which: one for all ranks, or several with ranks, arguments, variables and
//! folder of their own.
//!
//! 1. Every process loads all of them, also those of which it has no rank: slots lie at the same addresses everywhere, so the
//!    room for an image is that of the largest. A file that is named twice is loaded once.
//! 2. Ranks are numbered program by program, without gaps.

use ampi_core::error::{Error, Result};
use ampi_core::image::{Options, Program};
use ampi_core::job::{self, JobSpec};
use ampi_core::pmi::detect::PRIVATE_VARIABLES;
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// What the ranks of one program start with.
pub struct Part {
    pub image: &'static Program,
    /// The number after its last rank.
    end: u32,
    pub args: Vec<CString>,
    pub env: Vec<CString>,
    /// `None`: the process's own.
    pub folder: Option<PathBuf>,
}

/// All programs of a job; at least one.
pub struct Programs {
    parts: Vec<Part>,
}

impl Programs {
    /// Those of `spec`, or the one that the worker's arguments name.
    pub fn load(spec: &JobSpec, args: &[OsString], options: &Options) -> Result<Programs> {
        if spec.programs.is_empty() {
            let image = Program::load(Path::new(&args[0]), options)?;
            let part = Part {
                image,
                end: spec.ranks as u32,
                args: c_strings(args)?,
                env: environment(&[])?,
                folder: None,
            };
            return Ok(Programs { parts: vec![part] });
        }
        let mut parts: Vec<Part> = Vec::with_capacity(spec.programs.len());
        let mut end = 0;
        for program in &spec.programs {
            let known = parts.iter().find(|part| part.image.path() == program.path).map(|part| part.image);
            let image = known.map_or_else(|| Program::load(&program.path, options), Ok)?;
            end += program.ranks as u32;
            let words = [program.path.clone().into_os_string()];
            let args = c_strings(words.iter().chain(&program.arguments))?;
            let (env, folder) = (environment(&program.variables)?, program.folder.clone());
            parts.push(Part { image, end, args, env, folder });
        }
        Ok(Programs { parts })
    }

    /// The program of a rank, and its number.
    pub fn of(&self, rank: u32) -> (usize, &Part) {
        let number = self.parts.partition_point(|part| part.end <= rank);
        (number, &self.parts[number])
    }

    /// Each file once.
    pub fn images(&self) -> impl Iterator<Item = &'static Program> {
        let first = |i: usize| !self.parts[..i].iter().any(|p| std::ptr::eq(p.image, self.parts[i].image));
        (0..self.parts.len()).filter(move |i| first(*i)).map(|i| self.parts[i].image)
    }

    /// Bytes of a slot that the largest takes.
    pub fn image_bytes(&self) -> usize {
        self.images().map(Program::image_bytes).max().unwrap_or(0)
    }

    /// The strictest alignment.
    pub fn image_align(&self) -> usize {
        self.images().map(Program::image_align).max().unwrap_or(1)
    }
}

static OF_JOB: OnceLock<Programs> = OnceLock::new();

impl Programs {
    /// From now on they are those of the job.
    pub fn keep(self) -> &'static Programs {
        OF_JOB.get_or_init(|| self)
    }
}

/// The words that a rank was started with, if it is hosted.
pub fn words_of(rank: u32) -> Option<&'static [CString]> {
    OF_JOB.get().map(|programs| &*programs.of(rank).1.args)
}

/// The program of a rank as `spec` tells it: 0 when there is one for all.
pub fn number_of(spec: &JobSpec, rank: usize) -> usize {
    let ends = spec.programs.iter().scan(0, |end, program| {
        *end += program.ranks;
        Some(*end)
    });
    ends.take_while(|end| *end <= rank).count()
}

fn c_strings<'a>(words: impl IntoIterator<Item = &'a OsString>) -> Result<Vec<CString>> {
    words.into_iter().map(|word| c_string(word)).collect()
}

fn c_string(s: &OsStr) -> Result<CString> {
    CString::new(s.as_bytes()).map_err(|_| Error::Setting {
        name: format!("argument {s:?}"),
        why: "it contains a zero byte".into(),
    })
}

/// The worker's variables but those between it and the launcher, with some `set`.
fn environment(set: &[(OsString, OsString)]) -> Result<Vec<CString>> {
    let ours =
        |k: &OsString| k == job::VARIABLE || k == job::SECRET || PRIVATE_VARIABLES.iter().any(|p| k == p);
    let own = std::env::vars_os().filter(|(k, _)| !ours(k) && !set.iter().any(|(name, _)| name == k));
    // set twice: the last one counts
    let last = set.iter().enumerate().filter(|(i, (name, _))| !set[i + 1..].iter().any(|(n, _)| n == name));
    own.chain(last.map(|(_, pair)| pair.clone()))
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            c_string(&name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(programs: Vec<job::Program>) -> Result<Programs> {
        let ranks = programs.iter().map(|p| p.ranks).sum();
        let spec = JobSpec { ranks, programs, ..JobSpec::default() };
        Programs::load(&spec, &[], &Options::default())
    }

    fn named(ranks: usize, path: &str, words: &[&str]) -> job::Program {
        let arguments = words.iter().map(|w| w.into()).collect();
        job::Program { ranks, path: path.into(), arguments, ..job::Program::default() }
    }

    #[test]
    fn ranks_find_their_program() {
        let all = vec![named(2, "a", &["x"]), named(1, "b", &[]), named(3, "a", &[])];
        let spec = JobSpec { ranks: 6, programs: all, ..JobSpec::default() };
        let numbers: Vec<usize> = (0..6).map(|rank| number_of(&spec, rank)).collect();
        assert_eq!(numbers, [0, 0, 1, 2, 2, 2]);
        assert_eq!(number_of(&JobSpec { ranks: 9, ..JobSpec::default() }, 8), 0);
    }

    #[test]
    fn the_last_value_of_a_variable_counts() {
        let set = [("AMPI_T".into(), "1".into()), ("PATH".into(), "p".into()), ("AMPI_T".into(), "2".into())];
        let all = environment(&set).unwrap();
        for (name, expected) in [("AMPI_T=", "AMPI_T=2"), ("PATH=", "PATH=p")] {
            let found: Vec<_> = all.iter().filter(|v| v.as_bytes().starts_with(name.as_bytes())).collect();
            assert_eq!(found, [&CString::new(expected).unwrap()]);
        }
    }

    #[test]
    fn one_that_cannot_be_loaded_is_named() {
        let why = load(vec![named(1, "/bin/true", &[]), named(1, "/etc/passwd", &[])]).err().unwrap();
        assert!(why.to_string().contains("/etc/passwd"), "{why}");
    }
}
