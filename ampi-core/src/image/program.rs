//! A program as a template: loaded and relocated once, then instantiated for every rank.

use super::collect::{Collect, SharedLibrary, find_existing, origin, own_rpath, same_file};
use super::dynsym::{Symbol, Wanted};
use super::elf::Elf;
use super::instance::MAX_GROUPS;
use super::relocate::{InScope, SharedSymbols, relocate};
use super::search::{RunPaths, Search};
use super::shared::{self, ProcessSymbols};
use super::template::{Group, Library, Need, init_order, lay_out};
use super::tls::{self, TlsPlace, next_static};
use crate::arena::slot;
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};

/// What ranks share.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// A private image per rank.
    #[default]
    Image,
    /// One image for all ranks; stack, heap and thread-locals are still each rank's own.
    None,
}

/// How text gets into a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mapping {
    /// From the files, unless the mappings of all ranks would come near vm.max_map_count; then baked.
    #[default]
    Auto,
    /// Each file's read-only part mapped from the file: shared by all ranks, seen by perf and gdb.
    Files,
    /// One relocated copy of everything in a memory file: one mapping per rank, text invisible to perf.
    Baked,
}

/// How to load a program.
#[derive(Debug, Clone, Default)]
pub struct Options {
    pub isolate: Isolation,
    pub mapping: Mapping,
    /// Libraries (file names, with or without `.so...`) to be private although shared by default.
    pub private_libs: Vec<String>,
    /// Libraries to be loaded once per process instead of once per rank.
    pub shared_libs: Vec<String>,
    /// The library with libc's stateful functions (getopt, strtok, rand, ...), appended to the private scope.
    pub private_lib_path: Option<PathBuf>,
    /// Value to use for LD_LIBRARY_PATH; `None`: the process's.
    pub library_path: Option<String>,
    /// Ranks that this process will hold at most; `None`: all slots of the arena.
    pub local_ranks: Option<usize>,
    /// Tell an attached debugger about images of ranks.
    pub debugger: bool,
}

/// State that changes when a library is opened later.
#[derive(Default)]
pub(super) struct Growth {
    /// Bytes of the worker's reserve in use.
    static_tls: u64,
    /// Bytes of the dlopen area in use.
    dlopen: u64,
}

/// A loaded program. Lives for the rest of the process.
pub struct Program {
    path: PathBuf,
    pub(super) c_path: CString,
    pub(super) options: Options,
    search: Search,
    groups: [AtomicPtr<Group>; MAX_GROUPS],
    count: AtomicUsize,
    growth: Mutex<Growth>,
    shared_libs: Mutex<Vec<SharedLibrary>>,
    pub(super) shared_instance: OnceLock<&'static super::instance::Instance>,
    baked: OnceLock<bool>,
}

