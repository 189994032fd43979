//! The dynamic symbol table of one file: look-up by name and version as ld.so does it, and the nearest symbol below an
//! address. Nothing is indexed in advance: look-ups use the file's own hash table.

use super::elf::{Elf, Endian, LE};
use crate::error::Result;
use object::elf::{self, Sym64};

/// A symbol table entry, decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Symbol {
    pub index: u32,
    pub name: u32,
    pub value: u64,
    pub size: u64,
    pub bind: u8,
    pub kind: u8,
    pub visibility: u8,
    pub section: u16,
}

pub const STB_LOCAL: u8 = 0;
pub const STB_WEAK: u8 = 2;
pub const STT_TLS: u8 = 6;
pub const STT_IFUNC: u8 = 10;
const STT_SECTION: u8 = 3;
const STT_FILE: u8 = 4;
const SHN_UNDEF: u16 = 0;
pub const SHN_ABS: u16 = 0xfff1;

impl Symbol {
    fn new(index: u32, s: &Sym64<Endian>) -> Symbol {
        let other: u8 = s.st_other.0;
        let info: u8 = s.st_info.0;
        Symbol {
            index,
            name: s.st_name.get(LE),
            value: s.st_value.get(LE),
            size: s.st_size.get(LE),
            bind: info >> 4,
            kind: info & 15,
            visibility: other & 3,
            section: s.st_shndx.get(LE).0,
        }
    }

    pub fn is_defined(&self) -> bool {
        self.section != SHN_UNDEF
    }

    /// A definition that other files may bind to.
    fn is_exported(&self) -> bool {
        let kind = matches!(self.kind, 0..=2 | 5 | STT_TLS | STT_IFUNC);
        let global = matches!(self.bind, 1 | STB_WEAK | 10);
        let hidden = matches!(self.visibility, 1 | 2);
        let placed = self.value != 0 || self.section == SHN_ABS || self.kind == STT_TLS;
        kind && global && !hidden && placed && self.is_defined()
    }
}

/// What a reference asks for: a name, and the version it was linked against.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub name: &'a [u8],
    pub version: Option<&'a [u8]>,
    gnu_hash: u32,
}

impl<'a> Wanted<'a> {
    pub fn new(name: &'a [u8], version: Option<&'a [u8]>) -> Self {
        let gnu_hash = name.iter().fold(5381u32, |h, &c| h.wrapping_mul(33).wrapping_add(c.into()));
        Wanted { name, version, gnu_hash }
    }

    fn sysv_hash(&self) -> u32 {
        self.name.iter().fold(0u32, |h, &c| {
            let h = (h << 4).wrapping_add(c.into());
            let g = h & 0xf000_0000;
            (h ^ (g >> 24)) & !g
        })
    }
}

impl Elf {
    /// Entry `index` of the dynamic symbol table.
    pub fn symbol(&self, index: u32) -> Result<Symbol> {
        let at = self.dynamic.symbols.saturating_add(u64::from(index) * 24);
        Ok(Symbol::new(index, self.read::<Sym64<Endian>>(at)?))
    }

    pub fn symbol_name(&self, s: &Symbol) -> Result<&[u8]> {
        self.string(s.name.into())
    }

    /// Word `index` of the words at `table`; `None` outside the file, which damaged tables lead to.
    fn word(&self, table: u64, index: u64) -> Option<u32> {
        let at = table.checked_add(index.checked_mul(4)?)?;
        self.read::<object::U32<Endian>>(at).ok().map(|w| w.get(LE))
    }

    /// The four words at the start of a GNU hash table: buckets, first symbol, words of the filter, its shift.
    fn gnu_header(&self, table: u64) -> Option<[u32; 4]> {
        Some([self.word(table, 0)?, self.word(table, 1)?, self.word(table, 2)?, self.word(table, 3)?])
    }

    /// Finds the exported definition that a reference binds to.
    pub fn find(&self, want: &Wanted) -> Option<Symbol> {
        if let Some(table) = self.dynamic.gnu_hash {
            return self.find_gnu(table, want);
        }
        let table = self.dynamic.sysv_hash?;
        let buckets = self.word(table, 0)?;
        let chains = self.word(table, 1)?;
        let mut i = self.word(table, 2 + u64::from(want.sysv_hash().checked_rem(buckets)?))?;
        let mut left = chains;
        while i != 0 && left > 0 {
            if let Some(s) = self.matches(i, want) {
                return Some(s);
            }
            i = self.word(table, 2 + u64::from(buckets) + u64::from(i))?;
            left -= 1;
        }
        None
    }

