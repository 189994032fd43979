//! The dialects in which build systems ask a wrapper for its flags: MPICH's `-show`, `-compile-info`, `-link-info` and
//! Open MPI's `-showme:…`. CMake's FindMPI, PETSc and rsmpi read the answers.
//!
//! The answers about flags leave out `-fPIE` and `-pie`: build systems apply them to shared libraries too.

use super::{CommandLine, include_flags, link_flags};
use crate::layout::Layout;
use crate::nearest::nearest;
use crate::{MPI_VERSION, VERSION};
use std::ffi::OsString;

/// What can be asked, and the help on it.
const QUESTIONS: &[(&str, &str)] = &[
    ("show", "the command that would be run"),
    ("showme", "the same"),
    ("showme:command", "the compiler"),
    ("showme:compile", "the flags for compiling"),
    ("showme:link", "the flags for linking"),
    ("showme:incdirs", "the folders of headers"),
    ("showme:libdirs", "the folders of libraries"),
    ("showme:libs", "the libraries"),
    ("showme:version", "the version"),
    ("showme:help", "this list"),
    ("compile-info", "compiler and flags for compiling"),
    ("link-info", "compiler and flags for linking"),
];

/// Answers `question` (a word without its dashes).
pub fn answer(question: &str, name: &str, layout: &Layout, line: &CommandLine) -> Result<String, String> {
    let include = include_flags(layout);
    let link = link_flags(layout);
    let together =
        |parts: &[&[OsString]]| quoted(&parts.iter().flat_map(|p| p.iter().cloned()).collect::<Vec<_>>());
    // `-show-compile-info` and `-show_link_info` are said too.
    let plain = question.replace('_', "-");
    let plain = plain.strip_prefix("show-").filter(|q| q.ends_with("-info")).unwrap_or(&plain);
    Ok(match plain {
        "show" | "showme" if line.user.is_empty() => together(&[&line.compiler, &include, &link]),
        "show" | "showme" => quoted(&line.words()),
        "showme:command" => together(&[&line.compiler]),
        "showme:compile" => together(&[&include]),
        "showme:link" => together(&[&link]),
        "showme:incdirs" => layout.include().display().to_string(),
        "showme:libdirs" => layout.lib().display().to_string(),
        "showme:libs" => "mpi_abi".into(),
        "showme:version" => format!("{name}: Adaptive MPI in Rust {VERSION}, MPI {MPI_VERSION}"),
        "showme:help" => {
            QUESTIONS.iter().map(|(q, help)| format!("-{q:<16} {help}")).collect::<Vec<_>>().join("\n")
        }
        "compile-info" => together(&[&line.compiler, &include, &line.user]),
        "link-info" => together(&[&line.compiler, &line.user, &link]),
        _ => {
            let hint = match nearest(plain, QUESTIONS.iter().map(|(q, _)| *q)) {
                Some(known) => format!("; did you mean -{known}?"),
                None => "; -showme:help lists what can be asked".into(),
            };
            return Err(format!("unknown option -{question}{hint}"));
        }
    })
}

/// The words as a shell would read them back.
pub fn quoted(words: &[OsString]) -> String {
    words.iter().map(|w| quote(&w.to_string_lossy())).collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_=+./,:@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    // CMake's FindMPI understands a path with blanks only in this form
    for option in ["-I", "-L", "-Wl,"] {
        if let Some(rest) = word.strip_prefix(option)
            && !rest.contains(['"', '$', '`', '\\', '!'])
        {
            return format!("{option}\"{rest}\"");
        }
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: &str, user: &[&str]) -> Result<String, String> {
        let line = CommandLine {
            compiler: vec!["gcc".into()],
            before: vec!["-I/r/include".into(), "-fPIE".into()],
            user: user.iter().map(OsString::from).collect(),
            after: vec![],
        };
        answer(question, "ampicc", &Layout { root: "/r".into() }, &line)
    }

    #[test]
    fn all_dialects_are_answered() {
        let link = "-L/r/lib -Wl,-rpath,/r/lib -lmpi_abi";
        for (question, user, expected) in [
            ("show", &[][..], format!("gcc -I/r/include {link}")),
            ("showme", &["-c", "a.c"], "gcc -I/r/include -fPIE -c a.c".into()),
            ("showme:command", &[], "gcc".into()),
            ("showme:compile", &[], "-I/r/include".into()),
            ("showme:link", &[], link.into()),
            ("showme:incdirs", &[], "/r/include".into()),
            ("showme:libdirs", &[], "/r/lib".into()),
            ("showme:libs", &[], "mpi_abi".into()),
            ("compile-info", &[], "gcc -I/r/include".into()),
            ("link_info", &[], format!("gcc {link}")),
            ("show-compile-info", &[], "gcc -I/r/include".into()),
        ] {
            assert_eq!(ask(question, user).as_ref(), Ok(&expected), "{question}");
        }
        assert!(ask("showme:version", &[]).unwrap().contains("MPI 5.0"));
        assert!(ask("showme:help", &[]).unwrap().contains("-showme:incdirs"));
    }

    #[test]
    fn an_unknown_question_is_refused() {
        assert_eq!(
            ask("showme:lnk", &[]).unwrap_err(),
            "unknown option -showme:lnk; did you mean -showme:link?"
        );
        assert!(ask("showcase", &[]).is_err());
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = ["a b", "$ORIGIN", "it's", "-DX=1", "", "-I/a b", "-L/$a b"].map(OsString::from);
        assert_eq!(quoted(&words), r#"'a b' '$ORIGIN' 'it'\''s' -DX=1 '' -I"/a b" '-L/$a b'"#);
    }
}
