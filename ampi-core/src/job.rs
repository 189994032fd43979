//! What a job is started with: the launcher prints it into one environment variable, the worker reads it there.
//!
//! The variable is `AMPI_JOB`. Its text is ASCII, one `key=value` per line; in a value every byte that is not a
//! printable ASCII character, and `%` itself, is written `%XX`:
//!
//! ```text
//! pes=2                      of this process
//! ranks=32                   of the whole job
//! processes=1
//! process=0                  this one: below processes
//! first_pe=0                 number of its first PE in the job
//! server=                    where the launcher awaits the processes of the job; empty: there is one process
//! transport=auto             auto | shm | tcp | ofi | ofi:<provider> | mpi | mpi:<library>
//! mapping=block              block | rr | file:<path>
//! isolate=image              image | process | none
//! stack_bytes=8388608
//! deadlock=report            report | warn | off
//! tag_output=0
//! output_filename=           empty: the job's own stdout
//! bind=core                  core | none
//! cores=2,3                  a core for each PE, as places in the list of cores that the process may use; empty: the first
//! verbose=0
//! explain=0
//! report_bindings=0
//! program=2 ./ocean          several programs: ranks and file of each; what follows belongs to it
//! argument=in.nc             one of its arguments
//! variable=NAME=value        set for it
//! folder=/tmp                where it runs; without it: as the worker
//! ```
//!
//! 1. A key that is missing has its default; a key that is unknown is an error (launcher and worker of two versions).
//! 2. `from_env(to_env(job)) == job` for every job.
//! 3. The worker takes the variable out of the environment that guests see.
//! 4. Lines may stand in any order, but for those of a program. Without a `program` the one program of the job and its
//!    arguments are the worker's own; with some, their ranks are those of the job, numbered program by program.
//!
//! Nothing here acts: no threads, no files, no processes.

use crate::error::{Error, Result};
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// Name of the environment variable between launcher and worker.
pub const VARIABLE: &str = "AMPI_JOB";
/// Name of the variable with the job's secret, in hexadecimal digits: only in jobs of several processes.
pub const SECRET: &str = "AMPI_SECRET";

/// As many PEs as one process can have: the table of chares keeps a PE's number in the low bits of an address.
pub const PES_MAX: usize = 127;
/// Stack of a rank when nothing else is asked for: what a process has on most systems, so that programs with large local
/// arrays run as they are. Only what is touched takes memory.
pub const STACK_BYTES_DEFAULT: usize = 8 << 20;
/// The smallest stack that is accepted: libc's printf of a double alone needs several KiB.
pub const STACK_BYTES_MIN: usize = 32 << 10;
/// The largest stack that is accepted.
pub const STACK_BYTES_MAX: usize = 8 << 30;

/// Where ranks are at the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Mapping {
    /// Neighbouring ranks on the same PE: rank r of n on PE r·p/n.
    #[default]
    Block,
    /// Dealt out: rank r on PE r mod p.
    RoundRobin,
    /// One PE number per line of this file, in the order of the ranks.
    File(PathBuf),
}

/// How ranks get private globals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolate {
    /// Each rank has its own copy of the program's writable memory.
    #[default]
    Image,
    /// Each rank is a process of the operating system, started as any other; it has one PE, and joins the job by itself.
    Process,
    /// All ranks share one copy: for programs without mutable globals.
    None,
}

/// What happens when every rank waits and nothing can wake any of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Deadlock {
    /// Say who waits for whom, and end the job.
    #[default]
    Report,
    /// Say it, and go on waiting.
    Warn,
    /// Wait for ever, silently.
    Off,
}

/// Whether the threads of PEs are bound to cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bind {
    #[default]
    Core,
    None,
}

/// How processes talk to each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Transport {
    /// Shared memory on a host, TCP between hosts.
    #[default]
    Auto,
    /// Shared memory; all processes must be on one host.
    Shm,
    /// TCP also between processes of one host.
    Tcp,
    /// libfabric, with the provider of this name or (empty) the one it thinks best.
    Ofi(String),
    /// A message-passing library of the system: this one, or (empty) the one that is found.
    Host(String),
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let detail = |f: &mut std::fmt::Formatter<'_>, name: &str, detail: &str| match detail {
            "" => f.write_str(name),
            detail => write!(f, "{name}:{}", escape(detail.as_bytes())),
        };
        match self {
            Transport::Auto => f.write_str("auto"),
            Transport::Shm => f.write_str("shm"),
            Transport::Tcp => f.write_str("tcp"),
            Transport::Ofi(provider) => detail(f, "ofi", provider),
            Transport::Host(library) => detail(f, "mpi", library),
        }
    }
}

