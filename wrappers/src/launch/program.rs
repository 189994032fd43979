//! Find the program as a shell would: by PATH when its name has no slash.

use super::Refusal;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The same for a program that runs in another folder than the launcher, from which names with a slash count.
pub fn find_in(folder: &Path, name: &OsStr, path: Option<OsString>) -> Result<PathBuf, Refusal> {
    if !folder.is_dir() {
        return Err(Refusal::usage(format!("there is no folder {}", folder.display())));
    }
    match name.as_bytes().contains(&b'/') {
        true => find(folder.join(name).as_os_str(), None),
        false => find(name, path).map(|file| std::path::absolute(&file).unwrap_or(file)),
    }
}

/// The file to run; exit code 127 when there is none, 126 when it cannot be run, as shells have it.
pub fn find(name: &OsStr, path: Option<OsString>) -> Result<PathBuf, Refusal> {
    if name.as_bytes().contains(&b'/') {
        return runnable(Path::new(name));
    }
    let mut refusal = None;
    let path = path.unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".into());
    for folder in std::env::split_paths(&path) {
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        match runnable(&folder.join(name)) {
            Ok(file) => return Ok(file),
            // A file without the right to run it hides behind one that has it.
            Err(found) if found.code == 126 => refusal = refusal.or(Some(found)),
            Err(_) => {}
        }
    }
    Err(refusal.unwrap_or_else(|| {
        let hint = if Path::new(name).is_file() {
            format!("; did you mean ./{}?", name.display())
        } else {
            String::new()
        };
        Refusal { code: 127, why: format!("the program {} is not in PATH{hint}", name.display()) }
    }))
}

fn runnable(file: &Path) -> Result<PathBuf, Refusal> {
    let shown = file.display();
    match std::fs::metadata(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Refusal { code: 127, why: format!("the program {shown} does not exist") })
        }
        Err(e) => Err(Refusal { code: 126, why: format!("the program {shown} cannot be run: {e}") }),
        Ok(data) if data.is_dir() => {
            Err(Refusal { code: 126, why: format!("{shown} is a folder, not a program") })
        }
        Ok(data) if data.permissions().mode() & 0o111 == 0 => Err(Refusal {
            code: 126,
            why: format!("{shown} is not executable (chmod +x makes it so, if it is a program)"),
        }),
        Ok(_) => Ok(file.to_path_buf()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_as_a_shell_finds_them() {
        assert_eq!(find(OsStr::new("sh"), Some("/nowhere:/bin".into())), Ok("/bin/sh".into()));
        assert_eq!(find(OsStr::new("/bin/sh"), None), Ok("/bin/sh".into()));
        for (name, code) in
            [("/nowhere/x", 127), ("nothing-of-this-name", 127), ("/", 126), ("/etc/passwd", 126)]
        {
            let refusal = find(OsStr::new(name), Some("/bin".into())).unwrap_err();
            assert_eq!(refusal.code, code, "{name}: {}", refusal.why);
        }
        assert_eq!(find(OsStr::new("passwd"), Some("/etc".into())).unwrap_err().code, 126);
    }

    #[test]
    fn folders_of_programs_count_for_names_with_a_slash() {
        let look =
            |folder: &str, name: &str| find_in(Path::new(folder), OsStr::new(name), Some("/bin".into()));
        assert_eq!(look("/bin", "./sh"), Ok("/bin/./sh".into()));
        assert_eq!(look("/", "sh"), Ok("/bin/sh".into()));
        assert_eq!(look("/etc", "./sh").unwrap_err().code, 127);
        assert!(look("/nowhere", "sh").unwrap_err().why.contains("no folder /nowhere"));
    }
}
