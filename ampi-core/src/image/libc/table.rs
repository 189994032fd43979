//! The one table of overrides: libc name → address of our function.

/// Address of our replacement of the libc function `name`, if there is one.
pub fn lookup(name: &str) -> Option<usize> {
    let _ = name;
    None
}
