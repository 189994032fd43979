//! A program of `tests/programs`: compiled once, run in each configuration, judged by its directives.
//!
//! 1. Programs are compiled in `target/ampi-tests/<path>/`; two configurations never compile the same one.
//! 2. Each run has a fresh working folder, which vanishes when the run is over.
//! 3. MPICH runs a program once per number of ranks; all configurations with that number compare with the same output:
//!    the lines of rank 0, then those of rank 1, and so on.

use crate::directives::{Configuration, Directives, Exit, Language, Launch, Library, Switch};
use crate::expect::{Names, fill, first_difference};
use crate::process::{Outcome, run};
use crate::tree;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Comparisons with MPICH stop here: above, its start alone takes seconds on a small machine, and a program that is
/// right on 16 ranks of MPICH checks itself on more of ours.
const COMPARED_RANKS_MAX: usize = 16;
const COMPILE_LIMIT: Duration = Duration::from_secs(120);

/// One source file with directives.
pub struct Program {
    /// Relative to `tests/programs`.
    pub name: String,
    pub path: PathBuf,
    pub directives: Directives,
    ours: OnceLock<Result<PathBuf, String>>,
    mpich: OnceLock<Result<PathBuf, String>>,
    mpich_output: Mutex<HashMap<usize, Result<Vec<String>, String>>>,
}

