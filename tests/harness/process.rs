//! Run a command with a time limit, keep what it wrote.
//!
//! 1. The command runs in a process group of its own; when its time is over the whole group is killed.
//! 2. Standard output and error are read by two threads, so that a full pipe never blocks the command.
//!
//! # Safety
//! `kill` with a negative number ends the group that this module made; nothing else here is unsafe.
#![allow(unsafe_code)]

use std::io::{Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What a command did.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The exit code; 128 + signal when it was killed by one.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
    pub took: Duration,
}

impl Outcome {
    /// Everything, for the message of a failed test.
    pub fn told(&self) -> String {
        let end =
            if self.timed_out { "killed, time over".to_string() } else { format!("exit code {}", self.code) };
        let took = self.took.as_secs_f64();
        format!("{end} after {took:.1} s\n--- stdout\n{}--- stderr\n{}", cut(&self.stdout), cut(&self.stderr))
    }

    pub fn lines(&self) -> Vec<String> {
        self.stdout.lines().map(String::from).collect()
    }
}

/// The first and the last part of a long text.
fn cut(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    if lines.len() <= 80 {
        return lines.iter().map(|l| format!("{l}\n")).collect();
    }
    let head: String = lines[..40].iter().map(|l| format!("{l}\n")).collect();
    let tail: String = lines[lines.len() - 40..].iter().map(|l| format!("{l}\n")).collect();
    format!("{head}… {} more lines …\n{tail}", lines.len() - 80)
}

/// Runs `command` with `stdin` as its input, for `limit` at most.
pub fn run(command: &mut Command, stdin: &str, limit: Duration) -> Result<Outcome, String> {
    let told = format!("{command:?}");
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| format!("cannot start {told}: {e}"))?;
    let mut input = child.stdin.take().expect("piped");
    let text = stdin.to_string();
    // A program that does not read its input breaks the pipe: not our concern.
    let writer = std::thread::spawn(move || drop(input.write_all(text.as_bytes())));
    let stdout = collect(child.stdout.take().expect("piped"));
    let stderr = collect(child.stderr.take().expect("piped"));
    let mut timed_out = false;
    let status = loop {
        match child.try_wait().map_err(|e| format!("cannot wait for {told}: {e}"))? {
            Some(status) => break status,
            None if start.elapsed() > limit && !timed_out => {
                timed_out = true;
                // SAFETY: the group was made above and its leader has not been waited for.
                unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    };
    // A grandchild that outlived its parent would keep the pipes open.
    // SAFETY: as above; if nobody of the group is left the call fails and nothing happens.
    unsafe { libc::kill(-(child.id() as i32), libc::SIGKILL) };
    let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    let text = |t: std::thread::JoinHandle<Vec<u8>>| {
        String::from_utf8_lossy(&t.join().unwrap_or_default()).into_owned()
    };
    let outcome =
        Outcome { code, stdout: text(stdout), stderr: text(stderr), timed_out, took: start.elapsed() };
    let _ = writer.join();
    Ok(outcome)
}

/// Waits for a process that was told to end; kills it when that takes longer than `limit`.
pub fn wait_for(child: &mut Child, limit: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => return Ok(status),
            None if start.elapsed() > limit => {
                // the error is what the caller hears of
                let _ = child.kill().and_then(|()| child.wait());
                return Err(format!("process {} still ran after {limit:?}", child.id()));
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Gives the signals that end a program their usual effect: whoever started the tests in the background may have made
/// them ignored, and the programs under test would inherit that.
pub fn restore_signals() {
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM] {
        // SAFETY: the default effect needs no handler.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

fn collect(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        bytes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, stdin: &str, seconds: u64) -> Outcome {
        run(Command::new("sh").args(["-c", script]), stdin, Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn codes_signals_and_both_streams_are_told() {
        let o = shell("cat; echo err >&2; exit 3", "in\n", 10);
        assert_eq!((o.code, o.stdout.as_str(), o.stderr.as_str()), (3, "in\n", "err\n"));
        assert_eq!(shell("kill -9 $$", "", 10).code, 137);
    }

    #[test]
    fn time_over_ends_the_whole_group() {
        let o = shell("sleep 60 & sleep 60", "", 1);
        assert!(o.timed_out && o.took < Duration::from_secs(20), "{}", o.told());
    }
}
