//! Collecting the files of a group: breadth-first over DT_NEEDED, each entry decided to be private or shared.

use super::elf::Elf;
use super::program::Options;
use super::search::{RunPaths, Search};
use super::shared;
use super::template::{Group, Library, Need};
use crate::error::Result;
use std::path::{Path, PathBuf};

/// A library that is shared by all ranks, for `--explain-image`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedLibrary {
    pub name: String,
    pub why: String,
    pub needed_by: String,
}

/// Work in progress: the libraries of the new group.
pub struct Collect<'a> {
    pub options: &'a Options,
    pub search: &'a Search,
    /// Groups loaded before; their libraries are used, not loaded again.
    pub existing: Vec<&'static Group>,
    pub libs: Vec<Library>,
    /// Which library of the group made this one necessary.
    parents: Vec<Option<usize>>,
    /// RPATHs that lead to the group's root (of the library that called dlopen).
    inherited: Vec<(String, PathBuf)>,
    pub shared: Vec<SharedLibrary>,
}

impl<'a> Collect<'a> {
    pub fn new(options: &'a Options, search: &'a Search, existing: Vec<&'static Group>) -> Collect<'a> {
        let (libs, parents, inherited, shared) = Default::default();
        Collect { options, search, existing, libs, parents, inherited, shared }
    }

    /// Adds the root and everything it needs. `inherited`: RPATHs of the library that opens it.
    pub fn add_all(&mut self, root: Library, inherited: Vec<(String, PathBuf)>) -> Result<()> {
        self.inherited = inherited;
        self.libs.push(root);
        self.parents.push(None);
        let mut i = 0;
        while i < self.libs.len() {
            for name in self.libs[i].elf.dynamic.needed.clone() {
                let need = self.resolve(i, &name)?;
                self.libs[i].needs.push(need);
            }
            i += 1;
        }
        Ok(())
    }

    /// Appends a library after all others, needed by the root.
    pub fn append(&mut self, path: &Path, reason: &str) -> Result<()> {
        let elf = Elf::open(path)?;
        let name = elf.dynamic.soname.clone().unwrap_or_else(|| elf.file_name());
        let k = self.libs.len();
        let mut lib = Library::new(elf, name, reason.into());
        // All it may need is shared: it is linked against libc only.
        lib.needs = lib.elf.dynamic.needed.iter().cloned().map(Need::Shared).collect();
        self.libs.push(lib);
        self.parents.push(Some(0));
        // First, so that its constructors come before those of the program's other libraries.
        self.libs[0].needs.insert(0, Need::Own(k));
        Ok(())
    }

    fn resolve(&mut self, by: usize, name: &str) -> Result<Need> {
        let needed_by = self.libs[by].elf.file_name();
        if let Some(why) = impossible(name) {
            return Err(self.libs[by].elf.error(why));
        }
        if let Some(why) = shared::why_shared(name, &self.options.private_libs, &self.options.shared_libs) {
            self.load_shared(by, name, why, &needed_by)?;
            return Ok(Need::Shared(name.into()));
        }
        if let Some(k) = self.libs.iter().position(|l| l.is_called(name)) {
            return Ok(Need::Own(k));
        }
        if let Some(need) = find_existing(&self.existing, |l| l.is_called(name)) {
            return Ok(need);
        }
        let (path, how) = self.find(by, name)?;
        let same = |l: &Library| same_file(&l.elf.path, &path);
        if let Some(k) = self.libs.iter().position(same) {
            return Ok(Need::Own(k));
        }
        if let Some(need) = find_existing(&self.existing, same) {
            return Ok(need);
        }
        let elf = Elf::open(&path)?;
        let bare = Path::new(name).file_name().map(|n| n.to_string_lossy().into_owned());
        self.libs.push(Library::new(
            elf,
            bare.unwrap_or_else(|| name.into()),
            format!("needed by {needed_by}, found {how}"),
        ));
        self.parents.push(Some(by));
        Ok(Need::Own(self.libs.len() - 1))
    }

    fn find(&self, by: usize, name: &str) -> Result<(PathBuf, String)> {
        self.search.find(name, &self.run_paths(by)).ok_or_else(|| {
            let e = &self.libs[by].elf;
            e.error(format!(
                "it needs the library {name}, which was not found; is its directory missing in LD_LIBRARY_PATH or in the RUNPATH?"
            ))
        })
    }

    fn load_shared(&mut self, by: usize, name: &str, why: &str, needed_by: &str) -> Result<()> {
        if self.shared.iter().any(|s| s.name == name) {
            return Ok(());
        }
        let asked = why == "asked for";
        if asked {
            let (path, _) = self.find(by, name)?;
            let loaded = shared::load(&path.to_string_lossy());
            loaded
                .map_err(|e| self.libs[by].elf.error(format!("it needs the shared library {name}: {e}")))?;
        } else if !shared::is_runtime(name) {
            let loaded = shared::load(name);
            loaded.map_err(|e| self.libs[by].elf.error(format!("it needs the library {name}: {e}")))?;
        }
        self.shared.push(SharedLibrary { name: name.into(), why: why.into(), needed_by: needed_by.into() });
        Ok(())
    }

    /// Run paths for the needs of library `by`: its own RUNPATH, or the RPATHs up the chain that led to it.
    fn run_paths(&self, by: usize) -> RunPaths {
        let d = &self.libs[by].elf;
        if let Some(r) = &d.dynamic.runpath {
            return RunPaths { rpaths: Vec::new(), runpath: Some((r.clone(), origin(&d.path))) };
        }
        let mut rpaths = Vec::new();
        let mut at = Some(by);
        while let Some(k) = at {
            rpaths.extend(own_rpath(&self.libs[k]));
            at = self.parents[k];
        }
        rpaths.extend(self.inherited.iter().cloned());
        RunPaths { rpaths, runpath: None }
    }
}

/// Why a program that needs this library cannot have private images.
fn impossible(name: &str) -> Option<String> {
    if name.starts_with("libc.musl") || name == "libc.so" {
        return Some(format!(
            "it is linked against another C library ({name}); private images need glibc: recompile it here"
        ));
    }
    if let Some(vendor) = foreign_mpi(name) {
        return Some(format!("it was compiled for {vendor}, as it needs {name}: recompile it with ampicc"));
    }
    let sanitizers =
        ["libasan.", "libtsan.", "liblsan.", "libubsan_standalone.", "libhwasan.", "libclang_rt.asan"];
    sanitizers.iter().any(|s| name.starts_with(s)).then(|| {
        format!("it is built with a sanitizer ({name}), which takes over the whole process: recompile it without -fsanitize")
    })
}

/// The other MPI whose library this is: its handles and constants have other values than those of the standard ABI. Our
/// own names carry no version (`libmpi.so`) or end in `_abi`.
fn foreign_mpi(name: &str) -> Option<&'static str> {
    let (stem, version) = name.split_once(".so")?;
    match stem {
        "libmpi" => match version {
            "" => None,
            ".12" => Some("MPICH or Intel MPI"),
            _ => Some("Open MPI"),
        },
        "libmpich" | "libmpichcxx" | "libmpichfort" | "libmpicxx" | "libmpifort" | "libfmpich" => {
            Some("MPICH or Intel MPI")
        }
        "libmpi_cxx" | "libmpi_mpifh" => Some("Open MPI"),
        _ => stem.starts_with("libmpi_usempi").then_some("Open MPI"),
    }
}

