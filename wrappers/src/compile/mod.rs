//! The compiler wrappers: every word goes to the compiler as it is; our paths are added around them.
//!
//! ```text
//! ampicc  a.c -o a      →  gcc -I<root>/include -fPIE -pie  a.c -o a  -L<root>/lib -Wl,-rpath,<root>/lib -lmpi_abi
//! ampicc  -c a.c        →  gcc -I<root>/include -fPIE       -c a.c
//! ampicc  -shared a.o   →  gcc                              -shared a.o  -L… -Wl,-rpath,… -lmpi_abi
//! ```
//!
//! 1. What the user says comes after what we say, so the user's `-fPIC`, `-O3`, `-no-pie` win.
//! 2. No word is parsed, quoted or changed; `@file` is looked into, but handed on as it is.
//! 3. The only words that are taken away are those no compiler knows: the `-show` family and Charm++'s.
//!
//! * [`language`]: which compiler, by the name we are called by and by the environment;
//! * [`words`]: what the user's words mean for us: compile, link, or neither;
//! * [`show`]: the dialects in which build systems ask for the flags.

pub mod language;
pub mod show;
pub mod words;

use crate::layout::Layout;
use crate::say::{err, out};
use language::Language;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use words::{Stage, Words};

/// The command to run, in the three parts in which it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandLine {
    pub compiler: Vec<OsString>,
    pub before: Vec<OsString>,
    pub user: Vec<OsString>,
    pub after: Vec<OsString>,
}

impl CommandLine {
    pub fn words(&self) -> Vec<OsString> {
        [&self.compiler, &self.before, &self.user, &self.after].into_iter().flatten().cloned().collect()
    }
}

/// What is to be done for these words.
pub fn command_line(layout: &Layout, compiler: Vec<OsString>, words: &Words) -> CommandLine {
    let mut before = Vec::new();
    let mut after = Vec::new();
    if words.stage != Stage::Nothing {
        before.extend(include_flags(layout));
        before.push("-fPIE".into());
    }
    if words.stage == Stage::Program {
        before.push("-pie".into());
    }
    if matches!(words.stage, Stage::Program | Stage::SharedLibrary) {
        after.extend(link_flags(layout));
    }
    CommandLine { compiler, before, user: words.rest.clone(), after }
}

pub fn include_flags(layout: &Layout) -> Vec<OsString> {
    vec![joined("-I", layout.include().as_os_str())]
}

pub fn link_flags(layout: &Layout) -> Vec<OsString> {
    let lib = layout.lib();
    vec![joined("-L", lib.as_os_str()), joined("-Wl,-rpath,", lib.as_os_str()), "-lmpi_abi".into()]
}

fn joined(flag: &str, path: &OsStr) -> OsString {
    let mut word = OsString::from(flag);
    word.push(path);
    word
}

/// The whole command: `args[0]` says which wrapper it is.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let name = args.first().cloned().unwrap_or_default();
    let name = std::path::Path::new(&name)
        .file_name()
        .unwrap_or(OsStr::new("ampicc"))
        .to_string_lossy()
        .into_owned();
    match run(&name, &args[1.min(args.len())..]) {
        Ok(code) => code,
        Err(why) => {
            err!("{name}: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, args: &[OsString]) -> Result<ExitCode, String> {
    let layout = Layout::of_this_process().map_err(|e| format!("cannot find my installation: {e}"))?;
    let language = Language::of(name);
    let words = words::read(args, &|path| std::fs::read_to_string(path).ok());
    let compiler = match &words.compiler {
        Some(compiler) => vec![compiler.clone()],
        None => language::compiler(language, &|name| std::env::var_os(name), &on_path),
    };
    let line = command_line(&layout, compiler, &words);
    if let Some(question) = &words.show {
        out!("{}", show::answer(question, name, &layout, &line)?);
        return Ok(ExitCode::SUCCESS);
    }
    for warning in &words.warnings {
        err!("{name}: warning: {warning}");
    }
    let all = line.words();
    if words.verbose {
        for (word, why) in &words.ignored {
            err!("{name}: note: {word} is not needed: {why}");
        }
        err!("{}", show::quoted(&all));
    }
    let error = Command::new(&all[0]).args(&all[1..]).exec();
    Err(format!("cannot start the compiler {}: {error}; AMPI_CC or AMPI_CXX names another", all[0].display()))
}

fn on_path(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(args: &[&str]) -> String {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        let words = words::read(&args, &|name| (name == "x.rsp").then(|| "-c 'a b.c'".to_string()));
        let layout = Layout { root: "/r".into() };
        show::quoted(&command_line(&layout, vec!["gcc".into()], &words).words())
    }

    const LINK: &str = "-L/r/lib -Wl,-rpath,/r/lib -lmpi_abi";

    #[test]
    fn a_program_is_compiled_and_linked_position_independent() {
        assert_eq!(line(&["a.c", "-o", "a"]), format!("gcc -I/r/include -fPIE -pie a.c -o a {LINK}"));
    }

    #[test]
    fn nothing_of_the_linker_when_nothing_is_linked() {
        for flag in ["-c", "-S", "-E", "-M", "-MM", "-fsyntax-only"] {
            assert_eq!(line(&[flag, "a.c"]), format!("gcc -I/r/include -fPIE {flag} a.c"));
        }
    }

    #[test]
    fn dependency_files_on_the_side_do_not_stop_the_link() {
        let shown = line(&["-MD", "-MF", "a.d", "a.c"]);
        assert!(shown.contains("-pie") && shown.ends_with("-lmpi_abi"), "{shown}");
    }

    #[test]
    fn libraries_are_no_pie() {
        assert_eq!(line(&["-shared", "a.o"]), format!("gcc -I/r/include -fPIE -shared a.o {LINK}"));
        assert_eq!(line(&["-r", "a.o"]), "gcc -I/r/include -fPIE -r a.o");
    }

    #[test]
    fn the_users_words_come_later_and_win() {
        let shown = line(&["-fPIC", "a.c", "-no-pie"]);
        assert!(shown.find("-fPIE").unwrap() < shown.find("-fPIC").unwrap());
        assert!(shown.find(" -pie").unwrap() < shown.find("-no-pie").unwrap());
    }

    #[test]
    fn questions_without_input_go_to_the_compiler_alone() {
        for words in [&["--version"][..], &["-v"], &["-dumpmachine"], &["-print-search-dirs"], &[]] {
            assert_eq!(line(words), ["gcc"].iter().chain(words).copied().collect::<Vec<_>>().join(" "));
        }
    }

    #[test]
    fn response_files_are_looked_into_and_handed_on() {
        assert_eq!(line(&["@x.rsp"]), "gcc -I/r/include -fPIE @x.rsp");
        assert!(line(&["@none.rsp"]).ends_with("-lmpi_abi"));
    }

    #[test]
    fn difficult_words_pass_unharmed() {
        let given = [
            "-DX=\"a b\"",
            "-Wl,-rpath,$ORIGIN/../lib",
            "-isystem",
            "/usr/include",
            "-Werror",
            "a.c",
            "-DY='",
        ];
        let args: Vec<OsString> = given.iter().map(OsString::from).collect();
        let words = words::read(&args, &|_| None);
        let line = command_line(&Layout { root: "/r".into() }, vec!["gcc".into()], &words);
        assert_eq!(line.user, args);
    }
}
