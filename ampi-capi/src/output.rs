//! `--tag-output` and `--output-filename`: what ranks print, line by line.
//!
//! ```text
//! rank's write ─ tag?  ─ yes: kept until the line is complete ─ "[rank] line" ─┬ file?  ─ yes: the rank's file
//!                       └ no ──────────────────────────────────────────────────┘        └ no: stdout or stderr of the job
//! ```
//!
//! 1. One lock around everything: lines of different ranks never mix, each line is written in one piece.
//! 2. A line without an end is written when its rank ends, or at the end of the job.
//! 3. Of a rank's file both stdout and stderr of the rank are part. It is emptied at the rank's first output.
//!
//! Without either option nothing of this is installed and ranks write to the job's descriptors themselves.

use ampi_core::image::libc::output::{self, Sink};
use ampi_core::job::JobSpec;
use ampi_core::output::{file_name, tagged};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, TryLockError};

/// Files that stay open between two writes; those of further ranks are opened for each write.
const OPEN_FILES: usize = 200;
/// A line longer than this is cut.
const LONGEST_LINE: usize = 1 << 20;

struct Output {
    tag: bool,
    /// Absolute: ranks may change their working directory.
    pattern: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What a rank has written to a descriptor since its last line end.
    unfinished: BTreeMap<(u32, i32), Vec<u8>>,
    open: BTreeMap<u32, File>,
    begun: BTreeSet<u32>,
}

static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Takes over the output of ranks if the job asks for it. `Err`: files cannot be made, and why.
pub fn install(spec: &JobSpec) -> Result<(), String> {
    if !spec.tag_output && spec.output_filename.is_none() {
        return Ok(());
    }
    let pattern = spec.output_filename.as_ref().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone()));
    let output = OUTPUT.get_or_init(|| Output { tag: spec.tag_output, pattern, state: Mutex::default() });
    if let Some(pattern) = &output.pattern {
        let path = file_name(pattern, 0);
        open(&path, true).map_err(|e| format!("--output-filename: cannot make {}: {e}", path.display()))?;
    }
    output::set_sink(output);
    Ok(())
}

/// The rank has ended: its last line is complete.
pub fn end_of(rank: u32) {
    if let Some(output) = OUTPUT.get() {
        output.finish(|r| r == rank);
    }
}

/// The job ends: whatever has been written is shown. Does nothing when the lock is held, as by a thread that faulted.
pub fn end() {
    if let Some(output) = OUTPUT.get() {
        output.finish(|_| true);
    }
}

impl Sink for Output {
    fn write(&self, rank: u32, fd: i32, bytes: &[u8]) -> Result<usize, i32> {
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        let written = if self.tag {
            let mut line = state.unfinished.remove(&(rank, fd)).unwrap_or_default();
            line.extend_from_slice(bytes);
            let end = match line.iter().rposition(|&c| c == b'\n') {
                Some(last) => last + 1,
                None if line.len() > LONGEST_LINE => line.len(),
                None => 0,
            };
            let rest = line.split_off(end);
            if !rest.is_empty() {
                state.unfinished.insert((rank, fd), rest);
            }
            self.put(&mut state, rank, fd, &tagged(rank, &line))
        } else {
            self.put(&mut state, rank, fd, bytes)
        };
        if let Err(code) = written {
            tell_once(rank, code);
        }
        written.map(|()| bytes.len())
    }
}

/// Output of a rank is lost. Programs seldom look at what printf returns: so we say it, once in a job.
fn tell_once(rank: u32, code: i32) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    if code != libc::EPIPE && !TOLD.swap(true, Ordering::Relaxed) {
        let why = std::io::Error::from_raw_os_error(code);
        // if that fails, too, nobody is left to tell
        let _ = writeln!(std::io::stderr(), "ampi: output of rank {rank} is lost: {why}");
    }
}

impl Output {
    fn finish(&self, of: impl Fn(u32) -> bool) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(e)) => e.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let keys: Vec<_> = state.unfinished.keys().copied().filter(|(rank, _)| of(*rank)).collect();
        for (rank, fd) in keys {
            let line = state.unfinished.remove(&(rank, fd)).unwrap_or_default();
            // the reader is gone, and there is nobody left to tell
            let _ = self.put(&mut state, rank, fd, &tagged(rank, &line));
        }
    }

    fn put(&self, state: &mut State, rank: u32, fd: i32, bytes: &[u8]) -> Result<(), i32> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(pattern) = &self.pattern else { return to_job(fd, bytes) };
        let path = file_name(pattern, rank);
        let code = |e: std::io::Error| e.raw_os_error().unwrap_or(libc::EIO);
        if let Some(file) = state.open.get_mut(&rank) {
            return file.write_all(bytes).map_err(code);
        }
        let mut file = open(&path, state.begun.insert(rank)).map_err(code)?;
        file.write_all(bytes).map_err(code)?;
        if state.open.len() < OPEN_FILES {
            state.open.insert(rank, file);
        }
        Ok(())
    }
}

fn open(path: &Path, first: bool) -> std::io::Result<File> {
    if first {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        File::create(path)?;
    }
    OpenOptions::new().append(true).open(path)
}

fn to_job(fd: i32, mut bytes: &[u8]) -> Result<(), i32> {
    let to: BorrowedFd<'static> = if fd == 2 { rustix::stdio::stderr() } else { rustix::stdio::stdout() };
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(Errno::INTR) => {}
            // a terminal or pipe that does not block and is full
            Err(Errno::AGAIN) => std::thread::yield_now(),
            Err(e) => return Err(e.raw_os_error()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_have_files_of_their_own_and_lines_stay_whole() {
        let folder = std::env::temp_dir().join(format!("ampi-output-{}", std::process::id()));
        let pattern = Some(folder.join("deep/out-%r"));
        let output = Output { tag: true, pattern, state: Mutex::default() };
        for (rank, fd, text) in [(0, 1, "be"), (1, 1, "x\n"), (0, 2, "error\n"), (0, 1, "gin\nno end")] {
            assert_eq!(output.write(rank, fd, text.as_bytes()), Ok(text.len()));
        }
        output.finish(|_| true);
        let text = |rank: u32| std::fs::read_to_string(folder.join(format!("deep/out-{rank}"))).unwrap();
        assert_eq!((text(0).as_str(), text(1).as_str()), ("[0] error\n[0] begin\n[0] no end\n", "[1] x\n"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
