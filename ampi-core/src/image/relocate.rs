//! Relocating a group for image base 0.
//!
//! Every relocation becomes a constant in the image, a constant plus "add the image base here", or a resolver to call in
//! each instance. Symbols are looked up once, here. Order of work (invariants):
//! 1. RELR and RELATIVE words, then symbolic ones, in any order among themselves.
//! 2. COPY relocations last: they duplicate *relocated* bytes together with the words to be adjusted among them.
//! 3. Nothing of the group is executed.

use super::dynsym::{SHN_ABS, STB_LOCAL, STB_WEAK, STT_IFUNC, STT_TLS, Symbol, Wanted};
use super::elf::{Elf, LE, Rela};
use super::template::{Counts, Library, WritableImage};
use super::tls::{self, TlsPlace};
use crate::error::Result;
use object::elf;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Symbols that do not come from private files: overrides, then the process's shared libraries.
pub trait SharedSymbols {
    /// Address of a function or object.
    fn address(&self, name: &[u8], version: Option<&[u8]>) -> Option<u64>;
    /// Offset from the thread pointer (negative, as two's complement) of a thread-local variable.
    fn thread_local(&self, name: &[u8], version: Option<&[u8]>) -> Option<u64>;
    /// Bytes of a shared object, for a COPY relocation against it.
    fn bytes(&self, address: u64, len: u64) -> Option<Vec<u8>>;
    /// Address of code that reports the call of `name`, which nobody defines.
    fn missing(&self, name: &str) -> u64;
}

/// What a reference is bound to.
#[derive(Debug, Clone, Copy)]
enum Target {
    /// Distance from the image base.
    Image(u64),
    Constant(u64),
    Thread(TlsPlace, u64),
    /// Thread-local of a shared library: offset from the thread pointer.
    SharedThread(u64),
    /// Distance of an IFUNC resolver from the image base.
    Indirect(u64),
}

/// A library in the order of symbol look-up, with the group it belongs to.
#[derive(Clone, Copy)]
pub struct InScope<'a> {
    pub group: u32,
    pub lib: &'a Library,
    /// Its index when it is one of the libraries being relocated.
    pub own: Option<usize>,
}

/// The result, still unpacked.
pub struct Relocated {
    pub image: WritableImage,
    pub adds: Vec<u32>,
    pub indirect: Vec<(u32, u64)>,
    pub uses: BTreeSet<u32>,
    pub counts: Counts,
    pub unresolved: Vec<String>,
}

struct Work<'a> {
    libs: &'a [Library],
    scope: &'a [InScope<'a>],
    shared: &'a dyn SharedSymbols,
    group: u32,
    group_offset: u64,
    image: WritableImage,
    /// Words (distance from the group's start) to which the image base is added.
    adds: BTreeSet<u32>,
    indirect: BTreeMap<u32, u64>,
    copies: Vec<(usize, Rela)>,
    bound: HashMap<(usize, u32), Target>,
    uses: BTreeSet<u32>,
    counts: Counts,
    unresolved: Vec<String>,
}

/// Relocates `libs`, which are laid out and have their TLS placed.
pub fn relocate(
    libs: &[Library],
    group: u32,
    group_offset: u64,
    scope: &[InScope],
    shared: &dyn SharedSymbols,
) -> Result<Relocated> {
    let mut w = Work {
        libs,
        scope,
        shared,
        group,
        group_offset,
        image: WritableImage::new(libs)?,
        adds: BTreeSet::new(),
        indirect: BTreeMap::new(),
        copies: Vec::new(),
        bound: HashMap::new(),
        uses: BTreeSet::new(),
        counts: Counts::default(),
        unresolved: Vec::new(),
    };
    for k in 0..libs.len() {
        w.library(k)?;
    }
    for (k, r) in std::mem::take(&mut w.copies) {
        w.copy(k, &r)?;
    }
    let adds = w.adds.into_iter().collect();
    let indirect = w.indirect.into_iter().collect();
    Ok(Relocated { image: w.image, adds, indirect, uses: w.uses, counts: w.counts, unresolved: w.unresolved })
}

impl<'a> Work<'a> {
    fn library(&mut self, k: usize) -> Result<()> {
        let libs = self.libs;
        let e = &libs[k].elf;
        let d = &e.dynamic;
        if d.text_relocations {
            return Err(e.error(
                "its code needs to be changed when it is loaded (DT_TEXTREL); recompile all of it with -fPIC",
            ));
        }
        if d.rel {
            return Err(e.error("it has relocations without addends (DT_REL), which x86-64 does not use"));
        }
        self.relr(k)?;
        for table in [d.rela, d.plt_rela] {
            for r in e.table::<Rela>(table)? {
                self.one(k, e, r)?;
            }
        }
        Ok(())
    }

