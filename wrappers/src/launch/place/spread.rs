//! Processes and PEs over hosts.
//!
//! A host's room is its slots, else its cores, else 1.
//!
//! | asked for | processes | PEs |
//! |---|---|---|
//! | nothing | one per host | each host's room |
//! | `+p P` | one per host that gets a PE | the hosts' room in their order; what is left is dealt out one by one |
//! | `++ppn N` | as many as fit into each host's room, at least one | N each |
//! | `+p P ++ppn N` | P/N, which must be whole: as many as fit, in the hosts' order; the rest dealt out | N each |
//! | `++processPerHost K` (Socket, Core) | K on each host (socket, core) | each host's room, divided evenly |
//! | the same with `+p P` | the same | P, divided evenly |
//! | the same with `++ppn N` | the same | N each; `+p`, when given too, must be the product |
//!
//! 1. Processes are numbered host by host, PEs process by process: both without gaps.
//! 2. Every process has 1 to [`PES_MAX`] PEs.
//! 3. PEs of a host have cores of their own, when its cores are known and suffice; else none of its PEs has one.

use super::super::Refusal;
use super::host::Host;
use ampi_core::job::PES_MAX;

/// What a number of processes is counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    Host,
    Socket,
    Core,
}

/// What was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// PEs in all: `+p`.
    pub pes: Option<usize>,
    /// PEs per process: `++ppn`.
    pub pes_per_process: Option<usize>,
    /// `++processPerHost 2` (`--procs-per-host 2`), `++processPerSocket 1`, `++processPerCore 1`.
    pub per: Option<(Per, usize)>,
}

/// One process of the job; its number is its place in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Place of its host in the list of hosts.
    pub host: usize,
    pub first_pe: usize,
    pub pes: usize,
    /// A core for each PE, as places in the list of cores that may be used on the host; empty: not bound.
    pub cores: Vec<usize>,
}

/// Where everything goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Also hosts without a process.
    pub hosts: Vec<Host>,
    pub processes: Vec<Process>,
    /// What to tell the user.
    pub notes: Vec<String>,
    /// What to tell who asks for more.
    pub remarks: Vec<String>,
}

impl Placement {
    pub fn pes(&self) -> usize {
        self.processes.iter().map(|p| p.pes).sum()
    }

    /// The processes of a host, as numbers.
    pub fn of_host(&self, host: usize) -> impl Iterator<Item = usize> {
        self.processes.iter().enumerate().filter(move |(_, p)| p.host == host).map(|(number, _)| number)
    }
}

/// Most processes of a job: a slip is told instead of filling the memory.
const PROCESSES_MAX: usize = 1 << 16;

/// Makes the plan.
pub fn spread(hosts: Vec<Host>, wish: &Wish) -> Result<Placement, Refusal> {
    if hosts.is_empty() {
        return Err(Refusal::usage("there is no host to run on"));
    }
    let zero = |n: Option<usize>| n == Some(0);
    if zero(wish.pes) || zero(wish.pes_per_process) || zero(wish.per.map(|(_, n)| n)) {
        return Err(Refusal::usage("0 PEs or processes are not possible, at least 1 is needed"));
    }
    let (mut notes, mut remarks) = (Vec::new(), Vec::new());
    // PEs of each process of each host.
    let sizes: Vec<Vec<usize>> = match (wish.per, wish.pes_per_process) {
        (Some((per, each)), _) => counted(&hosts, wish, per, each)?,
        (None, Some(size)) => fitted(&hosts, wish.pes, size)?,
        (None, None) => match wish.pes {
            None => hosts.iter().map(|h| vec![h.capacity()]).collect(),
            Some(pes) => {
                let rooms: Vec<usize> = hosts.iter().map(Host::capacity).collect();
                filled(&rooms, pes).into_iter().map(|n| if n > 0 { vec![n] } else { vec![] }).collect()
            }
        },
    };
    let mut processes = Vec::new();
    let mut first_pe = 0;
    for (host, sizes) in sizes.iter().enumerate() {
        let wanted: usize = sizes.iter().sum();
        let name = &hosts[host].name;
        if hosts[host].slots.is_some_and(|slots| wanted > slots) {
            notes.push(format!("{name}: {wanted} PEs are more than its {} slots", hosts[host].capacity()));
        }
        let bound = hosts[host].cores.is_some_and(|cores| wanted <= cores);
        if hosts[host].cores.is_some_and(|cores| wanted > cores) {
            remarks.push(format!(
                "{name}: {wanted} PEs are more than its cores, so they are not bound to cores"
            ));
        }
        let mut core = 0;
        for &pes in sizes {
            if pes > PES_MAX {
                return Err(Refusal::usage(format!(
                    "{pes} PEs on {name} are too many for one process, which has at most {PES_MAX}; ++ppn makes more \
                     processes"
                )));
            }
            let cores = if bound { (core..core + pes).collect() } else { Vec::new() };
            processes.push(Process { host, first_pe, pes, cores });
            first_pe += pes;
            core += pes;
        }
    }
    Ok(Placement { hosts, processes, notes, remarks })
}

