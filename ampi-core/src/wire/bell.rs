//! Waking a process of the same host that sleeps on descriptors: a datagram of one byte.
//!
//! Who rings is not asked: a wake-up for nothing costs a look. Names are abstract, so nothing stays behind.

use super::stream::Address;
use crate::error::{Error, Result};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recv, sendto,
    socket_with,
};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The bell of this process, and the means to ring others.
#[derive(Debug)]
pub struct Bell {
    socket: OwnedFd,
}

/// Another process's bell.
#[derive(Debug, Clone)]
pub struct BellRope(SocketAddrUnix);

impl Bell {
    /// A bell with this name, which must be abstract.
    pub fn hang(at: &Address) -> Result<Bell> {
        let failed =
            |e: rustix::io::Errno| Error::Wire { what: format!("the bell {at}"), why: e.to_string() };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).map_err(failed)?;
        bind(&socket, &BellRope::to(at)?.0).map_err(failed)?;
        Ok(Bell { socket })
    }

    /// Rings another's.
    pub fn ring(&self, other: &BellRope) {
        // full: it has been rung often enough; gone: the launcher will say so
        let _ = sendto(&self.socket, &[1], SendFlags::NOSIGNAL, &other.0);
    }

    /// Forgets that it was rung.
    pub fn hush(&self) {
        let mut bytes = [0u8; 8];
        while recv(&self.socket, &mut bytes, RecvFlags::empty()).is_ok() {}
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl BellRope {
    pub fn to(at: &Address) -> Result<BellRope> {
        let refuse = |why: String| Error::Wire { what: format!("the bell {at}"), why };
        match at {
            Address::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())
                .map(BellRope)
                .map_err(|e| refuse(e.to_string())),
            _ => Err(refuse("its name is not abstract".into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::stream;
    use rustix::event::{PollFd, PollFlags};
    use std::time::{Duration, Instant};

    #[test]
    fn wakes_whoever_waits() {
        let name = |n: u32| Address::Abstract(format!("ampi-bell-test-{}-{n}", std::process::id()));
        let (a, b) = (Bell::hang(&name(1)).unwrap(), Bell::hang(&name(2)).unwrap());
        let rung = |bell: &Bell| {
            let mut fds = [PollFd::new(bell, PollFlags::IN)];
            stream::wait(&mut fds, Instant::now() + Duration::from_millis(1));
            !fds[0].revents().is_empty()
        };
        assert!(!rung(&b));
        let rope = BellRope::to(&name(2)).unwrap();
        (0..10_000).for_each(|_| a.ring(&rope));
        assert!(rung(&b) && !rung(&a));
        b.hush();
        assert!(!rung(&b));
        assert!(BellRope::to(&"tcp:127.0.0.1:1".parse().unwrap()).is_err());
    }
}
