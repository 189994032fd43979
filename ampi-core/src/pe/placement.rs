//! Which chare starts on which PE, and which core a PE is pinned to.

use super::PeId;
use crate::error::{Error, Result};

/// The first place of `chares` chares on `pes` PEs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapping {
    /// Consecutive chares together; the first `chares % pes` PEs get one more.
    Block,
    /// Chare i on PE i mod pes.
    RoundRobin,
    /// Chare i on PE `list[i]`.
    List(Vec<PeId>),
}

impl Mapping {
    /// Reads a map file: PE numbers in chare order, separated by white space or commas; `#` starts a comment.
    pub fn parse(text: &str, name: &str, chares: u32, pes: u32) -> Result<Mapping> {
        let wrong = |why: String| Error::Setting { name: format!("map file {name}"), why };
        let mut list = Vec::new();
        for (i, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("");
            for word in line.split(|c: char| c.is_whitespace() || c == ',').filter(|w| !w.is_empty()) {
                let pe: PeId = word
                    .parse()
                    .map_err(|_| wrong(format!("line {}: '{word}' is not a PE number", i + 1)))?;
                if pe >= pes {
                    return Err(wrong(format!(
                        "line {}: PE {pe} does not exist, PEs are 0..{}",
                        i + 1,
                        pes - 1
                    )));
                }
                list.push(pe);
            }
        }
        if list.len() != chares as usize {
            return Err(wrong(format!("it names {} PEs, the job has {chares} ranks", list.len())));
        }
        Ok(Mapping::List(list))
    }

    /// The PE of chare `i`.
    pub fn pe_of(&self, i: u32, chares: u32, pes: u32) -> PeId {
        match self {
            Mapping::Block => {
                let (each, more) = (chares / pes, chares % pes);
                if i < (each + 1) * more {
                    i / (each + 1)
                } else {
                    more + (i - (each + 1) * more) / each.max(1)
                }
            }
            Mapping::RoundRobin => i % pes,
            Mapping::List(list) => list[i as usize],
        }
    }
}

/// The cores this process may use.
pub fn allowed_cores() -> Vec<usize> {
    match rustix::thread::sched_getaffinity(None) {
        Ok(set) => (0..rustix::thread::CpuSet::MAX_CPU).filter(|&c| set.is_set(c)).collect(),
        Err(_) => (0..std::thread::available_parallelism().map_or(1, |n| n.get())).collect(),
    }
}

/// Pins the calling thread to `core`.
pub fn pin_to(core: usize) -> Result<()> {
    let mut set = rustix::thread::CpuSet::new();
    set.set(core);
    rustix::thread::sched_setaffinity(None, &set)
        .map_err(|e| Error::Setting { name: format!("binding to core {core}"), why: e.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_gives_every_pe_its_share_in_order() {
        for (chares, pes) in [(8, 2), (7, 3), (2, 4), (1, 1), (1000, 7)] {
            let map: Vec<u32> = (0..chares).map(|i| Mapping::Block.pe_of(i, chares, pes)).collect();
            assert!(map.is_sorted() && map.iter().all(|&p| p < pes), "{chares} on {pes}: {map:?}");
            let count = |p| map.iter().filter(|&&q| q == p).count() as u32;
            assert!((0..pes).all(|p| count(p) == chares / pes || count(p) == chares / pes + 1));
        }
    }

    #[test]
    fn map_files_are_checked() {
        assert_eq!(Mapping::parse("0 1 # two\n1,0\n", "m", 4, 2), Ok(Mapping::List(vec![0, 1, 1, 0])));
        for (text, part) in [("0 x", "'x' is not"), ("0 2", "PE 2 does not exist"), ("0", "names 1 PEs")] {
            let e = Mapping::parse(text, "m", 2, 2).unwrap_err().to_string();
            assert!(e.contains(part), "{e}");
        }
    }
}