/// All programs below `folder`, and what is wrong with files there.
pub fn find(folder: &Path) -> (Vec<Arc<Program>>, Vec<String>) {
    let mut programs = Vec::new();
    let mut wrong = Vec::new();
    let mut parts = Vec::new();
    for path in source_files(folder) {
        let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        match Directives::parse(&path, &text) {
            Ok(Some(directives)) => programs.push(Arc::new(Program::new(name, path, directives))),
            Ok(None) => parts.push(path),
            Err(why) => wrong.push(why),
        }
    }
    for part in parts {
        if !programs.iter().any(|p| p.directives.parts().any(|q| *q == part)) {
            wrong.push(format!("{}: has no directives and is part of no other program", part.display()));
        }
    }
    (programs, wrong)
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if Language::of(&path).is_some() {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

impl Program {
    fn new(name: String, path: PathBuf, directives: Directives) -> Program {
        let (ours, mpich, mpich_output) = (OnceLock::new(), OnceLock::new(), Mutex::new(HashMap::new()));
        Program { name, path, directives, ours, mpich, mpich_output }
    }

    pub fn test_name(&self, c: &Configuration) -> String {
        match self.directives.launch {
            Launch::Direct => format!("programs/{} direct", self.name),
            Launch::Ampirun => {
                let switch = if c.switch == Switch::Reference { " switch=reference" } else { "" };
                let spread = c.spread.map(|s| {
                    let mixed = if s.mixed { " mixed" } else { "" };
                    let stress = s.stress.map_or(String::new(), |seed| format!(" stress={seed}"));
                    format!(" processes={} transport={}{mixed}{stress}", c.p / s.pes_each, s.transport)
                });
                let spread = spread.unwrap_or_default();
                format!("programs/{} p={} vp={} isolate={}{switch}{spread}", self.name, c.p, c.vp, c.isolate)
            }
        }
    }

    /// Runs the program in configuration `c` and checks everything it has to fulfil.
    pub fn test(&self, c: &Configuration) -> Result<(), String> {
        let exe = self.ours.get_or_init(|| self.compile("ampi", our_compiler)).clone()?;
        let tmp = tempfile::tempdir().map_err(|e| format!("no folder for the run: {e}"))?;
        let (vp, p) = (c.vp.to_string(), c.p.to_string());
        let dir = exe.parent().unwrap_or(Path::new(".")).display().to_string();
        let src = self.path.parent().unwrap_or(Path::new(".")).display().to_string();
        let tmp_name = tmp.path().display().to_string();
        let names = [("vp", &*vp), ("p", &*p), ("dir", &*dir), ("src", &*src), ("tmp", &*tmp_name)];
        let mut command = self.command(c, &exe, &names);
        command.current_dir(tmp.path());
        let shown = format!("{command:?}");
        let outcome = run(&mut command, &self.directives.stdin, self.directives.timeout)?;
        let mut faults = self.judge(&outcome, c.vp, &names)?;
        if self.directives.compare_mpich && c.vp <= COMPARED_RANKS_MAX && faults.is_empty() {
            faults.extend(self.compare(&outcome, c.vp, &names)?);
        }
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("{}\n{shown}\n{}", faults.join("\n"), outcome.told()))
    }

    fn command(&self, c: &Configuration, exe: &Path, names: Names) -> Command {
        let d = &self.directives;
        let mut command = match d.launch {
            Launch::Direct => Command::new(exe),
            Launch::Ampirun => {
                let mut command = Command::new(tree::bin("ampirun"));
                command.args(["+p", &c.p.to_string(), "+vp", &c.vp.to_string()]);
                if c.isolate != "image" {
                    command.arg(format!("--isolate={}", c.isolate));
                }
                if let Some(spread) = c.spread {
                    command.args(["++ppn", &spread.pes_each.to_string(), "--transport", spread.transport]);
                    command.args(if spread.mixed { &["+mapping", "RR_MAP"][..] } else { &[] });
                }
                command.args(d.run.iter().map(|w| fill(w, names))).arg(exe);
                command
            }
        };
        command.args(d.args.iter().map(|w| fill(w, names)));
        command.envs(d.env.iter().map(|(n, v)| (n, fill(v, names))));
        if c.switch == Switch::Reference {
            command.env("AMPI_SWITCH", "corosensei");
        }
        if let Some(seed) = c.spread.and_then(|s| s.stress) {
            // with a shared memory there are few frames
            command.env("AMPI_STRESS", format!("wire={seed}")).env("AMPI_SHARED_MEMORY", "off");
        }
        command
    }

    /// Everything that is not as the directives say.
    fn judge(&self, outcome: &Outcome, vp: usize, names: Names) -> Result<Vec<String>, String> {
        let d = &self.directives;
        let mut faults = Vec::new();
        if outcome.timed_out {
            faults.push(format!("not done after {} s", d.timeout.as_secs()));
        }
        match d.exit {
            Exit::Code(code) if outcome.code != code => {
                faults.push(format!("exit code {} instead of {code}", outcome.code))
            }
            Exit::Nonzero if outcome.code == 0 => faults.push("exit code 0 instead of another".into()),
            _ => {}
        }
        let (out, err): (Vec<&str>, Vec<&str>) =
            (outcome.stdout.lines().collect(), outcome.stderr.lines().collect());
        for pattern in &d.expect {
            let matcher = pattern.matcher(names)?;
            if !out.iter().any(|l| matcher.line(l)) {
                faults.push(format!("no line of stdout is \"{}\"", fill(pattern.text(), names)));
            }
        }
        for pattern in &d.expect_each {
            faults.extend(each(pattern, &out, vp, names)?);
        }
        for pattern in &d.expect_not {
            let matcher = pattern.matcher(names)?;
            if let Some(line) = out.iter().chain(&err).find(|l| matcher.line(l)) {
                faults.push(format!("there is the line \"{line}\", which must not be"));
            }
        }
        for pattern in &d.expect_error {
            let matcher = pattern.matcher(names)?;
            if !err.iter().any(|l| matcher.within(l)) {
                faults.push(format!("nothing in stderr is \"{}\"", fill(pattern.text(), names)));
            }
        }
        if d.quiet && !err.is_empty() {
            faults.push("there is something on stderr".into());
        }
        Ok(faults)
    }

    fn compare(&self, outcome: &Outcome, vp: usize, names: Names) -> Result<Option<String>, String> {
        let ours = self.comparable(outcome.lines(), names)?;
        // Not held while MPICH runs: another configuration may run it a second time, which does no harm.
        let known = self.mpich_output.lock().map_err(|_| "another configuration panicked")?.get(&vp).cloned();
        let theirs = match known {
            Some(theirs) => theirs,
            None => {
                let theirs = self.run_mpich(vp, names);
                let mut all = self.mpich_output.lock().map_err(|_| "another configuration panicked")?;
                all.insert(vp, theirs.clone());
                theirs
            }
        }?;
        Ok(first_difference(&ours, &self.comparable(theirs, names)?))
    }

    fn comparable(&self, mut lines: Vec<String>, names: Names) -> Result<Vec<String>, String> {
        if let Some(pattern) = &self.directives.filter {
            let matcher = pattern.matcher(names)?;
            lines.retain(|l| !matcher.line(l));
        }
        if self.directives.sorted {
            lines.sort();
        }
        Ok(lines)
    }

    fn run_mpich(&self, vp: usize, names: Names) -> Result<Vec<String>, String> {
        let d = &self.directives;
        let exe = self.mpich.get_or_init(|| self.compile("mpich", mpich_compiler)).clone()?;
        let dir = exe.parent().unwrap_or(Path::new(".")).display().to_string();
        let tmp = tempfile::tempdir().map_err(|e| format!("no folder for the run: {e}"))?;
        let tmp_name = tmp.path().display().to_string();
        let mut names: Vec<(&str, &str)> =
            names.iter().filter(|(n, _)| !["dir", "tmp"].contains(n)).copied().collect();
        names.extend([("dir", &*dir), ("tmp", &*tmp_name)]);
        let mut command = Command::new("mpiexec.mpich");
        command.args(["-n", &vp.to_string()]).args(yielding()?);
        // A file per rank: through its pipes the launcher may mix the lines of ranks.
        let files = tempfile::tempdir().map_err(|e| format!("no folder for the output: {e}"))?;
        command.arg("-outfile-pattern").arg(files.path().join("%r")).arg(&exe).current_dir(tmp.path());
        command.args(d.args.iter().map(|w| fill(w, &names)));
        command.envs(d.env.iter().map(|(n, v)| (n, fill(v, &names))));
        // Many processes on few cores take their time all the same.
        let limit = d.timeout.max(Duration::from_secs(120));
        let outcome = run(&mut command, &d.stdin, limit)?;
        if outcome.code != 0 || outcome.timed_out {
            return Err(format!("the program fails under MPICH:\n{command:?}\n{}", outcome.told()));
        }
        let mut lines = Vec::new();
        for rank in 0..vp {
            let text = std::fs::read(files.path().join(rank.to_string())).unwrap_or_default();
            lines.extend(String::from_utf8_lossy(&text).lines().map(String::from));
        }
        if !outcome.stdout.is_empty() {
            return Err(format!("MPICH's launcher says something itself:\n{}", outcome.told()));
        }
        Ok(lines)
    }

    fn compile(&self, kind: &str, compiler: fn(Language) -> Command) -> Result<PathBuf, String> {
        let d = &self.directives;
        let dir = tree::repository().join("target/ampi-tests").join(kind).join(&self.name);
        std::fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        let dir_name = dir.display().to_string();
        let src = self.path.parent().unwrap_or(Path::new(".")).display().to_string();
        let names = [("dir", &*dir_name), ("src", &*src)];
        let mut libraries = Vec::new();
        for (library, linked) in d.lib.iter().map(|l| (l, true)).chain(d.plugin.iter().map(|l| (l, false))) {
            libraries.extend(shared_library(compiler, &dir, library, linked, &names)?);
        }
        let exe = dir.join("program");
        let mut command = compiler(d.language);
        // In the folder of the program: gfortran leaves its .mod files where it stands.
        command
            .current_dir(&dir)
            // what our headers do not declare is not there, though a C compiler might guess
            .args((d.language == Language::C).then_some("-Werror=implicit-function-declaration"))
            .args(["-g", "-O1", "-Wall", "-o"])
            .arg(&exe)
            .arg(&self.path)
            .args(&d.source);
        command.args(d.flags.iter().map(|w| fill(w, &names)));
        if !libraries.is_empty() {
            command.arg("-L").arg(&dir).args(libraries).arg("-Wl,-rpath,$ORIGIN");
        }
        command.args(fortran_link_flags(&command));
        compiled(&mut command)?;
        Ok(exe)
    }
}

/// The wrappers of the tree. There is none for Fortran: gfortran with the flags that `ampicc` tells.
fn our_compiler(language: Language) -> Command {
    match language {
        Language::C => Command::new(tree::bin("ampicc")),
        Language::Cxx => Command::new(tree::bin("ampicxx")),
        Language::Fortran => {
            let mut command = Command::new("gfortran");
            command.args(["-fPIE", "-I"]).arg(tree::root().join("include"));
            command
        }
    }
}

/// What gfortran needs at the end of its command line; wrappers add it themselves.
fn fortran_link_flags(command: &Command) -> Vec<String> {
    if command.get_program() != "gfortran" {
        return Vec::new();
    }
    let lib = tree::root().join("lib").display().to_string();
    vec!["-pie".into(), format!("-L{lib}"), format!("-Wl,-rpath,{lib}"), "-lmpi_abi".into()]
}

fn mpich_compiler(language: Language) -> Command {
    Command::new(match language {
        Language::C => "mpicc.mpich",
        Language::Cxx => "mpicxx.mpich",
        Language::Fortran => "mpifort.mpich",
    })
}

/// Options of `mpiexec.mpich` that let its ranks give way to each other while they poll.
fn yielding() -> Result<Vec<String>, String> {
    static LIBRARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let dir = tree::repository().join("target/ampi-tests");
        let library = dir.join("mpich_yield.so");
        let source = tree::repository().join("tests/harness/mpich_yield.c");
        std::fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        compiled(Command::new("gcc").args(["-O2", "-shared", "-fPIC", "-o"]).arg(&library).arg(source))?;
        Ok(library)
    });
    Ok(vec!["-genv".into(), "LD_PRELOAD".into(), library.clone()?.display().to_string()])
}

