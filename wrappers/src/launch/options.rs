//! One table of every option of the launcher: its names in the worlds of MPICH, Open MPI and Charm++, and what it does.
//!
//! 1. A name of more than one letter may be written with one dash or two, `--name value` or `--name=value`.
//! 2. Names with a plus are Charm++'s; a number may stick to them (`+p4`). They may also follow the program.
//! 3. Nothing is passed over in silence: what means nothing here is told under `-v`, what changes what the user gets is
//!    told always, what is missing in this version ends the command with a sentence.

use super::place::Per;

/// What an option does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// `-n`: ranks; PEs when the number of ranks is given by `+vp` as well.
    Processes,
    Ranks,
    Pes,
    /// `+n`: processes when `++ppn` is given as well, else PEs.
    Nodes,
    /// `++ppn`: PEs of each process.
    PesPerProcess,
    /// `-ppn`: ranks of each host.
    RanksPerHost,
    ProcessesPer(Per),
    Hosts,
    HostFile,
    NodeGroup,
    NumHosts,
    /// Which command opens the way to other hosts.
    Launcher,
    OnlyHere,
    Transport,
    Pmi,
    /// `-configfile`
    ConfigFile,
    Mapping,
    Isolate,
    StackSize,
    /// `-x NAME[=value]`
    Export,
    /// `-genv NAME value`
    ExportPair,
    /// `-genvlist A,B`
    ExportList,
    Folder,
    TagOutput,
    OutputFilename,
    Stdin,
    Timeout,
    Deadlock,
    NoBind,
    BindTo,
    MapBy,
    RankBy,
    ReportBindings,
    ExplainImage,
    Verbose,
    Help,
    Version,
    /// Accepted; says under `-v` why it means nothing here.
    Nothing(&'static str),
    /// Accepted with a warning: the job runs without it.
    Without(&'static str),
    /// Ends the command: not in this version.
    NotYet(&'static str),
}

/// Under which heading `--help` lists an option; `Accepted` and `Missing` are listed by name only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Size,
    Hosts,
    Ranks,
    Environment,
    Output,
    Control,
    Questions,
    Accepted,
    Missing,
}

#[derive(Debug, Clone, Copy)]
pub struct Opt {
    /// The first is the one we speak of.
    pub names: &'static [&'static str],
    /// What follows: one word per name in capitals.
    pub values: &'static [&'static str],
    pub act: Act,
    pub group: Group,
    pub help: &'static str,
}

const fn opt(
    names: &'static [&'static str],
    values: &'static [&'static str],
    act: Act,
    group: Group,
    help: &'static str,
) -> Opt {
    Opt { names, values, act, group, help }
}

const fn nothing(names: &'static [&'static str], values: &'static [&'static str], why: &'static str) -> Opt {
    opt(names, values, Act::Nothing(why), Group::Accepted, why)
}

const fn missing(names: &'static [&'static str], values: &'static [&'static str], what: &'static str) -> Opt {
    opt(names, values, Act::NotYet(what), Group::Missing, what)
}

const fn without(names: &'static [&'static str], values: &'static [&'static str], what: &'static str) -> Opt {
    opt(names, values, Act::Without(what), Group::Missing, what)
}

const CHECKPOINT: &str = "checkpoint and restart are";
const BALANCING: &str = "load balancing is not in this version; ranks stay where they start";
const OWN_HEAP: &str = "every rank has its own heap, at an address of its own";
const IDLE: &str = "an idle PE spins briefly, then sleeps";
const TRACE: &str = "tracing is";

