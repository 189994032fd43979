//! The machine: its name for the table, its cores, its load, its state.

use crate::figures::parse;
use ampi_tests::process;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[derive(Debug)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
}

impl Machine {
    pub fn here() -> Machine {
        let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find_map(|l| l.strip_prefix("model name")).and_then(|l| l.split_once(": "));
        let processor = model.map_or("unknown processor".to_string(), |(_, name)| name.to_string());
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        Machine { processor, cores }
    }

    /// The number of things that ran during the last minute, besides us.
    pub fn load() -> f64 {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        text.split_whitespace().next().and_then(|w| w.parse().ok()).unwrap_or(0.0)
    }
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(f, "{} cores of {}", self.cores, self.processor)
    }
}

/// Nanoseconds for one transfer of a cache line between two cores; nothing on one core.
pub fn line(program: &Path) -> Option<f64> {
    let outcome = process::run(&mut Command::new(program), "", Duration::from_secs(20)).ok()?;
    let mut lines = outcome.stdout.lines().filter_map(parse);
    lines.find(|(name, ..)| *name == "line").map(|(_, _, value, _)| value)
}
