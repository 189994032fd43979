//! How many ranks on how many PEs, and how the PEs are cut into processes.
//!
//! The room of a host is its slots (`--host h:4`), else its cores; the room is that of all hosts. Without hosts there is this
//! one.
//!
//! | given | ranks | PEs |
//! |---|---|---|
//! | nothing | one per PE | the room |
//! | `-n N` | N | the room, at most N |
//! | `+vp N` | N | the room, at most N |
//! | `+p P` | P | P |
//! | `+p P` with `-n N` or `+vp N` | N | P, at most N |
//! | `-n P +vp N` (as AMPI users write it) | N | P, at most N |
//! | `-ppn K` (also `-N K`, `--map-by ppr:K:node`) | K per host | the smallest room, at most K, on each host |
//! | `-ppn K` with `-n N` | N | the same, on the first N/K hosts |
//!
//! | given | processes |
//! |---|---|
//! | nothing | one on each host that has PEs |
//! | `++ppn M` | as many of M PEs as the PEs make; without `+p` and `-n` as many as fit into the room |
//! | `+n K ++ppn M` (as Charm++ users write it) | K of M PEs; with `+p P` in place of `++ppn` K of P/K |
//! | `--procs-per-host K` (Socket, Core) | K on each host, which share its PEs evenly |
//!
//! 1. PEs that nobody asked for are never more than ranks; PEs that somebody asked for neither, which is told. With `++ppn` a
//!    process is not cut: the last one may have PEs without ranks.
//! 2. A process has at most [`PES_MAX`] PEs: more that nobody asked for are cut down, others refused.
//! 3. With `--isolate=process` each rank is a process with one PE: the number of PEs is that of the ranks, where both are given.

use super::Refusal;
use super::place::{Host, Wish, spread};
use super::words::Request;
use ampi_core::job::{Isolate, PES_MAX};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    pub ranks: usize,
    /// What [`spread::spread`] is asked for.
    pub wish: Wish,
    /// Only the first so many hosts have something to do.
    pub hosts: usize,
    /// What to tell the user.
    pub notes: Vec<String>,
    /// What to tell under `-v`.
    pub remarks: Vec<String>,
}

/// How much of what was asked for is possible on `hosts`.
pub fn size(request: &Request, hosts: &[Host]) -> Result<Size, Refusal> {
    let asked = Asked::of(request)?;
    match request.ranks_per_host {
        Some(each) => per_host(&asked, each, hosts),
        None => overall(&asked, hosts),
    }
}

/// A prefix of the hosts that certainly suffices, as far as that can be said before they are asked how many cores they have.
pub fn needed(request: &Request, hosts: &[Host]) -> Result<usize, Refusal> {
    let asked = Asked::of(request)?;
    if let Some(each) = request.ranks_per_host {
        return Ok(asked.ranks.map_or(hosts.len(), |ranks| ranks.div_ceil(each).min(hosts.len())));
    }
    let Some(wanted) = asked.pes.or(asked.ranks).filter(|_| asked.per.is_none()) else {
        return Ok(hosts.len());
    };
    let size = asked.pes_per_process.unwrap_or(1);
    let mut room = 0;
    let enough = hosts.iter().position(|host| {
        // One that is not known has a core at least.
        room += host.slots.unwrap_or(1) / size * size;
        room >= wanted
    });
    Ok(enough.map_or(hosts.len(), |last| last + 1))
}

/// The numbers of a command line by their meaning.
struct Asked {
    ranks: Option<usize>,
    pes: Option<usize>,
    pes_per_process: Option<usize>,
    per: Option<(spread::Per, usize)>,
    /// Each rank is a process.
    apart: bool,
}