impl Transport {
    /// What [`Transport`]'s `Display` wrote; `None`: there is no such transport.
    pub fn parse(text: &str) -> Option<Transport> {
        let (name, detail) = text.split_once(':').unwrap_or((text, ""));
        let detail = unescape(detail).ok()?.into_os_string().into_string().ok()?;
        Some(match (name, detail.is_empty()) {
            ("auto", true) => Transport::Auto,
            ("shm", true) => Transport::Shm,
            ("tcp", true) => Transport::Tcp,
            ("ofi", _) => Transport::Ofi(detail),
            ("mpi", _) => Transport::Host(detail),
            _ => return None,
        })
    }
}

/// One of several programs in a job.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Program {
    /// At least 1.
    pub ranks: usize,
    pub path: PathBuf,
    /// Without the program's own name.
    pub arguments: Vec<OsString>,
    /// Set in its ranks' environment. No name is empty or holds a `=`.
    pub variables: Vec<(OsString, OsString)>,
    pub folder: Option<PathBuf>,
}

/// Everything the worker has to know beyond the program and its arguments; or, with [`Isolate::Process`], the program itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSpec {
    /// Schedulers of this process, one thread each. At least 1.
    pub pes: usize,
    /// Ranks of the whole job. At least 1.
    pub ranks: usize,
    /// Processes of the job. At least 1.
    pub processes: usize,
    /// This process's number, below `processes`.
    pub process: usize,
    /// The number in the job of this process's first PE.
    pub first_pe: usize,
    /// Where the launcher awaits the processes of the job (the text of a [`crate::wire::stream::Address`]); empty when
    /// there is only one. The secret that opens it is in the variable [`SECRET`].
    pub server: String,
    pub transport: Transport,
    pub mapping: Mapping,
    pub isolate: Isolate,
    /// Size of each rank's stack.
    pub stack_bytes: usize,
    pub deadlock: Deadlock,
    /// Each line of output starts with the rank that wrote it.
    pub tag_output: bool,
    /// Output of rank r goes to a file of this name; `%r` stands for the rank, else `.r` is appended.
    pub output_filename: Option<PathBuf>,
    pub bind: Bind,
    /// A core for each PE of this process, as places in the list of cores that it may use: processes of one host do not
    /// share cores. Empty: the first ones, as many as there are PEs.
    pub cores: Vec<usize>,
    pub verbose: bool,
    /// Print what is private and what is shared, and why; do not run.
    pub explain: bool,
    /// Print which PE is bound to which core.
    pub report_bindings: bool,
    /// The programs of a job that has several; empty: the worker's arguments name the only one.
    pub programs: Vec<Program>,
}

impl Default for JobSpec {
    fn default() -> Self {
        JobSpec {
            pes: 1,
            ranks: 1,
            processes: 1,
            process: 0,
            first_pe: 0,
            server: String::new(),
            transport: Transport::Auto,
            mapping: Mapping::Block,
            isolate: Isolate::Image,
            stack_bytes: STACK_BYTES_DEFAULT,
            deadlock: Deadlock::Report,
            tag_output: false,
            output_filename: None,
            bind: Bind::Core,
            cores: Vec::new(),
            verbose: false,
            explain: false,
            report_bindings: false,
            programs: Vec::new(),
        }
    }
}