impl Program {
    /// Loads the program at `path` and the libraries it needs and relocates them for image base 0. Runs no code of it.
    ///
    /// # Errors
    /// `Load`: the file cannot be loaded more than once (not position-independent, static-pie, text relocations), is no
    /// program for this machine, is damaged, or a library is missing. The text says which file and what to do.
    pub fn load(path: &Path, options: &Options) -> Result<&'static Program> {
        let elf = Elf::open(path)?;
        check_is_program(&elf)?;
        let c_path = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
        let from_environment = std::env::var("LD_LIBRARY_PATH").ok();
        let library_path = options.library_path.clone().or(from_environment);
        let program = Program {
            path: path.to_path_buf(),
            c_path,
            options: options.clone(),
            search: Search::new(library_path.as_deref()),
            groups: [const { AtomicPtr::new(std::ptr::null_mut()) }; MAX_GROUPS],
            count: AtomicUsize::new(0),
            growth: Mutex::default(),
            shared_libs: Mutex::default(),
            shared_instance: OnceLock::new(),
            baked: OnceLock::new(),
        };
        // Unwinding needs it in every process, whether or not the program names it.
        let _ = shared::load("libgcc_s.so.1");
        let name = elf.file_name();
        let root = Library::new(elf, name, "the program".into());
        {
            let mut growth = program.growth();
            program.add_group(root, Vec::new(), &[], &mut growth)?;
        }
        Ok(Box::leak(Box::new(program)))
    }

    pub(super) fn growth(&self) -> MutexGuard<'_, Growth> {
        self.growth.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The path it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Strictest alignment of a segment of the program and the libraries that start with it: for
    /// [`ArenaConfig::image_align`](crate::arena::ArenaConfig).
    pub fn image_align(&self) -> usize {
        let loads = self.main().libs.iter().flat_map(|l| l.elf.loads.iter());
        loads.map(|s| s.align as usize).max().unwrap_or(1)
    }

    /// Bytes of a slot that the program and its libraries take (`ArenaConfig::image_bytes`).
    pub fn image_bytes(&self) -> usize {
        self.main().bytes as usize
    }

    /// The program with the libraries it starts with.
    pub(super) fn main(&self) -> &'static Group {
        self.group(0).expect("a program has its first group from the start")
    }

    #[allow(unsafe_code)]
    pub(super) fn group(&self, id: usize) -> Option<&'static Group> {
        let p = self.groups.get(id)?.load(Ordering::Acquire);
        // SAFETY: groups are leaked boxes, set once.
        unsafe { p.as_ref() }
    }

    /// All groups that any rank has opened, by number.
    pub(super) fn groups(&self) -> impl Iterator<Item = &'static Group> + '_ {
        (0..self.count.load(Ordering::Acquire)).filter_map(|i| self.group(i))
    }

    /// Address of `vaddr` of the program file itself: its entry point, for instance.
    pub(super) fn program_file(&self) -> &'static Library {
        &self.main().libs[0]
    }

    /// Exported definition of `name` in the program and the libraries it started with.
    pub(super) fn find_symbol(&self, name: &str) -> Option<(&'static Library, Symbol)> {
        let want = Wanted::new(name.as_bytes(), None);
        self.main().libs.iter().find_map(|l| l.elf.find(&want).map(|s| (l, s)))
    }

    /// Text is taken from one baked image instead of the files. Decided once, at the first rank.
    pub(super) fn is_baked(&self) -> bool {
        *self.baked.get_or_init(|| match self.options.mapping {
            Mapping::Files => false,
            Mapping::Baked => true,
            Mapping::Auto => {
                let geometry = crate::arena::geometry();
                let slots = geometry.map_or(1, |g| g.slots_total - 1);
                let ranks = self.options.local_ranks.unwrap_or(slots);
                let in_files = ranks * (1 + self.main().mappings());
                // A moved rank takes the bytes of its slot along; a private mapping of a memory file is none of them.
                !geometry.is_some_and(|g| g.shared)
                    && self.options.isolate == Isolation::Image
                    && in_files > max_map_count() / 5 * 4
            }
        })
    }

    /// Opens the library at `path` as a group of its own unless it is part of one. `caller`: the library that asks;
    /// `visible`: groups whose symbols it may use besides the program's. Returns where it is.
    pub(super) fn open_library(
        &self,
        name: &str,
        caller: Option<&Library>,
        visible: &[u32],
        growth: &mut Growth,
    ) -> Result<(u32, usize)> {
        let (path, how) = self.locate(name, caller)?;
        let existing: Vec<&'static Group> = self.groups().collect();
        if let Some(Need::Other { group, lib }) = find_existing(&existing, |l| same_file(&l.elf.path, &path))
        {
            return Ok((group, lib));
        }
        let elf = Elf::open(&path)?;
        if elf.interpreter && elf.dynamic.pie {
            return Err(elf.error("a program cannot be opened as a library"));
        }
        let bare = elf.file_name();
        let root = Library::new(elf, bare, format!("opened with dlopen, found {how}"));
        let inherited = caller.and_then(own_rpath).into_iter().collect();
        let id = self.add_group(root, inherited, visible, growth)?;
        Ok((id, 0))
    }

    fn locate(&self, name: &str, caller: Option<&Library>) -> Result<(PathBuf, String)> {
        let mut paths = RunPaths::default();
        let program = self.program_file();
        for lib in caller.into_iter().chain([program]) {
            paths.rpaths.extend(own_rpath(lib));
        }
        if let Some(lib) = caller.or(Some(program))
            && let Some(r) = &lib.elf.dynamic.runpath
        {
            paths.rpaths.clear();
            paths.runpath = Some((r.clone(), origin(&lib.elf.path)));
        }
        self.search.find(name, &paths).ok_or_else(|| Error::Load {
            path: name.into(),
            why: "no such file, or not a library for this machine".into(),
        })
    }

    fn add_group(
        &self,
        root: Library,
        inherited: Vec<(String, PathBuf)>,
        visible: &[u32],
        growth: &mut Growth,
    ) -> Result<u32> {
        let id = self.count.load(Ordering::Acquire);
        let path = root.elf.path.clone();
        let fail = |why: &str| Error::Load { path: path.display().to_string(), why: why.into() };
        if id >= MAX_GROUPS {
            return Err(fail("too many libraries were opened with dlopen"));
        }
        let mut collect = Collect::new(&self.options, &self.search, self.groups().collect());
        collect.add_all(root, inherited)?;
        if id == 0
            && let Some(p) = &self.options.private_lib_path
        {
            collect.append(p, "private state of libc functions, added by the runtime")?;
        }
        let Collect { mut libs, shared, existing, .. } = collect;
        let area = if id == 0 { 0 } else { slot::dlopen_offset().unwrap_or(0) as u64 };
        let offset = area + growth.dlopen;
        let mut static_tls = growth.static_tls;
        let reserve = tls::reserve_bytes() as u64;
        let end = place(&mut libs, offset, id == 0, &mut static_tls, reserve)?;
        if id > 0 && end - area > slot::dlopen_bytes().unwrap_or(0) as u64 {
            return Err(fail(
                "the ranks' area for libraries opened with dlopen is full; start fewer ranks, whose areas are larger, or link the library",
            ));
        }
        if end - offset > u32::MAX.into() {
            return Err(fail("program and libraries together are larger than 4 GiB"));
        }
        let scope = scope(&libs, id as u32, &existing, visible);
        let r = relocate(&libs, id as u32, offset, &scope, &ProcessSymbols)?;
        let (data, runs) = r.image.into_runs(&libs, offset);
        let mut uses = r.uses;
        for l in &libs {
            uses.extend(
                l.needs
                    .iter()
                    .filter_map(|n| if let Need::Other { group, .. } = n { Some(*group) } else { None }),
            );
        }
        let group = Group {
            id: id as u32,
            init_order: init_order(&libs),
            libs,
            offset,
            bytes: end - offset,
            data,
            runs,
            adds: r.adds,
            indirect: r.indirect,
            uses: uses.into_iter().filter(|&g| g != 0).collect(),
            counts: r.counts,
            unresolved: r.unresolved,
            baked: OnceLock::new(),
        };
        growth.static_tls = static_tls;
        if id > 0 {
            growth.dlopen = end - area;
        }
        self.shared_libs.lock().unwrap_or_else(|e| e.into_inner()).extend(shared);
        self.groups[id].store(Box::into_raw(Box::new(group)), Ordering::Release);
        self.count.store(id + 1, Ordering::Release);
        Ok(id as u32)
    }

    /// What `ampirun --explain-image` prints: every library, private or shared and why, sizes, relocations.
    pub fn explain(&self) -> String {
        let mut out = String::new();
        let main = self.main();
        let _ = writeln!(
            out,
            "{}: {} KiB of addresses per rank, of which {} KiB are copied",
            self.path.display(),
            main.bytes >> 10,
            main.data.len() >> 10
        );
        for g in self.groups() {
            let _ = writeln!(out, "\nprivate{}:", if g.id == 0 { "" } else { " (opened with dlopen)" });
            for l in &g.libs {
                let writable: u64 = l.elf.loads.iter().filter(|s| s.writable).map(|s| s.memory_bytes).sum();
                let text: u64 = l.text.iter().map(|t| t.bytes).sum();
                let _ = write!(
                    out,
                    "  {:<28} {:>7} KiB text, {:>6} KiB data",
                    l.name,
                    text >> 10,
                    writable.div_ceil(1024)
                );
                if let (Some(tls), Some(place)) = (l.elf.tls, l.tls) {
                    let kind = if matches!(place, TlsPlace::Static(_)) { "static" } else { "dynamic" };
                    let _ = write!(out, ", {} bytes thread-local ({kind})", tls.memory_bytes);
                }
                let _ = writeln!(out, "; {}\n  {:<28} {}", l.reason, "", l.elf.path.display());
            }
            let c = g.counts;
            let _ = writeln!(
                out,
                "  relocations: {} relative, {} symbolic, {} copied objects, {} indirect functions, {} thread-local; {} words adjusted per rank",
                c.relative,
                c.symbolic,
                c.copy,
                c.indirect,
                c.tls,
                g.adds.len()
            );
            for u in &g.unresolved {
                let _ = writeln!(out, "  not defined anywhere: {u}");
            }
        }
        let _ = writeln!(out, "\nshared by all ranks:");
        let mut seen = BTreeSet::new();
        for s in self.shared_libs.lock().unwrap_or_else(|e| e.into_inner()).iter() {
            if seen.insert(s.name.clone()) {
                let _ = writeln!(out, "  {:<28} {}; needed by {}", s.name, s.why, s.needed_by);
            }
        }
        out
    }

    /// Strong references of all groups that nobody defines, with who needs them.
    pub fn unresolved(&self) -> Vec<String> {
        self.groups().flat_map(|g| g.unresolved.iter().cloned()).collect()
    }

    /// Files opened later by any rank, in the order of their group numbers: what another process has to prepare (with
    /// [`Program::prepare_files`]) before such a rank can move there.
    pub fn opened_files(&self) -> Vec<PathBuf> {
        self.groups().skip(1).map(|g| g.libs[0].elf.path.clone()).collect()
    }

    /// Makes the groups of `files` as another process has them, so that they get the same numbers and offsets.
    pub fn prepare_files(&self, files: &[PathBuf]) -> Result<()> {
        let mut growth = self.growth();
        for f in files.iter().skip(self.groups().count().saturating_sub(1)) {
            let all: Vec<u32> = self.groups().map(|g| g.id).collect();
            self.open_library(&f.to_string_lossy(), None, &all, &mut growth)?;
        }
        Ok(())
    }
}