    /// Packed relative relocations: an even entry is an address, an odd one a bit map of the 63 words that follow.
    fn relr(&mut self, k: usize) -> Result<()> {
        let libs = self.libs;
        let e = &libs[k].elf;
        let mut next = 0u64;
        for entry in e.table::<object::U64<super::elf::Endian>>(e.dynamic.relr)? {
            let entry = entry.get(LE);
            if entry & 1 == 0 {
                self.relative_in_place(k, e, entry)?;
                next = entry.wrapping_add(8);
            } else {
                for bit in 0..63 {
                    if entry >> (bit + 1) & 1 == 1 {
                        self.relative_in_place(k, e, next.wrapping_add(bit * 8))?;
                    }
                }
                next = next.wrapping_add(63 * 8);
            }
        }
        Ok(())
    }

    fn relative_in_place(&mut self, k: usize, e: &Elf, vaddr: u64) -> Result<()> {
        let v = self.image.get(k, vaddr).ok_or_else(|| outside(e, vaddr))?;
        self.counts.relative += 1;
        self.set(k, vaddr, Target::Image(self.libs[k].at(v)), 0)
    }

    fn place(&self, k: usize, vaddr: u64) -> u32 {
        (self.libs[k].offset + vaddr - self.group_offset) as u32
    }

    /// Stores `target + addend` at `vaddr`.
    fn set(&mut self, k: usize, vaddr: u64, target: Target, addend: u64) -> Result<()> {
        let e = &self.libs[k].elf;
        let value = match target {
            Target::Image(v) | Target::Constant(v) => v.wrapping_add(addend),
            Target::Indirect(_) => 0,
            Target::Thread(..) | Target::SharedThread(_) => {
                return Err(e.error("a thread-local variable is used as an ordinary one"));
            }
        };
        self.image.put(k, vaddr, value).ok_or_else(|| outside(e, vaddr))?;
        let at = self.place(k, vaddr);
        self.adds.remove(&at);
        self.indirect.remove(&at);
        match target {
            Target::Image(_) => drop(self.adds.insert(at)),
            Target::Indirect(f) => drop(self.indirect.insert(at, f)),
            _ => {}
        }
        Ok(())
    }

    fn one(&mut self, k: usize, e: &Elf, r: &Rela) -> Result<()> {
        let at = r.r_offset.get(LE);
        let addend = r.r_addend.get(LE) as u64;
        let symbol = r.r_sym(LE, false);
        match r.r_type(LE, false) {
            elf::R_X86_64_NONE => Ok(()),
            elf::R_X86_64_RELATIVE | elf::R_X86_64_RELATIVE64 => {
                self.counts.relative += 1;
                self.set(k, at, Target::Image(self.libs[k].at(addend)), 0)
            }
            elf::R_X86_64_64 => {
                self.counts.symbolic += 1;
                let t = self.bind(k, symbol)?;
                self.set(k, at, t, addend)
            }
            elf::R_X86_64_GLOB_DAT | elf::R_X86_64_JUMP_SLOT => {
                self.counts.symbolic += 1;
                let t = self.bind(k, symbol)?;
                self.set(k, at, t, 0)
            }
            elf::R_X86_64_SIZE64 => {
                let s = e.symbol(symbol)?;
                self.set(k, at, Target::Constant(s.size), addend)
            }
            elf::R_X86_64_COPY => {
                self.copies.push((k, *r));
                Ok(())
            }
            elf::R_X86_64_IRELATIVE => {
                self.counts.indirect += 1;
                if !e.is_code(addend) {
                    return Err(e.error("an indirect function's resolver lies outside its code"));
                }
                self.set(k, at, Target::Indirect(self.libs[k].at(addend)), 0)
            }
            elf::R_X86_64_DTPMOD64 => self.thread_module(k, at, symbol),
            elf::R_X86_64_DTPOFF64 => {
                let offset = match self.bind(k, symbol)? {
                    Target::Thread(_, v) => v,
                    _ => 0,
                };
                self.set(k, at, Target::Constant(offset), addend)
            }
            elf::R_X86_64_TPOFF64 => self.thread_offset(k, e, at, symbol, addend),
            elf::R_X86_64_TLSDESC => self.thread_descriptor(k, e, at, symbol, addend),
            elf::R_X86_64_PC32 | elf::R_X86_64_32 | elf::R_X86_64_32S | elf::R_X86_64_PLT32 => Err(e.error(
                "it has relocations that only fit a fixed address; recompile all of it with -fPIC (or -fPIE for the program)",
            )),
            other => Err(e.error(format!("relocation type {} is not known for x86-64 programs", other.0))),
        }
    }