impl JobSpec {
    /// The text for the environment variable [`VARIABLE`].
    pub fn to_env(&self) -> String {
        let mapping = match &self.mapping {
            Mapping::Block => "block".to_string(),
            Mapping::RoundRobin => "rr".to_string(),
            Mapping::File(path) => format!("file:{}", escape(path.as_os_str().as_bytes())),
        };
        let isolate = match self.isolate {
            Isolate::Image => "image",
            Isolate::Process => "process",
            Isolate::None => "none",
        };
        let deadlock = match self.deadlock {
            Deadlock::Report => "report",
            Deadlock::Warn => "warn",
            Deadlock::Off => "off",
        };
        let bind = match self.bind {
            Bind::Core => "core",
            Bind::None => "none",
        };
        let output =
            self.output_filename.as_ref().map(|p| escape(p.as_os_str().as_bytes())).unwrap_or_default();
        let flag = |b: bool| if b { "1" } else { "0" };
        let lines = [
            ("pes", self.pes.to_string()),
            ("ranks", self.ranks.to_string()),
            ("processes", self.processes.to_string()),
            ("process", self.process.to_string()),
            ("first_pe", self.first_pe.to_string()),
            ("server", escape(self.server.as_bytes())),
            ("transport", self.transport.to_string()),
            ("mapping", mapping),
            ("isolate", isolate.into()),
            ("stack_bytes", self.stack_bytes.to_string()),
            ("deadlock", deadlock.into()),
            ("tag_output", flag(self.tag_output).into()),
            ("output_filename", output),
            ("bind", bind.into()),
            ("cores", self.cores.iter().map(usize::to_string).collect::<Vec<_>>().join(",")),
            ("verbose", flag(self.verbose).into()),
            ("explain", flag(self.explain).into()),
            ("report_bindings", flag(self.report_bindings).into()),
        ];
        let mut text: String = lines.iter().map(|(key, value)| format!("{key}={value}\n")).collect();
        self.programs.iter().for_each(|program| program.print(&mut text));
        text
    }

    /// Reads the text that [`JobSpec::to_env`] wrote.
    pub fn parse(text: &str) -> Result<JobSpec> {
        let mut job = JobSpec::default();
        for line in text.lines().filter(|l| !l.is_empty()) {
            let Some((key, value)) = line.split_once('=') else {
                return Err(wrong(format!("the line \"{line}\" is not of the form key=value")));
            };
            match key {
                "pes" => job.pes = count(key, value, 1)?,
                "ranks" => job.ranks = count(key, value, 1)?,
                "processes" => job.processes = count(key, value, 1)?,
                "process" => job.process = count(key, value, 0)?,
                "first_pe" => job.first_pe = count(key, value, 0)?,
                "server" => job.server = unescape(value)?.display().to_string(),
                "transport" => {
                    job.transport = Transport::parse(value).ok_or_else(|| {
                        choice(key, value, "auto, shm, tcp, ofi[:provider] or mpi[:library]")
                    })?;
                }
                "mapping" => {
                    job.mapping = match value {
                        "block" => Mapping::Block,
                        "rr" => Mapping::RoundRobin,
                        _ => match value.strip_prefix("file:") {
                            Some(path) if !path.is_empty() => Mapping::File(unescape(path)?),
                            _ => return Err(choice(key, value, "block, rr or file:<path>")),
                        },
                    }
                }
                "isolate" => {
                    job.isolate = match value {
                        "image" => Isolate::Image,
                        "process" => Isolate::Process,
                        "none" => Isolate::None,
                        _ => return Err(choice(key, value, "image, process or none")),
                    }
                }
                "stack_bytes" => {
                    job.stack_bytes = count(key, value, STACK_BYTES_MIN)?;
                    if job.stack_bytes > STACK_BYTES_MAX {
                        return Err(wrong(format!("stack_bytes={value} is more than {STACK_BYTES_MAX}")));
                    }
                }
                "deadlock" => {
                    job.deadlock = match value {
                        "report" => Deadlock::Report,
                        "warn" => Deadlock::Warn,
                        "off" => Deadlock::Off,
                        _ => return Err(choice(key, value, "report, warn or off")),
                    }
                }
                "bind" => {
                    job.bind = match value {
                        "core" => Bind::Core,
                        "none" => Bind::None,
                        _ => return Err(choice(key, value, "core or none")),
                    }
                }
                "cores" => job.cores = places(key, value)?,
                "output_filename" => {
                    job.output_filename = if value.is_empty() { None } else { Some(unescape(value)?) }
                }
                "tag_output" => job.tag_output = flag(key, value)?,
                "verbose" => job.verbose = flag(key, value)?,
                "explain" => job.explain = flag(key, value)?,
                "report_bindings" => job.report_bindings = flag(key, value)?,
                "program" => job.programs.push(Program::begin(key, value)?),
                "argument" | "variable" | "folder" => match job.programs.last_mut() {
                    Some(program) => program.add(key, value)?,
                    None => return Err(wrong(format!("{key}={value} belongs to no program"))),
                },
                _ => {
                    return Err(wrong(format!(
                        "the key \"{key}\" is unknown to this version ({}); launcher and worker must be of one \
                         installation",
                        env!("CARGO_PKG_VERSION")
                    )));
                }
            }
        }
        if job.process >= job.processes {
            return Err(wrong(format!("process={} is not below processes={}", job.process, job.processes)));
        }
        if job.processes > 1 && job.server.is_empty() {
            return Err(wrong(format!("processes={} without a server to meet at", job.processes)));
        }
        if !job.cores.is_empty() && job.cores.len() != job.pes {
            return Err(wrong(format!("{} cores are not one for each of pes={}", job.cores.len(), job.pes)));
        }
        let ranks = job.programs.iter().fold(0usize, |sum, p| sum.saturating_add(p.ranks));
        if !job.programs.is_empty() && ranks != job.ranks {
            return Err(wrong(format!("the programs have {ranks} ranks, but ranks={}", job.ranks)));
        }
        Ok(job)
    }

