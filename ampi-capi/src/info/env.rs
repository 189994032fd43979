//! What `MPI_INFO_ENV` tells (MPI-5.0 §11.2.1): how this program was started, as far as the process itself knows it.

use super::Info;
use crate::abi::constants as c;
use crate::programs;

/// The pairs of `MPI_INFO_ENV` for a rank. Values longer than `MPI_MAX_INFO_VAL` are left out rather than cut.
pub fn environment(rank: u32, world_size: u32) -> Info {
    let info = Info::default();
    let set = |key: &str, value: &[u8]| {
        if value.len() < c::MPI_MAX_INFO_VAL as usize {
            info.set(key.as_bytes(), value);
        }
    };
    let words: Vec<Vec<u8>> = match programs::words_of(rank) {
        Some(words) => words.iter().map(|w| w.to_bytes().to_vec()).collect(),
        None => {
            let cmdline = std::fs::read("/proc/self/cmdline").unwrap_or_default();
            cmdline.strip_suffix(b"\0").unwrap_or(&cmdline).split(|&b| b == 0).map(<[u8]>::to_vec).collect()
        }
    };
    if let Some((command, arguments)) = words.split_first() {
        set("command", command);
        set("argv", &arguments.join(&b' '));
    }
    set("maxprocs", world_size.to_string().as_bytes());
    set("arch", std::env::consts::ARCH.as_bytes());
    if let Ok(dir) = std::env::current_dir() {
        set("wdir", dir.as_os_str().as_encoded_bytes());
    }
    if let Ok(host) = std::fs::read("/proc/sys/kernel/hostname") {
        set("host", host.trim_ascii());
    }
    info
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_environment_names_the_command_and_the_number_of_ranks() {
        let i = super::environment(0, 12);
        assert_eq!(i.get(b"maxprocs").as_deref(), Some(&b"12"[..]));
        assert!(i.get(b"command").is_some_and(|v| !v.is_empty()));
    }
}
