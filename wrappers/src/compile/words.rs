//! What the user's words mean for a wrapper. They are only looked at: `rest` has them in order, minus our own.

use std::ffi::OsString;

/// How far the compiler goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// No input: a question to the compiler, such as `--version`.
    Nothing,
    /// Preprocess, compile, assemble, or link relocatably.
    Objects,
    SharedLibrary,
    Program,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    pub rest: Vec<OsString>,
    pub stage: Stage,
    /// The question of the `-show` family.
    pub show: Option<String>,
    /// `-cc=…`, `-cxx=…`.
    pub compiler: Option<OsString>,
    /// Charm++'s `-verbose`: show the command, then run it.
    pub verbose: bool,
    /// Words of Charm++ that mean nothing here, and why.
    pub ignored: Vec<(String, &'static str)>,
    pub warnings: Vec<String>,
}

/// Options of compilers whose value is the next word: that word is no input file.
const WITH_VALUE: &[&str] = &[
    "-o",
    "-x",
    "-I",
    "-L",
    "-l",
    "-D",
    "-U",
    "-A",
    "-include",
    "-imacros",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-iprefix",
    "-iwithprefix",
    "-iwithprefixbefore",
    "-isysroot",
    "--sysroot",
    "-imultilib",
    "-MF",
    "-MT",
    "-MQ",
    "-Xlinker",
    "-Xpreprocessor",
    "-Xassembler",
    "-Xclang",
    "-T",
    "-u",
    "-z",
    "-e",
    "-h",
    "-arch",
    "--param",
    "-aux-info",
    "-wrapper",
    "-dumpbase",
    "-dumpdir",
    "-target",
    "-mllvm",
    "-B",
    "-specs",
];

/// Words of Charm++'s compilers that no other compiler knows: whether a value follows, and why they are not needed.
const CHARM: &[(&str, bool, &str)] = &[
    ("-tlsglobals", false, PRIVATE),
    ("-pieglobals", false, PRIVATE),
    ("-pipglobals", false, PRIVATE),
    ("-fsglobals", false, PRIVATE),
    ("-swapglobals", false, PRIVATE),
    ("-standalone", false, "a program started without ampirun is a world of one rank anyway"),
    ("-memory", true, "ranks always have a heap of their own that moves with them"),
    ("-module", true, "the runtime is one library"),
    ("-modules", true, "the runtime is one library"),
    ("-balancer", true, "the balancer is chosen when the program is run"),
    ("-balance", true, "the balancer is chosen when the program is run"),
    ("-tracemode", true, "tracing is chosen when the program is run"),
    ("-thread", true, "there is one kind of rank"),
    ("-language", true, "the language is MPI"),
    ("-charm-shared", false, "the runtime is a shared library"),
    ("-no-charmrun", false, "there is no charmrun"),
    ("-nomain", false, "main stays the program's own"),
];
const PRIVATE: &str = "every rank has its own copy of all globals";

/// Reads the user's words. `read` gives the text of a response file.
pub fn read(args: &[OsString], read: &dyn Fn(&str) -> Option<String>) -> Words {
    let mut words = Words {
        rest: Vec::new(),
        stage: Stage::Nothing,
        show: None,
        compiler: None,
        verbose: false,
        ignored: Vec::new(),
        warnings: Vec::new(),
    };
    let mut seen = Seen::default();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy();
        let text = text.as_ref();
        if let Some(question) = question(text) {
            words.show = Some(question.to_string());
        } else if let Some(compiler) = ["-cc=", "-cxx=", "-CC="].iter().find_map(|p| text.strip_prefix(p)) {
            words.compiler = Some(compiler.into());
        } else if text == "-verbose" {
            words.verbose = true;
        } else if let Some((_, value, why)) = CHARM.iter().find(|(word, ..)| *word == text) {
            words.ignored.push((text.to_string(), why));
            if *value {
                args.next();
            }
        } else {
            words.rest.push(arg.clone());
            seen.look(text, read, 0);
            if WITH_VALUE.contains(&text) {
                words.rest.extend(args.next().cloned());
            }
        }
    }
    words.stage = seen.stage();
    words.warnings = seen.warnings(words.stage);
    words
}

/// A word that asks for the flags instead of a compilation.
fn question(word: &str) -> Option<&str> {
    let plain = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
    let asks = plain.starts_with("show") || ["compile", "link"].iter().any(|k| is_info(plain, k));
    asks.then_some(plain)
}

/// `compile-info` and `compile_info`.
fn is_info(word: &str, kind: &str) -> bool {
    word.strip_prefix(kind).is_some_and(|rest| rest == "-info" || rest == "_info")
}

