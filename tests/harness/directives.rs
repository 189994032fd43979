//! What a test program says about itself: `//# key: value` (C, C++) or `!# key: value` (Fortran) in its header.
//!
//! The keys are listed in `tests/README.md`. An unknown key, a wrong value or a program without any expectation is an
//! error, so that a slip of the pen cannot make a test that always passes.

use crate::expect::Pattern;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C,
    Cxx,
    Fortran,
}

impl Language {
    pub fn of(path: &Path) -> Option<Language> {
        match path.extension()?.to_str()? {
            "c" => Some(Language::C),
            "cpp" | "cc" | "cxx" => Some(Language::Cxx),
            "f" | "F" | "f90" | "F90" => Some(Language::Fortran),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launch {
    Ampirun,
    Direct,
}

/// The context switch: the fast one or the portable reference (`AMPI_SWITCH=corosensei`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    Hop,
    Reference,
}

/// How the PEs of a run are spread over processes of this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// PEs of each process.
    pub pes_each: usize,
    pub transport: &'static str,
    /// Neighbouring ranks are in different processes.
    pub mixed: bool,
    /// Frames are delayed by what follows from this seed.
    pub stress: Option<u64>,
}

/// Names of transports in tests that need what not every machine has.
pub const FABRIC: &str = "ofi";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Nonzero,
}

/// A shared library built for a test: its source, beside the program, and flags for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    pub source: PathBuf,
    pub flags: Vec<String>,
}

#[derive(Debug, Clone)]
pub struct Directives {
    pub language: Language,
    pub vp: Vec<usize>,
    pub p: Vec<usize>,
    pub isolate: Vec<String>,
    pub switch: Vec<Switch>,
    /// It is also run in several processes.
    pub processes: bool,
    /// And in several that talk by libfabric.
    pub fabric: bool,
    pub args: Vec<String>,
    pub env: Vec<(String, String)>,
    pub run: Vec<String>,
    pub launch: Launch,
    pub flags: Vec<String>,
    pub source: Vec<PathBuf>,
    pub lib: Vec<Library>,
    pub plugin: Vec<Library>,
    pub stdin: String,
    pub expect: Vec<Pattern>,
    pub expect_each: Vec<Pattern>,
    pub expect_not: Vec<Pattern>,
    pub expect_error: Vec<Pattern>,
    pub quiet: bool,
    pub exit: Exit,
    pub compare_mpich: bool,
    pub sorted: bool,
    pub filter: Option<Pattern>,
    pub timeout: Duration,
    pub ignore: Option<String>,
}

/// One run of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    pub p: usize,
    pub vp: usize,
    pub isolate: String,
    pub switch: Switch,
    /// `None`: all PEs in one process.
    pub spread: Option<Spread>,
}

/// Runs of more ranks are made in one process only.
const IN_PROCESSES_MAX: usize = 64;
/// Runs of more ranks are not made by libfabric, whose start takes its time.
const BY_FABRIC_MAX: usize = 8;
/// Neither are runs under disturbance, which slows everything down.
const DISTURBED_MAX: usize = 17;
/// Programs of these folders are run by libfabric, too, if they do not say otherwise.
const BY_FABRIC: [&str; 3] = ["coll", "comm", "pt2pt"];
/// Runs of more ranks are not made with a process for each.
const OWN_PROCESSES_MAX: usize = 8;

