//! Start the worker, hand on signals, keep the time limit, tell the end.
//!
//! ```text
//! launcher ── fork ──► worker     (same process group, same stdin, stdout, stderr)
//!    │  waits for: the worker's end · a signal · the time limit
//!    └─ exits as the worker did; 128 + signal; 124 when time was over
//! ```
//!
//! 1. The launcher's death kills the worker (PR_SET_PDEATHSIG): no job outlives its launcher.
//! 2. All signals of interest are blocked before the fork and fetched by `sigtimedwait`: no handler, no race between a
//!    signal and the start of the wait. The worker gets the old mask back.
//! 3. SIGINT, SIGTERM, SIGHUP and SIGQUIT end the job: the worker gets the signal, and SIGKILL when it is still there
//!    half a second later, or at a second signal. SIGUSR1 and SIGUSR2 are only handed on.
//!
//! # Safety
//! Calls of libc about signals and the death signal, between fork and exec only async-signal-safe ones.
#![allow(unsafe_code)]

use super::Refusal;
use super::plan::Plan;
use super::words::Request;
use crate::say::err;
use ampi_core::job;
use std::ffi::CStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Exit code when the time limit was reached, as `timeout` and Open MPI have it.
const TIME_OVER: u8 = 124;
/// How long the worker may take to end after a signal.
const GRACE: Duration = Duration::from_millis(500);
const ENDING: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
const HANDED_ON: [i32; 2] = [libc::SIGUSR1, libc::SIGUSR2];

/// Runs the job to its end and returns the exit code of the launcher.
pub fn run(worker: &Path, program: &Path, request: &Request, plan: &Plan) -> Result<u8, Refusal> {
    let mut command = Command::new(worker);
    command.arg0("ampi-worker").arg(program).args(&request.program_args);
    for (name, value) in &request.exports {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command.env(job::VARIABLE, plan.job.to_env());
    if request.no_stdin {
        command.stdin(Stdio::null());
    }
    let signals = Signals::block().map_err(|e| failed(format!("cannot block signals: {e}")))?;
    // Processes that ranks start and leave behind become children of the launcher.
    // SAFETY: a plain number.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    let parent = std::process::id();
    // SAFETY: between fork and exec only sigprocmask, prctl and getppid are called, which are async-signal-safe.
    unsafe { command.pre_exec(move || prepare(signals.before, parent)) };
    let mut child = command.spawn().map_err(|e| failed(format!("cannot start {}: {e}", worker.display())))?;
    watch(&mut child, &signals, plan).map_err(|e| failed(format!("cannot wait for the worker: {e}")))
}

fn failed(why: String) -> Refusal {
    Refusal { code: 1, why }
}

/// In the child, before exec.
fn prepare(mask: libc::sigset_t, parent: u32) -> io::Result<()> {
    // SAFETY: `mask` is the set that sigprocmask gave; prctl takes a plain number.
    unsafe {
        if libc::sigprocmask(libc::SIG_SETMASK, &mask, std::ptr::null_mut()) != 0
            || libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
        {
            return Err(io::Error::last_os_error());
        }
        // The launcher may have died before the prctl.
        if libc::getppid() as u32 != parent {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
    }
    Ok(())
}

/// Waits for whatever comes first, until the worker is gone.
fn watch(child: &mut Child, signals: &Signals, plan: &Plan) -> io::Result<u8> {
    let deadline = plan.timeout.map(|limit| Instant::now() + limit);
    let mut ended_by: Option<i32> = None;
    let mut kill_at: Option<Instant> = None;
    let mut time_over = false;
    loop {
        if let Some(status) = child.try_wait()? {
            if !status.success() {
                sweep();
            }
            return Ok(match (time_over, ended_by) {
                (true, _) => TIME_OVER,
                (false, Some(signal)) => 128 + signal as u8,
                (false, None) => code(status),
            });
        }
        let now = Instant::now();
        if deadline.is_some_and(|d| now >= d) && !time_over {
            time_over = true;
            let limit = plan.timeout.unwrap_or_default().as_secs_f64();
            err!("ampirun: time over: the job was ended after {limit} s ({})", plan.timeout_from);
            child.kill()?;
        }
        if kill_at.is_some_and(|k| now >= k) {
            kill_at = None;
            child.kill()?;
        }
        let next = [deadline.filter(|_| !time_over), kill_at].into_iter().flatten().min();
        match signals.wait(next.map(|n| n.saturating_duration_since(now)))? {
            Some(signal) if ENDING.contains(&signal) => {
                if ended_by.is_some() {
                    child.kill()?;
                } else {
                    ended_by = Some(signal);
                    kill_at = Some(Instant::now() + GRACE);
                    send(child, signal);
                }
            }
            Some(signal) if HANDED_ON.contains(&signal) => send(child, signal),
            _ => {}
        }
    }
}

fn send(child: &Child, signal: i32) {
    // SAFETY: the child has not been waited for, so the number is still its own.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// Ends the processes that ranks of a failed job left behind. After a job that ended well they may go on, as daemons do.
pub(super) fn sweep() {
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

/// The worker's exit code, or 128 + signal with a sentence.
fn code(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => code as u8,
        (None, Some(signal)) => {
            let core = if status.core_dumped() { ", core dumped" } else { "" };
            err!("ampirun: the job was ended by signal {signal} ({}{core})", describe(signal));
            128 + signal as u8
        }
        (None, None) => 1,
    }
}

fn describe(signal: i32) -> String {
    // SAFETY: strsignal returns a C string that stays valid until the next call; one thread calls it.
    let text = unsafe {
        let text = libc::strsignal(signal);
        if text.is_null() { None } else { Some(CStr::from_ptr(text)) }
    };
    text.map_or_else(|| "unknown".into(), |t| t.to_string_lossy().into_owned())
}

/// Whether whoever started us wants this signal ignored (nohup, a background job of a shell): then it stays so.
fn ignored(signal: i32) -> io::Result<bool> {
    let mut action = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: the call fills `action` or fails.
    unsafe {
        if libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(action.assume_init().sa_sigaction == libc::SIG_IGN)
    }
}

/// The signals that the launcher fetches instead of being interrupted by them.
struct Signals {
    set: libc::sigset_t,
    before: libc::sigset_t,
}

impl Signals {
    fn block() -> io::Result<Signals> {
        let mut set = MaybeUninit::<libc::sigset_t>::uninit();
        let mut before = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: both sets are initialised by the calls before they are read.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::signal(libc::SIGCHLD, libc::SIG_DFL);
            for signal in ENDING.into_iter().chain(HANDED_ON).chain([libc::SIGCHLD]) {
                if !ignored(signal)? {
                    libc::sigaddset(set.as_mut_ptr(), signal);
                }
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), before.as_mut_ptr()) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(Signals { set: set.assume_init(), before: before.assume_init() })
        }
    }

    /// The next signal, or `None` after `limit`.
    fn wait(&self, limit: Option<Duration>) -> io::Result<Option<i32>> {
        let limit = limit.unwrap_or(Duration::from_secs(3600));
        let time =
            libc::timespec { tv_sec: limit.as_secs() as i64, tv_nsec: i64::from(limit.subsec_nanos()) };
        // SAFETY: the set was made by `block`; no information about the signal is asked for.
        let signal = unsafe { libc::sigtimedwait(&self.set, std::ptr::null_mut(), &time) };
        if signal > 0 {
            return Ok(Some(signal));
        }
        match io::Error::last_os_error() {
            e if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EINTR)) => Ok(None),
            e => Err(e),
        }
    }
}