    fn find_gnu(&self, table: u64, want: &Wanted) -> Option<Symbol> {
        let [buckets, first, bloom, shift] = self.gnu_header(table)?;
        let h = want.gnu_hash;
        if bloom == 0 || buckets == 0 {
            return None;
        }
        let filter_at = table.checked_add(16 + u64::from((h / 64) % bloom) * 8)?;
        let filter = self.read::<object::U64<Endian>>(filter_at).ok()?.get(LE);
        let mask = 1u64 << (h % 64) | 1u64 << (h.checked_shr(shift).unwrap_or(0) % 64);
        if filter & mask != mask {
            return None;
        }
        let buckets_at = 4 + u64::from(bloom) * 2;
        let chains_at = buckets_at + u64::from(buckets);
        let mut i = self.word(table, buckets_at + u64::from(h % buckets))?;
        if i < first {
            return None;
        }
        loop {
            let chain = self.word(table, chains_at + u64::from(i - first))?;
            if chain | 1 == h | 1
                && let Some(s) = self.matches(i, want)
            {
                return Some(s);
            }
            if chain & 1 != 0 {
                return None;
            }
            i = i.checked_add(1)?;
        }
    }

    fn matches(&self, index: u32, want: &Wanted) -> Option<Symbol> {
        let s = self.symbol(index).ok()?;
        if !s.is_exported() || self.symbol_name(&s).ok()? != want.name {
            return None;
        }
        let (version, hidden) = self.definition_version(index);
        let fits = match (want.version, version) {
            (Some(w), Some(v)) => w == v,
            // Unversioned definition: satisfies every reference unless it is hidden.
            (_, None) => !hidden,
            // Unversioned reference: the default version.
            (None, Some(_)) => !hidden,
        };
        fits.then_some(s)
    }

    fn version_index(&self, index: u32) -> Option<u16> {
        let at = self.dynamic.versym?.checked_add(u64::from(index) * 2)?;
        self.read::<object::U16<Endian>>(at).ok().map(|w| w.get(LE))
    }

    /// Version of a definition and whether it is hidden (not the default one of its name).
    fn definition_version(&self, index: u32) -> (Option<&[u8]>, bool) {
        let Some(v) = self.version_index(index) else { return (None, false) };
        let hidden = v & 0x8000 != 0;
        (self.version_definition(v & 0x7fff), hidden)
    }

    fn version_definition(&self, number: u16) -> Option<&[u8]> {
        let mut at = self.dynamic.verdef.filter(|_| number >= 2)?;
        for _ in 0..u16::MAX {
            let d = self.read::<elf::Verdef<Endian>>(at).ok()?;
            if d.vd_ndx.get(LE).0 == number {
                let aux = self.read::<elf::Verdaux<Endian>>(at.checked_add(d.vd_aux.get(LE).into())?).ok()?;
                return self.string(aux.vda_name.get(LE).into()).ok();
            }
            match d.vd_next.get(LE) {
                0 => return None,
                next => at = at.checked_add(next.into())?,
            }
        }
        None
    }

    /// Version that the reference `index` asks for.
    pub fn reference_version(&self, index: u32) -> Option<&[u8]> {
        let number = self.version_index(index)? & 0x7fff;
        if number < 2 {
            return None;
        }
        if let Some(v) = self.version_definition(number) {
            return Some(v);
        }
        let mut at = self.dynamic.verneed?;
        for _ in 0..u16::MAX {
            let n = self.read::<elf::Verneed<Endian>>(at).ok()?;
            let mut aux_at = at.checked_add(n.vn_aux.get(LE).into())?;
            for _ in 0..n.vn_cnt.get(LE) {
                let a = self.read::<elf::Vernaux<Endian>>(aux_at).ok()?;
                if a.vna_other.get(LE).0 & 0x7fff == number {
                    return self.string(a.vna_name.get(LE).into()).ok();
                }
                aux_at = aux_at.checked_add(a.vna_next.get(LE).into())?;
            }
            match n.vn_next.get(LE) {
                0 => return None,
                next => at = at.checked_add(next.into())?,
            }
        }
        None
    }

