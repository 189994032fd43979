//! Several programs in one job (MPMD): `-n 2 ./a x : -n 3 ./b`, or a file of such lines (`-configfile`).
//!
//! ```text
//! ampirun +p 4 -n 2 ./ocean in.nc : -n 6 --wdir /tmp ./air        ranks 0-1 are ocean, 2-7 are air
//!
//! # jobs.conf: a program per line; "#" comments, "\" at the end of a line goes on
//! -n 2 ./ocean "in file.nc"
//! -n 6 ./air
//! ```
//!
//! 1. A `:` standing alone begins the next program; after a `--` it is the program's.
//! 2. Words before a program are read by the launcher's table of options. What concerns the whole job stands before the
//!    first program only; `-n`, `+vp`, `--wdir` and the variables belong to each.
//! 3. Ranks are numbered program by program; a program without a number has one rank, a single program of a job what
//!    the plan of the job says.

use super::Refusal;
use super::place::text::{BadText, Text};
use super::words::{self, Request};
use ampi_core::job;
use std::ffi::{OsStr, OsString};
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// One of the programs of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// As written: not searched yet.
    pub name: OsString,
    pub arguments: Vec<OsString>,
    /// Its ranks in the job.
    pub ranks: Range<usize>,
    /// What was asked for: for the first program with all that concerns the job.
    pub request: Request,
}

/// The command line, cut at each `:`.
pub fn sections(args: &[OsString]) -> Vec<&[OsString]> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, word) in args.iter().enumerate() {
        if word == "--" {
            break;
        }
        if word == ":" {
            parts.push(&args[start..at]);
            start = at + 1;
        }
    }
    parts.push(&args[start..]);
    parts
}

/// The programs of a command line. `file` gives the text of a file of `-configfile`.
pub fn read(args: &[OsString], file: &dyn Fn(&Path) -> io::Result<String>) -> Result<Vec<Program>, Refusal> {
    let parts: Vec<Vec<OsString>> = sections(args).into_iter().map(<[OsString]>::to_vec).collect();
    // Mistakes of the first part are told by the second reading.
    match words::read(&parts[0]).ok().and_then(|request| request.config) {
        Some((path, _)) if parts.len() > 1 => {
            let why = format!("the programs stand in the file {}, so no : can follow it", path.display());
            Err(Refusal::usage(why))
        }
        Some((path, before)) => {
            let name = path.display().to_string();
            let text =
                file(&path).map_err(|e| Refusal::usage(format!("the file {name} cannot be read: {e}")))?;
            read_file(&name, &text, &args[..before])
        }
        None => programs(&parts),
    }
}

/// The programs of the text of a file of `-configfile` called `source`; `before`: words in front of the first program.
fn read_file(source: &str, text: &str, before: &[OsString]) -> Result<Vec<Program>, Refusal> {
    let mut parts = Vec::new();
    for words in lines(source, text)? {
        parts.extend(sections(&words).into_iter().map(<[OsString]>::to_vec));
    }
    match parts.first_mut() {
        Some(first) => drop(first.splice(0..0, before.iter().cloned())),
        None => return Err(Refusal::usage(format!("{source}: the file names no program"))),
    }
    programs(&parts)
}

/// Says which file a name means, in a folder or (`None`) where the launcher is.
pub type Finder<'a> = dyn Fn(&OsStr, Option<&Path>) -> Result<PathBuf, Refusal> + 'a;

/// The programs as the worker has to know them. `here`: what their folders are relative to; `find`: which files their names mean.
pub fn described(programs: &[Program], here: &Path, find: &Finder<'_>) -> Result<Vec<job::Program>, Refusal> {
    let described = programs.iter().map(|program| {
        let set =
            program.request.exports.iter().filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
        let folder = program.request.folder.as_ref().map(|folder| here.join(folder));
        Ok(job::Program {
            ranks: program.ranks.len(),
            path: find(&program.name, folder.as_deref())?,
            arguments: program.arguments.clone(),
            variables: set.collect(),
            folder,
        })
    });
    described.collect()
}

