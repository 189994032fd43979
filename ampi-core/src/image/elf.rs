//! Reading one ELF file: header, segments, dynamic section, and bytes by virtual address.
//!
//! The file may be hostile or damaged. Invariants that the rest of the loader builds on:
//! 1. Every access to the file's bytes is checked; damage gives an error, never a panic.
//! 2. Loadable segments are sorted, do not share pages when one of them is writable, lie below 4 GiB, and their file
//!    part lies inside the file with `offset = vaddr` modulo the page size.
//! 3. Nothing here runs code of the file or maps it executable.

use crate::error::{Error, Result};
use memmap2::Mmap;
use object::elf;
use object::pod::{Pod, from_bytes, slice_from_bytes};
use std::fs::File;
use std::path::{Path, PathBuf};

pub type Endian = object::LittleEndian;
pub const LE: Endian = object::LittleEndian;
pub type Rela = elf::Rela64<Endian>;
const PAGE: u64 = 4096;
/// Images above this are refused: template offsets are 32 bits wide.
pub const MAX_SPAN: u64 = u32::MAX as u64 - (64 << 20);

/// A program header with checked numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub offset: u64,
    pub vaddr: u64,
    pub file_bytes: u64,
    pub memory_bytes: u64,
    pub align: u64,
    pub writable: bool,
    pub executable: bool,
}

impl Segment {
    pub fn end(&self) -> u64 {
        self.vaddr.saturating_add(self.memory_bytes)
    }
    pub fn file_end(&self) -> u64 {
        self.vaddr.saturating_add(self.file_bytes)
    }
}

/// An array given by address and size in the dynamic section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Table {
    pub vaddr: u64,
    pub bytes: u64,
}

/// The dynamic section, decoded.
#[derive(Debug, Clone, Default)]
pub struct Dynamic {
    pub needed: Vec<String>,
    pub soname: Option<String>,
    pub rpath: Option<String>,
    pub runpath: Option<String>,
    pub strings: Table,
    pub symbols: u64,
    pub gnu_hash: Option<u64>,
    pub sysv_hash: Option<u64>,
    pub versym: Option<u64>,
    pub verdef: Option<u64>,
    pub verneed: Option<u64>,
    pub rela: Table,
    pub plt_rela: Table,
    pub relr: Table,
    pub init: Option<u64>,
    pub fini: Option<u64>,
    pub preinit_array: Table,
    pub init_array: Table,
    pub fini_array: Table,
    pub symbolic: bool,
    pub static_tls: bool,
    pub text_relocations: bool,
    pub pie: bool,
    pub rel: bool,
}

enum Bytes {
    Mapped(Mmap),
    #[cfg_attr(not(test), allow(dead_code))]
    Owned(Vec<u8>),
}

/// One ELF file, parsed and checked.
pub struct Elf {
    pub path: PathBuf,
    bytes: Bytes,
    /// Kept open to map text from; `None` for bytes that are not a file (tests).
    pub file: Option<File>,
    pub entry: u64,
    pub program_headers: u64,
    pub program_header_count: u16,
    pub loads: Vec<Segment>,
    pub tls: Option<Segment>,
    pub eh_frame_header: Option<Segment>,
    pub dynamic_vaddr: u64,
    pub interpreter: bool,
    pub dynamic: Dynamic,
    /// One past the last page of the last segment.
    pub span: u64,
}

impl Elf {
    /// Opens and parses the file at `path`.
    #[allow(unsafe_code)]
    pub fn open(path: &Path) -> Result<Elf> {
        let fail = |why: String| Error::Load { path: path.display().to_string(), why };
        let file = File::open(path).map_err(|e| fail(e.to_string()))?;
        let meta = file.metadata().map_err(|e| fail(e.to_string()))?;
        if !meta.is_file() {
            return Err(fail("it is not a regular file".into()));
        }
        if meta.len() == 0 {
            return Err(fail("the file is empty".into()));
        }
        // SAFETY: a private read-only mapping. A file that shrinks meanwhile would raise SIGBUS, as it does for every
        // running program whose file is truncated.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| fail(e.to_string()))?;
        Elf::parse(path, Bytes::Mapped(map), Some(file))
    }

    /// Parses bytes in memory.
    #[cfg(test)]
    pub fn from_vec(bytes: Vec<u8>) -> Result<Elf> {
        Elf::parse(Path::new("(memory)"), Bytes::Owned(bytes), None)
    }