fn check_is_program(elf: &Elf) -> Result<()> {
    if elf.interpreter && elf.entry != 0 && elf.dynamic.soname.is_none() {
        return if elf.is_code(elf.entry) {
            Ok(())
        } else {
            Err(elf.error("the file is damaged: its entry point is not code"))
        };
    }
    if elf.dynamic.pie {
        return Err(elf.error(
            "it is linked with -static-pie and carries its own C library; relink it with -pie, without -static and \
             -static-pie",
        ));
    }
    Err(elf.error("it is a shared library, not a program"))
}

/// Lays out `libs` from `offset` and gives their thread-local blocks a place, static ones in the worker's `reserve`.
/// Returns the end.
pub(super) fn place(
    libs: &mut [Library],
    offset: u64,
    at_start: bool,
    static_tls: &mut u64,
    reserve: u64,
) -> Result<u64> {
    let mut end = lay_out(libs, offset);
    for l in libs {
        let Some(t) = l.elf.tls else { continue };
        if t.align > 4096 {
            return Err(l.elf.error(format!(
                "its thread-local variables are aligned to {} bytes; at most 4096 is possible",
                t.align
            )));
        }
        if at_start || l.elf.dynamic.static_tls {
            *static_tls = next_static(*static_tls, &t);
            if *static_tls > reserve {
                return Err(l.elf.error(format!(
                    "its thread-local variables ({} bytes, {} together with the other libraries') do not fit into the \
                     worker's reserve of {reserve} bytes; build the worker with a larger AMPI_TLS_RESERVE",
                    t.memory_bytes, static_tls
                )));
            }
            l.tls = Some(TlsPlace::Static(*static_tls));
        } else {
            let align = t.align.max(16);
            end = end.div_ceil(align) * align;
            l.tls = Some(TlsPlace::Dynamic(end));
            end += t.memory_bytes;
        }
    }
    // A page more: another group's text must not be mapped over the block's last page.
    Ok(end.next_multiple_of(4096))
}

