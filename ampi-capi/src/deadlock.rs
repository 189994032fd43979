//! The deadlock report: when every rank is blocked and nothing is under way, who waits in which call for whom.
//!
//! Called by the PE that notices (`ampi_core::pe::idle`) while all PEs sleep, so it may look at every rank.

use crate::pt2pt::queue::Pattern;
use crate::pt2pt::request::Kind;
use crate::rank::{Phase, Rank};
use ampi_core::job::Deadlock;
use ampi_core::pe::Job;
use std::collections::BTreeMap;
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
    function: &'static str,
    what: Waits,
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

/// The report. Ranks that have ended are not in it, except as those for whom others wait.
fn report(job: &Job, ranks: u32) -> String {
    let all: Vec<&'static Rank> = (0..ranks).map(|r| Rank::of_chare(job.find(r).0)).collect();
    let waiting: Vec<Waiting> = all
        .iter()
        .filter(|r| !r.ended.get())
        .map(|r| Waiting { rank: r.world_rank, function: r.function.get(), what: what(r) })
        .collect();
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
            Waits::Message { whom: Some(r), .. } if all[r as usize].ended.get() => ", which has ended",
            _ => "",
        };
        let _ = writeln!(text, "  rank {} in {} waits {words}{gone}", w.rank, w.function);
    }
    if waiting.len() > DESCRIBED {
        let _ = writeln!(text, "  … and {} more", waiting.len() - DESCRIBED);
    }
    text.push_str(&absentees(&all, &waiting));
    if let Some(cycle) = cycle(&waiting) {
        let names: Vec<String> = cycle.iter().map(|r| r.to_string()).collect();
        let _ = writeln!(text, "  cycle: rank {} → {}", names.join(" → "), names[0]);
    }
    text
}

/// For each collective in which ranks wait: which members have not come.
fn absentees(all: &[&'static Rank], waiting: &[Waiting]) -> String {
    let mut meetings: BTreeMap<(u32, u64), Vec<u32>> = BTreeMap::new();
    for w in waiting {
        if let Waits::Meeting { key, .. } = w.what {
            meetings.entry(key).or_default().push(w.rank);
        }
    }
    let mut text = String::new();
    for ((context, _), present) in meetings {
        let me = all[present[0] as usize];
        let Some(comm) = me.comms.find(|c| c.context() == context) else { continue };
        let absent: Vec<u32> = comm.group().iter().filter(|w| !present.contains(w)).collect();
        let mut names: Vec<String> = absent
            .iter()
            .take(16)
            .map(|&r| if all[r as usize].ended.get() { format!("{r} (ended)") } else { r.to_string() })
            .collect();
        if absent.len() > 16 {
            names.push(format!("and {} more", absent.len() - 16));
        }
        let function = me.function.get();
        let _ = writeln!(text, "  not in {function} on {}: rank {}", comm.label(), names.join(", "));
    }
    text
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

/// What the job does when it is stuck.
pub fn found(job: &'static Job, ranks: u32, policy: Deadlock) {
    let running = (0..ranks).any(|r| {
        let rank = Rank::of_chare(job.find(r).0);
        !rank.ended.get() && rank.phase.get() != Phase::BeforeInit
    });
    if policy == Deadlock::Off || !running {
        return;
    }
    if policy == Deadlock::Report {
        ampi_core::fault::begin_report(1);
    }
    let text = report(job, ranks);
    eprint!("ampi: {text}");
    if policy == Deadlock::Report {
        eprintln!("ampi: the job cannot go on and ends (--deadlock=warn would leave it waiting)");
        crate::worker::leave(1);
    }
}