    /// First word of a tls_index: see `tls` for the two forms.
    fn thread_module(&mut self, k: usize, at: u64, symbol: u32) -> Result<()> {
        self.counts.tls += 1;
        let e = &self.libs[k].elf;
        let target = match self.bind_thread(k, symbol)? {
            Target::Thread(TlsPlace::Static(below), _) => Target::Constant(0u64.wrapping_sub(below)),
            Target::Thread(TlsPlace::Dynamic(block), _) => Target::Image(block),
            Target::SharedThread(offset) => Target::Constant(offset),
            Target::Constant(0) => Target::Constant(0),
            _ => return Err(e.error("an ordinary variable is used as a thread-local one")),
        };
        self.set(k, at, target, 0)
    }

    fn thread_offset(&mut self, k: usize, e: &Elf, at: u64, symbol: u32, addend: u64) -> Result<()> {
        self.counts.tls += 1;
        let offset = match self.bind_thread(k, symbol)? {
            Target::Thread(TlsPlace::Static(below), v) => v.wrapping_sub(below),
            Target::Thread(TlsPlace::Dynamic(_), _) => {
                return Err(e.error(
                    "it uses a thread-local variable of a library opened with dlopen in the initial-exec model; \
                     compile with -ftls-model=global-dynamic",
                ));
            }
            Target::SharedThread(offset) => offset,
            Target::Constant(0) => 0,
            _ => return Err(e.error("an ordinary variable is used as a thread-local one")),
        };
        self.set(k, at, Target::Constant(offset), addend)
    }

    fn thread_descriptor(&mut self, k: usize, e: &Elf, at: u64, symbol: u32, addend: u64) -> Result<()> {
        self.counts.tls += 1;
        let second = at.checked_add(8).ok_or_else(|| outside(e, at))?;
        let (resolver, argument) = match self.bind_thread(k, symbol)? {
            Target::Thread(TlsPlace::Static(below), v) => {
                (tls::static_descriptor(), Target::Constant(v.wrapping_sub(below)))
            }
            // The descriptor of a dynamic block is the address of the variable in the rank's own block.
            Target::Thread(TlsPlace::Dynamic(block), v) => {
                (tls::dynamic_descriptor(), Target::Image(block.wrapping_add(v)))
            }
            Target::SharedThread(offset) => (tls::static_descriptor(), Target::Constant(offset)),
            Target::Constant(0) => (tls::static_descriptor(), Target::Constant(0)),
            _ => return Err(e.error("an ordinary variable is used as a thread-local one")),
        };
        self.set(k, at, Target::Constant(resolver), 0)?;
        self.set(k, second, argument, addend)
    }

    /// Like `bind` for a thread-local reference; symbol 0 means the library's own block.
    fn bind_thread(&mut self, k: usize, symbol: u32) -> Result<Target> {
        if symbol != 0 {
            return self.bind(k, symbol);
        }
        let lib = &self.libs[k];
        let place =
            lib.tls.ok_or_else(|| lib.elf.error("the file is damaged: it has no thread-local segment"))?;
        Ok(Target::Thread(place, 0))
    }

    fn bind(&mut self, k: usize, symbol: u32) -> Result<Target> {
        if let Some(t) = self.bound.get(&(k, symbol)) {
            return Ok(*t);
        }
        let t = self.look_up(k, symbol, None)?;
        self.bound.insert((k, symbol), t);
        Ok(t)
    }

    /// The definition `s` of `lib` as a target.
    fn defined(lib: &Library, s: &Symbol) -> Result<Target> {
        Ok(match s.kind {
            STT_TLS => match lib.tls {
                Some(place) => Target::Thread(place, s.value),
                None => {
                    return Err(lib.elf.error("the file is damaged: a thread-local symbol without segment"));
                }
            },
            STT_IFUNC => {
                if !lib.elf.is_code(s.value) {
                    return Err(lib.elf.error("an indirect function's resolver lies outside its code"));
                }
                Target::Indirect(lib.at(s.value))
            }
            _ if s.section == SHN_ABS => Target::Constant(s.value),
            _ => Target::Image(lib.at(s.value)),
        })
    }