/// The table.
pub const OPTIONS: &[Opt] = &[
    opt(&["+vp", "-vp"], &["N"], Act::Ranks, Group::Size, "run N ranks"),
    opt(
        &["-n", "-np", "-c", "-p"],
        &["N"],
        Act::Processes,
        Group::Size,
        "run N ranks; together with +vp: use N PEs",
    ),
    opt(
        &["+p", "++p"],
        &["P"],
        Act::Pes,
        Group::Size,
        "use P PEs (threads) in all; as many as there are cores, unless told otherwise",
    ),
    opt(
        &["++ppn", "+ppn"],
        &["N"],
        Act::PesPerProcess,
        Group::Size,
        "N PEs in each process (of the operating system); without it one process on each host has all",
    ),
    opt(
        &["--procs-per-host", "++processPerHost"],
        &["K"],
        Act::ProcessesPer(Per::Host),
        Group::Size,
        "K processes on each host, which share its PEs evenly",
    ),
    opt(
        &["++processPerSocket"],
        &["K"],
        Act::ProcessesPer(Per::Socket),
        Group::Size,
        "the same for each socket",
    ),
    opt(&["++processPerCore"], &["K"], Act::ProcessesPer(Per::Core), Group::Size, "the same for each core"),
    opt(
        &["+n", "++n", "++np"],
        &["N"],
        Act::Nodes,
        Group::Size,
        "N processes, together with ++ppn or +p; alone: N PEs",
    ),
    opt(
        &["-ppn", "-N", "-npernode", "-perhost"],
        &["N"],
        Act::RanksPerHost,
        Group::Size,
        "N ranks on each host (MPICH and Open MPI; not to be taken for ++ppn)",
    ),
    opt(
        &["--host", "-H", "-hosts", "-host"],
        &["NAMES"],
        Act::Hosts,
        Group::Hosts,
        "run on these hosts: h1,h2:4 or n[1-8]; a number is that of the PEs there, else it is that of the cores",
    ),
    opt(
        &["--hostfile", "-f", "-machinefile", "++nodelist"],
        &["FILE"],
        Act::HostFile,
        Group::Hosts,
        "the same from a file, as MPICH, Open MPI, PBS or Charm++ write it",
    ),
    opt(&["++nodegroup"], &["NAME"], Act::NodeGroup, Group::Hosts, "this group of a ++nodelist (main)"),
    opt(&["++numHosts"], &["N"], Act::NumHosts, Group::Hosts, "only the first N hosts"),
    opt(
        &["++local"],
        &[],
        Act::OnlyHere,
        Group::Hosts,
        "only on this host, also inside a Slurm allocation, whose hosts are used without this option",
    ),
    opt(
        &["--launcher", "-bootstrap", "++remote-shell", "-launcher-exec", "-bootstrap-exec"],
        &["COMMAND"],
        Act::Launcher,
        Group::Hosts,
        "what reaches other hosts: ssh, rsh, srun (inside Slurm without this option), or a command like \"ssh -p 2222\"",
    ),
    opt(
        &["--transport"],
        &["HOW"],
        Act::Transport,
        Group::Hosts,
        "between processes: auto (shared memory on a host, TCP else), shm, tcp, ofi[:provider], mpi[:library]",
    ),
    opt(
        &["--pmi"],
        &["KIND"],
        Act::Pmi,
        Group::Hosts,
        "under srun or another mpiexec: auto, pmi1, pmi2, pmix; none: every task is a job of its own",
    ),
    opt(
        &["-configfile", "--app", "-file"],
        &["FILE"],
        Act::ConfigFile,
        Group::Hosts,
        "options and programs from a file, a program on each line; the same as with : between them",
    ),
    opt(
        &["+mapping", "-mapping"],
        &["MAP"],
        Act::Mapping,
        Group::Ranks,
        "where ranks start: BLOCK_MAP (neighbours together), RR_MAP (dealt out), or a file with one PE number a line",
    ),
    opt(
        &["--isolate"],
        &["HOW"],
        Act::Isolate,
        Group::Ranks,
        "image: every rank has its own globals; process: it is a process of its own (for any program: Python, scripts, other MPIs' \
         programs of the standard ABI); none: all ranks share globals",
    ),
    opt(
        &["--stack-size", "+tcharm_stacksize", "+stacksize"],
        &["SIZE"],
        Act::StackSize,
        Group::Ranks,
        "stack of each rank: 64K, 8M (as it is without this option), 1G",
    ),
    opt(&["--no-bind"], &[], Act::NoBind, Group::Ranks, "let PEs wander from core to core"),
    opt(
        &["--bind-to", "-bind-to"],
        &["WHAT"],
        Act::BindTo,
        Group::Ranks,
        "core: a core per PE, while there are enough cores; none: as --no-bind",
    ),
    opt(
        &["--map-by", "-map-by"],
        &["WHAT"],
        Act::MapBy,
        Group::Ranks,
        "slot or core: as without this option; ppr:N:node: as -ppn N",
    ),
    opt(&["--rank-by"], &["WHAT"], Act::RankBy, Group::Ranks, "slot or core: as without this option"),
    opt(
        &["-x"],
        &["NAME[=VALUE]"],
        Act::Export,
        Group::Environment,
        "set a variable for the program (all others are inherited)",
    ),
    opt(
        &["-genv", "-env"],
        &["NAME", "VALUE"],
        Act::ExportPair,
        Group::Environment,
        "the same, in two words",
    ),
    opt(
        &["-genvlist", "-envlist"],
        &["A,B,…"],
        Act::ExportList,
        Group::Environment,
        "hand on these variables (they are, anyway)",
    ),
    opt(&["--wdir", "-wd"], &["FOLDER"], Act::Folder, Group::Environment, "run in this folder"),
    opt(
        &["--stdin"],
        &["WHO"],
        Act::Stdin,
        Group::Environment,
        "0: the program reads our input (without this option too); none: its input is empty",
    ),
    opt(
        &["--tag-output", "-l", "-prepend-rank"],
        &[],
        Act::TagOutput,
        Group::Output,
        "each line of output begins with its rank",
    ),
    opt(
        &["--output-filename", "-outfile-pattern"],
        &["FILE"],
        Act::OutputFilename,
        Group::Output,
        "output of each rank into a file of its own; %r in the name is the rank",
    ),
    opt(
        &["--timeout"],
        &["SECONDS"],
        Act::Timeout,
        Group::Control,
        "end the job after this time, with exit code 124 (also: the variable MPIEXEC_TIMEOUT)",
    ),
    opt(
        &["--deadlock"],
        &["HOW"],
        Act::Deadlock,
        Group::Control,
        "when every rank waits for another: report and end (so without this option), warn and go on, or off",
    ),
    opt(
        &["--explain-image"],
        &[],
        Act::ExplainImage,
        Group::Questions,
        "print which libraries are private to ranks, which are shared, and why; run nothing",
    ),
    opt(
        &["--report-bindings", "+showcpuaffinity"],
        &[],
        Act::ReportBindings,
        Group::Questions,
        "print which PE is bound to which core",
    ),
    opt(&["--verbose", "-v", "++verbose"], &[], Act::Verbose, Group::Questions, "say what is done"),
    opt(&["--help", "-h", "-?", "++help"], &[], Act::Help, Group::Questions, "print this"),
    opt(&["--version", "-V"], &[], Act::Version, Group::Questions, "print the version"),
    // Words of others that are met with by the way things are here.
    nothing(&["--oversubscribe", "-oversubscribe"], &[], "more ranks than cores are what this is made for"),
    nothing(&["--allow-run-as-root"], &[], "root may run jobs"),
    nothing(&["--use-hwthread-cpus", "-use-hwthread-cpus"], &[], "PEs are counted by +p"),
    nothing(&["-rmk"], &["NAME"], "an allocation of Slurm is found without it"),
    nothing(&["-iface"], &["NAME"], "the address by which other hosts reach this one is found without it"),
    nothing(&["+auto-provision", "++auto-provision"], &[], "there are as many PEs as cores anyway"),
    nothing(&["-localhost"], &[], "this host is known by its own name"),
    nothing(&["++scalable-start", "++hierarchical-start", "++batch"], &[], "all hosts are reached at once"),
    nothing(&["+setcpuaffinity"], &[], "PEs are bound to cores unless --no-bind"),
    nothing(&["-genvall", "-envall"], &[], "the environment is handed on as a whole"),
    nothing(&["+noisomalloc", "+no_isomalloc_sync", "+isomalloc_sync"], &[], OWN_HEAP),
    nothing(&["+ampiEnableMigrateToPe", "+tcharm_nomig"], &[], "no such switch is needed"),
    nothing(&["+CmiSleepOnIdle", "+CmiSpinOnIdle"], &[], IDLE),
    nothing(&["+idle-timeout"], &["SECONDS"], IDLE),
    nothing(&["++quiet", "-q", "--quiet"], &[], "nothing is printed unless something is wrong"),
    nothing(
        &["--mca", "-mca", "-gmca", "--pmixmca", "--prtemca"],
        &["NAME", "VALUE"],
        "there are no Open MPI modules here",
    ),
    nothing(&["--merge-stderr-to-stdout"], &[], "both streams are the launcher's own"),
    nothing(&["-print-all-exitcodes"], &[], "the first code that is not 0 is that of the job"),
    nothing(&["-order-nodes"], &["NAME"], "hosts are used in the order in which they are named"),
    nothing(&["-initial-errhandler"], &["NAME"], "the program sets its error handlers"),
    nothing(&["-memory-alloc-kinds"], &["KINDS"], "memory is memory of the system"),
    nothing(&["-soft", "-arch"], &["VALUE"], "-n says how many, --host where"),
    nothing(&["+cma_disable", "+nocma"], &[], "--transport says how processes talk"),
    nothing(&["--nooversubscribe", "-nooversubscribe"], &[], "ranks may be more than slots: use +p"),
    // Words of others for things that this version does not have.
    missing(&["++server-port"], &["VALUE"], "a server for clients from outside is"),
    missing(&["++server"], &[], "a server for clients from outside is"),
    missing(&["++mpiexec"], &[], "starting by another mpiexec is (start ampirun by it instead)"),
    missing(&["-rankmap"], &["MAP"], "a map of ranks to hosts is (+mapping has one of ranks to PEs)"),
    missing(&["-disable-auto-cleanup"], &[], "going on after the death of a process is"),
    missing(&["-membind", "+pemap", "+commap"], &["HOW"], "placement on chosen cores is"),
    missing(&["+restart", "+killFile", "+ftc_disk", "+wp"], &["VALUE"], CHECKPOINT),
    missing(&["--enable-recovery", "--with-ft"], &[], CHECKPOINT),
    missing(&["-path", "--prefix"], &["FOLDER"], "another search path is"),
    missing(&["-genvnone", "-envnone"], &[], "an empty environment is"),
    missing(&["--xterm", "++xterm", "++in-xterm", "++debug", "++debugger"], &[], "a window per rank is"),
    missing(
        &["--timestamp-output", "-prepend-pattern"],
        &[],
        "other marks of output lines than --tag-output are",
    ),
    missing(&["-errfile-pattern"], &["FILE"], "a separate file for standard error is"),
    missing(&["+traceroot", "+logsize"], &["VALUE"], TRACE),
    missing(&["+traceoff", "+gz-trace"], &[], TRACE),
    missing(&["+msgLogWrite", "+record", "+replay"], &[], "recording and replay are"),
    without(&["+balancer", "--balancer", "+LBPeriod", "+LBDebug"], &["VALUE"], BALANCING),
    without(
        &["+LBOff", "+LBCommOn", "+LBCommOff", "+LBObjOnly", "+LBSyncResume", "+LBTestPESpeed"],
        &[],
        BALANCING,
    ),
    without(
        &["+LBSameCpus", "+LBUseCpuTime", "+LBPrintSummary", "+LBNoBackground", "+MetaLB"],
        &[],
        BALANCING,
    ),
];

