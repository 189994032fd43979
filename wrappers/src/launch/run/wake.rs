//! One wait for everything: signals, the server's connections, agents' events, clocks.

use super::super::remote::Fleet;
use super::super::signals::Signals;
use ampi_core::wire::bootstrap::Server;
use ampi_core::wire::stream;
use rustix::event::{PollFd, PollFlags};
use std::os::fd::AsFd;
use std::time::Instant;

/// Waits until one of them has something, or until `until`.
pub fn wait(signals: &Signals, server: Option<&Server>, fleet: Option<&Fleet>, until: Instant) {
    let mut fds = vec![PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)];
    if let Some(fleet) = fleet {
        fds.push(PollFd::from_borrowed_fd(fleet.bell(), PollFlags::IN));
    }
    if let Some(server) = server {
        server.wait_for(&mut |fd, flags| fds.push(PollFd::from_borrowed_fd(fd, flags)));
    }
    stream::wait(&mut fds, until);
}
