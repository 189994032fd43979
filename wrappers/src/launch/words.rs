//! The command line by the table of options: words before the program are ours, words after it are the program's,
//! except the plus-words of the table up to a `--`.

use super::Refusal;
use super::options::{self, Act, Opt};
use super::place::Per;
use super::remote::Shell;
use crate::nearest::nearest;
use ampi_core::job::{Deadlock, Isolate, Transport};
use ampi_core::pmi::Interface;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What was asked for, as asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `-n`.
    pub processes: Option<usize>,
    /// `+vp`.
    pub ranks: Option<usize>,
    /// `+p`.
    pub pes: Option<usize>,
    /// `+n`.
    pub nodes: Option<usize>,
    /// `++ppn`.
    pub pes_per_process: Option<usize>,
    /// `--procs-per-host` and its kin.
    pub processes_per: Option<(Per, usize)>,
    /// `-ppn`.
    pub ranks_per_host: Option<usize>,
    /// The value of `--host`, with the word by which it was given.
    pub hosts: Option<(String, String)>,
    pub host_file: Option<PathBuf>,
    pub node_group: Option<String>,
    pub hosts_max: Option<usize>,
    pub launcher: Option<Shell>,
    pub only_here: bool,
    pub transport: Option<Transport>,
    pub pmi: Interface,
    /// `-configfile`, and how many words stand before it.
    pub config: Option<(PathBuf, usize)>,
    pub mapping: Option<OsString>,
    pub isolate: Option<Isolate>,
    pub stack_bytes: Option<usize>,
    /// Variables to set; `None`: hand on.
    pub exports: Vec<(OsString, Option<OsString>)>,
    pub folder: Option<PathBuf>,
    pub no_stdin: bool,
    pub tag_output: bool,
    pub output_filename: Option<PathBuf>,
    /// Zero: none, whatever the environment says.
    pub timeout: Option<Duration>,
    pub deadlock: Option<Deadlock>,
    pub no_bind: bool,
    pub report_bindings: bool,
    pub explain: bool,
    pub verbose: bool,
    pub help: bool,
    pub version: bool,
    pub program: Option<OsString>,
    pub program_args: Vec<OsString>,
    /// Told always.
    pub warnings: Vec<String>,
    /// Told under `-v`.
    pub notes: Vec<String>,
}

/// Reads the command line.
pub fn read(args: &[OsString]) -> Result<Request, Refusal> {
    let mut request = Request::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let text = arg.to_string_lossy();
        if text == "--" {
            request.program = rest.next().cloned();
            request.program_args = rest.cloned().collect();
            return Ok(request);
        }
        if !is_option(&text) {
            request.program = Some(arg.clone());
            break;
        }
        let Some((option, stuck)) = split(&text) else { return Err(unknown(&text)) };
        let before = args.len() - rest.len() - 1;
        let values = values(option, &text, stuck, &mut rest)?;
        request.apply(option, &text, &values)?;
        if option.act == Act::ConfigFile {
            request.config = Some((values.first().cloned().unwrap_or_default().into(), before));
            if let Some(word) = rest.next() {
                return Err(Refusal::usage(format!(
                    "{text}: the programs stand in the file, so {} cannot follow it",
                    word.display()
                )));
            }
        }
        if request.help || request.version {
            return Ok(request);
        }
    }
    while let Some(arg) = rest.next() {
        let text = arg.to_string_lossy();
        if text == "--" {
            request.program_args.push(arg.clone());
            request.program_args.extend(rest.cloned());
            break;
        }
        match split(&text).filter(|_| text.starts_with('+')) {
            Some((option, stuck)) => {
                let values = values(option, &text, stuck, &mut rest)
                    .and_then(|values| request.apply(option, &text, &values))
                    .map_err(|r| Refusal {
                        why: format!("{} (-- before it leaves it to the program)", r.why),
                        ..r
                    });
                values?;
            }
            None => request.program_args.push(arg.clone()),
        }
    }
    Ok(request)
}

fn is_option(word: &str) -> bool {
    word.len() > 1 && (word.starts_with('-') || word.starts_with('+'))
}

/// The option of a word, and the value that sticks to it: `--wdir=x`, `+p4`, `-n4`.
fn split(word: &str) -> Option<(&'static Opt, Option<OsString>)> {
    if let Some(option) = options::find(word) {
        return Some((option, None));
    }
    if let Some((name, value)) = word.split_once('=')
        && let Some(option) = options::find(name).filter(|o| o.values.len() == 1)
    {
        return Some((option, Some(value.into())));
    }
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = &word[name.len()..];
    let option = options::find(name).filter(|_| !number.is_empty())?;
    let counts = [Act::Pes, Act::Nodes, Act::PesPerProcess, Act::RanksPerHost, Act::Ranks, Act::Processes];
    counts.contains(&option.act).then(|| (option, Some(number.into())))
}