/// Processes of each host with `each` of them per host, socket or core.
pub fn counts(hosts: &[Host], per: Per, each: usize) -> Result<Vec<usize>, Refusal> {
    let mut counts = Vec::with_capacity(hosts.len());
    for host in hosts {
        let unknown = |what: &str| {
            Refusal::usage(format!(
                "how many {what} {} has is not known; ++processPerHost needs no such number",
                host.name
            ))
        };
        let times = match per {
            Per::Host => 1,
            Per::Socket => host.sockets.ok_or_else(|| unknown("sockets"))?,
            Per::Core => host.cores.or(host.slots).ok_or_else(|| unknown("cores"))?,
        };
        counts.push(times.saturating_mul(each));
    }
    total(&counts)?;
    Ok(counts)
}

/// `++processPer…`
fn counted(hosts: &[Host], wish: &Wish, per: Per, each: usize) -> Result<Vec<Vec<usize>>, Refusal> {
    let counts = counts(hosts, per, each)?;
    let total: usize = counts.iter().sum();
    if let Some(size) = wish.pes_per_process {
        if let Some(pes) = wish.pes.filter(|p| *p != total.saturating_mul(size)) {
            return Err(Refusal::usage(format!(
                "{pes} PEs cannot be {total} processes of {size} PEs, which are {}; leave out one of the numbers",
                total.saturating_mul(size)
            )));
        }
        return Ok(counts.iter().map(|n| vec![size; *n]).collect());
    }
    let Some(pes) = wish.pes else {
        let rooms = hosts.iter().map(Host::capacity);
        return Ok(counts.iter().zip(rooms).map(|(n, room)| evenly(room.max(*n), *n)).collect());
    };
    if pes < total {
        return Err(Refusal::usage(format!("{pes} PEs are too few for {total} processes")));
    }
    let all = evenly(pes, total);
    let mut rest = all.as_slice();
    Ok(counts
        .iter()
        .map(|n| {
            let (own, after) = rest.split_at(*n);
            rest = after;
            own.to_vec()
        })
        .collect())
}

/// `++ppn`
fn fitted(hosts: &[Host], pes: Option<usize>, size: usize) -> Result<Vec<Vec<usize>>, Refusal> {
    let fitting: Vec<usize> = hosts.iter().map(|h| h.capacity() / size).collect();
    let counts = match pes {
        None => fitting.iter().map(|n| (*n).max(1)).collect(),
        Some(pes) if pes % size != 0 => {
            return Err(Refusal::usage(format!(
                "{pes} PEs are no whole number of processes of {size} PEs (++ppn {size})"
            )));
        }
        Some(pes) => filled(&fitting, pes / size),
    };
    total(&counts)?;
    Ok(counts.iter().map(|n| vec![size; *n]).collect())
}

fn total(counts: &[usize]) -> Result<usize, Refusal> {
    let total = counts.iter().fold(0usize, |sum, n| sum.saturating_add(*n));
    if total > PROCESSES_MAX {
        return Err(Refusal::usage(format!("{total} processes are more than {PROCESSES_MAX}")));
    }
    Ok(total)
}

