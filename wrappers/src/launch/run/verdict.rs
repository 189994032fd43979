//! Why a job ended: of several things that happen within a moment, which one is the cause; its sentence and exit code.
//!
//! | cause | weight |
//! |---|---|
//! | the user's signal, the time limit | 3 |
//! | a process was ended by a signal that is not ours | 2 |
//! | a process or its connection ended without leaving the job, it ended the job, could not start, did not come; a host is gone; nobody takes the output | 1 |
//!
//! 1. The first cause of the greatest weight counts: when a process crashes, others may notice the broken connection and end the
//!    job before the launcher hears of the crash.
//! 2. That a connection ended makes way for how its process ended.
//! 3. Without a cause the exit code is the first that is not 0 of those that processes told when they left.

use super::super::signals::describe;
use std::fmt;
use std::io;
use std::time::Duration;

/// Exit code when the time limit was reached, as `timeout` and Open MPI have it.
pub const TIME_OVER: u8 = 124;
/// Exit code when the reader of the output has left, as shells have it (128 + SIGPIPE).
const NO_READER: u8 = 141;

/// How a process ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct End {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub core_dumped: bool,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal, self.code) {
            (Some(signal), _) => {
                let core = if self.core_dumped { ", core dumped" } else { "" };
                write!(f, "was ended by signal {signal} ({}{core})", describe(signal))
            }
            (None, Some(code)) => write!(f, "ended with exit code {code}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A process, as it is spoken of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Name {
    /// `None`: the only one of the job.
    pub number: Option<u32>,
    pub host: String,
    /// It is one rank, and has its number.
    pub is_rank: bool,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) if self.is_rank => write!(f, "rank {number} (a process on host {})", self.host),
            Some(number) => write!(f, "process {number} on host {}", self.host),
            None => f.write_str("the job"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    TimeOver {
        limit: Duration,
        from: &'static str,
    },
    /// The user's.
    Signal(i32),
    /// It ended without having left the job; `joined`: it had been there.
    Ended {
        who: Name,
        end: End,
        joined: bool,
    },
    /// It ended without having joined, as others have, who wait for it.
    Absent {
        who: Name,
        end: End,
    },
    /// Its connection ended.
    Lost {
        who: Name,
        why: String,
    },
    /// A process ended the job; `joined`: one that was there.
    Aborted {
        who: Name,
        code: i32,
        /// Empty: it has told the user.
        why: String,
        joined: bool,
    },
    /// A sentence of its own.
    Told(String),
    Unheard(io::ErrorKind),
}

impl Cause {
    fn weight(&self) -> u8 {
        match self {
            Cause::TimeOver { .. } | Cause::Signal(_) => 3,
            Cause::Ended { end: End { signal: Some(_), .. }, .. } => 2,
            _ => 1,
        }
    }

    /// Rule 2.
    fn explains(&self, first: &Cause) -> bool {
        matches!((self, first), (Cause::Ended { who, .. }, Cause::Lost { who: lost, .. }) if who == lost)
    }

    pub fn exit_code(&self) -> u8 {
        let byte = |code: i32| match code as u8 {
            0 => 1,
            code => code,
        };
        match self {
            Cause::TimeOver { .. } => TIME_OVER,
            Cause::Signal(signal) => 128 + *signal as u8,
            Cause::Ended { end: End { signal: Some(signal), .. }, .. } => 128 + *signal as u8,
            Cause::Ended { end, .. } | Cause::Absent { end, .. } => byte(end.code.unwrap_or(1)),
            Cause::Aborted { code, .. } => byte(*code),
            Cause::Unheard(io::ErrorKind::BrokenPipe) => NO_READER,
            Cause::Lost { .. } | Cause::Told(_) | Cause::Unheard(_) => 1,
        }
    }

    /// What the user is told; `None`: he knows.
    pub fn sentence(&self) -> Option<String> {
        Some(match self {
            Cause::TimeOver { limit, from } => {
                format!("time over: the job was ended after {} s ({from})", limit.as_secs_f64())
            }
            Cause::Signal(_) | Cause::Unheard(io::ErrorKind::BrokenPipe) => return None,
            Cause::Aborted { why, .. } if why.is_empty() => return None,
            Cause::Ended { who, end, .. } if end.signal.is_some() => format!("{who} {end}"),
            Cause::Ended { who, end, joined: false } => format!("{who} {end} before it joined the job"),
            Cause::Ended { who, end, joined: true } if who.is_rank => {
                format!("{who} {end} without calling MPI_Finalize")
            }
            Cause::Ended { who, end, joined: true } => format!("{who} {end} without having left the job"),
            Cause::Absent { who, end } => {
                format!("{who} {end} without calling MPI_Init, in which others wait for it")
            }
            Cause::Lost { who, why } => format!("{who} is lost: {why}"),
            Cause::Aborted { who, why, joined: true, .. } => format!("{who} ended the job: {why}"),
            Cause::Aborted { who, why, joined: false, .. } => format!("{who} cannot start: {why}"),
            Cause::Told(why) => why.clone(),
            Cause::Unheard(kind) => format!("cannot write the output of processes: {kind}"),
        })
    }
}

/// What is known so far.
#[derive(Debug, Default)]
pub struct Verdict {
    cause: Option<Cause>,
    told: Option<u8>,
}

