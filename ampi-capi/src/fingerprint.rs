//! What must be the same in all processes of a job: the programs, this library, libc.

use ampi_core::error::{Error, Result};
use ampi_core::wire::bootstrap::Fingerprint;
use std::ffi::CStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Of this process, whose ranks run `programs`.
pub fn of(programs: &[&Path]) -> Result<Fingerprint> {
    let mut prints = vec![
        ("the version of Adaptive MPI".to_string(), env!("CARGO_PKG_VERSION").to_string()),
        ("the version of libc".to_string(), libc_version()),
    ];
    for (number, program) in programs.iter().enumerate() {
        let name = if programs.len() == 1 { "the program".into() } else { format!("program {}", number + 1) };
        prints.push((name, contents(program)?));
    }
    if let Some(library) = own_file() {
        prints.push(("the library of Adaptive MPI".to_string(), contents(&library)?));
    }
    Ok(prints)
}

/// A file's name and a hash of what is in it.
fn contents(path: &Path) -> Result<String> {
    let failed =
        |e: std::io::Error| Error::Wire { what: format!("reading {}", path.display()), why: e.to_string() };
    let mut hasher = blake3::Hasher::new();
    let mut file = BufReader::with_capacity(1 << 20, File::open(path).map_err(failed)?);
    loop {
        let bytes = file.fill_buf().map_err(failed)?;
        let n = bytes.len();
        if n == 0 {
            break;
        }
        hasher.update(bytes);
        file.consume(n);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name} {}", &hasher.finalize().to_hex()[..16]))
}

fn libc_version() -> String {
    // SAFETY: the function has no preconditions and returns a constant C string.
    #[allow(unsafe_code)]
    let version = unsafe { CStr::from_ptr(libc::gnu_get_libc_version()) };
    version.to_string_lossy().into_owned()
}

/// The file that this code is in.
fn own_file() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    let own = of as *const () as usize;
    maps.lines().find_map(|line| {
        let (range, rest) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let inside =
            (usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?).contains(&own);
        inside.then(|| rest.find('/').map(|at| PathBuf::from(&rest[at..])))?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_files_apart_and_knows_its_own() {
        let own = own_file().unwrap();
        assert_eq!(own, std::env::current_exe().unwrap());
        let print = of(&[&own]).unwrap();
        assert_eq!(print, of(&[&own]).unwrap());
        assert_eq!(print.len(), 4);
        let names: Vec<String> = of(&[&own, &own]).unwrap().into_iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"program 2".to_string()), "{names:?}");
        assert_ne!(contents(&own).unwrap(), contents(Path::new("/proc/self/status")).unwrap());
        assert!(of(&[Path::new("/nowhere")]).unwrap_err().to_string().contains("/nowhere"));
    }
}