impl Asked {
    fn of(request: &Request) -> Result<Asked, Refusal> {
        let (mut pes, mut size) = (request.pes, request.pes_per_process);
        if let Some(nodes) = request.nodes {
            match (pes, size) {
                (None, None) => pes = Some(nodes),
                (None, Some(size)) => pes = Some(nodes.saturating_mul(size)),
                (Some(all), None) if all % nodes == 0 => size = Some(all / nodes),
                (Some(all), Some(size)) if all == nodes.saturating_mul(size) => {}
                (Some(all), _) => {
                    return Err(Refusal::usage(format!(
                        "+p {all} cannot be {nodes} processes (+n) with equal numbers of PEs{}",
                        size.map_or(String::new(), |n| format!(" (++ppn {n})"))
                    )));
                }
            }
        }
        let (ranks, pes) = match (request.ranks, request.processes, pes) {
            (Some(vp), Some(n), None) => (Some(vp), Some(n)),
            (Some(vp), _, p) => (Some(vp), p),
            (None, n, p) => (n, p),
        };
        if let (Some(p), Some(size), None) = (pes, size, request.processes_per)
            && p % size != 0
        {
            return Err(Refusal::usage(format!(
                "{p} PEs are no whole number of processes of {size} PEs (++ppn {size})"
            )));
        }
        let per = request.processes_per;
        if request.isolate == Some(Isolate::Process) {
            // Rule 3.
            let ranks = ranks.or(pes);
            return Ok(Asked { ranks, pes: ranks, pes_per_process: Some(1), per, apart: true });
        }
        Ok(Asked { ranks, pes, pes_per_process: size, per, apart: false })
    }
}

fn overall(asked: &Asked, hosts: &[Host]) -> Result<Size, Refusal> {
    let (mut notes, hosts_count) = (Vec::new(), hosts.len());
    let mut asked = Asked { ..*asked };
    if let (Some(size), Some(ranks), None) = (asked.pes_per_process, asked.ranks, asked.per)
        && size > ranks
    {
        notes.push(format!(
            "{} would be more than {}; {ranks} will do",
            count(size, "PE"),
            count(ranks, "rank")
        ));
        asked.pes_per_process = Some(ranks);
        asked.pes = asked.pes.map(|_| ranks);
    }
    let processes = match asked.per {
        Some((per, each)) => Some(spread::counts(hosts, per, each)?.iter().sum::<usize>()),
        None => None,
    };
    let room = match (asked.per, asked.pes_per_process) {
        (None, Some(size)) => hosts.iter().map(|h| (h.capacity() / size).max(1) * size).sum(),
        (None, None) => hosts.iter().map(|h| h.capacity().min(PES_MAX)).sum(),
        (Some(_), None) => hosts.iter().map(Host::capacity).sum(),
        (Some(_), Some(size)) => processes.unwrap_or(1).saturating_mul(size),
    };
    let ranks = asked.ranks.or(asked.pes).unwrap_or(room);
    if let Some(processes) = processes.filter(|p| *p > ranks && asked.ranks.is_some()) {
        return Err(Refusal::usage(format!(
            "{} cannot be spread over {processes} processes",
            count(ranks, "rank")
        )));
    }
    // Rule 1.
    let most = match (asked.per, asked.pes_per_process) {
        (None, Some(size)) => ranks.div_ceil(size).saturating_mul(size),
        (Some(_), Some(_)) => usize::MAX,
        _ => ranks,
    };
    let pes = asked.pes.unwrap_or(room).min(most);
    if let Some(wanted) = asked.pes.filter(|wanted| *wanted > pes) {
        notes.push(format!(
            "{} would be more than {}; {pes} will do",
            count(wanted, "PE"),
            count(ranks, "rank")
        ));
    }
    let wish = Wish { pes: Some(pes), pes_per_process: asked.pes_per_process, per: asked.per };
    Ok(Size { ranks, wish, hosts: hosts_count, notes, remarks: Vec::new() })
}