/// Builds one library; the flag that links it, when it is to be linked.
fn shared_library(
    compiler: fn(Language) -> Command,
    dir: &Path,
    library: &Library,
    linked: bool,
    names: Names,
) -> Result<Option<String>, String> {
    let stem = library.source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let file = if linked { format!("lib{stem}.so") } else { format!("{stem}.so") };
    let mut command = compiler(Language::of(&library.source).unwrap_or(Language::C));
    command.args(["-g", "-O1", "-Wall", "-fPIC", "-shared", "-o"]).arg(dir.join(&file)).arg(&library.source);
    command.args(library.flags.iter().map(|w| fill(w, names)));
    compiled(&mut command)?;
    Ok(linked.then(|| format!("-l{stem}")))
}

fn compiled(command: &mut Command) -> Result<(), String> {
    let shown = format!("{command:?}");
    let outcome = run(command, "", COMPILE_LIMIT)?;
    if outcome.code == 0 { Ok(()) } else { Err(format!("does not compile:\n{shown}\n{}", outcome.told())) }
}

/// A pattern with `{rank}` once for each rank; one without in exactly as many lines as there are ranks.
fn each(
    pattern: &crate::expect::Pattern,
    out: &[&str],
    vp: usize,
    names: Names,
) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    if !pattern.text().contains("{rank}") {
        let matcher = pattern.matcher(names)?;
        let found = out.iter().filter(|l| matcher.line(l)).count();
        if found != vp {
            faults.push(format!(
                "{found} lines of stdout are \"{}\" instead of {vp}",
                fill(pattern.text(), names)
            ));
        }
        return Ok(faults);
    }
    for rank in 0..vp {
        let rank = rank.to_string();
        let mut names = names.to_vec();
        names.push(("rank", &rank));
        let matcher = pattern.matcher(&names)?;
        let found = out.iter().filter(|l| matcher.line(l)).count();
        if found != 1 {
            let text = fill(pattern.text(), &names);
            faults.push(format!("{found} lines of stdout are \"{text}\" instead of 1"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::Pattern;

    #[test]
    fn each_rank_must_be_there_once() {
        let pattern = Pattern::new("rank {rank}").unwrap();
        assert!(each(&pattern, &["rank 1", "rank 0"], 2, &[]).unwrap().is_empty());
        assert_eq!(each(&pattern, &["rank 1", "rank 1"], 2, &[]).unwrap().len(), 2);
        let same = Pattern::new("done").unwrap();
        assert!(each(&same, &["done", "done"], 2, &[]).unwrap().is_empty());
        assert_eq!(each(&same, &["done"], 2, &[]).unwrap().len(), 1);
    }

    #[test]
    fn a_file_that_belongs_to_no_test_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.c"), "//# lib: b.c\n//# exit: 0\n").unwrap();
        std::fs::write(folder.path().join("b.c"), "int b;\n").unwrap();
        let (programs, wrong) = find(folder.path());
        assert_eq!((programs.len(), wrong.len()), (1, 0));
        std::fs::write(folder.path().join("c.c"), "int c;\n").unwrap();
        assert!(find(folder.path()).1[0].contains("c.c"));
    }
}
