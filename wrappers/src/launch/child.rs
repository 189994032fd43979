//! A process of the job on this host, a worker or a rank that is a process: its start, and the sweeping up after it.
//!
//! ```text
//! launcher ── fork ──► worker     (same process group, same stdout and stderr; stdin is process 0's)
//! ```
//!
//! 1. The launcher's death kills the worker (PR_SET_PDEATHSIG): no job outlives its launcher. The first thread forks, as the
//!    death of the forking thread counts.
//! 2. The worker gets the signal mask that the launcher was started with.
//! 3. It does not see how the launcher itself is connected to a process manager; unless it uses that connection too, by the
//!    host's library, while the launcher is silent there.
//!
//! # Safety
//! Between fork and exec only async-signal-safe calls; otherwise calls of libc with plain numbers.
#![allow(unsafe_code)]

use super::signals::Signals;
use ampi_core::pmi::detect::PRIVATE_VARIABLES;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// What is started.
pub struct Start<'a> {
    pub file: &'a Path,
    /// The name that it believes to have.
    pub name: &'a OsStr,
    pub arguments: &'a [OsString],
    /// Set for it.
    pub variables: &'a [(OsString, OsString)],
    /// `None`: where the launcher is.
    pub folder: Option<&'a Path>,
    pub reads_stdin: bool,
    /// It uses the launcher's connection to the process manager.
    pub is_managed: bool,
    /// The launcher reads what it writes.
    pub piped: bool,
}

/// Starts a process.
pub fn start(what: &Start<'_>, signals: &Signals) -> io::Result<Child> {
    let mut command = Command::new(what.file);
    command.arg0(what.name).args(what.arguments);
    if what.is_managed {
        hand_on_the_connection(&mut command);
    } else {
        for name in PRIVATE_VARIABLES {
            command.env_remove(name);
        }
    }
    command.envs(what.variables.iter().map(|(name, value)| (name, value)));
    if let Some(folder) = what.folder {
        command.current_dir(folder);
    }
    if what.piped {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
    }
    if !what.reads_stdin {
        command.stdin(Stdio::null());
    }
    let mask = signals.before();
    let unblock = move || {
        // SAFETY: the set that sigprocmask gave.
        match unsafe { libc::sigprocmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: sigprocmask is async-signal-safe.
    unsafe { command.pre_exec(unblock) };
    die_with_parent(&mut command, libc::SIGKILL);
    command.spawn()
}

/// The child keeps the socket to the process manager, if it is one that is inherited.
fn hand_on_the_connection(command: &mut Command) {
    let socket = std::env::var("PMI_FD").ok().and_then(|number| number.parse::<i32>().ok());
    let Some(socket) = socket else { return };
    let keep = move || {
        // SAFETY: plain numbers.
        match unsafe { libc::fcntl(socket, libc::F_SETFD, 0) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    // SAFETY: fcntl is async-signal-safe.
    unsafe { command.pre_exec(keep) };
}

/// The child gets `signal` when the thread that starts it dies.
pub fn die_with_parent(command: &mut Command, signal: i32) {
    let parent = std::process::id();
    let tie = move || {
        // SAFETY: plain numbers.
        unsafe {
            if libc::prctl(libc::PR_SET_PDEATHSIG, signal) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the prctl.
            if libc::getppid() as u32 == parent {
                Ok(())
            } else {
                Err(io::Error::from_raw_os_error(libc::ESRCH))
            }
        }
    };
    // SAFETY: prctl and getppid are async-signal-safe.
    unsafe { command.pre_exec(tie) };
}

/// Processes that ranks start and leave behind become children of the launcher.
pub fn adopt() {
    // SAFETY: a plain number.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
}

/// Ends the processes that ranks of a failed job left behind. After a job that ended well they may go on, as daemons do.
pub fn sweep() {
    let own = std::process::id();
    for _ in 0..100 {
        let children =
            std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let children: Vec<i32> = children.split_whitespace().filter_map(|c| c.parse().ok()).collect();
        if children.is_empty() {
            return;
        }
        for pid in children {
            // SAFETY: our own children, which nobody else waits for.
            unsafe {
                libc::kill(pid, libc::SIGKILL);
                libc::waitpid(pid, std::ptr::null_mut(), 0);
            }
        }
    }
}