/// `-ppn`: the same number of PEs on each host makes the same number of ranks there.
fn per_host(asked: &Asked, each: usize, hosts: &[Host]) -> Result<Size, Refusal> {
    let mut remarks = Vec::new();
    let ranks = asked.ranks.unwrap_or(each.saturating_mul(hosts.len()));
    let used = ranks.div_ceil(each).min(hosts.len());
    let most = ranks.div_ceil(used);
    if most > each {
        remarks.push(format!("-ppn {each}: {ranks} ranks on {} are {most} on each", count(used, "host")));
    }
    let pes = match asked.pes.or(asked.apart.then_some(ranks)) {
        Some(pes) if pes % used == 0 => (pes / used).min(most),
        Some(pes) => {
            return Err(Refusal::usage(format!(
                "{pes} PEs cannot be the same number on each of {used} hosts, which -ppn {each} needs"
            )));
        }
        None => {
            let room = hosts[..used].iter().map(Host::capacity).min().unwrap_or(1);
            let size = asked.pes_per_process.unwrap_or(1);
            (room.min(most).min(PES_MAX) / size).max(1) * size
        }
    };
    let per = match (asked.per, asked.pes_per_process) {
        (Some(per), _) => Some(per),
        (None, Some(size)) if pes % size == 0 => Some((spread::Per::Host, pes / size)),
        (None, Some(size)) => {
            return Err(Refusal::usage(format!(
                "{pes} PEs on each host are no whole number of processes of {size} PEs (++ppn {size})"
            )));
        }
        (None, None) => Some((spread::Per::Host, 1)),
    };
    let wish = Wish { pes: Some(pes * used), pes_per_process: asked.pes_per_process, per };
    Ok(Size { ranks, wish, hosts: used, notes: Vec::new(), remarks })
}

/// `1 rank`, `2 ranks`.
pub fn count(n: usize, what: &str) -> String {
    let plural = match what.strip_suffix("ss") {
        Some(_) => "es",
        None => "s",
    };
    format!("{n} {what}{}", if n == 1 { "" } else { plural })
}

#[cfg(test)]
mod tests {
    use super::super::place::host;
    use super::super::words;
    use super::*;
    use std::ffi::OsString;

    fn made(line: &str, hosts: &[Host]) -> Result<(usize, spread::Placement), String> {
        let args: Vec<OsString> = line.split_whitespace().chain(["a"]).map(OsString::from).collect();
        let request = words::read(&args).map_err(|r| r.why)?;
        let size = size(&request, hosts).map_err(|r| r.why)?;
        let placement = spread::spread(hosts[..size.hosts].to_vec(), &size.wish).map_err(|r| r.why)?;
        Ok((size.ranks, placement))
    }

    /// `ranks: PEs@host …`, a word per process.
    fn told(line: &str, hosts: &[Host]) -> String {
        match made(line, hosts) {
            Err(why) => why,
            Ok((ranks, placement)) => {
                let one = |p: &spread::Process| format!(" {}@{}", p.pes, p.host);
                format!("{ranks}:{}", placement.processes.iter().map(one).collect::<String>())
            }
        }
    }

    fn here(cores: usize) -> Vec<Host> {
        vec![Host { cores: Some(cores), ..Host::named("here") }]
    }

    #[test]
    fn the_table_for_one_process() {
        for (line, expected) in [
            ("", "4: 4@0"),
            ("-n 3", "3: 3@0"),
            ("-n 9", "9: 4@0"),
            ("+vp 9", "9: 4@0"),
            ("+vp 2", "2: 2@0"),
            ("+p 6", "6: 6@0"),
            ("+p 6 -n 9", "9: 6@0"),
            ("+p 2 +vp 32", "32: 2@0"),
            ("-n 2 +vp 32", "32: 2@0"),
            ("-n 2 +p 3 +vp 32", "32: 3@0"),
            ("+p 8 +vp 2", "2: 2@0"),
            ("+n 2", "2: 2@0"),
            ("++ppn 4 +vp 2", "2: 2@0"),
            ("-ppn 8 -n 2", "2: 2@0"),
            ("-ppn 2 -n 8", "8: 4@0"),
            ("-ppn 2", "2: 2@0"),
            ("-N 2 +p 4", "2: 2@0"),
        ] {
            assert_eq!(told(line, &here(4)), expected, "{line}");
        }
    }