fn values<'a>(
    option: &Opt,
    word: &str,
    stuck: Option<OsString>,
    rest: &mut impl Iterator<Item = &'a OsString>,
) -> Result<Vec<OsString>, Refusal> {
    if let Some(value) = stuck {
        return Ok(vec![value]);
    }
    let values: Vec<OsString> = rest.take(option.values.len()).cloned().collect();
    if values.len() < option.values.len() {
        return Err(Refusal::usage(format!(
            "{word} wants {}: {word} {}",
            counted(option),
            option.values.join(" ")
        )));
    }
    // A forgotten value would swallow the next option.
    let first = values.first().filter(|v| options::find(&v.to_string_lossy()).is_some());
    if let Some(next) = first {
        let way_out = if option.values.len() == 1 && word.len() > 2 && !word.starts_with('+') {
            format!(" (if that is meant: {word}={})", next.display())
        } else {
            String::new()
        };
        return Err(Refusal::usage(format!(
            "{word} wants {}, but the option {} follows{way_out}",
            counted(option),
            next.display()
        )));
    }
    Ok(values)
}

fn counted(option: &Opt) -> &'static str {
    if option.values.len() == 1 { "a value" } else { "two values" }
}

fn unknown(word: &str) -> Refusal {
    let name = word.split('=').next().unwrap_or(word);
    if let Some(option) = options::find(name) {
        return Refusal::usage(match option.values {
            [] => format!("{name} takes no value, but \"{}\" sticks to it", &word[name.len() + 1..]),
            values => format!("{name} wants {}: {name} {}", counted(option), values.join(" ")),
        });
    }
    let hint = match nearest(name, options::names()) {
        Some(known) => format!("did you mean {known}?"),
        None => "--help lists them all".into(),
    };
    Refusal::usage(format!("unknown option {name}; {hint}"))
}

