//! `ampi_info`: facts about this installation, for people, and with `--parsable` for tools (Spack, scripts).

use crate::layout::Layout;
use crate::say::{err, out};
use crate::{ABI_VERSION, MPI_VERSION, VERSION};
use std::process::ExitCode;

/// Key for tools, words for people, value.
fn facts(layout: &Layout) -> Vec<(&'static str, &'static str, String)> {
    let path = |p: std::path::PathBuf| p.display().to_string();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    vec![
        ("version", "Adaptive MPI in Rust", VERSION.into()),
        ("mpi:version", "MPI standard", MPI_VERSION.into()),
        ("abi:version", "MPI standard ABI", ABI_VERSION.into()),
        ("abi:soname", "Library", "libmpi_abi.so.1".into()),
        ("path:prefix", "Installed in", path(layout.root.clone())),
        ("path:bindir", "Commands", path(layout.bin())),
        ("path:libdir", "Libraries", path(layout.lib())),
        ("path:incdir", "Headers", path(layout.include())),
        ("bindings", "Languages", "c,cxx".into()),
        ("isolation", "Private globals", "image,none".into()),
        ("transport", "Messages", "threads,shm,tcp,ofi,mpi".into()),
        ("arch", "Machine", format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
        ("cores", "Cores we may use", cores.to_string()),
    ]
}

/// The whole command.
pub fn main(args: Vec<String>) -> ExitCode {
    let layout = match Layout::of_this_process() {
        Ok(layout) => layout,
        Err(e) => {
            err!("ampi_info: cannot find my installation: {e}");
            return ExitCode::FAILURE;
        }
    };
    let mut parsable = false;
    for arg in &args {
        match arg.as_str() {
            "--parsable" | "--parseable" => parsable = true,
            "--version" | "-V" | "-v" => {
                out!("ampi_info {VERSION}");
                return ExitCode::SUCCESS;
            }
            "--help" | "-h" => {
                out!(
                    "ampi_info [--parsable]\n\nPrints facts about this installation; with --parsable one \
                          \"key=value\" a line."
                );
                return ExitCode::SUCCESS;
            }
            _ => {
                err!("ampi_info: unknown option {arg}; there are --parsable, --version and --help");
                return ExitCode::from(2);
            }
        }
    }
    for (key, words, value) in facts(&layout) {
        if parsable {
            out!("{key}={value}");
        } else {
            out!("{words:>22}: {value}");
        }
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fact_has_its_own_key_and_a_value() {
        let facts = facts(&Layout { root: "/r".into() });
        for (i, (key, _, value)) in facts.iter().enumerate() {
            assert!(!value.is_empty() && !key.contains('='), "{key}");
            assert!(facts[..i].iter().all(|(k, ..)| k != key), "{key} twice");
        }
        assert!(facts.contains(&("path:libdir", "Libraries", "/r/lib".into())));
    }
}