    #[test]
    fn the_table_for_several_processes_on_one_host() {
        for (line, expected) in [
            ("+p 4 ++ppn 2", "4: 2@0 2@0"),
            ("+p 4 ++ppn 2 +vp 32", "32: 2@0 2@0"),
            ("+p 4 ++ppn 2 +vp 3", "3: 2@0 2@0"),
            ("+p 4 ++ppn 2 +vp 2", "2: 2@0"),
            ("++ppn 1", "4: 1@0 1@0 1@0 1@0"),
            ("++ppn 2", "4: 2@0 2@0"),
            ("++ppn 1 -n 3", "3: 1@0 1@0 1@0"),
            ("++ppn 2 -n 3", "3: 2@0 2@0"),
            ("++ppn 8", "8: 8@0"),
            ("+n 2 ++ppn 3", "6: 3@0 3@0"),
            ("+n 2 +p 6", "6: 3@0 3@0"),
            ("+n 2 ++ppn 3 +vp 12", "12: 3@0 3@0"),
            ("-n 2 ++ppn 1 +vp 12", "12: 1@0 1@0"),
            ("--procs-per-host 2", "4: 2@0 2@0"),
            ("--procs-per-host 2 -n 3", "3: 2@0 1@0"),
            ("--procs-per-host 2 ++ppn 1 +vp 9", "9: 1@0 1@0"),
            ("++processPerCore 1", "4: 1@0 1@0 1@0 1@0"),
            ("-ppn 4 ++ppn 2", "4: 2@0 2@0"),
            ("+p 5 ++ppn 2", "5 PEs are no whole number of processes of 2 PEs (++ppn 2)"),
            ("+p 5 +n 2", "+p 5 cannot be 2 processes (+n) with equal numbers of PEs"),
            ("+p 4 +n 2 ++ppn 3", "+p 4 cannot be 2 processes (+n) with equal numbers of PEs (++ppn 3)"),
            ("--procs-per-host 2 -n 1", "1 rank cannot be spread over 2 processes"),
        ] {
            assert_eq!(told(line, &here(4)), expected, "{line}");
        }
    }

    #[test]
    fn the_table_for_several_hosts() {
        let list = |text| host::list("--host", text).unwrap();
        for (hosts, line, expected) in [
            ("h1:2,h2:3", "", "5: 2@0 3@1"),
            ("h1:2,h2:3", "-n 100", "100: 2@0 3@1"),
            ("h1:2,h2:3", "-n 3", "3: 2@0 1@1"),
            ("h1:2,h2:3", "-n 2", "2: 2@0"),
            ("h1:2,h2:3", "+p 8", "8: 4@0 4@1"),
            ("h1:4,h2:4", "++ppn 2 -n 6", "6: 2@0 2@0 2@1"),
            ("h1:4,h2:4", "--procs-per-host 1 +p 4 +vp 9", "9: 2@0 2@1"),
            ("h1:4,h2:4", "-ppn 2", "4: 2@0 2@1"),
            ("h1:4,h2:4", "-ppn 2 -n 3", "3: 2@0 2@1"),
            ("h1:4,h2:4", "-ppn 8 -n 8", "8: 4@0"),
            ("h1:4,h2:2", "-ppn 8", "16: 2@0 2@1"),
            ("h1:4,h2:4,h3:4", "-N 3 -n 6 ++ppn 1", "6: 1@0 1@0 1@0 1@1 1@1 1@1"),
            ("h1:4,h2:4", "-ppn 4 +p 2 +vp 8", "8: 1@0 1@1"),
            (
                "h1,h2",
                "-ppn 4 +p 3",
                "3 PEs cannot be the same number on each of 2 hosts, which -ppn 4 needs",
            ),
        ] {
            assert_eq!(told(line, &list(hosts)), expected, "{hosts} {line}");
        }
    }