impl Request {
    fn apply(&mut self, option: &Opt, word: &str, values: &[OsString]) -> Result<(), Refusal> {
        let value = || values.first().map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
        let raw = || values.first().cloned().unwrap_or_default();
        let none_of =
            |choices: &str| Err(Refusal::usage(format!("{word}: {} is none of {choices}", value())));
        match option.act {
            Act::Processes => self.processes = Some(number(word, &value())?),
            Act::Ranks => self.ranks = Some(number(word, &value())?),
            Act::Pes => self.pes = Some(number(word, &value())?),
            Act::Nodes => self.nodes = Some(number(word, &value())?),
            Act::PesPerProcess => self.pes_per_process = Some(number(word, &value())?),
            Act::RanksPerHost => self.ranks_per_host = Some(number(word, &value())?),
            Act::ProcessesPer(per) => self.processes_per = Some((per, number(word, &value())?)),
            Act::Hosts => self.hosts = Some((word.split('=').next().unwrap_or(word).into(), value())),
            Act::HostFile => self.host_file = Some(raw().into()),
            Act::NodeGroup => self.node_group = Some(value()),
            Act::NumHosts => self.hosts_max = Some(number(word, &value())?),
            // MPICH has names of kinds of launchers, of which these are of no other command.
            Act::Launcher if value() == "fork" => self.only_here = true,
            Act::Launcher => self.launcher = Some(Shell::parse(word, &value())?),
            Act::OnlyHere => self.only_here = true,
            Act::Transport => match Transport::parse(&value()) {
                Some(transport) => self.transport = Some(transport),
                None => return none_of("auto, shm, tcp, ofi[:provider], mpi[:library]"),
            },
            Act::Pmi => self.pmi = Interface::parse(&value()).map_err(|e| Refusal::usage(e.to_string()))?,
            Act::ConfigFile => {}
            Act::Mapping => self.mapping = Some(raw()),
            Act::Isolate => {
                self.isolate = Some(match value().as_str() {
                    "image" => Isolate::Image,
                    "none" => Isolate::None,
                    "process" => Isolate::Process,
                    _ => return none_of("image, process, none"),
                })
            }
            Act::StackSize => self.stack_bytes = Some(size(word, &value())?),
            Act::Export => match value().split_once('=') {
                Some((name, _)) if !name.is_empty() => {
                    use std::os::unix::ffi::{OsStrExt, OsStringExt};
                    let bytes = raw().into_vec();
                    let set = std::ffi::OsStr::from_bytes(&bytes[name.len() + 1..]).to_os_string();
                    self.exports.push((name.into(), Some(set)));
                }
                Some(_) => return Err(Refusal::usage(format!("{word}: {} names no variable", value()))),
                None => self.exports.push((raw(), None)),
            },
            Act::ExportPair => self.exports.push((raw(), values.get(1).cloned())),
            Act::ExportList => self.exports.extend(value().split(',').map(|name| (name.into(), None))),
            Act::Folder => self.folder = Some(raw().into()),
            Act::TagOutput => self.tag_output = true,
            Act::OutputFilename => self.output_filename = Some(raw().into()),
            Act::Stdin => match value().as_str() {
                "none" => self.no_stdin = true,
                "0" => self.no_stdin = false,
                "all" => return Err(not_in_this_version(word, "a copy of the input for every rank is")),
                _ => return none_of("0, none"),
            },
            Act::Timeout => self.timeout = Some(seconds(word, &value())?),
            Act::Deadlock => {
                self.deadlock = Some(match value().as_str() {
                    "report" => Deadlock::Report,
                    "warn" => Deadlock::Warn,
                    "off" => Deadlock::Off,
                    _ => return none_of("report, warn, off"),
                })
            }
            Act::NoBind => self.no_bind = true,
            Act::BindTo => match value().as_str() {
                "none" | "user" => self.no_bind = true,
                "core" => self.no_bind = false,
                "hwthread" | "pu" => {
                    self.no_bind = false;
                    self.notes.push(format!("{word} {}: taken as core", value()));
                }
                "socket" | "package" | "numa" | "l3cache" | "board" => {
                    self.no_bind = true;
                    self.warnings.push(format!("{word} {}: not in this version, PEs are not bound", value()));
                }
                _ => return none_of("core, none"),
            },
            Act::MapBy => self.map_by(word, &value())?,
            Act::RankBy => match value().as_str() {
                "slot" | "core" | "hwthread" | "fill" => {}
                other => {
                    let what = format!("numbering ranks by {other} is");
                    return Err(not_in_this_version(word, &what));
                }
            },
            Act::ReportBindings => self.report_bindings = true,
            Act::ExplainImage => self.explain = true,
            Act::Verbose => self.verbose = true,
            Act::Help => self.help = true,
            Act::Version => self.version = true,
            Act::Nothing(why) => self.notes.push(format!("{word} means nothing here: {why}")),
            Act::Without(why) => self.warnings.push(format!("{word}: {why}")),
            Act::NotYet(what) => return Err(not_in_this_version(word, what)),
        }
        Ok(())
    }
}

impl Request {
    /// `core`, `slot:OVERSUBSCRIBE`, `ppr:2:node`.
    fn map_by(&mut self, word: &str, value: &str) -> Result<(), Refusal> {
        let lower = value.to_ascii_lowercase();
        let mut parts = lower.split(':');
        match parts.next().unwrap_or("") {
            "" | "slot" | "core" | "hwthread" | "fill" => {}
            "ppr" => {
                let (count, of) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
                let count = number(word, count)?;
                if !matches!(of, "node" | "host") {
                    return Err(not_in_this_version(word, &format!("so many ranks per {of} are")));
                }
                self.ranks_per_host = Some(count);
            }
            what @ ("socket" | "package" | "numa" | "l3cache" | "l2cache" | "board") => {
                self.warnings
                    .push(format!("{word} {what}: not in this version, ranks are placed as by core"));
            }
            "node" | "host" => {
                return Err(Refusal::usage(format!(
                    "{word} {value}: dealing out ranks host by host is not in this version; +mapping RR_MAP deals \
                     them out PE by PE"
                )));
            }
            other => {
                return Err(Refusal::usage(format!("{word}: {other} is none of slot, core, ppr:N:node")));
            }
        }
        for modifier in parts {
            match modifier {
                "oversubscribe" | "nooversubscribe" | "span" | "hwtcpus" | "corecpus" | "" => {
                    self.notes.push(format!("{word}: {modifier} means nothing here"));
                }
                _ => return Err(not_in_this_version(word, &format!("the modifier {modifier} is"))),
            }
        }
        Ok(())
    }
}

fn not_in_this_version(word: &str, what: &str) -> Refusal {
    Refusal::usage(format!("{word}: {what} not in this version"))
}

