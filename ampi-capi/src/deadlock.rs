//! The deadlock report: when every rank is blocked and nothing is under way, who waits in which call for whom.
//!
//! Called while all PEs sleep, so it may look at every rank of the process: by the PE that notices
//! (`ampi_core::pe::idle`), or, when there are several processes, by the thread that hears it from the launcher. Then each
//! process sends its findings ([`Findings`], as lines of text) to process 0, which writes the report.

use crate::pt2pt::queue::Pattern;
use crate::pt2pt::request::Kind;
use crate::rank::{Phase, Rank};
use ampi_core::job::Deadlock;
use ampi_core::pe::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Ranks described one by one; of more only the number is given.
const DESCRIBED: usize = 32;

/// What one rank waits for.
enum Waits {
    /// For one rank, or any (`None`), in words.
    Message {
        whom: Option<u32>,
        text: String,
    },
    /// In a collective: communicator's context and number of the operation.
    Meeting {
        key: (u32, u64),
        text: String,
    },
    Unknown,
}

struct Waiting {
    rank: u32,
    function: String,
    what: Waits,
}

/// A communicator in which ranks wait.
struct Meeting {
    label: String,
    /// World ranks of all members.
    members: Vec<u32>,
}

/// What is to be said of the ranks of one process, or of all.
#[derive(Default)]
struct Findings {
    waiting: Vec<Waiting>,
    ended: BTreeSet<u32>,
    /// By context.
    meetings: BTreeMap<u32, Meeting>,
    /// A rank has initialized MPI and not ended.
    running: bool,
}

/// Name of the communicator with this context, in `me`'s table.
fn communicator(me: &'static Rank, context: u32) -> String {
    match me.comms.find(|c| c.context() == context) {
        Some(c) => c.label(),
        None => format!("a freed communicator (context {context})"),
    }
}

fn source_and_tag(me: &'static Rank, p: &Pattern) -> (Option<u32>, String) {
    let source = (p.mask >> 32 != 0).then_some((p.key >> 32) as u32);
    let tag = (p.mask as u32 != 0).then_some(p.key as u32);
    let world = source.and_then(|s| Some(me.comms.find(|c| c.context() == p.context)?.world_rank(s)));
    let from = source.map_or("any rank".to_string(), |s| format!("rank {s}"));
    let tag = tag.map_or("any tag".to_string(), |t| format!("tag {t}"));
    (world, format!("for a message from {from} with {tag} on {}", communicator(me, p.context)))
}

fn what(me: &'static Rank) -> Waits {
    if let Some((handle, number)) = me.meeting.get()
        && let Some(comm) = me.comms.get(handle)
    {
        let text = format!("for the other members of {}", comm.label());
        return Waits::Meeting { key: (comm.context(), number), text };
    }
    if let Some(p) = me.p2p.probing() {
        let (whom, text) = source_and_tag(me, &p);
        return Waits::Message { whom, text };
    }
    let awaited: Vec<_> = me.p2p.requests.live().into_iter().filter(|r| r.is_awaited()).collect();
    let mut what = match awaited.first().copied() {
        Some(r) if r.kind() == Kind::Receive => {
            let (whom, text) = source_and_tag(me, &crate::pt2pt::queue::Entry::pattern(r));
            Waits::Message { whom, text }
        }
        Some(r) if r.kind() == Kind::Send => {
            let to = r.peer();
            let text = format!("for rank {} of MPI_COMM_WORLD to receive a message", to.unwrap_or(0));
            Waits::Message { whom: to, text }
        }
        Some(_) => Waits::Message { whom: None, text: "for a nonblocking collective to complete".into() },
        None => Waits::Unknown,
    };
    if let (Waits::Message { text, .. }, n @ 2..) = (&mut what, awaited.len()) {
        let _ = write!(text, " (and for {} more)", n - 1);
    }
    what
}

/// What is to be said of the ranks of this process.
fn find(job: &Job, ranks: u32) -> Findings {
    let mut found = Findings::default();
    for r in (0..ranks).filter(|&r| job.process_of(r).is_none()) {
        let rank = Rank::of_chare(job.find(r).0);
        if rank.ended.get() {
            found.ended.insert(r);
            continue;
        }
        found.running |= rank.phase.get() != Phase::BeforeInit;
        let what = what(rank);
        if let Waits::Meeting { key: (context, _), .. } = what
            && let Some(comm) = rank.comms.find(|c| c.context() == context)
        {
            let meeting = || Meeting { label: comm.label(), members: comm.group().iter().collect() };
            found.meetings.entry(context).or_insert_with(meeting);
        }
        found.waiting.push(Waiting { rank: r, function: rank.function.get().into(), what });
    }
    found
}