    #[test]
    fn ranks_may_be_processes() {
        let list = |text| host::list("--host", text).unwrap();
        for (line, expected) in [
            ("", "4: 1@0 1@0 1@0 1@0"),
            ("-n 6", "6: 1@0 1@0 1@0 1@0 1@0 1@0"),
            ("+p 1 +vp 3", "3: 1@0 1@0 1@0"),
            ("-n 1 +vp 2", "2: 1@0 1@0"),
            ("+p 2", "2: 1@0 1@0"),
            ("--procs-per-host 2", "2: 1@0 1@0"),
        ] {
            assert_eq!(told(&format!("--isolate=process {line}"), &here(4)), expected, "{line}");
        }
        for (hosts, line, expected) in [
            ("h1:2,h2:3", "", "5: 1@0 1@0 1@1 1@1 1@1"),
            ("h1:2,h2:3", "-n 3", "3: 1@0 1@0 1@1"),
            ("h1:1,h2:1", "-n 4", "4: 1@0 1@0 1@1 1@1"),
            ("h1:1,h2:1", "-ppn 2", "4: 1@0 1@0 1@1 1@1"),
            ("h1:4,h2:4", "-ppn 2 -n 2", "2: 1@0 1@0"),
        ] {
            assert_eq!(told(&format!("--isolate=process {line}"), &list(hosts)), expected, "{hosts} {line}");
        }
    }

    #[test]
    fn a_process_has_room_for_so_many_pes() {
        assert_eq!(told("-n 500", &here(256)), "500: 127@0");
        assert_eq!(told("+p 127", &here(4)), "127: 127@0");
        assert!(told("+p 128", &here(4)).contains("128 PEs on here are too many for one process"));
        assert_eq!(told("+p 128 -n 8", &here(4)), "8: 8@0");
    }

    #[test]
    fn hosts_that_are_certainly_not_needed_are_not_asked() {
        let list = |text| host::list("--host", text).unwrap();
        for (hosts, line, expected) in [
            ("h1:2,h2:2,h3:2", "", 3),
            ("h1:2,h2:2,h3:2", "-n 3", 2),
            ("h1,h2,h3", "-n 2", 2),
            ("h1,h2,h3", "+p 1 +vp 9", 1),
            ("h1:4,h2:4,h3:4", "+p 4 ++ppn 4", 1),
            ("h1:3,h2:4,h3:4", "+p 4 ++ppn 4", 2),
            ("h1,h2,h3", "+p 4 ++ppn 4", 3),
            ("h1,h2,h3", "-ppn 2 -n 4", 2),
            ("h1,h2,h3", "--procs-per-host 1 -n 2", 3),
        ] {
            let args: Vec<OsString> = line.split_whitespace().chain(["a"]).map(OsString::from).collect();
            let request = words::read(&args).unwrap();
            assert_eq!(needed(&request, &list(hosts)).unwrap(), expected, "{hosts} {line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_wished_can_be_placed_or_is_refused_with_a_sentence(
            rooms in proptest::collection::vec((1usize..6, proptest::bool::ANY), 1..4),
            numbers in proptest::collection::vec((0usize..7, 1usize..9), 0..4),
        ) {
            const WORDS: [&str; 7] = ["+p", "+vp", "-n", "++ppn", "+n", "-ppn", "--procs-per-host"];
            let hosts: Vec<Host> = rooms
                .iter()
                .map(|(n, slots)| Host { slots: slots.then_some(*n), cores: Some(*n), ..Host::named("h") })
                .collect();
            let line: String = numbers.iter().map(|(word, n)| format!("{} {n} ", WORDS[*word])).collect();
            match made(&line, &hosts) {
                Err(why) => proptest::prop_assert!(!why.is_empty()),
                Ok((ranks, placement)) => {
                    proptest::prop_assert!(ranks >= 1);
                    // No process is without ranks, as each has fewer PEs than there are ranks before its end.
                    let last = placement.processes.last().unwrap();
                    let idle = line.contains("++ppn") || line.contains("+n") || line.contains("-ppn");
                    proptest::prop_assert!(idle || placement.pes() <= ranks, "{line}: {placement:?}");
                    proptest::prop_assert!(line.contains("--procs") || line.contains("-ppn ") || last.first_pe < ranks.max(1), "{line}");
                }
            }
        }
    }
}