fn number(word: &str, value: &str) -> Result<usize, Refusal> {
    match value.parse::<usize>() {
        Ok(0) => Err(Refusal::usage(format!("{word}: 0 is not possible, at least 1 is needed"))),
        Ok(n) if n <= 1 << 24 => Ok(n),
        Ok(_) => Err(Refusal::usage(format!("{word}: {value} is more than {}", 1 << 24))),
        Err(_) => Err(Refusal::usage(format!("{word}: {value} is not a whole number"))),
    }
}

/// `65536`, `64K`, `64k`, `1M`, `1MiB`, `1G`.
fn size(word: &str, value: &str) -> Result<usize, Refusal> {
    let digits = value.trim_end_matches(|c: char| !c.is_ascii_digit());
    let factor: Option<usize> = match value[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => Some(1),
        "k" | "kb" | "kib" => Some(1 << 10),
        "m" | "mb" | "mib" => Some(1 << 20),
        "g" | "gb" | "gib" => Some(1 << 30),
        _ => None,
    };
    let bytes = factor.zip(digits.parse::<usize>().ok()).and_then(|(f, n)| n.checked_mul(f));
    let (min, max) = (ampi_core::job::STACK_BYTES_MIN, ampi_core::job::STACK_BYTES_MAX);
    match bytes {
        Some(bytes) if (min..=max).contains(&bytes) => Ok(bytes),
        Some(_) => {
            Err(Refusal::usage(format!("{word}: {value} is not between {}K and {}G", min >> 10, max >> 30)))
        }
        None => Err(Refusal::usage(format!("{word}: {value} is not a size such as 64K or 1M"))),
    }
}