impl Findings {
    /// Adds those of another process.
    fn add(&mut self, other: Findings) {
        self.waiting.extend(other.waiting);
        self.ended.extend(other.ended);
        self.meetings.extend(other.meetings);
        self.running |= other.running;
    }

    /// The report. Ranks that have ended are not in it, except as those for whom others wait.
    fn report(&mut self) -> String {
        self.waiting.sort_by_key(|w| w.rank);
        let waiting = &self.waiting;
        let mut text = format!(
            "deadlock: {} rank{} blocked, no message is under way and no timer is pending\n",
            waiting.len(),
            if waiting.len() == 1 { " is" } else { "s are all" }
        );
        for w in waiting.iter().take(DESCRIBED) {
            let words = match &w.what {
                Waits::Message { text, .. } | Waits::Meeting { text, .. } => text.as_str(),
                Waits::Unknown => "for something that is not MPI's",
            };
            let gone = match w.what {
                Waits::Message { whom: Some(r), .. } if self.ended.contains(&r) => ", which has ended",
                _ => "",
            };
            let _ = writeln!(text, "  rank {} in {} waits {words}{gone}", w.rank, w.function);
        }
        if waiting.len() > DESCRIBED {
            let _ = writeln!(text, "  … and {} more", waiting.len() - DESCRIBED);
        }
        text.push_str(&self.absentees());
        if let Some(cycle) = cycle(waiting) {
            let names: Vec<String> = cycle.iter().map(|r| r.to_string()).collect();
            let _ = writeln!(text, "  cycle: rank {} → {}", names.join(" → "), names[0]);
        }
        text
    }

    /// For each collective in which ranks wait: which members have not come.
    fn absentees(&self) -> String {
        let mut present: BTreeMap<(u32, u64), Vec<&Waiting>> = BTreeMap::new();
        for w in &self.waiting {
            if let Waits::Meeting { key, .. } = w.what {
                present.entry(key).or_default().push(w);
            }
        }
        let mut text = String::new();
        for ((context, _), present) in present {
            let Some(meeting) = self.meetings.get(&context) else { continue };
            let came = |r: &&u32| !present.iter().any(|w| w.rank == **r);
            let absent: Vec<u32> = meeting.members.iter().filter(came).copied().collect();
            let name = |r: &u32| if self.ended.contains(r) { format!("{r} (ended)") } else { r.to_string() };
            let mut names: Vec<String> = absent.iter().take(16).map(name).collect();
            if absent.len() > 16 {
                names.push(format!("and {} more", absent.len() - 16));
            }
            let (function, label) = (&present[0].function, &meeting.label);
            let _ = writeln!(text, "  not in {function} on {label}: rank {}", names.join(", "));
        }
        text
    }

    /// As lines of fields between tabs: `running`, `ended` and its ranks, `meeting` with context, label and members,
    /// `message` with rank, function, whom (or -) and text, `in` with rank, function, context, number and text, `other` with
    /// rank and function.
    fn to_text(&self) -> String {
        let numbers = |n: &mut dyn Iterator<Item = &u32>| n.map(u32::to_string).collect::<Vec<_>>().join(" ");
        let mut text = String::new();
        if self.running {
            text.push_str("running\n");
        }
        let _ = writeln!(text, "ended\t{}", numbers(&mut self.ended.iter()));
        for (context, m) in &self.meetings {
            let label = m.label.replace(['\t', '\n'], " ");
            let _ = writeln!(text, "meeting\t{context}\t{label}\t{}", numbers(&mut m.members.iter()));
        }
        for w in &self.waiting {
            let (rank, function) = (w.rank, &w.function);
            let _ = match &w.what {
                Waits::Message { whom, text: words } => {
                    let whom = whom.map_or("-".into(), |w| w.to_string());
                    writeln!(
                        text,
                        "message\t{rank}\t{function}\t{whom}\t{}",
                        words.replace(['\t', '\n'], " ")
                    )
                }
                Waits::Meeting { key: (context, number), text: words } => {
                    let words = words.replace(['\t', '\n'], " ");
                    writeln!(text, "in\t{rank}\t{function}\t{context}\t{number}\t{words}")
                }
                Waits::Unknown => writeln!(text, "other\t{rank}\t{function}"),
            };
        }
        text
    }

