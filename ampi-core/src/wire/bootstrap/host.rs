//! Which host is this: two processes with the same identity can share memory.
//!
//! The boot id alone is not enough: it is the same in all containers of a machine. Neither are namespaces alone: their
//! numbers are the same on freshly started machines.

use crate::error::{Error, Result};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// Equal for processes that run under one kernel and see each other's pids.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct HostIdentity {
    pub boot_id: String,
    /// Inode numbers of the namespaces.
    pub pid_namespace: u64,
    pub ipc_namespace: u64,
}

impl HostIdentity {
    /// Of this process.
    pub fn read() -> Result<HostIdentity> {
        let failed = |path: &str, e: std::io::Error| Error::Wire {
            what: format!("identity of this host ({path})"),
            why: e.to_string(),
        };
        let boot = "/proc/sys/kernel/random/boot_id";
        let boot_id = fs::read_to_string(boot).map_err(|e| failed(boot, e))?.trim().to_string();
        let inode = |path: &str| fs::metadata(path).map(|m| m.ino()).map_err(|e| failed(path, e));
        Ok(HostIdentity {
            boot_id,
            pid_namespace: inode("/proc/self/ns/pid")?,
            ipc_namespace: inode("/proc/self/ns/ipc")?,
        })
    }
}

/// The name of this host, for people.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_stable_and_not_empty() {
        let host = HostIdentity::read().unwrap();
        assert_eq!(host, HostIdentity::read().unwrap());
        assert!(host.boot_id.len() >= 32 && host.pid_namespace > 0 && host.ipc_namespace > 0);
        assert!(!host_name().is_empty());
    }
}
