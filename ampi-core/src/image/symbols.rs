//! Names for code addresses of ranks, for backtraces and reports of faults.

use super::instance::Instance;
use std::fmt;
use std::path::PathBuf;

/// Where an address of a rank's image lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    pub library: PathBuf,
    /// Address as the library's file (and `addr2line`, `objdump`) counts it.
    pub offset: u64,
    /// Nearest symbol at or before it and the distance from its start.
    pub symbol: Option<(String, u64)>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.library.display();
        match &self.symbol {
            Some((name, distance)) => write!(f, "{name}+{distance:#x} ({file}+{:#x})", self.offset),
            None => write!(f, "{file}+{:#x}", self.offset),
        }
    }
}

/// Finds the library and symbol of an address in any rank's image of this process. Takes no locks, but reads the
/// library's file: in a signal handler only when the process is about to end anyway.
pub fn locate(address: usize) -> Option<Location> {
    let instance = Instance::at(address)?;
    let (_, lib) = instance.library_at(address)?;
    let offset = (address - instance.base) as u64 - lib.offset;
    let symbol = lib.elf.nearest_symbol(offset).map(|(n, d)| (String::from_utf8_lossy(n).into_owned(), d));
    Some(Location { library: lib.elf.path.clone(), offset, symbol })
}

/// Whether `address` lies in a library of some rank's image. Takes no locks and reads no files.
pub fn is_private(address: usize) -> bool {
    Instance::at(address).is_some_and(|i| i.library_at(address).is_some())
}
