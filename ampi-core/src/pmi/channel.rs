//! The socket to the process manager: lines and sized messages, with time limits.
//!
//! ```text
//! PMI-1:  cmd=get_maxes\n                  a line
//! PMI-2:  "51    " cmd=fullinit;…          six characters of decimal length, blank padded, then as many bytes
//! ```
//!
//! 1. The socket is closed in programs that this process starts (close-on-exec).
//! 2. Every wait has an end: an answer within [`ANSWER`], a fence within [`FENCE`]. What ends a job sooner is the process
//!    manager's to notice; these limits are for one that is stuck.
//! 3. No message is longer than [`MESSAGE_BYTES_MAX`].
//!
//! # Safety
//! Takes over a file descriptor whose number stands in the environment: only when it is an open socket, and once.
#![allow(unsafe_code)]

use crate::error::{Error, Result};
use std::io::{ErrorKind, Read, Write};
use std::mem::MaybeUninit;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long an answer may take.
pub(super) const ANSWER: Duration = Duration::from_secs(60);
/// How long the slowest process may be behind the first at a fence.
pub(super) const FENCE: Duration = Duration::from_secs(600);
/// How long an abort may take to reach this process.
const KILLED: Duration = Duration::from_secs(2);
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// Whether the descriptor of the environment is taken.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A stream to the process manager.
pub(super) struct Channel {
    /// Whatever family the socket has: only read, write and time limits are used, which are the same for all.
    stream: TcpStream,
    /// Received and not yet used.
    buffer: Vec<u8>,
    /// For errors: the protocol.
    name: &'static str,
}

impl Channel {
    /// The socket that this process was started with.
    pub(super) fn inherited(name: &'static str, descriptor: RawFd) -> Result<Channel> {
        let refuse = |why: String| Err(Error::Setting { name: format!("PMI_FD={descriptor}"), why });
        if !is_socket(descriptor) {
            return refuse(
                "is not an open socket; the variable seems to be a remainder of another job (unset PMI_FD PMI_RANK \
                 PMI_SIZE)"
                    .into(),
            );
        }
        if TAKEN.swap(true, Ordering::AcqRel) {
            return refuse("is in use already: a process connects once".into());
        }
        // SAFETY: an open socket (just looked at), which nobody else in this process owns: it came with exec, and rule
        // "once" was just checked.
        let socket = unsafe {
            libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC);
            OwnedFd::from_raw_fd(descriptor)
        };
        Ok(Channel::over(name, socket))
    }

    /// A connected socket of any family.
    pub(super) fn over(name: &'static str, socket: OwnedFd) -> Channel {
        Channel { stream: TcpStream::from(socket), buffer: Vec::new(), name }
    }

    /// Connects to `address`, `host:port`.
    pub(super) fn to(name: &'static str, address: &str) -> Result<Channel> {
        let refuse = |why: String| Error::Setting { name: format!("PMI_PORT={address}"), why };
        let all = address.to_socket_addrs().map_err(|e| refuse(format!("is no address: {e}")))?;
        let mut last = String::from("is no address");
        for one in all {
            match TcpStream::connect_timeout(&one, Duration::from_secs(10)) {
                Ok(stream) => {
                    // Without it the small requests still arrive, only later.
                    let _ = stream.set_nodelay(true);
                    return Ok(Channel { stream, buffer: Vec::new(), name });
                }
                Err(e) => last = format!("cannot be reached: {e}"),
            }
        }
        Err(refuse(last))
    }

    pub(super) fn error(&self, why: String) -> Error {
        Error::Launcher { who: self.name.into(), why }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.stream.set_write_timeout(Some(ANSWER)).and_then(|()| self.stream.write_all(bytes));
        sent.map_err(|e| self.failed("a request", &e))
    }

    /// The next line, without its end. `what` is waited for, for errors.
    pub(super) fn line(&mut self, what: &str, limit: Duration) -> Result<String> {
        let end = loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                break end;
            }
            self.receive(what, limit)?;
        };
        let line: Vec<u8> = self.buffer.drain(..=end).collect();
        Ok(String::from_utf8_lossy(&line[..end]).trim_end_matches('\r').to_string())
    }

    /// The next message with six characters of length in front.
    pub(super) fn sized(&mut self, what: &str, limit: Duration) -> Result<String> {
        while self.buffer.len() < 6 {
            self.receive(what, limit)?;
        }
        let head: Vec<u8> = self.buffer.drain(..6).collect();
        let head = String::from_utf8_lossy(&head).into_owned();
        let length = head.trim().parse::<usize>().ok().filter(|n| *n <= MESSAGE_BYTES_MAX);
        let Some(length) = length else {
            return Err(
                self.error(format!("the answer to {what} begins with \"{head}\", which is no length"))
            );
        };
        while self.buffer.len() < length {
            self.receive(what, limit)?;
        }
        let message: Vec<u8> = self.buffer.drain(..length).collect();
        Ok(String::from_utf8_lossy(&message).into_owned())
    }

    /// Waits a little for the end that was asked for.
    pub(super) fn await_end(&mut self) {
        while self.buffer.len() < MESSAGE_BYTES_MAX && self.receive("cmd=abort", KILLED).is_ok() {}
    }

    fn receive(&mut self, what: &str, limit: Duration) -> Result<()> {
        if self.buffer.len() > MESSAGE_BYTES_MAX {
            return Err(self.error(format!("the answer to {what} is longer than {MESSAGE_BYTES_MAX} bytes")));
        }
        let mut bytes = [0; 4096];
        let read = self.stream.set_read_timeout(Some(limit)).and_then(|()| {
            loop {
                match self.stream.read(&mut bytes) {
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    result => return result,
                }
            }
        });
        match read {
            Ok(0) => {
                Err(self
                    .error(format!("the process manager closed the connection instead of answering {what}")))
            }
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(self.error(format!("no answer to {what} within {} s", limit.as_secs())))
            }
            Err(e) => Err(self.failed(what, &e)),
        }
    }

    fn failed(&self, what: &str, e: &std::io::Error) -> Error {
        self.error(format!("the connection to the process manager broke at {what}: {e}"))
    }
}

