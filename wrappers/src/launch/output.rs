//! Where output of processes goes that the launcher reads: that of other hosts, and, with `--isolate=process`, that of this one
//! when lines are to be marked or written to files. (Workers mark the lines of their ranks themselves.)
//!
//! Of a rank's file both its stdout and stderr are part.

use super::Refusal;
use super::lines::forward;
use super::remote::Outlet;
use super::words::Request;
use ampi_core::job::Isolate;
use ampi_core::output::{file_name, tagged};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

/// How long output may come after the end of its process: somebody else may keep the pipe open.
const LATE: Duration = Duration::from_millis(200);

/// What is done with the lines of ranks.
struct Marks {
    tag: bool,
    pattern: Option<PathBuf>,
    files: Mutex<BTreeMap<u32, File>>,
}

/// The way out for lines of processes; whether it is also that of processes of this host.
pub struct Output {
    pub outlet: Outlet,
    pub marked: bool,
}

impl Output {
    /// `here`: what relative names of files are relative to.
    pub fn new(request: &Request, here: &Path) -> Result<Output, Refusal> {
        let marked = request.isolate == Some(Isolate::Process)
            && (request.tag_output || request.output_filename.is_some());
        if !marked {
            return Ok(Output { outlet: Arc::new(|_, is_error, lines| write(is_error, lines)), marked });
        }
        let pattern = request.output_filename.as_ref().map(|name| here.join(name));
        let marks = Marks { tag: request.tag_output, pattern, files: Mutex::default() };
        if let Some(pattern) = &marks.pattern {
            let path = file_name(pattern, 0);
            let made = create(&path);
            made.map_err(|e| Refusal {
                code: 1,
                why: format!("--output-filename: cannot make {}: {e}", path.display()),
            })?;
        }
        Ok(Output {
            outlet: Arc::new(move |rank, is_error, lines| marks.write(rank, is_error, lines)),
            marked,
        })
    }

    /// Reads the pipes of a process of this host.
    pub fn read(&self, rank: u32, child: &mut Child) -> Vec<JoinHandle<()>> {
        let mut threads = Vec::new();
        let mut begin = |is_error, stream: Option<Box<dyn io::Read + Send>>| {
            let Some(stream) = stream else { return };
            let outlet = self.outlet.clone();
            // Who does not take its output any more closes the pipe, and the process learns of it.
            let take = move |lines: Vec<u8>| outlet(rank, is_error, &lines).is_ok();
            threads.push(std::thread::spawn(move || forward(stream, take)));
        };
        begin(false, child.stdout.take().map(|s| Box::new(s) as _));
        begin(true, child.stderr.take().map(|s| Box::new(s) as _));
        threads
    }
}

/// Waits until everything is written, when the processes are gone.
pub fn finish(threads: &[JoinHandle<()>]) {
    let until = Instant::now() + LATE;
    while threads.iter().any(|t| !t.is_finished()) && Instant::now() < until {
        sleep(Duration::from_millis(1));
    }
}

fn write(is_error: bool, lines: &[u8]) -> io::Result<()> {
    if is_error {
        return io::stderr().lock().write_all(lines);
    }
    let mut out = io::stdout().lock();
    out.write_all(lines)?;
    out.flush()
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}

impl Marks {
    fn write(&self, rank: u32, is_error: bool, lines: &[u8]) -> io::Result<()> {
        let text = if self.tag { tagged(rank, lines) } else { lines.to_vec() };
        let Some(pattern) = &self.pattern else { return write(is_error, &text) };
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match files.entry(rank) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(new) => new.insert(create(&file_name(pattern, rank))?),
        };
        file.write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_have_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let request = Request {
            isolate: Some(Isolate::Process),
            tag_output: true,
            output_filename: Some("deep/out-%r".into()),
            ..Request::default()
        };
        let output = Output::new(&request, folder.path()).unwrap();
        assert!(output.marked);
        for (rank, is_error, text) in [(0, false, "a\n"), (1, false, "x\n"), (0, true, "no end")] {
            (output.outlet)(rank, is_error, text.as_bytes()).unwrap();
        }
        let text =
            |rank: u32| std::fs::read_to_string(folder.path().join(format!("deep/out-{rank}"))).unwrap();
        assert_eq!((text(0).as_str(), text(1).as_str()), ("[0] a\n[0] no end\n", "[1] x\n"));
        let nowhere = Request { output_filename: Some("/proc/x/y".into()), ..request };
        assert!(Output::new(&nowhere, folder.path()).err().unwrap().why.contains("cannot make /proc/x/y.0"));
    }

    #[test]
    fn workers_mark_their_lines_themselves() {
        let request = Request { tag_output: true, ..Request::default() };
        assert!(!Output::new(&request, Path::new("/")).unwrap().marked);
    }
}