    /// The job this process was started for, or `None` when it was started without the launcher.
    pub fn from_env() -> Result<Option<JobSpec>> {
        match std::env::var_os(VARIABLE) {
            None => Ok(None),
            Some(text) => match text.to_str() {
                Some(text) => JobSpec::parse(text).map(Some),
                None => Err(wrong("the text is not ASCII".into())),
            },
        }
    }
}

impl Program {
    fn print(&self, text: &mut String) {
        let mut line = |key: &str, value: &[u8]| text.push_str(&format!("{key}={}\n", escape(value)));
        line(
            "program",
            &[self.ranks.to_string().as_bytes(), b" ", self.path.as_os_str().as_bytes()].concat(),
        );
        self.arguments.iter().for_each(|argument| line("argument", argument.as_bytes()));
        for (name, value) in &self.variables {
            line("variable", &[name.as_bytes(), b"=", value.as_bytes()].concat());
        }
        if let Some(folder) = &self.folder {
            line("folder", folder.as_os_str().as_bytes());
        }
    }

    /// From the line `program=…`.
    fn begin(key: &str, value: &str) -> Result<Program> {
        match value.split_once(' ') {
            Some((ranks, path)) if !path.is_empty() => {
                Ok(Program { ranks: count(key, ranks, 1)?, path: unescape(path)?, ..Program::default() })
            }
            _ => Err(choice(key, value, "<ranks> <path>")),
        }
    }

    /// From one of the lines after it.
    fn add(&mut self, key: &str, value: &str) -> Result<()> {
        let text = unescape(value)?.into_os_string();
        match key {
            "argument" => self.arguments.push(text),
            "folder" => self.folder = Some(text.into()),
            _ => {
                let bytes = text.into_vec();
                let Some(end) = bytes.iter().position(|b| *b == b'=').filter(|end| *end > 0) else {
                    return Err(choice(key, value, "<name>=<value>"));
                };
                let part = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
                self.variables.push((part(&bytes[..end]), part(&bytes[end + 1..])));
            }
        }
        Ok(())
    }
}

fn wrong(why: String) -> Error {
    Error::Setting { name: VARIABLE.into(), why }
}

fn choice(key: &str, value: &str, choices: &str) -> Error {
    wrong(format!("{key}={value} is none of {choices}"))
}

fn count(key: &str, value: &str, min: usize) -> Result<usize> {
    match value.parse::<usize>() {
        Ok(n) if n >= min => Ok(n),
        Ok(_) => Err(wrong(format!("{key}={value} is less than {min}"))),
        Err(_) => Err(wrong(format!("{key}={value} is not a whole number"))),
    }
}

/// Different numbers between commas.
fn places(key: &str, value: &str) -> Result<Vec<usize>> {
    let mut places = Vec::new();
    for word in value.split(',').filter(|_| !value.is_empty()) {
        let place = count(key, word, 0)?;
        if places.contains(&place) {
            return Err(wrong(format!("{key}={value} has {place} twice")));
        }
        places.push(place);
    }
    Ok(places)
}

