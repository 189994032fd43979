//! Sentences of the runtime to the user, on standard error.
//!
//! Each is one write: several processes have the same standard error, and their lines shall not mix.

use std::fmt::Arguments;
use std::io::Write;

/// A line that begins with our name. Where nobody can read it there is nobody to tell.
pub fn say(text: Arguments<'_>) {
    let _ = std::io::stderr().write_all(format!("ampi: {text}\n").as_bytes());
}