/// What was seen among the words that matter.
#[derive(Default)]
struct Seen {
    input: bool,
    no_link: bool,
    shared: bool,
    no_pie: bool,
    is_static: bool,
}

impl Seen {
    fn look(&mut self, word: &str, read: &dyn Fn(&str) -> Option<String>, depth: usize) {
        match word {
            "-c" | "-S" | "-E" | "-M" | "-MM" | "-fsyntax-only" | "-r" => self.no_link = true,
            "-shared" | "--shared" => self.shared = true,
            "-no-pie" | "-nopie" | "-fno-pie" | "-fno-PIE" | "-fno-pic" | "-fno-PIC" => self.no_pie = true,
            "-static" | "--static" | "-static-pie" => self.is_static = true,
            "-" => self.input = true,
            _ => match word.strip_prefix('@') {
                Some(file) => {
                    self.input = true;
                    // Files name files; a circle is the compiler's to complain about.
                    if let Some(text) = read(file).filter(|_| depth < 8) {
                        let inner = split(&text);
                        let mut inner = inner.iter();
                        while let Some(word) = inner.next() {
                            self.look(word, read, depth + 1);
                            if WITH_VALUE.contains(&word.as_str()) {
                                inner.next();
                            }
                        }
                    }
                }
                None => self.input |= !word.starts_with('-'),
            },
        }
    }

    fn stage(&self) -> Stage {
        match self {
            Seen { input: false, .. } => Stage::Nothing,
            Seen { no_link: true, .. } => Stage::Objects,
            Seen { shared: true, .. } => Stage::SharedLibrary,
            _ => Stage::Program,
        }
    }

    fn warnings(&self, stage: Stage) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.no_pie && matches!(stage, Stage::Program | Stage::Objects) && !self.shared {
            warnings.push(
                "without -fPIE and -pie the program can only be loaded at one address: ranks cannot have private copies \
                 of its globals, and ampirun will refuse it"
                    .into(),
            );
        }
        if self.is_static && stage == Stage::Program {
            warnings.push(
                "a static program carries its own libc and cannot use libmpi_abi.so: leave out -static \
                 (-static-libgcc, -static-libstdc++ and -static-libgfortran are fine)"
                    .into(),
            );
        }
        warnings
    }
}

/// The words of a response file: blanks separate, quotes and backslashes protect, as gcc reads it.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(letters.next()),
            (c, Some(q)) if c == q => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(args: &[&str]) -> Words {
        let args: Vec<OsString> = args.iter().map(OsString::from).collect();
        read(&args, &|name| (name == "loop").then(|| "@loop -shared".into()))
    }

    #[test]
    fn the_words_of_charm_go_away_with_their_values() {
        let w = words(&["-tlsglobals", "-memory", "isomalloc", "-module", "CommonLBs", "a.c", "-standalone"]);
        assert_eq!((w.rest.as_slice(), w.stage), (&[OsString::from("a.c")][..], Stage::Program));
        assert_eq!(w.ignored.len(), 4);
    }

    #[test]
    fn the_value_of_an_option_is_no_input() {
        assert_eq!(words(&["-o", "a.out", "-I", "inc"]).stage, Stage::Nothing);
        assert_eq!(words(&["-x", "c", "-", "-E"]).stage, Stage::Objects);
        assert_eq!(words(&["-D", "-shared", "a.c"]).stage, Stage::Program);
    }

    #[test]
    fn what_cannot_be_private_is_warned_of() {
        assert!(words(&["a.c", "-no-pie"]).warnings[0].contains("private copies"));
        assert!(words(&["a.c", "-static"]).warnings[0].contains("static program"));
        assert!(words(&["a.c", "-static-libgcc"]).warnings.is_empty());
        assert!(words(&["-shared", "a.c", "-fno-pie"]).warnings.is_empty());
    }

    #[test]
    fn questions_are_taken_out() {
        for (word, question) in
            [("-show", "show"), ("--showme:link", "showme:link"), ("-compile_info", "compile_info")]
        {
            let w = words(&[word, "a.c"]);
            assert_eq!((w.show.as_deref(), w.rest.len()), (Some(question), 1));
        }
        assert_eq!(words(&["-shared", "a.c"]).show, None);
    }

    #[test]
    fn a_circle_of_response_files_ends() {
        assert_eq!(words(&["@loop"]).stage, Stage::SharedLibrary);
    }

    #[test]
    fn response_files_are_split_as_gcc_does() {
        assert_eq!(split("-c 'a b.c'\n-DX=\\\"1\\\" \"\""), ["-c", "a b.c", "-DX=\"1\"", ""]);
    }
}