/// Order of symbol look-up: the program and its libraries, visible groups, the group itself, what it needs of others.
fn scope<'a>(libs: &'a [Library], id: u32, existing: &[&'static Group], visible: &[u32]) -> Vec<InScope<'a>> {
    let mut order: Vec<InScope<'a>> = Vec::new();
    let global = existing.iter().filter(|g| g.id == 0 || visible.contains(&g.id));
    for g in global {
        order.extend(g.libs.iter().map(|lib| InScope { group: g.id, lib, own: None }));
    }
    order.extend(libs.iter().enumerate().map(|(k, lib)| InScope { group: id, lib, own: Some(k) }));
    for need in libs.iter().flat_map(|l| &l.needs) {
        if let Need::Other { group, .. } = need
            && let Some(g) = existing.iter().find(|g| g.id == *group)
            && !order.iter().any(|s| s.group == *group)
        {
            order.extend(g.libs.iter().map(|lib| InScope { group: g.id, lib, own: None }));
        }
    }
    order
}

fn max_map_count() -> usize {
    let text = std::fs::read_to_string("/proc/sys/vm/max_map_count").unwrap_or_default();
    text.trim().parse().unwrap_or(65_530)
}

/// Address that a look-up by name leads to in the process's libraries or our overrides.
pub(super) fn process_address(name: &str, version: Option<&str>) -> Option<usize> {
    ProcessSymbols.address(name.as_bytes(), version.map(str::as_bytes)).map(|a| a as usize)
}