/// DT_RPATH of a library, which counts only without DT_RUNPATH, and its directory.
pub fn own_rpath(lib: &Library) -> Option<(String, PathBuf)> {
    let d = &lib.elf.dynamic;
    d.rpath.clone().filter(|_| d.runpath.is_none()).map(|r| (r, origin(&lib.elf.path)))
}

/// Directory of a file, symbolic links resolved.
pub fn origin(path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    real.parent().map(Path::to_path_buf).unwrap_or_default()
}

pub fn find_existing(groups: &[&'static Group], test: impl Fn(&Library) -> bool) -> Option<Need> {
    groups.iter().find_map(|g| g.libs.iter().position(&test).map(|lib| Need::Other { group: g.id, lib }))
}

pub fn same_file(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(x), Ok(y)) => (x.dev(), x.ino()) == (y.dev(), y.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_another_mpi_are_refused() {
        for name in
            ["libmpich.so.12", "libmpi.so.12", "libmpifort.so.12", "libmpicxx.so.12", "libmpichcxx.so"]
        {
            assert!(impossible(name).is_some_and(|why| why.contains("compiled for MPICH")), "{name}");
        }
        for name in [
            "libmpi.so.40",
            "libmpi.so.20",
            "libmpi_cxx.so.40",
            "libmpi_mpifh.so.40",
            "libmpi_usempif08.so.40",
        ] {
            assert!(impossible(name).is_some_and(|why| why.contains("compiled for Open MPI")), "{name}");
        }
        for name in ["libmpi.so", "libmpi_abi.so", "libmpi_abi.so.1", "libmpifort_abi.so.1", "libmpfr.so.6"] {
            assert_eq!(impossible(name), None, "{name}");
        }
    }
}
