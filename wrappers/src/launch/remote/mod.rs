//! Processes on other hosts: one remote shell per host, which runs an agent there.
//!
//! ```text
//! launcher                          ssh h2                         h2
//!   Fleet ── Session ──stdin──►  order, signals   ──────────►  agent (ampirun --remote-agent)
//!                    ◄─stdout─  hello, output, ends  ◄──────     ├─ process 2
//!                    ◄─stderr─  what ssh says                    └─ process 3
//! ```
//!
//! | file | question it answers |
//! |---|---|
//! | [`quote`] | how does a word survive a shell |
//! | [`shell`] | which command opens the way to a host |
//! | [`frame`] | what do launcher and agent say to each other |
//! | [`order`] | what is started: folder, environment, secret, programs |
//! | [`agent`] | the remote side |
//! | [`session`] | the launcher's side of one host |
//! | [`fleet`] | all hosts of a job |
//! | [`diagnose`] | why did it not work: one sentence |
//!
//! Rules:
//! 1. The command line on the other host is the agent's path and nothing else: programs, variables and the secret go
//!    through standard input, where `ps` does not show them and no shell changes them.
//! 2. The agent ends everything that it started when its standard input ends: that is what the other side sees of a
//!    launcher, a remote shell or a network that is gone.
//! 3. Output goes line by line: a frame holds whole lines, so lines of two processes do not mix.
//! 4. What the start-up files of a login shell print before the agent's first line is passed over.

pub mod agent;
pub mod diagnose;
pub mod fleet;
pub mod frame;
pub mod order;
pub mod quote;
pub mod session;
pub mod shell;

pub use fleet::Fleet;
pub use order::{Order, Start};
pub use session::{Event, News, Outlet, Session};
pub use shell::Shell;

/// The word after which `ampirun` is the agent. Not for people, so not in `--help`.
pub const AGENT_WORD: &str = "--remote-agent";
