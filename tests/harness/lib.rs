//! The harness of everything that needs the built tree; `tests/README.md` says how tests are written.
//!
//! * [`directives`]: what a program says about itself in its header;
//! * [`tree`]: where the built tree is;
//! * [`process`]: run a command with a time limit, keep what it wrote;
//! * [`program`]: compile a program once, run it in each configuration, check what it did;
//! * [`expect`]: expectations against output;
//! * [`commands`]: tests of the launcher, the wrappers and the installation.

pub mod commands;
pub mod directives;
pub mod expect;
pub mod process;
pub mod program;
pub mod tree;