/// Seconds, also with a fraction; 0 is no limit.
pub fn seconds(word: &str, value: &str) -> Result<Duration, Refusal> {
    let seconds = value.parse::<f64>().ok().filter(|s| *s >= 0.0 && *s < 1e9);
    match seconds {
        Some(seconds) => Ok(Duration::from_secs_f64(seconds)),
        None => Err(Refusal::usage(format!("{word}: {value} is not a number of seconds"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Result<Request, String> {
        let args: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        read(&args).map_err(|r| {
            assert_eq!(r.code, 2);
            r.why
        })
    }

    #[test]
    fn plus_words_take_numbers_in_all_ways() {
        for line in ["+p 4 +vp 8 a", "+p4 +vp8 a", "++p 4 -vp 8 a", "a +vp 8 +p4", "+p=4 a +vp8"] {
            let r = words(line).unwrap();
            assert_eq!(
                (r.pes, r.ranks, r.program.clone().unwrap()),
                (Some(4), Some(8), "a".into()),
                "{line}"
            );
        }
    }

    #[test]
    fn the_words_of_the_program_stay_its_own() {
        let r = words("-n 2 ./a -n 3 --help +x +vp 8 +12 -- +p 4").unwrap();
        assert_eq!(r.program_args, ["-n", "3", "--help", "+x", "+12", "--", "+p", "4"]);
        assert_eq!((r.processes, r.ranks, r.pes), (Some(2), Some(8), None));
        let r = words("-n 2 -- -odd +p 4").unwrap();
        assert_eq!((r.program.unwrap(), r.program_args), ("-odd".into(), vec!["+p".into(), "4".into()]));
    }

    #[test]
    fn values_with_an_equals_sign() {
        let r = words("--isolate=none --timeout=1.5 -x A=b=c -x D -genv E f --wdir=/tmp --deadlock=warn a")
            .unwrap();
        assert_eq!(r.isolate, Some(Isolate::None));
        assert_eq!(r.timeout, Some(Duration::from_millis(1500)));
        let pair = |n: &str, v: Option<&str>| (OsString::from(n), v.map(OsString::from));
        assert_eq!(r.exports, [pair("A", Some("b=c")), pair("D", None), pair("E", Some("f"))]);
        assert_eq!((r.folder, r.deadlock), (Some("/tmp".into()), Some(Deadlock::Warn)));
    }

    #[test]
    fn sizes() {
        for (text, bytes) in
            [("32K", 32 << 10), ("1M", 1 << 20), ("1MiB", 1 << 20), ("2g", 2 << 30), ("65536", 65536)]
        {
            assert_eq!(size("s", text), Ok(bytes));
        }
        for text in ["", "K", "1X", "12", "999G", "99999999999999999999G", "-1M", "1.5M"] {
            assert!(size("s", text).is_err(), "{text}");
        }
    }

    #[test]
    fn wrong_words_are_named_with_the_way_out() {
        for (line, part) in [
            ("--oversubscibe a", "unknown option --oversubscibe; did you mean --oversubscribe?"),
            ("+vq 4 a", "did you mean +vp?"),
            ("--colour=red a", "unknown option --colour; --help lists them all"),
            ("+p", "+p wants a value: +p P"),
            ("-genv A", "wants two values: -genv NAME VALUE"),
            ("+p 0 a", "+p: 0 is not possible"),
            ("+vp many a", "+vp: many is not a whole number"),
            ("a +vp x", "leaves it to the program"),
            ("--isolate=thread a", "thread is none of image, process, none"),
            ("-x -n 2 a", "-x wants a value, but the option -n follows"),
            ("--wdir --np 2 a", "but the option --np follows (if that is meant: --wdir=--np)"),
            ("-genv -n A a", "-genv wants two values, but the option -n follows"),
            ("--tag-output=3 a", "--tag-output takes no value, but \"3\" sticks to it"),
            ("-genv=A a", "-genv wants two values: -genv NAME VALUE"),
            ("--transport pigeon a", "pigeon is none of auto, shm, tcp"),
            ("--pmi 3 a", "3 is none of auto, pmi1"),
            ("--launcher= a", "no command is named"),
            ("--map-by node a", "+mapping RR_MAP"),
            ("--map-by ppr:2:socket a", "so many ranks per socket are not in this version"),
            ("--map-by ppr:x:node a", "x is not a whole number"),
            ("--map-by core:PE=2 a", "the modifier pe=2 is not in this version"),
            ("--map-by moon a", "moon is none of slot, core"),
            ("--rank-by node a", "numbering ranks by node is not in this version"),
            ("-configfile F a", "a cannot follow it"),
            ("--timeout -1 a", "not a number of seconds"),
            ("+restart dir a", "checkpoint and restart are not in this version"),
            ("--timeout soon a", "not a number of seconds"),
            ("--bind-to moon a", "none of core, none"),
        ] {
            let why = words(line).unwrap_err();
            assert!(why.contains(part), "{line}: {why}");
        }
    }

    #[test]
    fn words_of_others_are_accepted_and_told() {
        let r =
            words("--oversubscribe --mca btl tcp --allow-run-as-root -rmk x +setcpuaffinity -iface eth0 a")
                .unwrap();
        assert_eq!((r.notes.len(), r.warnings.len()), (6, 0));
        let r = words("+balancer GreedyRefineLB a").unwrap();
        assert!(r.warnings[0].contains("stay where they start"));
        assert_eq!(r.program, Some("a".into()));
    }

    #[test]
    fn processes_and_hosts_in_the_words_of_each_world() {
        let r = words("-n 8 -ppn 2 -hosts h1,h2:3 -launcher rsh -launcher-exec /bin/my-ssh a").unwrap();
        assert_eq!((r.processes, r.ranks_per_host, r.pes_per_process), (Some(8), Some(2), None));
        assert_eq!(r.hosts, Some(("-hosts".into(), "h1,h2:3".into())));
        assert_eq!(r.launcher, Some(Shell::Words(vec!["/bin/my-ssh".into()])));
        let r =
            words("++p 8 ++ppn 4 ++nodelist F ++nodegroup G ++numHosts 2 ++remote-shell rsh a +n2").unwrap();
        assert_eq!((r.pes, r.pes_per_process, r.nodes, r.hosts_max), (Some(8), Some(4), Some(2), Some(2)));
        assert_eq!(
            (r.host_file, r.node_group, r.launcher),
            (Some("F".into()), Some("G".into()), Some(Shell::Rsh))
        );
        let r = words("--map-by ppr:3:node:OVERSUBSCRIBE --host=h1 --rank-by slot --transport ofi:tcp a")
            .unwrap();
        assert_eq!((r.ranks_per_host, r.hosts), (Some(3), Some(("--host".into(), "h1".into()))));
        assert_eq!(r.transport, Some(Transport::Ofi("tcp".into())));
        let r = words("-N 2 --map-by core --procs-per-host 2 --pmi none a").unwrap();
        assert_eq!((r.ranks_per_host, r.processes_per), (Some(2), Some((Per::Host, 2))));
        assert_eq!((r.pmi, r.only_here), (Interface::Nothing, false));
        assert!(words("++local a").unwrap().only_here && words("-launcher fork a").unwrap().only_here);
        assert_eq!(words("+p 2 -configfile F").unwrap().config, Some(("F".into(), 2)));
        assert_eq!(words("--timeout 0 a").unwrap().timeout, Some(Duration::ZERO));
    }

    #[test]
    fn help_and_version_end_the_reading() {
        assert!(words("--help --nonsense").unwrap().help);
        assert!(words("-V").unwrap().version);
        assert_eq!(words("").unwrap().program, None);
    }
}
