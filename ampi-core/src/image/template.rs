//! Templates: a set of files relocated once, for image base 0, so that making another copy is copying and adding.
//!
//! A *group* is what is loaded together: group 0 is the program with the libraries it starts with, every further group
//! is one `dlopen`. A group lies at the same distance from the image base in every rank.
//!
//! ```text
//! image base                                     + dlopen offset
//! | lib 0 (program) | lib 1 | lib 2 | ... |  ...  | group 1: lib 0 | lib 1 | its TLS block | group 2 ... |
//!   text  data bss    text  data bss
//!   file  copied zero                          text: mapped from the file, shared by all ranks
//! ```
//!
//! Invariants:
//! 1. Values stored in `data` are final except that the image base is to be added at every offset in `adds`.
//! 2. `adds` is sorted and has no duplicates; every word lies inside a writable segment of the group.
//! 3. `indirect` words get the result of calling a resolver of the image, after all adds.
//! 4. A group never changes once built, and lives for the rest of the process.

use super::elf::{Elf, Segment};
use super::tls::TlsPlace;
use crate::arena::slot::SLOT_ALIGN;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::OnceLock;

pub const PAGE: u64 = 4096;

/// What a library's DT_NEEDED entry led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Need {
    /// Library of the same group.
    Own(usize),
    /// Library of a group loaded before.
    Other { group: u32, lib: usize },
    /// The process's own copy, shared by all ranks.
    Shared(String),
}

/// A read-only part of a library, mapped from its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextMap {
    pub vaddr: u64,
    pub bytes: u64,
    pub file_offset: u64,
    pub executable: bool,
}

/// One private file of a group.
pub struct Library {
    pub elf: Elf,
    /// The name it was asked for (DT_NEEDED or dlopen), without directories.
    pub name: String,
    /// `elf.path` for C callers.
    pub c_path: CString,
    /// Distance of its address 0 from the image base.
    pub offset: u64,
    pub needs: Vec<Need>,
    pub tls: Option<TlsPlace>,
    pub text: Vec<TextMap>,
    /// For `--explain-image`: who needs it and where it was found.
    pub reason: String,
}

impl Library {
    pub fn new(elf: Elf, name: String, reason: String) -> Library {
        let c_path = CString::new(elf.path.as_os_str().as_encoded_bytes()).unwrap_or_default();
        let text = text_maps(&elf.loads);
        Library { elf, name, c_path, offset: 0, needs: Vec::new(), tls: None, text, reason }
    }

    /// Whether this is the library that others call `name`.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name
            || self.elf.dynamic.soname.as_deref() == Some(name)
            || self.elf.path.as_os_str() == name
    }

    /// Distance of `vaddr` from the image base.
    pub fn at(&self, vaddr: u64) -> u64 {
        self.offset.wrapping_add(vaddr)
    }

    pub fn contains(&self, offset: u64) -> bool {
        (self.offset..self.offset + self.elf.span).contains(&offset)
    }
}

/// Merges read-only segments whose bytes lie in the file as they do in memory (GNU ld's layout) into one mapping; others
/// (lld, patched files) get one each.
fn text_maps(loads: &[Segment]) -> Vec<TextMap> {
    let mut maps: Vec<TextMap> = Vec::new();
    let mut mergeable = false;
    for s in loads {
        if s.writable {
            mergeable = false;
            continue;
        }
        let vaddr = s.vaddr / PAGE * PAGE;
        let file_offset = s.offset / PAGE * PAGE;
        // Read-only memory beyond the file part (never made by linkers) would need zeroes: it is left to the slot's own.
        let bytes = (s.file_end() - vaddr).div_ceil(PAGE) * PAGE;
        if bytes == 0 {
            continue;
        }
        match maps.last_mut() {
            Some(last)
                if mergeable
                    && file_offset.wrapping_sub(vaddr) == last.file_offset.wrapping_sub(last.vaddr) =>
            {
                last.bytes = vaddr + bytes - last.vaddr;
                last.executable |= s.executable;
            }
            _ => maps.push(TextMap { vaddr, bytes, file_offset, executable: s.executable }),
        }
        mergeable = true;
    }
    maps
}

/// Bytes to copy into every instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Distance from the start of the group.
    pub offset: u32,
    /// Where in `Group::data`.
    pub from: usize,
    pub bytes: usize,
}

