//! What the libc replacements of a guest need from the scheduler above: a trait, so that `image` knows no scheduling.

use super::guest::Guest;
use std::sync::OnceLock;

/// Services of the layer above, installed once per process before the first guest starts. All calls come from a guest's
/// own stack and FS base, or from a thread that a guest created.
pub trait Host: Sync {
    /// Lets other ranks of the PE run; returns when it is this rank's turn again.
    fn yield_now(&self);
    /// Suspends the calling rank for at least `ns` nanoseconds while others run.
    fn sleep(&self, ns: u64);
    /// The rank has run its exit handlers (`clean`: through exit or return from main; otherwise `_exit`, quick_exit).
    /// Never returns: the rank's stack is not used again.
    fn exited(&self, guest: &'static Guest, code: i32, clean: bool) -> !;
    /// A thread that a guest creates begins: it may wake ranks that wait. Called by its creator.
    fn thread_began(&self) {}
    /// Such a thread has ended. Called by the thread itself, or by its creator if it did not come to be.
    fn thread_ended(&self) {}
    /// The whole job must end now: `why` is one sentence without the rank (the host adds rank and PE). Never returns.
    fn fatal(&self, why: &str, exit_code: i32) -> !;
}

static HOST: OnceLock<&'static dyn Host> = OnceLock::new();

/// Installs the host. Panics when called twice.
pub fn install(host: &'static dyn Host) {
    assert!(HOST.set(host).is_ok(), "image::host::install called twice");
}

/// The installed host. Panics before [`install`]: no guest may run then.
pub fn host() -> &'static dyn Host {
    *HOST.get().expect("image::host::install comes before the first guest")
}