/// What several programs ask for together: all that concerns the job, and the number of ranks. `-n P +vp N` of the first one
/// are N ranks of it and P PEs of the job.
pub fn together(programs: &[Program]) -> Request {
    let first = &programs[0].request;
    let handed_on =
        |p: &Program| p.request.exports.iter().filter(|(_, v)| v.is_none()).cloned().collect::<Vec<_>>();
    Request {
        ranks: programs.last().map(|last| last.ranks.end),
        processes: first.processes.filter(|_| first.ranks.is_some()),
        exports: programs.iter().flat_map(handed_on).collect(),
        folder: None,
        notes: programs.iter().flat_map(|p| p.request.notes.clone()).collect(),
        ..first.clone()
    }
}

fn programs(parts: &[Vec<OsString>]) -> Result<Vec<Program>, Refusal> {
    let mut programs: Vec<Program> = Vec::with_capacity(parts.len());
    for (number, part) in parts.iter().enumerate() {
        let place = format!("program {} of {}", number + 1, parts.len());
        let told = |why: String| {
            if parts.len() == 1 { Refusal::usage(why) } else { Refusal::usage(format!("{place}: {why}")) }
        };
        if part.is_empty() {
            return Err(told("nothing stands there; a : stands between two programs".into()));
        }
        let request = words::read(part).map_err(|r| told(r.why))?;
        if request.help || request.version {
            return Err(told("--help and --version stand alone".into()));
        }
        let Some(name) = request.program.clone() else {
            return Err(told(format!("there is no program after \"{}\"", spoken(part))));
        };
        if number > 0 && own_part(&request) != request {
            return Err(told(format!(
                "before {} only -n, +vp, --wdir and variables may stand; what concerns the whole job stands before the \
                 first program",
                name.display()
            )));
        }
        let count = request.ranks.or(request.processes).unwrap_or(1);
        let first = programs.last().map_or(0, |p| p.ranks.end);
        programs.push(Program {
            name,
            arguments: request.program_args.clone(),
            ranks: first..first + count,
            request,
        });
    }
    Ok(programs)
}

/// The part of a request that belongs to its program alone.
fn own_part(request: &Request) -> Request {
    Request {
        processes: request.processes,
        ranks: request.ranks,
        exports: request.exports.clone(),
        folder: request.folder.clone(),
        program: request.program.clone(),
        program_args: request.program_args.clone(),
        // Words that mean nothing mean nothing anywhere.
        notes: request.notes.clone(),
        ..Request::default()
    }
}

fn spoken(words: &[OsString]) -> String {
    words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The words of each line that has some.
fn lines(source: &str, text: &str) -> Result<Vec<Vec<OsString>>, BadText> {
    let mut all = Vec::new();
    let mut words: Vec<OsString> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim_end();
        let (line, goes_on) = match line.strip_suffix('\\') {
            Some(line) if !line.ends_with('\\') => (line, true),
            _ => (line, false),
        };
        words.extend(split(&Text { source, line: Some(number + 1), whole: line })?);
        if !goes_on && !words.is_empty() {
            all.push(std::mem::take(&mut words));
        }
    }
    if !words.is_empty() {
        all.push(words);
    }
    Ok(all)
}

