//! Noticing that nothing can happen any more in any process.
//!
//! A process is *silent* while all its PEs sleep and none of them has a timer; it then knows how many frames it has sent and
//! received, and how often its PEs have woken up. Reports of silence come at different moments, so they prove nothing by themselves:
//!
//! ```text
//! all have reported, frames sent = frames received        → Probe to all
//! all answer: still silent, the same numbers              → the job is stuck
//! one does not                                            → its report is void; it will report again
//! ```
//!
//! Why that is enough: if the numbers of every process are the same at its report and at its answer, none of them has sent or
//! received between them, and there is a moment after the last report and before the first answer at which all of
//! them were silent; as the sums are equal, no frame was under way at that moment either.

/// What a silent process knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Frames.
    pub sent: u64,
    pub received: u64,
    /// How often a PE has stopped sleeping.
    pub wakes: u64,
}

/// What is known of all processes.
pub struct Silence {
    reports: Vec<Option<Traffic>>,
    answers: Vec<bool>,
    /// Number of the last probe, and whether it is under way.
    probe: u32,
    probing: bool,
    told: bool,
}

/// What the server does next.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    Probe(u32),
    Stuck,
}

impl Silence {
    pub fn new(processes: usize) -> Silence {
        let (reports, answers) = (vec![None; processes], vec![false; processes]);
        Silence { reports, answers, probe: 0, probing: false, told: false }
    }

    /// A process has fallen silent.
    pub fn report(&mut self, process: usize, traffic: Traffic) -> Next {
        if self.reports[process] != Some(traffic) {
            // what it said before, and what was built on it, is void
            self.probing = false;
            self.reports[process] = Some(traffic);
        }
        self.look()
    }

    /// A process answers probe `number`; `traffic` is `None` if it is not silent.
    pub fn answer(&mut self, process: usize, number: u32, traffic: Option<Traffic>) -> Next {
        if !self.probing || number != self.probe {
            return Next::Nothing;
        }
        if traffic.is_none() || traffic != self.reports[process] {
            self.probing = false;
            self.reports[process] = None;
            return Next::Nothing;
        }
        self.answers[process] = true;
        if self.answers.iter().all(|a| *a) && !std::mem::replace(&mut self.told, true) {
            return Next::Stuck;
        }
        Next::Nothing
    }

    fn look(&mut self) -> Next {
        let sum =
            |f: fn(&Traffic) -> u64| self.reports.iter().map(|r| r.as_ref().map(f)).sum::<Option<u64>>();
        let (sent, received) = (sum(|t| t.sent), sum(|t| t.received));
        if sent.is_none() || sent != received || self.probing || self.told {
            return Next::Nothing;
        }
        self.answers.fill(false);
        self.probing = true;
        self.probe += 1;
        Next::Probe(self.probe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(sent: u64, received: u64) -> Traffic {
        Traffic { sent, received, wakes: 0 }
    }

    #[test]
    fn two_looks_are_needed() {
        let mut s = Silence::new(2);
        assert_eq!(s.report(0, traffic(1, 0)), Next::Nothing);
        assert_eq!(s.report(1, traffic(0, 1)), Next::Probe(1));
        assert_eq!(s.answer(0, 1, Some(traffic(1, 0))), Next::Nothing);
        assert_eq!(s.answer(1, 1, Some(traffic(0, 1))), Next::Stuck);
        assert_eq!(s.report(1, traffic(0, 1)), Next::Nothing);
    }

    #[test]
    fn a_frame_under_way_is_no_silence() {
        let mut s = Silence::new(2);
        s.report(0, traffic(3, 0));
        assert_eq!(s.report(1, traffic(0, 2)), Next::Nothing);
        assert_eq!(s.report(1, traffic(0, 3)), Next::Probe(1));
    }

    #[test]
    fn whoever_woke_up_voids_the_probe() {
        let mut s = Silence::new(2);
        s.report(0, traffic(0, 0));
        assert_eq!(s.report(1, traffic(0, 0)), Next::Probe(1));
        assert_eq!(s.answer(0, 1, None), Next::Nothing);
        assert_eq!(s.answer(1, 1, Some(traffic(0, 0))), Next::Nothing);
        assert_eq!(s.report(0, traffic(0, 0)), Next::Probe(2));
        assert_eq!(s.answer(1, 1, Some(traffic(0, 0))), Next::Nothing);
        assert_eq!(s.answer(0, 2, Some(traffic(0, 0))), Next::Nothing);
        // it has moved on between report and answer
        assert_eq!(s.answer(1, 2, Some(traffic(1, 1))), Next::Nothing);
        assert_eq!(s.report(1, traffic(1, 1)), Next::Probe(3));
    }

    #[test]
    fn a_wake_without_a_frame_is_one_too() {
        let mut s = Silence::new(1);
        assert_eq!(s.report(0, traffic(0, 0)), Next::Probe(1));
        assert_eq!(s.answer(0, 1, Some(Traffic { wakes: 1, ..traffic(0, 0) })), Next::Nothing);
    }
}