fn is_socket(descriptor: RawFd) -> bool {
    let mut status = MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call fills `status` when it returns 0; a number that is no descriptor is refused by it.
    unsafe {
        libc::fstat(descriptor, status.as_mut_ptr()) == 0
            && status.assume_init().st_mode & libc::S_IFMT == libc::S_IFSOCK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    fn pair() -> (Channel, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        (Channel::over("PMI-1", ours.into()), theirs)
    }

    #[test]
    fn pmi_lines_and_messages_arrive_in_any_cut() {
        let (mut channel, mut server) = pair();
        let bytes = b"cmd=a x=1\ncmd=b\r\n10    cmd=c;x=1;0     5     hello";
        let writer = std::thread::spawn(move || {
            for byte in bytes {
                server.write_all(&[*byte]).unwrap();
            }
            server
        });
        assert_eq!(channel.line("a", ANSWER).unwrap(), "cmd=a x=1");
        assert_eq!(channel.line("b", ANSWER).unwrap(), "cmd=b");
        assert_eq!(channel.sized("c", ANSWER).unwrap(), "cmd=c;x=1;");
        assert_eq!(channel.sized("d", ANSWER).unwrap(), "");
        assert_eq!(channel.sized("e", ANSWER).unwrap(), "hello");
        drop(writer.join().unwrap());
        let why = channel.line("cmd=f", ANSWER).unwrap_err().to_string();
        assert_eq!(why, "PMI-1: the process manager closed the connection instead of answering cmd=f");
        assert!(channel.send(b"x").is_err(), "no SIGPIPE");
    }

    #[test]
    fn silent_pmi_servers_are_given_up() {
        let (mut channel, mut server) = pair();
        let why = channel.line("cmd=x", Duration::from_millis(10)).unwrap_err().to_string();
        assert!(why.contains("no answer to cmd=x"), "{why}");
        server.write_all(b"abcdef").unwrap();
        assert!(channel.sized("x", ANSWER).unwrap_err().to_string().contains("\"abcdef\""));
        server.write_all(b"999999").unwrap();
        assert!(channel.sized("x", ANSWER).unwrap_err().to_string().contains("no length"));
    }

    #[test]
    fn pmi_lines_without_end_are_given_up() {
        let (mut channel, mut server) = pair();
        let writer = std::thread::spawn(move || server.write_all(&vec![b'x'; 2 * MESSAGE_BYTES_MAX]));
        assert!(channel.line("cmd=x", ANSWER).unwrap_err().to_string().contains("longer than"));
        drop(channel);
        let _ = writer.join().unwrap();
    }

    #[test]
    fn a_pmi_descriptor_must_be_a_socket_and_is_taken_once() {
        let why = Channel::inherited("PMI-1", 999_999).err().unwrap().to_string();
        assert!(why.contains("PMI_FD=999999: is not an open socket"), "{why}");
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(Channel::inherited("PMI-1", file.as_raw_fd()).is_err());
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let descriptor = std::os::fd::IntoRawFd::into_raw_fd(ours);
        let first = Channel::inherited("PMI-1", descriptor);
        assert!(first.is_ok());
        let why = Channel::inherited("PMI-1", descriptor).err().unwrap().to_string();
        assert!(why.contains("in use already"), "{why}");
    }

    #[test]
    fn a_pmi_port_that_nobody_serves_is_named() {
        for address in ["127.0.0.1:1", "nonsense", "127.0.0.1:notaport"] {
            let why = Channel::to("PMI-1", address).err().unwrap().to_string();
            assert!(why.starts_with(&format!("PMI_PORT={address}: ")), "{why}");
        }
    }
}