/// The words of a line: between blanks, with `'…'`, `"…"` and `\x` as in a shell, up to a `#` that begins a word.
pub fn split(text: &Text<'_>) -> Result<Vec<OsString>, BadText> {
    let bytes = text.whole.as_bytes();
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        match byte {
            b' ' | b'\t' | b'\r' => {
                words.extend(word.take());
            }
            b'#' if word.is_none() => break,
            b'\'' | b'"' => {
                let own = word.get_or_insert_default();
                let open = at;
                at += 1;
                while at < bytes.len() && bytes[at] != byte {
                    if byte == b'"' && bytes[at] == b'\\' && matches!(bytes.get(at + 1), Some(b'"' | b'\\')) {
                        at += 1;
                    }
                    own.push(bytes[at]);
                    at += 1;
                }
                if at == bytes.len() {
                    return Err(text.wrong(&text.whole[open..], "has no end of the quotation"));
                }
            }
            b'\\' if at + 1 < bytes.len() => {
                at += 1;
                word.get_or_insert_default().push(bytes[at]);
            }
            _ => word.get_or_insert_default().push(byte),
        }
        at += 1;
    }
    words.extend(word);
    Ok(words.iter().map(|w| OsStr::from_bytes(w).to_os_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(args: &[OsString]) -> Result<Vec<Program>, Refusal> {
        super::read(args, &|path| match path.to_str() {
            Some("F") => Ok("-n 2 ./a x\n-n 3 ./b".into()),
            _ => Err(io::ErrorKind::NotFound.into()),
        })
    }

    fn read_file(source: &str, text: &str) -> Result<Vec<Program>, Refusal> {
        super::read_file(source, text, &[])
    }

    fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    /// `name ranks arguments`, a line per program.
    fn told(programs: Result<Vec<Program>, Refusal>) -> String {
        match programs {
            Err(refusal) => refusal.why,
            Ok(all) => {
                let one =
                    |p: &Program| format!("{} {:?} {}", p.name.display(), p.ranks, spoken(&p.arguments));
                all.iter().map(|p| one(p).trim_end().to_string()).collect::<Vec<_>>().join("; ")
            }
        }
    }

    #[test]
    fn programs_between_colons() {
        for (line, expected) in [
            ("./a", "./a 0..1"),
            ("-n 2 ./a x : -n 3 ./b", "./a 0..2 x; ./b 2..5"),
            ("+p 4 -n 2 ./a : ./b -v : +vp 3 c", "./a 0..2; ./b 2..3 -v; c 3..6"),
            ("-n 2 ./a -- : x", "./a 0..2 -- : x"),
            ("-n 2 ./a a:b", "./a 0..2 a:b"),
        ] {
            assert_eq!(told(read(&words(line))), expected, "{line}");
        }
        let all = read(&words("+p 4 -x A=1 -n 2 a : --wdir /tmp -x B=2 b")).unwrap();
        assert_eq!((all[0].request.pes, all[1].request.folder.clone()), (Some(4), Some("/tmp".into())));
        assert_eq!(all[1].request.exports, [("B".into(), Some("2".into()))]);
    }

    #[test]
    fn mistakes_name_the_program() {
        for (line, why) in [
            ("-n 2 a : : b", "program 2 of 3: nothing stands there"),
            ("-n 2 a :", "program 2 of 2: nothing stands there"),
            (": a", "program 1 of 2: nothing stands there"),
            ("-n 2 a : -n 3", "program 2 of 2: there is no program after \"-n 3\""),
            ("-n 2 a : -n x b", "program 2 of 2: -n: x is not a whole number"),
            (
                "-n 2 a : --timeout 5 b",
                "program 2 of 2: before b only -n, +vp, --wdir and variables may stand",
            ),
            ("-n 2 a : +p 2 b", "what concerns the whole job"),
            ("-n 2 a : --help", "stand alone"),
            ("-n 2", "there is no program after \"-n 2\""),
        ] {
            let told = told(read(&words(line)));
            assert!(told.contains(why), "{line}: {told}");
        }
    }

    #[test]
    fn files_of_programs() {
        let text = "# two programs\n-n 2 ./ocean \"in file.nc\" # cold\n\n-n 3 \\\n  ./air 'it''s' a\\ b \\#1 : ./sea\n";
        assert_eq!(told(read_file("F", text)), "./ocean 0..2 in file.nc; ./air 2..5 its a b #1; ./sea 5..6");
        let all = read_file("F", text).unwrap();
        assert_eq!(all[0].arguments, ["in file.nc"]);
        assert_eq!(all[1].arguments, ["its", "a b", "#1"]);
        assert_eq!(told(read_file("F", "-n 2 a \\")), "a 0..2");
    }

    #[test]
    fn words_before_a_file_are_the_whole_jobs() {
        let all = read(&words("+p 4 -configfile F")).unwrap();
        assert_eq!(all[0].request.pes, Some(4));
        assert_eq!(told(Ok(all)), "./a 0..2 x; ./b 2..5");
        assert_eq!(told(read(&words("-configfile G"))), "the file G cannot be read: entity not found");
        assert!(told(read(&words("-configfile F : b"))).contains("no : can follow it"));
        assert!(
            told(read(&words("-n 2 -configfile F"))).contains("./a 0..2"),
            "the file's own -n comes later"
        );
    }

    #[test]
    fn programs_as_the_worker_reads_them() {
        let all = read(&words("-n 2 -x A=b=c -x HOME ./a x y : --wdir tmp b")).unwrap();
        let find = |name: &OsStr, folder: Option<&Path>| Ok(folder.unwrap_or(Path::new("/bin")).join(name));
        let described = described(&all, Path::new("/"), &find).unwrap();
        let expected = [
            job::Program {
                ranks: 2,
                path: "/bin/./a".into(),
                arguments: vec!["x".into(), "y".into()],
                variables: vec![("A".into(), "b=c".into())],
                folder: None,
            },
            job::Program {
                ranks: 1,
                path: "/tmp/b".into(),
                folder: Some("/tmp".into()),
                ..Default::default()
            },
        ];
        assert_eq!(described, expected);
        let spec = job::JobSpec { ranks: 3, programs: described, ..Default::default() };
        assert_eq!(job::JobSpec::parse(&spec.to_env()), Ok(spec));
        let whole = together(&all);
        assert_eq!((whole.ranks, whole.processes, whole.folder), (Some(3), None, None));
        assert_eq!(whole.exports, [("HOME".into(), None)]);
        let whole = together(&read(&words("-n 2 +vp 5 --timeout 9 a : -n 3 b")).unwrap());
        assert_eq!((whole.ranks, whole.processes), (Some(8), Some(2)));
        assert!(whole.timeout.is_some());
    }

    #[test]
    fn mistakes_in_files_are_named() {
        for (text, why) in [
            ("", "F: the file names no program"),
            ("# a\n", "F: the file names no program"),
            ("a\n-n 2 'b", "F:2:6: \"'b\" has no end of the quotation"),
            ("a\n-n 2\n", "program 2 of 2: there is no program"),
        ] {
            let told = told(read_file("F", text));
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    proptest! {
        #[test]
        fn quoted_words_come_back(all in proptest::collection::vec("[^\0'\n\r]{0,9}", 0..5)) {
            let line: Vec<String> = all.iter().map(|w| format!("'{w}'")).collect();
            let line = line.join(" ");
            prop_assert_eq!(split(&Text::value("V", &line)).unwrap(), words_of(&all));
        }

        #[test]
        fn any_file_is_read_without_panic(text in "[a:\\\\'\"# \n-]{0,40}") {
            let _ = read_file("F", &text);
        }

        #[test]
        fn ranks_have_no_gaps(counts in proptest::collection::vec(1usize..9, 1..6)) {
            let line: Vec<String> = counts.iter().map(|n| format!("-n {n} a")).collect();
            let mut next = 0;
            for (program, count) in read(&words(&line.join(" : "))).unwrap().iter().zip(counts) {
                prop_assert_eq!(program.ranks.clone(), next..next + count);
                next += count;
            }
        }
    }

    fn words_of(all: &[String]) -> Vec<OsString> {
        all.iter().map(OsString::from).collect()
    }
}
