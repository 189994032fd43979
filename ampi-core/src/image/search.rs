//! Where a needed library is: RPATH, LD_LIBRARY_PATH, RUNPATH, ld.so.cache, default directories, in ld.so's order.

use std::path::{Path, PathBuf};

/// Run paths that apply to one library's needs.
#[derive(Debug, Clone, Default)]
pub struct RunPaths {
    /// DT_RPATH of the library and of those that led to it, with the directory of each ($ORIGIN). Empty if the library
    /// itself has a RUNPATH.
    pub rpaths: Vec<(String, PathBuf)>,
    /// DT_RUNPATH of the library.
    pub runpath: Option<(String, PathBuf)>,
}

/// Directories that ld.so looks in when nothing else is said (Debian, Fedora, SUSE, Arch).
const DEFAULT: &[&str] =
    &["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];

/// The search as configured for one program.
#[derive(Debug, Default)]
pub struct Search {
    /// Directories of LD_LIBRARY_PATH.
    library_path: Vec<PathBuf>,
    cache: Vec<(String, PathBuf)>,
}

impl Search {
    /// `library_path`: value of LD_LIBRARY_PATH.
    pub fn new(library_path: Option<&str>) -> Search {
        let split = |s: &str| {
            s.split([':', ';']).map(|d| PathBuf::from(if d.is_empty() { "." } else { d })).collect()
        };
        let cache = std::fs::read("/etc/ld.so.cache").ok().and_then(|b| parse_cache(&b)).unwrap_or_default();
        Search { library_path: library_path.filter(|s| !s.is_empty()).map(split).unwrap_or_default(), cache }
    }

    /// The file that `name` stands for and a word on how it was found.
    pub fn find(&self, name: &str, paths: &RunPaths) -> Option<(PathBuf, String)> {
        if name.contains('/') {
            let p = PathBuf::from(name);
            return p.exists().then(|| (p, "by its path".into()));
        }
        for (rpath, origin) in &paths.rpaths {
            if let Some(p) = in_list(rpath, origin, name) {
                return Some((p, "through RPATH".into()));
            }
        }
        let directories = |dirs: &[PathBuf]| dirs.iter().map(|d| d.join(name)).find(|p| usable(p));
        if let Some(p) = directories(&self.library_path) {
            return Some((p, "through LD_LIBRARY_PATH".into()));
        }
        if let Some((runpath, origin)) = &paths.runpath
            && let Some(p) = in_list(runpath, origin, name)
        {
            return Some((p, "through RUNPATH".into()));
        }
        let cached = self.cache.iter().find(|(n, p)| n == name && usable(p));
        if let Some((_, p)) = cached {
            return Some((p.clone(), "through ld.so.cache".into()));
        }
        DEFAULT
            .iter()
            .map(|d| Path::new(d).join(name))
            .find(|p| usable(p))
            .map(|p| (p, "in a default directory".into()))
    }
}

fn in_list(list: &str, origin: &Path, name: &str) -> Option<PathBuf> {
    list.split(':')
        .filter(|d| !d.is_empty())
        .map(|d| Path::new(&expand(d, origin)).join(name))
        .find(|p| usable(p))
}

/// Replaces $ORIGIN, $LIB and $PLATFORM.
pub fn expand(text: &str, origin: &Path) -> String {
    let mut out = text.to_string();
    let values = [
        ("ORIGIN", origin.to_string_lossy().into_owned()),
        ("LIB", "lib/x86_64-linux-gnu".into()),
        ("PLATFORM", "x86_64".into()),
    ];
    for (key, value) in values {
        out = out.replace(&format!("${{{key}}}"), &value).replace(&format!("${key}"), &value);
    }
    out
}

/// A file that ld.so would not skip: an ELF file for this processor.
fn usable(path: &Path) -> bool {
    use std::io::Read;
    let mut head = [0u8; 20];
    let read = std::fs::File::open(path).and_then(|mut f| f.read_exact(&mut head));
    read.is_ok() && head.starts_with(&[0x7f, b'E', b'L', b'F', 2, 1]) && head[18..20] == [62, 0]
}

/// Entries of /etc/ld.so.cache (format "glibc-ld.so.cache1.1") for this processor; those for newer processor levels
/// are left out, as the plain ones always exist beside them.
fn parse_cache(b: &[u8]) -> Option<Vec<(String, PathBuf)>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const X86_64_LIBC6: u32 = 0x0303;
    // An old-format cache may precede the new one; offsets count from the new one's start.
    let start = b.windows(MAGIC.len()).position(|w| w == MAGIC)?;
    let b = &b[start..];
    let word = |at: usize| Some(u32::from_le_bytes(b.get(at..at + 4)?.try_into().ok()?));
    let text = |at: u32| {
        let tail = b.get(at as usize..)?;
        let end = tail.iter().position(|&c| c == 0)?;
        std::str::from_utf8(&tail[..end]).ok()
    };
    let count = word(20)? as usize;
    let mut out = Vec::new();
    for i in 0..count {
        let at = 48usize.checked_add(i.checked_mul(24)?)?;
        let (flags, key, value) = (word(at)?, word(at + 4)?, word(at + 8)?);
        let plain = word(at + 16)? == 0 && word(at + 20)? == 0;
        if flags == X86_64_LIBC6
            && plain
            && let (Some(k), Some(v)) = (text(key), text(value))
        {
            out.push((k.to_string(), PathBuf::from(v)));
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_expanded_in_both_spellings() {
        let o = Path::new("/opt/app/bin");
        assert_eq!(expand("$ORIGIN/../lib:${ORIGIN}", o), "/opt/app/bin/../lib:/opt/app/bin");
    }

    #[test]
    fn damaged_caches_are_ignored() {
        assert_eq!(parse_cache(b"nonsense"), None);
        let mut b = b"glibc-ld.so.cache1.1".to_vec();
        b.extend([255, 255, 255, 255]);
        b.extend([0; 24]);
        assert_eq!(parse_cache(&b), None);
    }

    #[test]
    fn a_rpath_comes_before_the_library_path_and_that_before_the_runpath() {
        let dir = std::env::temp_dir().join(format!("ampi-search-{}", std::process::id()));
        let elf = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 62, 0];
        for d in ["r", "l", "u"] {
            std::fs::create_dir_all(dir.join(d)).unwrap();
            std::fs::write(dir.join(d).join("libx.so"), elf).unwrap();
        }
        std::fs::write(dir.join("l/liby.so"), b"not an ELF file, so it is skipped").unwrap();
        let s = Search::new(Some(dir.join("l").to_str().unwrap()));
        let (r, u) = (("$ORIGIN/r".to_string(), dir.clone()), ("$ORIGIN/u".to_string(), dir.clone()));
        let both = RunPaths { rpaths: vec![r], runpath: Some(u.clone()) };
        assert_eq!(s.find("libx.so", &both).unwrap().0, dir.join("r/libx.so"));
        let only_u = RunPaths { rpaths: vec![], runpath: Some(u) };
        assert_eq!(s.find("libx.so", &only_u).unwrap().0, dir.join("l/libx.so"));
        assert!(s.find("liby.so", &only_u).is_none());
        std::fs::remove_dir_all(dir).unwrap();
    }
}
