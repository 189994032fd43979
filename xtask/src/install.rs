//! `cargo xtask install --prefix DIR`: a copy of the tree. Nothing in it holds its own path, so it may be moved later.

use crate::tree;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

pub fn install(prefix: &Path) -> Result<(), String> {
    let root = tree::build()?;
    copy(&root, prefix).map_err(|e| format!("cannot install into {}: {e}", prefix.display()))?;
    let bin = prefix.join("bin");
    println!("Installed in {}. Put {} into PATH.", prefix.display(), bin.display());
    println!(
        "Where other MPIs are installed too, {} has the names mpicc and mpiexec.",
        bin.join("mpi").display()
    );
    Ok(())
}

/// Copies a folder with its links; files that are there are replaced, others stay.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
            continue;
        }
        // A running program must keep its file: remove, then make anew.
        match fs::remove_file(&target) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        if kind.is_symlink() {
            symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stay_links_and_old_files_are_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("d")).unwrap();
        fs::write(from.join("d/a"), "new").unwrap();
        symlink("a", from.join("d/link")).unwrap();
        fs::create_dir_all(to.join("d")).unwrap();
        fs::write(to.join("d/a"), "old").unwrap();
        fs::write(to.join("other"), "stays").unwrap();
        copy(&from, &to).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("d/link")).unwrap(), "new");
        assert!(fs::symlink_metadata(to.join("d/link")).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(to.join("other")).unwrap(), "stays");
    }
}
