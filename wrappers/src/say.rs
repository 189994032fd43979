//! Writing to the user. Unlike `println!`, which panics when nobody can read.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write, stderr, stdout};

/// Writes an answer to standard output. Where that is impossible the command ends: quietly, with the code of SIGPIPE, when the
/// reader has left, else with a sentence.
pub fn answer(text: Arguments<'_>) {
    let mut out = stdout().lock();
    let Err(e) = out.write_fmt(text).and_then(|()| out.flush()) else { return };
    if e.kind() != ErrorKind::BrokenPipe {
        remark(format_args!("cannot write to standard output: {e}\n"));
    }
    std::process::exit(if e.kind() == ErrorKind::BrokenPipe { 141 } else { 1 });
}

/// Writes a remark to standard error; where that is impossible there is nobody to tell.
pub fn remark(text: Arguments<'_>) {
    let _ = stderr().lock().write_fmt(text);
}

/// `println!` by [`answer`].
macro_rules! out {
    ($($part:tt)*) => { $crate::say::answer(format_args!("{}\n", format_args!($($part)*))) };
}
/// `eprintln!` by [`remark`].
macro_rules! err {
    ($($part:tt)*) => { $crate::say::remark(format_args!("{}\n", format_args!($($part)*))) };
}
pub(crate) use {err, out};