/// How many relocations of each kind, for `--explain-image`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub relative: usize,
    pub symbolic: usize,
    pub copy: usize,
    pub indirect: usize,
    pub tls: usize,
}

/// A loaded set of files, ready to be instantiated.
pub struct Group {
    pub id: u32,
    pub libs: Vec<Library>,
    /// Distance of its first byte from the image base.
    pub offset: u64,
    /// Bytes from its first to past its last library and TLS block.
    pub bytes: u64,
    pub data: Vec<u8>,
    pub runs: Vec<Run>,
    pub adds: Vec<u32>,
    /// (distance of the word from the group's start, distance of the resolver from the image base).
    pub indirect: Vec<(u32, u64)>,
    /// Constructors run in this order, destructors in reverse.
    pub init_order: Vec<usize>,
    /// Groups whose symbols it is bound to: they are opened before it.
    pub uses: Vec<u32>,
    /// Its symbols are visible to groups opened later (program, RTLD_GLOBAL).
    pub counts: Counts,
    /// Strong references nobody defines; calling one ends the job with its name.
    pub unresolved: Vec<String>,
    pub baked: OnceLock<Option<OwnedFd>>,
}

impl Group {
    /// The library that lies at `offset` from the image base.
    pub fn library_at(&self, offset: u64) -> Option<&Library> {
        self.libs.iter().find(|l| l.contains(offset))
    }

    /// Mapping entries that one instance adds when text is mapped from the files.
    pub fn mappings(&self) -> usize {
        self.libs.iter().map(|l| 2 * l.text.len()).sum()
    }
}

/// Lays libraries out one after the other from `start`; returns the end.
pub fn lay_out(libs: &mut [Library], start: u64) -> u64 {
    let mut at = start;
    for l in libs {
        let align = l.elf.loads.iter().map(|s| s.align).max().unwrap_or(PAGE).clamp(PAGE, SLOT_ALIGN as u64);
        at = at.div_ceil(align) * align;
        l.offset = at;
        at += l.elf.span;
    }
    at
}

/// Depth-first post-order over DT_NEEDED: a library comes after everything it needs. Libraries that nothing needs (the one
/// with libc's private state) come first: constructors of all others may call them.
pub fn init_order(libs: &[Library]) -> Vec<usize> {
    let mut order = Vec::with_capacity(libs.len());
    let mut seen = vec![false; libs.len()];
    // (library, next need to look at): an explicit stack, since chains may be long.
    let mut stack = Vec::new();
    let needed = |k: usize| libs.iter().any(|l| l.needs.iter().any(|n| matches!(*n, Need::Own(d) if d == k)));
    let unneeded = (1..libs.len()).filter(|k| !needed(*k));
    for root in unneeded.chain(0..libs.len()) {
        if seen[root] {
            continue;
        }
        seen[root] = true;
        stack.push((root, 0));
        while let Some((k, next)) = stack.pop() {
            match libs[k].needs.get(next) {
                None => order.push(k),
                Some(need) => {
                    stack.push((k, next + 1));
                    if let Need::Own(d) = *need
                        && !seen[d]
                    {
                        seen[d] = true;
                        stack.push((d, 0));
                    }
                }
            }
        }
    }
    order
}

/// The relocated bytes of one writable segment: its file part, grown into the zero part where relocations write there.
pub struct WritableSegment {
    pub vaddr: u64,
    pub end: u64,
    pub bytes: Vec<u8>,
}

/// Writable segments of every library of a group while it is being relocated.
pub struct WritableImage {
    pub segments: Vec<Vec<WritableSegment>>,
}

/// Relocations may reach this far into a segment's zero part (copied objects lie at its start).
const ZERO_PART_LIMIT: u64 = 256 << 20;

impl WritableImage {
    pub fn new(libs: &[Library]) -> Result<WritableImage> {
        let of = |l: &Library| {
            let writable = l.elf.loads.iter().filter(|s| s.writable);
            let read = |s: &Segment| {
                let bytes = l.elf.at(s.vaddr, s.file_bytes).unwrap_or(&[]).to_vec();
                WritableSegment { vaddr: s.vaddr, end: s.end(), bytes }
            };
            writable.map(read).collect()
        };
        Ok(WritableImage { segments: libs.iter().map(of).collect() })
    }