    fn parse(path: &Path, bytes: Bytes, file: Option<File>) -> Result<Elf> {
        let mut e = Elf {
            path: path.to_path_buf(),
            bytes,
            file,
            entry: 0,
            program_headers: 0,
            program_header_count: 0,
            loads: Vec::new(),
            tls: None,
            eh_frame_header: None,
            dynamic_vaddr: 0,
            interpreter: false,
            dynamic: Dynamic::default(),
            span: 0,
        };
        let dynamic = e.read_headers()?;
        e.check_loads()?;
        if let Some(d) = dynamic {
            e.dynamic_vaddr = d.vaddr;
            e.read_dynamic(d)?;
        }
        Ok(e)
    }

    /// An error about this file.
    pub fn error(&self, why: impl Into<String>) -> Error {
        Error::Load { path: self.path.display().to_string(), why: why.into() }
    }

    fn damaged(&self, what: &str) -> Error {
        self.error(format!("the file is damaged: {what}"))
    }

    /// The whole file.
    pub fn file_bytes(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped(m) => m,
            Bytes::Owned(v) => v,
        }
    }

    fn read_headers(&mut self) -> Result<Option<Segment>> {
        let b = self.file_bytes();
        if b.starts_with(b"#!") {
            return Err(self.error(
                "it is a script, not a program; start its interpreter as the program and give the script as its argument, or start \
                 it with --isolate=process",
            ));
        }
        if !b.starts_with(&elf::ELFMAG) {
            return Err(self.error("it is not an ELF file"));
        }
        let (h, _) =
            from_bytes::<elf::FileHeader64<Endian>>(b).map_err(|()| self.damaged("the header is cut off"))?;
        if h.e_ident.class != elf::ELFCLASS64 || h.e_ident.data != elf::ELFDATA2LSB {
            return Err(self.error("it is not a 64-bit little-endian program; compile it with -m64"));
        }
        if h.e_machine.get(LE) != elf::EM_X86_64 {
            return Err(self
                .error(format!("it is made for another processor (ELF machine {})", h.e_machine.get(LE).0)));
        }
        match h.e_type.get(LE) {
            elf::ET_DYN => {}
            elf::ET_EXEC => {
                return Err(self.error(
                    "it is linked to run at a fixed address, so it cannot be loaded once per rank; compile it with \
                     -fPIE and relink with -pie (and without -static), or run it with --isolate=process",
                ));
            }
            elf::ET_REL => return Err(self.error("it is an object file; link it first")),
            _ => return Err(self.error("it is not a program or shared library")),
        }
        if h.e_phentsize.get(LE) != 56 {
            return Err(self.damaged("wrong size of program headers"));
        }
        let (entry, at, count) = (h.e_entry.get(LE), h.e_phoff.get(LE), h.e_phnum.get(LE));
        let tail = usize::try_from(at).ok().and_then(|o| b.get(o..)).unwrap_or(&[]);
        let (headers, _) = slice_from_bytes::<elf::ProgramHeader64<Endian>>(tail, count as usize)
            .map_err(|()| self.damaged("the program headers are cut off"))?;
        let (mut loads, mut tls, mut eh, mut dynamic, mut interp) = (Vec::new(), None, None, None, false);
        for p in headers {
            let flags = p.p_flags.get(LE);
            let s = Segment {
                offset: p.p_offset.get(LE),
                vaddr: p.p_vaddr.get(LE),
                file_bytes: p.p_filesz.get(LE),
                memory_bytes: p.p_memsz.get(LE),
                align: p.p_align.get(LE).max(1),
                writable: flags.0 & elf::PF_W.0 != 0,
                executable: flags.0 & elf::PF_X.0 != 0,
            };
            match p.p_type.get(LE) {
                elf::PT_LOAD if s.memory_bytes > 0 => loads.push(s),
                elf::PT_TLS if s.memory_bytes > 0 => tls = Some(s),
                elf::PT_GNU_EH_FRAME => eh = Some(s),
                elf::PT_DYNAMIC => dynamic = Some(s),
                elf::PT_INTERP => interp = true,
                _ => {}
            }
        }
        self.entry = entry;
        self.program_headers = at;
        self.program_header_count = count;
        self.loads = loads;
        self.tls = tls;
        self.eh_frame_header = eh;
        self.interpreter = interp;
        Ok(dynamic)
    }

    fn check_loads(&mut self) -> Result<()> {
        let size = self.file_bytes().len() as u64;
        let mut end = 0u64;
        let mut last_writable = false;
        for s in &self.loads {
            let fits = s.offset.checked_add(s.file_bytes).is_some_and(|e| e <= size);
            if !fits || s.file_bytes > s.memory_bytes {
                return Err(self.damaged("a segment reaches beyond the end of the file"));
            }
            if s.vaddr.checked_add(s.memory_bytes).is_none_or(|e| e > MAX_SPAN) {
                return Err(self.error("its image is larger than 4 GiB or does not start near address 0"));
            }
            if s.offset % PAGE != s.vaddr % PAGE || !s.align.is_power_of_two() {
                return Err(self.damaged("a segment is not aligned to pages"));
            }
            let start = s.vaddr / PAGE * PAGE;
            // Read-only neighbours may share a page; a writable one may not: its bytes are copied, the others mapped.
            if s.vaddr < end || ((last_writable || s.writable) && start < end.div_ceil(PAGE) * PAGE) {
                return Err(self.damaged("segments overlap"));
            }
            if s.writable && s.executable {
                return Err(self.error(
                    "it has a segment that is both writable and executable; relink it without -N or --omagic",
                ));
            }
            end = s.end();
            last_writable = s.writable;
        }
        if self.loads.is_empty() {
            return Err(self.damaged("it has nothing to load"));
        }
        self.span = end.div_ceil(PAGE) * PAGE;
        if let Some(t) = self.tls {
            let inside = t.file_bytes <= t.memory_bytes
                && (t.file_bytes == 0 || self.at(t.vaddr, t.file_bytes).is_ok());
            if !inside || !t.align.is_power_of_two() || t.memory_bytes > MAX_SPAN || t.vaddr > MAX_SPAN {
                return Err(self.damaged("the thread-local segment is wrong"));
            }
        }
        let headers = self.program_header_count as u64 * 56;
        if self.at(self.program_headers, headers).is_err() {
            return Err(self.error(
                "its program headers are not part of its image; relink it with a usual linker script",
            ));
        }
        if self.eh_frame_header.is_some_and(|e| self.at(e.vaddr, e.file_bytes).is_err()) {
            self.eh_frame_header = None;
        }
        Ok(())
    }

    fn read_dynamic(&mut self, d: Segment) -> Result<()> {
        let bytes =
            self.at(d.vaddr, d.file_bytes).map_err(|_| self.damaged("the dynamic section is cut off"))?;
        let (entries, _) = slice_from_bytes::<elf::Dyn64<Endian>>(bytes, bytes.len() / 16)
            .map_err(|()| self.damaged("the dynamic section is cut off"))?;
        let mut out = Dynamic::default();
        let (mut needed, mut soname, mut rpath, mut runpath) = (Vec::new(), None, None, None);
        for e in entries {
            let v = e.d_val.get(LE);
            match e.d_tag.get(LE) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => needed.push(v),
                elf::DT_SONAME => soname = Some(v),
                elf::DT_RPATH => rpath = Some(v),
                elf::DT_RUNPATH => runpath = Some(v),
                elf::DT_STRTAB => out.strings.vaddr = v,
                elf::DT_STRSZ => out.strings.bytes = v,
                elf::DT_SYMTAB => out.symbols = v,
                elf::DT_GNU_HASH => out.gnu_hash = Some(v),
                elf::DT_HASH => out.sysv_hash = Some(v),
                elf::DT_VERSYM => out.versym = Some(v),
                elf::DT_VERDEF => out.verdef = Some(v),
                elf::DT_VERNEED => out.verneed = Some(v),
                elf::DT_RELA => out.rela.vaddr = v,
                elf::DT_RELASZ => out.rela.bytes = v,
                elf::DT_JMPREL => out.plt_rela.vaddr = v,
                elf::DT_PLTRELSZ => out.plt_rela.bytes = v,
                elf::DT_RELR => out.relr.vaddr = v,
                elf::DT_RELRSZ => out.relr.bytes = v,
                elf::DT_REL => out.rel = true,
                elf::DT_INIT => out.init = Some(v),
                elf::DT_FINI => out.fini = Some(v),
                elf::DT_PREINIT_ARRAY => out.preinit_array.vaddr = v,
                elf::DT_PREINIT_ARRAYSZ => out.preinit_array.bytes = v,
                elf::DT_INIT_ARRAY => out.init_array.vaddr = v,
                elf::DT_INIT_ARRAYSZ => out.init_array.bytes = v,
                elf::DT_FINI_ARRAY => out.fini_array.vaddr = v,
                elf::DT_FINI_ARRAYSZ => out.fini_array.bytes = v,
                elf::DT_SYMBOLIC => out.symbolic = true,
                elf::DT_TEXTREL => out.text_relocations = true,
                elf::DT_FLAGS => {
                    out.symbolic |= v & 2 != 0;
                    out.text_relocations |= v & 4 != 0;
                    out.static_tls |= v & 16 != 0;
                }
                elf::DT_FLAGS_1 => out.pie |= v & 0x0800_0000 != 0,
                _ => {}
            }
        }
        let string = |at: u64| -> Result<String> {
            let name = self.string_in(out.strings, at)?;
            Ok(String::from_utf8_lossy(name).into_owned())
        };
        out.needed = needed.into_iter().map(string).collect::<Result<_>>()?;
        out.soname = soname.map(string).transpose()?;
        out.rpath = rpath.map(string).transpose()?;
        out.runpath = runpath.map(string).transpose()?;
        for (name, t) in [("preinit", out.preinit_array), ("init", out.init_array), ("fini", out.fini_array)]
        {
            let writable =
                |s: &Segment| s.writable && s.vaddr <= t.vaddr && t.vaddr.saturating_add(t.bytes) <= s.end();
            if t.bytes > 0 && !self.loads.iter().any(writable) {
                return Err(self.damaged(&format!("the {name} array lies outside its data")));
            }
        }
        for code in [out.init, out.fini].into_iter().flatten() {
            if !self.is_code(code) {
                return Err(self.damaged("DT_INIT or DT_FINI does not point into its code"));
            }
        }
        self.dynamic = out;
        Ok(())
    }

    /// Whether `vaddr` lies in an executable segment.
    pub fn is_code(&self, vaddr: u64) -> bool {
        self.loads.iter().any(|s| s.executable && (s.vaddr..s.file_end()).contains(&vaddr))
    }

    /// `len` bytes of the file that will be at `vaddr`.
    pub fn at(&self, vaddr: u64, len: u64) -> Result<&[u8]> {
        self.try_at(vaddr, len)
            .ok_or_else(|| self.damaged(&format!("{len} bytes at {vaddr:#x} are not in the file")))
    }

    fn try_at(&self, vaddr: u64, len: u64) -> Option<&[u8]> {
        let end = vaddr.checked_add(len)?;
        let s = self.loads.iter().find(|s| s.vaddr <= vaddr && end <= s.file_end())?;
        let from = usize::try_from(s.offset.checked_add(vaddr - s.vaddr)?).ok()?;
        self.file_bytes().get(from..from.checked_add(usize::try_from(len).ok()?)?)
    }

    /// All bytes from `vaddr` to the end of its segment's file part.
    pub fn tail_at(&self, vaddr: u64) -> &[u8] {
        let segment = self.loads.iter().find(|s| (s.vaddr..s.file_end()).contains(&vaddr));
        segment.and_then(|s| self.try_at(vaddr, s.file_end() - vaddr)).unwrap_or(&[])
    }

    /// A structure at `vaddr`.
    pub fn read<T: Pod>(&self, vaddr: u64) -> Result<&T> {
        let b = self.at(vaddr, size_of::<T>() as u64)?;
        from_bytes::<T>(b).map(|(t, _)| t).map_err(|()| self.damaged("a table is cut off"))
    }

    /// The structures of a table.
    pub fn table<T: Pod>(&self, t: Table) -> Result<&[T]> {
        if t.bytes == 0 {
            return Ok(&[]);
        }
        let b = self.at(t.vaddr, t.bytes)?;
        let n = b.len() / size_of::<T>();
        slice_from_bytes::<T>(b, n).map(|(s, _)| s).map_err(|()| self.damaged("a table is cut off"))
    }

    fn string_in(&self, strings: Table, at: u64) -> Result<&[u8]> {
        let lost = || self.damaged("a name lies outside the string table");
        if at >= strings.bytes {
            return Err(lost());
        }
        let room = strings.bytes - at;
        let from = strings.vaddr.checked_add(at).ok_or_else(lost)?;
        let b = self.tail_at(from);
        let b = &b[..b.len().min(usize::try_from(room).unwrap_or(usize::MAX))];
        let n = memchr(b).ok_or_else(lost)?;
        Ok(&b[..n])
    }

    /// The name at `at` in the dynamic string table.
    pub fn string(&self, at: u64) -> Result<&[u8]> {
        self.string_in(self.dynamic.strings, at)
    }

    /// What an error about its name calls the file.
    pub fn file_name(&self) -> String {
        self.path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
    }
}

fn memchr(b: &[u8]) -> Option<usize> {
    b.iter().position(|&c| c == 0)
}