impl Verdict {
    /// Something that ends the job; whether it counts.
    pub fn add(&mut self, cause: Cause) -> bool {
        let first = self.cause.as_ref();
        let counts = first.is_none_or(|first| cause.weight() > first.weight() || cause.explains(first));
        if counts {
            self.cause = Some(cause);
        }
        counts
    }

    /// A process left with this exit code.
    pub fn left(&mut self, code: i32) {
        if self.told.is_none() && code as u8 != 0 {
            self.told = Some(code as u8);
        }
    }

    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref()
    }

    /// Whether nothing that processes do can change the cause any more.
    pub fn is_certain(&self) -> bool {
        self.cause.as_ref().is_some_and(|c| c.weight() >= 2)
    }

    pub fn exit_code(&self) -> u8 {
        self.cause.as_ref().map_or(self.told.unwrap_or(0), Cause::exit_code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Name {
        Name { number: Some(number), host: "h2".into(), is_rank: false }
    }

    fn by_code(number: u32, code: i32, joined: bool) -> Cause {
        Cause::Ended { who: name(number), end: End { code: Some(code), ..End::default() }, joined }
    }

    fn by_signal(number: u32, signal: i32) -> Cause {
        let end = End { signal: Some(signal), ..End::default() };
        Cause::Ended { who: name(number), end, joined: true }
    }

    fn aborted(number: u32, code: i32) -> Cause {
        Cause::Aborted { who: name(number), code, why: "no more".into(), joined: true }
    }

    fn lost(number: u32) -> Cause {
        Cause::Lost { who: name(number), why: "the connection was closed".into() }
    }

    fn verdict(causes: Vec<Cause>) -> (String, u8) {
        let mut verdict = Verdict::default();
        for cause in causes {
            verdict.add(cause);
        }
        let sentence = verdict.cause().and_then(Cause::sentence).unwrap_or_default();
        (sentence, verdict.exit_code())
    }

    #[test]
    fn the_cause_is_the_weightiest_and_then_the_first() {
        for (causes, sentence, code) in [
            (vec![], "", 0),
            (vec![lost(1), by_signal(1, 9)], "process 1 on host h2 was ended by signal 9 (Killed)", 137),
            (
                vec![aborted(0, 3), by_signal(1, 11), by_signal(2, 9)],
                "process 1 on host h2 was ended by signal 11",
                139,
            ),
            (vec![aborted(0, 3), by_code(1, 4, true)], "process 0 on host h2 ended the job: no more", 3),
            (vec![lost(1), aborted(0, 3)], "process 1 on host h2 is lost: the connection was closed", 1),
            (
                vec![lost(1), by_code(0, 1, true), by_code(1, 7, true)],
                "process 1 on host h2 ended with exit code 7",
                7,
            ),
            (
                vec![
                    Cause::Aborted { who: name(1), code: 9, why: String::new(), joined: true },
                    by_code(1, 9, true),
                ],
                "",
                9,
            ),
            (vec![lost(1)], "process 1 on host h2 is lost: the connection was closed", 1),
            (
                vec![by_code(1, 126, false)],
                "process 1 on host h2 ended with exit code 126 before it joined",
                126,
            ),
            (
                vec![Cause::Absent {
                    who: Name { is_rank: true, ..name(1) },
                    end: End { code: Some(0), ..End::default() },
                }],
                "rank 1 (a process on host h2) ended with exit code 0 without calling MPI_Init, in which others wait",
                1,
            ),
            (vec![by_code(1, 0, true)], "exit code 0 without having left the job", 1),
            (vec![by_signal(1, 9), Cause::Signal(2)], "", 130),
            (
                vec![
                    by_signal(1, 9),
                    Cause::TimeOver { limit: Duration::from_millis(1500), from: "--timeout" },
                ],
                "time over: the job was ended after 1.5 s (--timeout)",
                124,
            ),
            (vec![Cause::Unheard(io::ErrorKind::BrokenPipe)], "", 141),
            (vec![Cause::Unheard(io::ErrorKind::StorageFull)], "cannot write the output of processes: ", 1),
            (
                vec![Cause::Told("the connection to h2 broke".into()), lost(1)],
                "the connection to h2 broke",
                1,
            ),
        ] {
            let told = verdict(causes.clone());
            assert!(
                told.0.contains(sentence) && told.0.is_empty() == sentence.is_empty(),
                "{causes:?}: {}",
                told.0
            );
            assert_eq!(told.1, code, "{causes:?}");
        }
    }

    #[test]
    fn a_failure_is_never_exit_code_0() {
        for code in [0, 256, 512] {
            assert_eq!(aborted(0, code).exit_code(), 1);
            assert_eq!(by_code(0, code, true).exit_code(), 1);
        }
        assert_eq!(aborted(0, 257).exit_code(), 1);
        assert_eq!(aborted(0, -1).exit_code(), 255);
    }

    #[test]
    fn the_first_code_told_is_the_jobs() {
        let mut verdict = Verdict::default();
        [0, 7, 0, 3].iter().for_each(|code| verdict.left(*code));
        assert_eq!(verdict.exit_code(), 7);
        verdict.add(by_signal(0, 9));
        assert_eq!(verdict.exit_code(), 137);
    }

    #[test]
    fn the_only_process_is_the_job() {
        let end = End { signal: Some(11), core_dumped: true, ..End::default() };
        let cause = Cause::Ended { who: Name::default(), end, joined: true };
        assert_eq!(
            cause.sentence().unwrap(),
            "the job was ended by signal 11 (Segmentation fault, core dumped)"
        );
    }
}