fn flag(key: &str, value: &str) -> Result<bool> {
    match value {
        "0" => Ok(false),
        "1" => Ok(true),
        _ => Err(choice(key, value, "0 or 1")),
    }
}

fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for &b in bytes {
        if (b' '..=b'~').contains(&b) && b != b'%' {
            text.push(char::from(b));
        } else {
            text.push_str(&format!("%{b:02X}"));
        }
    }
    text
}

fn unescape(text: &str) -> Result<PathBuf> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&b, after)) = rest.split_first() {
        if b != b'%' {
            bytes.push(b);
            rest = after;
            continue;
        }
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => bytes.push(byte),
            None => return Err(wrong(format!("\"{text}\" has a % without two hexadecimal digits"))),
        }
        rest = &after[2..];
    }
    Ok(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_job_survives_the_environment() {
        let job = JobSpec {
            pes: 2,
            ranks: 32,
            processes: 3,
            process: 2,
            first_pe: 4,
            server: "unix:@a b".into(),
            transport: Transport::Ofi("tcp;ofi_rxm".into()),
            mapping: Mapping::File("/tmp/a b%\n=c".into()),
            isolate: Isolate::None,
            stack_bytes: 64 << 10,
            deadlock: Deadlock::Warn,
            tag_output: true,
            output_filename: Some("out-%r\u{e9}".into()),
            bind: Bind::None,
            cores: vec![4, 2],
            verbose: true,
            explain: true,
            report_bindings: true,
            programs: vec![
                Program {
                    ranks: 30,
                    path: "./a b".into(),
                    arguments: vec!["".into(), "x=y\n".into()],
                    variables: vec![("A".into(), "b=c".into()), ("B".into(), "".into())],
                    folder: Some("/t\u{e9}".into()),
                },
                Program { ranks: 2, path: "b".into(), ..Program::default() },
            ],
        };
        assert_eq!(JobSpec::parse(&job.to_env()), Ok(job));
    }

    #[test]
    fn missing_keys_have_defaults() {
        assert_eq!(JobSpec::parse(""), Ok(JobSpec::default()));
        assert_eq!(JobSpec::parse("ranks=7\n").unwrap().ranks, 7);
    }

    #[test]
    fn wrong_text_is_refused_with_a_sentence() {
        for (text, part) in [
            ("pes=0", "less than 1"),
            ("pes=many", "not a whole number"),
            ("isolate=proces", "image, process or none"),
            ("colour=red", "unknown to this version"),
            ("pes", "key=value"),
            ("processes=2\nserver=x\nprocess=2", "not below processes=2"),
            ("processes=2", "without a server"),
            ("transport=pigeon", "auto, shm, tcp"),
            ("transport=tcp:x", "auto, shm, tcp"),
            ("stack_bytes=1", "less than 32768"),
            ("output_filename=a%Z", "two hexadecimal digits"),
            ("mapping=file:", "file:<path>"),
            ("pes=2\ncores=1", "not one for each of pes=2"),
            ("pes=2\ncores=1,1", "has 1 twice"),
            ("cores=x", "not a whole number"),
            ("program=2", "<ranks> <path>"),
            ("program=0 a", "less than 1"),
            ("ranks=3\nprogram=2 a", "the programs have 2 ranks, but ranks=3"),
            ("argument=x", "argument=x belongs to no program"),
            ("program=1 a\nvariable==x", "<name>=<value>"),
        ] {
            let why = JobSpec::parse(text).unwrap_err().to_string();
            assert!(why.contains(part) && why.starts_with("AMPI_JOB: "), "{text}: {why}");
        }
    }

    proptest! {
        #[test]
        fn any_path_survives(bytes in proptest::collection::vec(1u8.., 1..40)) {
            let path = PathBuf::from(OsString::from_vec(bytes));
            let job = JobSpec { output_filename: Some(path), ..JobSpec::default() };
            let text = job.to_env();
            prop_assert!(text.is_ascii());
            prop_assert_eq!(JobSpec::parse(&text), Ok(job));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = JobSpec::parse(&text);
        }
    }
}