/// The option that `word` names (without a value that sticks to it).
pub fn find(word: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|o| o.names.iter().any(|name| same(name, word)))
}

/// `-name` and `--name` are the same for names of several letters.
fn same(name: &str, word: &str) -> bool {
    if name == word {
        return true;
    }
    let (Some(a), Some(b)) = (name.strip_prefix('-'), word.strip_prefix('-')) else { return false };
    let (a, b) = (a.trim_start_matches('-'), b.strip_prefix('-').unwrap_or(b));
    (a.len() > 1 || name == "-n") && a == b
}

/// Every name, for suggestions.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().flat_map(|o| o.names.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_there_twice() {
        let all: Vec<&str> = names().collect();
        for (i, name) in all.iter().enumerate() {
            let twin = all[..i].iter().find(|other| *other == name);
            assert!(twin.is_none(), "{name} is in the table twice");
            let first = find(name).unwrap();
            assert!(first.names.contains(name), "{name} finds {}", first.names[0]);
        }
    }

    #[test]
    fn one_dash_or_two() {
        for word in ["-wdir", "--wdir", "-np", "--np", "--n", "-timeout", "--genv", "-tag-output"] {
            assert!(find(word).is_some(), "{word}");
        }
        for word in ["--x", "--l", "---wdir", "wdir", "p", "-"] {
            assert!(find(word).is_none(), "{word}");
        }
    }

    #[test]
    fn help_is_written_for_every_option_we_speak_of() {
        for o in OPTIONS {
            assert!(o.help.len() > 5, "{}", o.names[0]);
        }
    }
}