    /// Number of dynamic symbols, from the hash table.
    pub fn symbol_count(&self) -> u32 {
        if let Some(table) = self.dynamic.sysv_hash
            && let Some(n) = self.word(table, 1)
        {
            return n;
        }
        self.dynamic.gnu_hash.and_then(|t| self.gnu_symbol_count(t)).unwrap_or(0)
    }

    fn gnu_symbol_count(&self, table: u64) -> Option<u32> {
        let [buckets, first, bloom, _] = self.gnu_header(table)?;
        let buckets_at = 4 + u64::from(bloom) * 2;
        let mut last = 0;
        for i in 0..buckets {
            last = last.max(self.word(table, buckets_at + u64::from(i))?);
        }
        if last < first {
            return Some(first);
        }
        let chains_at = buckets_at + u64::from(buckets);
        loop {
            let chain = self.word(table, chains_at + u64::from(last - first))?;
            last = last.checked_add(1)?;
            if chain & 1 != 0 {
                return Some(last);
            }
        }
    }

    /// The function or object that contains `vaddr`: from `.symtab` when the file has one (there also the nearest label
    /// below it), else from the dynamic symbols. Name and distance from its start.
    pub fn nearest_symbol(&self, vaddr: u64) -> Option<(&[u8], u64)> {
        self.nearest_in_symtab(vaddr).or_else(|| {
            let all = (1..self.symbol_count()).map_while(|i| self.symbol(i).ok());
            // Local functions are not in the table: the nearest name below would be another function's.
            let s = nearest(all, vaddr).filter(|s| vaddr - s.value < s.size)?;
            Some((self.symbol_name(&s).ok()?, vaddr - s.value))
        })
    }

    /// The dynamic symbol that contains or precedes `vaddr`.
    pub fn nearest_dynamic_symbol(&self, vaddr: u64) -> Option<Symbol> {
        let all = (1..self.symbol_count()).map_while(|i| self.symbol(i).ok());
        nearest(all.filter(|s| s.bind != STB_LOCAL), vaddr)
    }

    fn nearest_in_symtab(&self, vaddr: u64) -> Option<(&[u8], u64)> {
        use object::pod::{from_bytes, slice_from_bytes};
        let b = self.file_bytes();
        let (h, _) = from_bytes::<elf::FileHeader64<Endian>>(b).ok()?;
        let sections = b.get(usize::try_from(h.e_shoff.get(LE)).ok()?..)?;
        let (sections, _) =
            slice_from_bytes::<elf::SectionHeader64<Endian>>(sections, h.e_shnum.get(LE).into()).ok()?;
        let symtab = sections.iter().find(|s| s.sh_type.get(LE) == elf::SHT_SYMTAB)?;
        let part = |s: &elf::SectionHeader64<Endian>| -> Option<&[u8]> {
            let from = usize::try_from(s.sh_offset.get(LE)).ok()?;
            b.get(from..from.checked_add(usize::try_from(s.sh_size.get(LE)).ok()?)?)
        };
        let strings = part(sections.get(symtab.sh_link.get(LE) as usize)?)?;
        let entries = part(symtab)?;
        let (entries, _) = slice_from_bytes::<Sym64<Endian>>(entries, entries.len() / 24).ok()?;
        let s = nearest(entries.iter().enumerate().map(|(i, s)| Symbol::new(i as u32, s)), vaddr)?;
        let name = strings.get(s.name as usize..)?;
        let end = name.iter().position(|&c| c == 0)?;
        Some((&name[..end], vaddr - s.value))
    }
}

fn nearest(all: impl Iterator<Item = Symbol>, vaddr: u64) -> Option<Symbol> {
    let usable = |s: &Symbol| {
        s.is_defined()
            && s.section != SHN_ABS
            && s.value != 0
            && s.value <= vaddr
            && s.name != 0
            && !matches!(s.kind, STT_SECTION | STT_FILE | STT_TLS)
    };
    // Sized symbols that contain the address win over mere labels before it; global names over local ones.
    all.filter(usable).max_by_key(|s| {
        let contains = vaddr < s.value.saturating_add(s.size.max(1));
        (contains, s.value, s.size > 0, s.bind != STB_LOCAL)
    })
}