/// `amount` things into rooms: full in their order; what is left is dealt out one by one.
fn filled(rooms: &[usize], amount: usize) -> Vec<usize> {
    let mut left = amount;
    let mut counts: Vec<usize> = rooms
        .iter()
        .map(|room| {
            let n = left.min(*room);
            left -= n;
            n
        })
        .collect();
    let (each, more) = (left / rooms.len(), left % rooms.len());
    for (place, count) in counts.iter_mut().enumerate() {
        *count += each + usize::from(place < more);
    }
    counts
}

/// `amount` in `parts` parts that differ by at most one, the larger ones first.
fn evenly(amount: usize, parts: usize) -> Vec<usize> {
    (0..parts).map(|part| amount / parts + usize::from(part < amount % parts)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hosts(text: &str) -> Vec<Host> {
        super::super::host::list("--host", text).unwrap()
    }

    /// `0-1@0 2@1`: PEs @ host, a word per process.
    fn told(hosts: Vec<Host>, pes: Option<usize>, ppn: Option<usize>, per: Option<(Per, usize)>) -> String {
        match spread(hosts, &Wish { pes, pes_per_process: ppn, per }) {
            Ok(placement) => {
                let one = |p: &Process| match p.pes {
                    1 => format!("{}@{}", p.first_pe, p.host),
                    n => format!("{}-{}@{}", p.first_pe, p.first_pe + n - 1, p.host),
                };
                placement.processes.iter().map(one).collect::<Vec<_>>().join(" ")
            }
            Err(refusal) => refusal.why,
        }
    }

    #[test]
    fn the_table_of_wishes() {
        let host = |n| Some((Per::Host, n));
        for (list, pes, ppn, per, expected) in [
            ("h1:2,h2:3", None, None, None, "0-1@0 2-4@1"),
            ("h1,h2", None, None, None, "0@0 1@1"),
            ("h1:4,h2:4", Some(6), None, None, "0-3@0 4-5@1"),
            ("h1:4,h2:4", Some(3), None, None, "0-2@0"),
            ("h1,h2", Some(5), None, None, "0-2@0 3-4@1"),
            ("h1:4,h2:2", None, Some(2), None, "0-1@0 2-3@0 4-5@1"),
            ("h1,h2", None, Some(2), None, "0-1@0 2-3@1"),
            ("h1:4,h2:4", Some(6), Some(2), None, "0-1@0 2-3@0 4-5@1"),
            ("h1,h2", Some(6), Some(2), None, "0-1@0 2-3@0 4-5@1"),
            ("h1:4", Some(4), Some(2), None, "0-1@0 2-3@0"),
            ("h1:4,h2:3", None, None, host(2), "0-1@0 2-3@0 4-5@1 6@1"),
            ("h1,h2", None, None, host(2), "0@0 1@0 2@1 3@1"),
            ("h1,h2", Some(6), None, host(2), "0-1@0 2-3@0 4@1 5@1"),
            ("h1,h2", None, Some(3), host(1), "0-2@0 3-5@1"),
            ("h1,h2", Some(6), Some(3), host(1), "0-2@0 3-5@1"),
            ("h1:2,h2:1", None, None, Some((Per::Core, 1)), "0@0 1@0 2@1"),
        ] {
            assert_eq!(told(hosts(list), pes, ppn, per), expected, "{list} {pes:?} {ppn:?} {per:?}");
        }
    }

    #[test]
    fn sockets_and_cores_where_they_are_known() {
        let host = Host { cores: Some(8), sockets: Some(2), ..Host::named("h1") };
        assert_eq!(told(vec![host.clone()], None, None, Some((Per::Socket, 1))), "0-3@0 4-7@0");
        assert_eq!(told(vec![host.clone()], None, None, None), "0-7@0");
        let placement = spread(vec![host], &Wish { pes: Some(3), ..Wish::default() }).unwrap();
        assert_eq!(placement.processes[0].cores, [0, 1, 2]);
        assert_eq!((placement.pes(), placement.of_host(0).collect::<Vec<_>>()), (3, vec![0]));
    }

    #[test]
    fn impossible_wishes_are_told() {
        for (list, pes, ppn, per, why) in [
            ("h1", Some(5), Some(2), None, "5 PEs are no whole number of processes of 2 PEs"),
            ("h1,h2", Some(1), None, Some((Per::Host, 1)), "1 PEs are too few for 2 processes"),
            ("h1,h2", Some(5), Some(2), Some((Per::Host, 1)), "which are 4; leave out one"),
            ("h1", None, None, Some((Per::Socket, 1)), "how many sockets h1 has is not known"),
            ("h1", None, None, Some((Per::Core, 1)), "how many cores h1 has is not known"),
            ("h1", Some(200), None, None, "200 PEs on h1 are too many for one process"),
            ("h1", Some(1 << 24), Some(1), None, "processes are more than 65536"),
        ] {
            let told = told(hosts(list), pes, ppn, per);
            assert!(told.contains(why), "{list}: {told}");
        }
        assert!(told(vec![], None, None, None).contains("no host"));
        assert!(told(hosts("h1"), None, Some(0), None).contains("at least 1"));
    }

    #[test]
    fn too_many_pes_are_told() {
        let host = Host { slots: Some(2), cores: Some(4), ..Host::named("h1") };
        let wish = |pes| Wish { pes: Some(pes), ..Wish::default() };
        assert_eq!(
            spread(vec![host.clone()], &wish(3)).unwrap().notes,
            ["h1: 3 PEs are more than its 2 slots"]
        );
        let placement = spread(vec![host], &wish(5)).unwrap();
        assert!(placement.remarks[0].contains("5 PEs are more than its cores, so they are not bound"));
        assert!(placement.processes[0].cores.is_empty());
    }

    fn any_host() -> impl Strategy<Value = Host> {
        (proptest::option::of(1usize..9), proptest::option::of(1usize..9), proptest::option::of(1usize..3))
            .prop_map(|(slots, cores, sockets)| Host { slots, cores, sockets, ..Host::named("h") })
    }

    fn any_wish() -> impl Strategy<Value = Wish> {
        let per = prop_oneof![Just(Per::Host), Just(Per::Socket), Just(Per::Core)];
        (
            proptest::option::of(1usize..40),
            proptest::option::of(1usize..5),
            proptest::option::of((per, 1usize..4)),
        )
            .prop_map(|(pes, pes_per_process, per)| Wish { pes, pes_per_process, per })
    }

    proptest! {
        #[test]
        fn every_plan_keeps_the_rules(hosts in proptest::collection::vec(any_host(), 1..6), wish in any_wish()) {
            let Ok(placement) = spread(hosts.clone(), &wish) else { return Ok(()) };
            prop_assert!(!placement.processes.is_empty());
            let mut next = (0, 0);
            for process in &placement.processes {
                prop_assert!(process.host >= next.0 && process.host < hosts.len(), "host by host");
                prop_assert_eq!(process.first_pe, next.1, "no gaps");
                prop_assert!((1..=PES_MAX).contains(&process.pes));
                prop_assert!(wish.pes_per_process.is_none_or(|n| n == process.pes));
                next = (process.host, process.first_pe + process.pes);
            }
            prop_assert!(wish.pes.is_none_or(|pes| pes == placement.pes()));
            for (number, host) in hosts.iter().enumerate() {
                let own: Vec<&Process> = placement.of_host(number).map(|p| &placement.processes[p]).collect();
                if let Some((per, each)) = wish.per {
                    let times = match per {
                        Per::Host => Some(1),
                        Per::Socket => host.sockets,
                        Per::Core => host.cores.or(host.slots),
                    };
                    prop_assert_eq!(Some(own.len()), times.map(|t| t * each));
                }
                let cores: Vec<usize> = own.iter().flat_map(|p| p.cores.iter().copied()).collect();
                let pes: usize = own.iter().map(|p| p.pes).sum();
                let bound = host.cores.is_some_and(|c| pes <= c);
                prop_assert_eq!(cores, if bound { (0..pes).collect() } else { vec![] });
            }
        }

        #[test]
        fn amounts_are_kept(rooms in proptest::collection::vec(0usize..9, 1..6), amount in 0usize..60) {
            let counts = filled(&rooms, amount);
            prop_assert_eq!(counts.iter().sum::<usize>(), amount);
            let over = counts.iter().zip(&rooms).any(|(c, r)| c > r);
            prop_assert!(!over || counts.iter().zip(&rooms).all(|(c, r)| c >= r), "no room stays empty beside a crowded one");
        }
    }
}