    fn part(&mut self, lib: usize, vaddr: u64, len: u64) -> Option<&mut [u8]> {
        let end = vaddr.checked_add(len)?;
        let s = self.segments.get_mut(lib)?.iter_mut().find(|s| s.vaddr <= vaddr && end <= s.end)?;
        let need = end - s.vaddr;
        if need > s.bytes.len() as u64 {
            if need - s.bytes.len() as u64 > ZERO_PART_LIMIT {
                return None;
            }
            s.bytes.resize(need as usize, 0);
        }
        s.bytes.get_mut((vaddr - s.vaddr) as usize..need as usize)
    }

    /// Writes a word; `None` when it does not lie in a writable segment.
    pub fn put(&mut self, lib: usize, vaddr: u64, value: u64) -> Option<()> {
        self.part(lib, vaddr, 8)?.copy_from_slice(&value.to_le_bytes());
        Some(())
    }

    pub fn get(&mut self, lib: usize, vaddr: u64) -> Option<u64> {
        let b: [u8; 8] = (&*self.part(lib, vaddr, 8)?).try_into().ok()?;
        Some(u64::from_le_bytes(b))
    }

    pub fn put_bytes(&mut self, lib: usize, vaddr: u64, bytes: &[u8]) -> Option<()> {
        self.part(lib, vaddr, bytes.len() as u64)?.copy_from_slice(bytes);
        Some(())
    }

    /// Bytes as they are now; zeroes beyond what is stored.
    pub fn bytes(&self, lib: usize, vaddr: u64, len: u64) -> Option<Vec<u8>> {
        let end = vaddr.checked_add(len)?;
        let s = self.segments.get(lib)?.iter().find(|s| s.vaddr <= vaddr && end <= s.end)?;
        let from = ((vaddr - s.vaddr) as usize).min(s.bytes.len());
        let to = ((end - s.vaddr) as usize).min(s.bytes.len());
        let mut out = s.bytes[from..to].to_vec();
        out.resize(len as usize, 0);
        Some(out)
    }

    /// Packs everything that is not zero into runs of whole pages.
    pub fn into_runs(self, libs: &[Library], group_offset: u64) -> (Vec<u8>, Vec<Run>) {
        let (mut data, mut runs) = (Vec::new(), Vec::<Run>::new());
        for (lib, segments) in libs.iter().zip(self.segments) {
            for s in segments {
                let start = lib.offset + s.vaddr - group_offset;
                let mut at = 0;
                while at < s.bytes.len() {
                    let page_end = (PAGE - (start + at as u64) % PAGE) as usize;
                    let part = &s.bytes[at..(at + page_end).min(s.bytes.len())];
                    if part.iter().any(|&b| b != 0) {
                        let offset = (start + at as u64) as u32;
                        match runs.last_mut() {
                            Some(r) if r.offset as usize + r.bytes == offset as usize => {
                                r.bytes += part.len()
                            }
                            _ => runs.push(Run { offset, from: data.len(), bytes: part.len() }),
                        }
                        data.extend_from_slice(part);
                    }
                    at += part.len();
                }
            }
        }
        (data, runs)
    }
}

use crate::error::Result;

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(offset: u64, vaddr: u64, bytes: u64, writable: bool, executable: bool) -> Segment {
        Segment { offset, vaddr, file_bytes: bytes, memory_bytes: bytes, align: 4096, writable, executable }
    }

    #[test]
    fn gnu_ld_layout_needs_one_mapping_and_lld_layout_one_per_segment() {
        let ld = [
            segment(0, 0, 0x600, false, false),
            segment(0x1000, 0x1000, 0x300, false, true),
            segment(0x2000, 0x2000, 0x100, false, false),
            segment(0x2df0, 0x3df0, 0x200, true, false),
        ];
        let want = TextMap { vaddr: 0, bytes: 0x3000, file_offset: 0, executable: true };
        assert_eq!(text_maps(&ld), [want]);
        let lld = [
            segment(0, 0, 0x600, false, false),
            segment(0x600, 0x1600, 0x300, false, true),
            segment(0x900, 0x2900, 0x100, true, false),
        ];
        assert_eq!(text_maps(&lld).len(), 2);
    }
}