impl Directives {
    /// Reads the header of `text`. `Ok(None)`: there are no directives, the file is a part of some other test.
    pub fn parse(path: &Path, text: &str) -> Result<Option<Directives>, String> {
        let language = Language::of(path).ok_or_else(|| format!("{} is no source file", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let mut d = Directives::new(language);
        d.fabric = BY_FABRIC.iter().any(|name| folder.ends_with(name));
        let mut any = false;
        let mut expects = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            let mark = if line.starts_with("!#") { "!#" } else { "//#" };
            let Some(directive) = line.strip_prefix(mark) else {
                if line.is_empty() || line.starts_with("//") || line.starts_with('!') {
                    continue;
                }
                break;
            };
            any = true;
            let wrong = |why: String| format!("{}:{}: {why}", path.display(), number + 1);
            let (key, value) = directive
                .split_once(':')
                .ok_or_else(|| wrong(format!("\"{}\" is not key: value", directive.trim())))?;
            let (key, value) = (key.trim(), value.trim());
            expects |= key.starts_with("expect") && key != "expect-not" || key == "exit" || key == "compare";
            d.set(folder, key, value).map_err(wrong)?;
        }
        if any && !expects && d.ignore.is_none() {
            return Err(format!(
                "{}: expects nothing; give expect, expect-each, expect-error, exit or compare",
                path.display()
            ));
        }
        Ok(any.then_some(d))
    }

    fn new(language: Language) -> Directives {
        Directives {
            language,
            vp: vec![4],
            p: vec![1, 2],
            isolate: vec!["image".into(), "process".into()],
            switch: vec![Switch::Hop],
            processes: true,
            fabric: false,
            args: vec![],
            env: vec![],
            run: vec![],
            launch: Launch::Ampirun,
            flags: vec![],
            source: vec![],
            lib: vec![],
            plugin: vec![],
            stdin: String::new(),
            expect: vec![],
            expect_each: vec![],
            expect_not: vec![],
            expect_error: vec![],
            quiet: false,
            exit: Exit::Code(0),
            compare_mpich: false,
            sorted: true,
            filter: None,
            timeout: Duration::from_secs(60),
            ignore: None,
        }
    }

    fn set(&mut self, folder: &Path, key: &str, value: &str) -> Result<(), String> {
        let words = || value.split_whitespace().map(String::from);
        let none_of = |choices: &str| format!("{key}: {value} is none of {choices}");
        match key {
            "vp" | "np" => self.vp = numbers(key, value)?,
            "p" => self.p = numbers(key, value)?,
            "isolate" => {
                self.isolate = value.split(',').map(|w| w.trim().to_string()).collect();
                if self.isolate.iter().any(|w| !["image", "none", "process"].contains(&w.as_str())) {
                    return Err(none_of("image, none, process"));
                }
            }
            "switch" => {
                let switches = value.split(',').map(|w| match w.trim() {
                    "hop" => Ok(Switch::Hop),
                    "reference" => Ok(Switch::Reference),
                    _ => Err(none_of("hop, reference")),
                });
                self.switch = switches.collect::<Result<_, _>>()?;
            }
            "processes" => self.processes = yes(key, value)?,
            "fabric" => self.fabric = yes(key, value)?,
            "args" => self.args.extend(words()),
            "env" => match value.split_once('=') {
                Some((name, value)) => self.env.push((name.into(), value.into())),
                None => return Err(format!("env: {value} is not NAME=value")),
            },
            "run" => self.run.extend(words()),
            "launch" => {
                self.launch = match value {
                    "ampirun" => Launch::Ampirun,
                    "direct" => Launch::Direct,
                    _ => return Err(none_of("ampirun, direct")),
                }
            }
            "flags" => self.flags.extend(words()),
            "lang" => {
                self.language = match value {
                    "c" => Language::C,
                    "cxx" => Language::Cxx,
                    "fortran" => Language::Fortran,
                    _ => return Err(none_of("c, cxx, fortran")),
                }
            }
            "source" => self.source.extend(words().map(|w| folder.join(w))),
            "lib" => self.lib.push(library(folder, value)?),
            "plugin" => self.plugin.push(library(folder, value)?),
            "stdin" => self.stdin = value.replace("\\n", "\n"),
            "expect" => self.expect.push(Pattern::new(value)?),
            "expect-each" => self.expect_each.push(Pattern::new(value)?),
            "expect-not" => self.expect_not.push(Pattern::new(value)?),
            "expect-error" => self.expect_error.push(Pattern::new(value)?),
            "quiet" => self.quiet = yes(key, value)?,
            "exit" => {
                self.exit = match (value, value.parse::<i32>()) {
                    ("nonzero", _) => Exit::Nonzero,
                    (_, Ok(code)) => Exit::Code(code),
                    _ => return Err(format!("exit: {value} is neither a number nor nonzero")),
                }
            }
            "compare" if value == "mpich" => self.compare_mpich = true,
            "compare" => return Err(none_of("mpich")),
            "sorted" => self.sorted = yes(key, value)?,
            "filter" => self.filter = Some(Pattern::new(value)?),
            "timeout" => {
                let seconds =
                    value.parse().map_err(|_| format!("timeout: {value} is not a number of seconds"))?;
                self.timeout = Duration::from_secs(seconds);
            }
            "ignore" => self.ignore = Some(value.into()),
            _ => return Err(format!("the directive \"{key}\" is unknown; tests/README.md lists them")),
        }
        Ok(())
    }

    /// Every combination to run. Those with more PEs than ranks say nothing new and are left out, unless all are such.
    pub fn configurations(&self) -> Vec<Configuration> {
        if self.launch == Launch::Direct {
            let (isolate, switch) = ("image".into(), Switch::Hop);
            return vec![Configuration { p: 1, vp: 1, isolate, switch, spread: None }];
        }
        let mut all = Vec::new();
        for isolate in self.isolate.iter().filter(|how| *how != "process") {
            for &vp in &self.vp {
                for &p in &self.p {
                    for &switch in &self.switch {
                        all.push(Configuration { p, vp, isolate: isolate.clone(), switch, spread: None });
                    }
                }
            }
        }
        let useful: Vec<Configuration> = all.iter().filter(|c| c.p <= c.vp).cloned().collect();
        let mut all = if useful.is_empty() { all } else { useful };
        if self.processes && self.isolate[0] != "process" {
            all.extend(self.in_processes());
        }
        all.extend(self.as_processes());
        all
    }

    /// With a process for each rank: the largest number of ranks for which that is done.
    fn as_processes(&self) -> Option<Configuration> {
        let vp = self.vp.iter().copied().filter(|vp| *vp <= OWN_PROCESSES_MAX).max()?;
        let asked = self.isolate.iter().find(|how| *how == "process")?;
        Some(Configuration { p: 1, vp, isolate: asked.clone(), switch: Switch::Hop, spread: None })
    }

    /// Runs in several processes: each number of ranks in two with shared memory, the largest also by TCP, in processes of
    /// two PEs, and with neighbouring ranks in three different processes; of some programs one of few ranks by libfabric.
    fn in_processes(&self) -> Vec<Configuration> {
        let numbers: Vec<usize> =
            self.vp.iter().copied().filter(|vp| (2..=IN_PROCESSES_MAX).contains(vp)).collect();
        let run = |vp, p, pes_each, transport, mixed| Configuration {
            p,
            vp,
            isolate: self.isolate[0].clone(),
            switch: Switch::Hop,
            spread: Some(Spread { pes_each, transport, mixed, stress: None }),
        };
        let mut all: Vec<Configuration> = numbers.iter().map(|&vp| run(vp, 2, 1, "shm", false)).collect();
        if let Some(&vp) = numbers.iter().max() {
            all.push(run(vp, 2, 1, "tcp", false));
            all.extend((vp >= 4).then(|| run(vp, 4, 2, "auto", false)));
            all.extend((vp >= 3).then(|| run(vp, 3, 1, "auto", true)));
        }
        let few = numbers.iter().copied().filter(|&vp| self.fabric && vp <= BY_FABRIC_MAX).max();
        all.extend(few.map(|vp| run(vp, vp.min(3), 1, FABRIC, false)));
        all
    }

    /// A run in two or three processes whose frames are delayed; neighbouring ranks are in different ones.
    pub fn disturbed(&self, seed: u64, transport: &'static str) -> Option<Configuration> {
        let fits = self.processes && self.launch == Launch::Ampirun && self.env.is_empty();
        let vp = self.vp.iter().copied().filter(|vp| fits && (2..=DISTURBED_MAX).contains(vp)).max()?;
        let p = if vp >= 3 { 2 + seed as usize / 4 % 2 } else { 2 };
        let spread = Some(Spread { pes_each: 1, transport, mixed: true, stress: Some(seed) });
        Some(Configuration { p, vp, isolate: self.isolate[0].clone(), switch: Switch::Hop, spread })
    }

    /// The other files this program is made of.
    pub fn parts(&self) -> impl Iterator<Item = &PathBuf> {
        self.source.iter().chain(self.lib.iter().chain(&self.plugin).map(|l| &l.source))
    }
}

fn numbers(key: &str, value: &str) -> Result<Vec<usize>, String> {
    let list: Result<Vec<usize>, _> = value.split(',').map(|w| w.trim().parse()).collect();
    match list {
        Ok(list) if list.iter().all(|&n| n > 0) => Ok(list),
        _ => Err(format!("{key}: {value} is not a list of positive numbers")),
    }
}

fn yes(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(format!("{key}: {value} is neither yes nor no")),
    }
}

