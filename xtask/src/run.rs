//! Commands of the system: run them, and say which one failed.

use std::path::Path;
use std::process::Command;

/// Runs `command` in the repository; its output goes to ours.
pub fn run(command: &mut Command) -> Result<(), String> {
    command.current_dir(crate::repository());
    run_here(command)
}

/// Runs `command` in the folder it was given.
pub fn run_here(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("failed ({status}): {shown}")),
        Err(e) => Err(format!("cannot start {shown}: {e}")),
    }
}

/// The cargo that runs us.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::repository());
    command
}

/// A command as one would type it.
pub fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

/// Whether `output` exists and is not older than any of `inputs`.
pub fn up_to_date<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> bool {
    let time = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
    let Some(made) = time(output) else { return false };
    inputs.into_iter().all(|input| time(input).is_some_and(|t| t <= made))
}

/// Writes a file, if it is not already so: times of change stay true.
pub fn write_if_changed(path: &Path, text: &str) -> Result<(), String> {
    if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    std::fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_older_output_is_not_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&a, "").unwrap();
        assert!(!up_to_date(&b, [a.as_path()]));
        std::fs::write(&b, "").unwrap();
        assert!(up_to_date(&b, [a.as_path()]));
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        std::fs::File::options().write(true).open(&a).unwrap().set_modified(later).unwrap();
        assert!(!up_to_date(&b, [a.as_path()]));
    }

    #[test]
    fn a_failing_command_is_named() {
        let why = run_here(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(why.contains("sh -c exit 3") && why.contains('3'), "{why}");
    }
}