    /// What [`Findings::to_text`] wrote; a line that was cut is left out.
    fn from_text(text: &str) -> Findings {
        let mut found = Findings::default();
        let numbers = |words: &str| words.split(' ').filter_map(|w| w.parse().ok()).collect::<Vec<u32>>();
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let rank = fields.get(1).and_then(|r| r.parse().ok()).unwrap_or(0);
            let mut wait = |function: &str, what| {
                found.waiting.push(Waiting { rank, function: function.into(), what });
            };
            match *fields.as_slice() {
                ["running"] => found.running = true,
                ["ended", ranks] => found.ended.extend(numbers(ranks)),
                ["meeting", context, label, members] => {
                    let meeting = Meeting { label: label.into(), members: numbers(members) };
                    found.meetings.insert(context.parse().unwrap_or(0), meeting);
                }
                ["message", _, function, whom, words] => {
                    wait(function, Waits::Message { whom: whom.parse().ok(), text: words.into() });
                }
                ["in", _, function, context, number, words] => {
                    let key = (context.parse().unwrap_or(0), number.parse().unwrap_or(0));
                    wait(function, Waits::Meeting { key, text: words.into() });
                }
                ["other", _, function] => wait(function, Waits::Unknown),
                _ => {}
            }
        }
        found
    }
}

/// A cycle of ranks that each wait for exactly one other.
fn cycle(waiting: &[Waiting]) -> Option<Vec<u32>> {
    let next: BTreeMap<u32, u32> = waiting
        .iter()
        .filter_map(|w| match w.what {
            Waits::Message { whom: Some(other), .. } => Some((w.rank, other)),
            _ => None,
        })
        .collect();
    for &start in next.keys() {
        let (mut seen, mut at) = (vec![start], start);
        while let Some(&n) = next.get(&at) {
            if n == start {
                return Some(seen);
            }
            if seen.contains(&n) {
                break; // a cycle that `start` only leads to: found from one of its own members
            }
            seen.push(n);
            at = n;
        }
    }
    None
}

/// What this process, one of several, has to say when the whole job is stuck.
pub fn part(job: &'static Job, ranks: u32) -> String {
    find(job, ranks).to_text()
}

/// What a job of several processes does when it is stuck, in process 0. `parts`: what each has said.
pub fn found_by_all(parts: &[Vec<u8>], policy: Deadlock) {
    let mut all = Findings::default();
    parts.iter().for_each(|p| all.add(Findings::from_text(&String::from_utf8_lossy(p))));
    act(all, policy);
}

/// What a job of one process does when it is stuck.
pub fn found(job: &'static Job, ranks: u32, policy: Deadlock) {
    act(find(job, ranks), policy);
}

fn act(mut found: Findings, policy: Deadlock) {
    if policy == Deadlock::Off || !found.running {
        return;
    }
    if policy == Deadlock::Report {
        ampi_core::fault::begin_report(1);
    }
    eprint!("ampi: {}", found.report());
    if policy == Deadlock::Report {
        eprintln!("ampi: the job cannot go on and ends (--deadlock=warn would leave it waiting)");
        crate::worker::leave(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(rank: u32, function: &str, what: Waits) -> Waiting {
        Waiting { rank, function: function.into(), what }
    }

    #[test]
    fn findings_of_several_processes_make_one_report() {
        let message = |whom, text: &str| Waits::Message { whom, text: text.into() };
        let meeting = || Waits::Meeting { key: (7, 3), text: "for the other\tmembers".into() };
        let mut one = Findings { running: true, ..Findings::default() };
        one.waiting.push(waiting(2, "MPI_Barrier", meeting()));
        one.meetings.insert(7, Meeting { label: "half".into(), members: vec![0, 2, 4] });
        let mut two = Findings { ended: [4].into(), ..Findings::default() };
        two.waiting.push(waiting(1, "MPI_Recv", message(Some(3), "for rank 3")));
        two.waiting.push(waiting(3, "MPI_Recv", message(Some(1), "for rank 1")));
        two.waiting.push(waiting(0, "MPI_Barrier", meeting()));
        two.waiting.push(waiting(5, "MPI_Probe", message(None, "for any rank")));
        two.waiting.push(waiting(6, "read", Waits::Unknown));
        let mut all = Findings::default();
        for part in [one, two] {
            all.add(Findings::from_text(&part.to_text()));
        }
        assert!(all.running);
        let report = all.report();
        let lines: Vec<&str> = report.lines().collect();
        assert_eq!(
            lines,
            [
                "deadlock: 6 ranks are all blocked, no message is under way and no timer is pending",
                "  rank 0 in MPI_Barrier waits for the other members",
                "  rank 1 in MPI_Recv waits for rank 3",
                "  rank 2 in MPI_Barrier waits for the other members",
                "  rank 3 in MPI_Recv waits for rank 1",
                "  rank 5 in MPI_Probe waits for any rank",
                "  rank 6 in read waits for something that is not MPI's",
                "  not in MPI_Barrier on half: rank 4 (ended)",
                "  cycle: rank 1 → 3 → 1",
            ]
        );
    }
}