fn library(folder: &Path, value: &str) -> Result<Library, String> {
    let mut words = value.split_whitespace();
    let source = words.next().ok_or("lib and plugin want the name of a source file")?;
    Ok(Library { source: folder.join(source), flags: words.map(String::from).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Option<Directives>, String> {
        Directives::parse(Path::new("d/x.c"), text)
    }

    #[test]
    fn a_header_is_read_up_to_the_first_line_of_code() {
        let d = parse("//# vp: 1,8\n// words\n//# p: 1,4\n//# lib: a.c -DX\n//# exit: 3\nint x;\n//# p: 9\n");
        let d = d.unwrap().unwrap();
        assert_eq!((d.vp.as_slice(), d.p.as_slice()), (&[1, 8][..], &[1, 4][..]));
        assert_eq!(d.lib, [Library { source: "d/a.c".into(), flags: vec!["-DX".into()] }]);
        assert_eq!(d.exit, Exit::Code(3));
        let all = d.configurations();
        let hosted = all.iter().filter(|c| c.spread.is_none() && c.isolate == "image");
        assert_eq!(hosted.map(|c| (c.p, c.vp)).collect::<Vec<_>>(), [(1, 1), (1, 8), (4, 8)]);
        let spread: Vec<_> = all.iter().filter_map(|c| Some((c.p, c.vp, c.spread?))).collect();
        assert_eq!(spread.len(), 4);
        assert!(spread.iter().all(|(p, vp, s)| p > &s.pes_each && *vp == 8));
    }

    #[test]
    fn programs_of_some_folders_are_run_by_libfabric_with_few_ranks() {
        let by_fabric = |path: &str, text: &str| {
            let d = Directives::parse(Path::new(path), text).unwrap().unwrap();
            let all = d.configurations().into_iter();
            let all = all.filter(|c| c.spread.is_some_and(|s| s.transport == FABRIC));
            all.map(|c| (c.p, c.vp)).collect::<Vec<_>>()
        };
        let text = "//# vp: 2,5,16\n//# exit: 0\n";
        assert_eq!(by_fabric("programs/coll/a.c", text), [(3, 5)]);
        assert_eq!(by_fabric("programs/libc/a.c", text), []);
        assert_eq!(by_fabric("programs/libc/a.c", &format!("//# fabric: yes\n{text}")), [(3, 5)]);
        assert_eq!(by_fabric("programs/coll/a.c", &format!("//# processes: no\n{text}")), []);
        assert_eq!(by_fabric("programs/pt2pt/a.c", "//# vp: 2,64\n//# exit: 0\n"), [(2, 2)]);
    }

    #[test]
    fn fortran_has_its_own_mark() {
        let d =
            Directives::parse(Path::new("x.f90"), "!# np: 2\n!# expect: ok\nprogram x\n").unwrap().unwrap();
        assert_eq!((d.language, d.vp), (Language::Fortran, vec![2]));
    }

    #[test]
    fn a_file_without_directives_is_a_part() {
        assert!(parse("// only words\nint x;\n").unwrap().is_none());
    }

    #[test]
    fn slips_are_errors() {
        for (text, part) in [
            ("//# vp: 2\n", "expects nothing"),
            ("//# expct: x\n", "unknown"),
            ("//# vp: zero\n//# exit: 0\n", "positive numbers"),
            ("//# isolate: thread\n", "none of image, none, process"),
            ("//# switch: hop, other\n", "none of hop, reference"),
            ("//# expect: /(/\n", "regex"),
            ("//# words without colon\n", "not key: value"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn every_switch_is_run_in_every_configuration() {
        let d = parse(
            "//# switch: hop,reference\n//# isolate: image\n//# vp: 1,2\n//# p: 1\n//# processes: no\n//# exit: 0\n",
        );
        let d = d.unwrap().unwrap();
        let pairs: Vec<_> = d.configurations().iter().map(|c| (c.vp, c.switch)).collect();
        let (hop, reference) = (Switch::Hop, Switch::Reference);
        assert_eq!(pairs, [(1, hop), (1, reference), (2, hop), (2, reference)]);
    }

    #[test]
    fn more_pes_than_ranks_are_run_only_when_nothing_else_is_asked_for() {
        let d = parse("//# vp: 1\n//# p: 4\n//# isolate: image\n//# exit: 0\n").unwrap().unwrap();
        assert_eq!(d.configurations().len(), 1);
    }

    #[test]
    fn each_program_is_also_run_as_processes_once() {
        let runs = |text: &str| {
            let all = parse(text).unwrap().unwrap().configurations();
            all.into_iter().filter(|c| c.isolate == "process").map(|c| (c.p, c.vp)).collect::<Vec<_>>()
        };
        assert_eq!(runs("//# vp: 1,8,64\n//# p: 1,2\n//# switch: hop,reference\n//# exit: 0\n"), [(1, 8)]);
        assert_eq!(runs("//# vp: 64\n//# exit: 0\n"), []);
        assert_eq!(runs("//# isolate: image,none\n//# exit: 0\n"), []);
        assert_eq!(runs("//# isolate: process\n//# exit: 0\n"), [(1, 4)]);
    }
}