    fn look_up(&mut self, k: usize, symbol: u32, skip: Option<usize>) -> Result<Target> {
        let libs = self.libs;
        let lib = &libs[k];
        let e = &lib.elf;
        if symbol == 0 {
            return Ok(Target::Constant(0));
        }
        let s = e.symbol(symbol)?;
        if s.is_defined() && (s.bind == STB_LOCAL || s.visibility != 0) {
            return Self::defined(lib, &s);
        }
        let name = e.symbol_name(&s)?;
        let version = e.reference_version(symbol);
        let want = Wanted::new(name, version);
        if e.dynamic.symbolic
            && skip.is_none()
            && let Some(d) = e.find(&want)
        {
            return Self::defined(lib, &d);
        }
        for candidate in self.scope {
            if candidate.own.is_some() && candidate.own == skip {
                continue;
            }
            if let Some(d) = candidate.lib.elf.find(&want) {
                if candidate.group != self.group {
                    self.uses.insert(candidate.group);
                }
                return Self::defined(candidate.lib, &d);
            }
        }
        if s.kind == STT_TLS {
            if let Some(offset) = self.shared.thread_local(name, version) {
                return Ok(Target::SharedThread(offset));
            }
        } else if let Some(a) = self.shared.address(name, version) {
            return Ok(Target::Constant(a));
        }
        if s.bind == STB_WEAK {
            return Ok(Target::Constant(0));
        }
        let text = String::from_utf8_lossy(name).into_owned();
        if s.kind == STT_TLS {
            return Err(
                e.error(format!("it needs the thread-local variable {text}, which no library defines"))
            );
        }
        let stub = self.shared.missing(&text);
        self.unresolved.push(format!("{text} (needed by {})", e.file_name()));
        Ok(Target::Constant(stub))
    }

    /// An object that the program has in its own data although a library defines it: copy the library's bytes.
    fn copy(&mut self, k: usize, r: &Rela) -> Result<()> {
        self.counts.copy += 1;
        let libs = self.libs;
        let e = &libs[k].elf;
        let (at, s) = (r.r_offset.get(LE), e.symbol(r.r_sym(LE, false))?);
        let size = s.size;
        if size > MAX_COPY {
            return Err(e.error("the file is damaged: an object to copy is impossibly large"));
        }
        let put = |w: &mut Self, bytes: &[u8]| w.image.put_bytes(k, at, bytes).ok_or_else(|| outside(e, at));
        match self.look_up(k, s.index, Some(k))? {
            Target::Constant(0) => Ok(()),
            Target::Constant(a) => {
                let bytes = self.shared.bytes(a, size);
                let bytes = bytes.ok_or_else(|| e.error("it copies an object that no library defines"))?;
                put(self, &bytes)
            }
            Target::Image(source) => self.copy_private(k, at, source, size),
            _ => Err(e.error("it copies something that is not an object")),
        }
    }

    fn copy_private(&mut self, k: usize, at: u64, source: u64, size: u64) -> Result<()> {
        let libs = self.libs;
        let e = &libs[k].elf;
        let lost = || e.error("it copies an object that lies outside the data of its library");
        let from = libs.iter().position(|l| l.contains(source));
        let Some(j) = from else {
            return Err(e.error("it copies an object of a library loaded before it"));
        };
        let vaddr = source - libs[j].offset;
        let bytes = match self.image.bytes(j, vaddr, size) {
            Some(b) => b,
            None => libs[j].elf.at(vaddr, size).map_err(|_| lost())?.to_vec(),
        };
        self.image.put_bytes(k, at, &bytes).ok_or_else(|| outside(e, at))?;
        let (from, to) = (self.place(j, vaddr), self.place(k, at));
        let end = from.saturating_add(size as u32);
        let adds: Vec<u32> = self.adds.range(from..end).map(|a| a - from + to).collect();
        let calls: Vec<(u32, u64)> =
            self.indirect.range(from..end).map(|(a, f)| (a - from + to, *f)).collect();
        self.adds.extend(adds);
        self.indirect.extend(calls);
        Ok(())
    }
}

/// Objects larger than this are not copied (common blocks of this size are not shared through libraries).
const MAX_COPY: u64 = 1 << 30;

fn outside(e: &Elf, vaddr: u64) -> crate::error::Error {
    e.error(format!(
        "a relocation at {vaddr:#x} lies outside its writable data (code that is not position-independent? recompile with -fPIC)"
    ))
}
