//! Tests of the launcher, the compiler wrappers and the installation: plain functions, each a named test.

/// A name and what it does; `Err` says what was wrong.
pub type Test = (&'static str, fn() -> Result<(), String>);

/// All of them.
pub fn all() -> Vec<Test> {
    Vec::new()
}
