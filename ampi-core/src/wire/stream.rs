//! Addresses, listeners and connections: TCP (IPv4, IPv6) and Unix-domain behind one name.
//!
//! ```text
//! tcp:10.0.0.7:4021      tcp:[fe80::1]:4021      unix:/run/job/3.sock      unix:@job-3   (abstract: leaves no file)
//! ofi:tcp;ofi_rxm:0200d431…   (an endpoint of libfabric: provider, name in hexadecimal digits; not for streams)
//! ```
//!
//! Everything is non-blocking; who wants to wait calls [`wait`] with a time limit. Writes never raise SIGPIPE. Reads and
//! writes leave C's `errno` alone: they may happen in the middle of a program's own work.

use crate::error::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendFlags, SocketFlags, SocketType, sockopt,
};
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// Where a process listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Address {
    Tcp(SocketAddr),
    /// A socket file.
    Unix(PathBuf),
    /// A name in the kernel's table, bound to the network namespace; vanishes with its owner.
    Abstract(String),
    /// An endpoint of libfabric: what its provider is called, and what it calls the endpoint. Links by messages go there, no
    /// streams.
    Fabric {
        provider: String,
        name: Vec<u8>,
    },
}

/// A connection.
#[derive(Debug)]
pub enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// Takes connections. Its socket file, if it has one, is removed with it.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    address: Address,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(at) => write!(f, "tcp:{at}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
            Address::Abstract(name) => write!(f, "unix:@{name}"),
            Address::Fabric { provider, name } => {
                write!(f, "ofi:{provider}:")?;
                name.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl FromStr for Address {
    type Err = Error;
    fn from_str(text: &str) -> Result<Address> {
        let bad = |why: String| Error::Setting { name: format!("address {text:?}"), why };
        match text.split_once(':') {
            Some(("tcp", at)) => at.parse().map(Address::Tcp).map_err(|e| bad(e.to_string())),
            Some(("unix", "" | "@")) => Err(bad("has no name".into())),
            Some(("unix", name)) => Ok(match name.strip_prefix('@') {
                Some(name) => Address::Abstract(name.into()),
                None => Address::Unix(name.into()),
            }),
            Some(("ofi", at)) => match at.rsplit_once(':').map(|(p, digits)| (p, bytes_of(digits))) {
                Some((provider, Some(name))) if !provider.is_empty() && !name.is_empty() => {
                    Ok(Address::Fabric { provider: provider.into(), name })
                }
                _ => Err(bad("is not a provider, a colon and hexadecimal digits".into())),
            },
            _ => Err(bad("starts neither with tcp: nor with unix: nor with ofi:".into())),
        }
    }
}

impl Address {
    /// Any free port of `ip`.
    pub fn any_port(ip: IpAddr) -> Address {
        Address::Tcp(SocketAddr::new(ip, 0))
    }

    /// Is it reachable on its own host only?
    pub fn is_local(&self) -> bool {
        matches!(self, Address::Unix(_) | Address::Abstract(_))
    }

    fn unix(&self) -> io::Result<Option<std::os::unix::net::SocketAddr>> {
        match self {
            Address::Tcp(_) | Address::Fabric { .. } => Ok(None),
            Address::Unix(path) => std::os::unix::net::SocketAddr::from_pathname(path).map(Some),
            Address::Abstract(name) => std::os::unix::net::SocketAddr::from_abstract_name(name).map(Some),
        }
    }
}

/// The bytes that pairs of hexadecimal digits stand for.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    let all = digits.len().is_multiple_of(2) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    all.then(|| (0..digits.len()).step_by(2).map(pair).collect())?
}

fn failed<E: fmt::Display>(what: String) -> impl FnOnce(E) -> Error {
    move |e| Error::Wire { what, why: e.to_string() }
}

impl Listener {
    /// Listens at `address`; port 0 is replaced by a free one.
    pub fn bind(address: &Address) -> Result<Listener> {
        let what = || format!("listening at {address}");
        let (socket, address) = match address {
            Address::Tcp(at) => {
                let listener = TcpListener::bind(at).map_err(failed(what()))?;
                listener.set_nonblocking(true).map_err(failed(what()))?;
                let at = listener.local_addr().map_err(failed(what()))?;
                (Socket::Tcp(listener), Address::Tcp(at))
            }
            local => {
                let at = local.unix().map_err(failed(what()))?;
                let at = at.ok_or_else(|| failed(what())("is no address of this host"))?;
                let listener = UnixListener::bind_addr(&at).map_err(failed(what()))?;
                listener.set_nonblocking(true).map_err(failed(what()))?;
                (Socket::Unix(listener), local.clone())
            }
        };
        Ok(Listener { socket, address })
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The next connection and where it comes from; `None` when none waits.
    pub fn accept(&self) -> io::Result<Option<(Stream, String)>> {
        let accepted = match &self.socket {
            Socket::Tcp(l) => l.accept().map(|(s, from)| (Stream::Tcp(s), format!("tcp:{from}"))),
            Socket::Unix(l) => l.accept().map(|(s, _)| (Stream::Unix(s), self.address.to_string())),
        };
        match accepted {
            Ok((stream, from)) => {
                stream.prepare()?;
                Ok(Some((stream, from)))
            }
            Err(e) => match e.kind() {
                // the peer was gone again before we came: the same as nobody
                io::ErrorKind::WouldBlock | io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted => {
                    Ok(None)
                }
                _ => Err(e),
            },
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // it may be gone already, with the folder of the job
            let _ = std::fs::remove_file(path);
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(l) => l.as_fd(),
            Socket::Unix(l) => l.as_fd(),
        }
    }
}

impl Stream {
    /// Begins to connect; [`Stream::connected`] says when it is done.
    pub fn open(address: &Address) -> io::Result<Stream> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let stream = match address {
            Address::Tcp(at) => {
                let family = if at.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
                let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
                match rustix::net::connect(&socket, at) {
                    Ok(()) | Err(rustix::io::Errno::INPROGRESS | rustix::io::Errno::INTR) => {}
                    Err(e) => return Err(e.into()),
                }
                Stream::Tcp(socket.into())
            }
            local => {
                let at = local.unix()?.ok_or(io::ErrorKind::InvalidInput)?;
                // connecting to a Unix socket is at once: it waits only while the listener's queue is full
                Stream::Unix(UnixStream::connect_addr(&at)?)
            }
        };
        stream.prepare()?;
        Ok(stream)
    }

    /// Is it open? An error when it cannot be opened.
    pub fn connected(&self) -> io::Result<bool> {
        let Stream::Tcp(stream) = self else { return Ok(true) };
        let mut fds = [PollFd::new(stream, PollFlags::OUT)];
        if rustix::event::poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
            return Ok(false);
        }
        match stream.take_error()? {
            Some(e) => Err(e),
            None => Ok(true),
        }
    }

    fn prepare(&self) -> io::Result<()> {
        match self {
            Stream::Tcp(s) => {
                s.set_nonblocking(true)?;
                s.set_nodelay(true)
            }
            Stream::Unix(s) => s.set_nonblocking(true),
        }
    }

    /// A connection on which nothing is acknowledged for this long is dead. Only TCP needs to be told.
    pub fn set_silence_limit(&self, limit: Duration) -> io::Result<()> {
        if let Stream::Tcp(s) = self {
            sockopt::set_tcp_user_timeout(s, limit.as_millis().min(u32::MAX as u128) as u32)?;
        }
        Ok(())
    }

    /// Chooses TCP's congestion control by name; the one of the system is made for the internet.
    pub fn set_congestion(&self, name: &str) -> io::Result<()> {
        if let Stream::Tcp(s) = self {
            sockopt::set_tcp_congestion(s, name)?;
        }
        Ok(())
    }

    /// The other end's IP address, if it has one.
    pub fn peer_ip(&self) -> Option<IpAddr> {
        match self {
            Stream::Tcp(s) => s.peer_addr().ok().map(|a| a.ip()),
            Stream::Unix(_) => None,
        }
    }

    /// Writes what the kernel takes now: 0 when that is nothing.
    pub fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut no_fds = SendAncillaryBuffer::default();
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::sendmsg(self, slices, &mut no_fds, flags) {
            Ok(n) => Ok(n),
            Err(e) if e == rustix::io::Errno::AGAIN || e == rustix::io::Errno::INTR => Ok(0),
            Err(e) => Err(e.into()),
        }
    }

    /// The same for one stretch of memory, which costs less.
    pub fn write_one(&self, bytes: &[u8]) -> io::Result<usize> {
        match rustix::net::send(self, bytes, SendFlags::NOSIGNAL | SendFlags::DONTWAIT) {
            Ok(n) => Ok(n),
            Err(e) if e == rustix::io::Errno::AGAIN || e == rustix::io::Errno::INTR => Ok(0),
            Err(e) => Err(e.into()),
        }
    }

    /// The same as [`Stream::read`] for one stretch of memory, which costs less.
    pub fn read_one(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::net::recv(&*self, bytes, RecvFlags::DONTWAIT) {
            Ok((n, _)) => Ok(Some(n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Reads what is here: `None` when that is nothing, `Some(0)` at the end of the stream.
    pub fn read(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<Option<usize>> {
        match rustix::io::readv(&*self, slices) {
            Ok(n) => Ok(Some(n)),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(s) => s.as_fd(),
            Stream::Unix(s) => s.as_fd(),
        }
    }
}

/// Waits until one of `fds` is ready or `until` is over; true when one is ready.
pub fn wait(fds: &mut [PollFd<'_>], until: Instant) -> bool {
    let left = until.saturating_duration_since(Instant::now());
    // round up: a wait that ends too early is repeated with nothing left
    let left = left + Duration::from_micros(1);
    let limit = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos() as i64 };
    // an interrupted wait is an early end: every caller looks at the clock again
    rustix::event::poll(fds, Some(&limit)).is_ok_and(|n| n > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[test]
    fn addresses_as_text() {
        let fabric = "ofi:tcp;ofi_rxm:0200d4ff";
        for text in ["tcp:10.0.0.7:4021", "tcp:[fe80::1]:4021", "unix:/run/x y.sock", "unix:@job-3", fabric] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for bad in ["", "tcp:", "tcp:host:1", "tcp:1.2.3.4", "unix:", "unix:@", "udp:1.2.3.4:5"]
            .into_iter()
            .chain(["ofi:", "ofi:x", "ofi:x:", "ofi::00", "ofi:x:0", "ofi:x:+0", "ofi:x:é", "ofi:x:0g"])
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let address: Address = fabric.parse().unwrap();
        assert!(!address.is_local() && Listener::bind(&address).is_err() && Stream::open(&address).is_err());
    }

    fn exchange(address: &str) {
        let listener = Listener::bind(&address.parse().unwrap()).unwrap();
        assert!(listener.accept().unwrap().is_none());
        let mut near = Stream::open(listener.address()).unwrap();
        assert!(wait(&mut [PollFd::new(&listener, PollFlags::IN)], soon()));
        let (far, _) = listener.accept().unwrap().unwrap();
        wait(&mut [PollFd::new(&near, PollFlags::OUT)], soon());
        assert!(near.connected().unwrap());
        let mut bytes = [0; 8];
        assert!(near.read(&mut [IoSliceMut::new(&mut bytes)]).unwrap().is_none());
        assert_eq!(far.write(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]).unwrap(), 3);
        assert!(wait(&mut [PollFd::new(&near, PollFlags::IN)], soon()));
        assert_eq!(near.read(&mut [IoSliceMut::new(&mut bytes)]).unwrap(), Some(3));
        assert_eq!(&bytes[..3], b"abc");
        drop(near);
        // no signal, an error
        let gone = (0..1000).find_map(|_| far.write(&[IoSlice::new(b"x")]).err());
        assert!(gone.is_some());
    }

    #[test]
    fn every_family_connects_and_ends_with_an_error_not_a_signal() {
        exchange("tcp:127.0.0.1:0");
        exchange(&format!("unix:@ampi-stream-{}", std::process::id()));
        let file = std::env::temp_dir().join(format!("ampi-stream-{}", std::process::id()));
        exchange(&format!("unix:{}", file.display()));
        assert!(!file.exists());
        match TcpListener::bind("[::1]:0") {
            Ok(_) => exchange("tcp:[::1]:0"),
            Err(e) => println!("no IPv6 here: {e}"),
        }
    }

    #[test]
    fn a_refused_connection_is_an_error() {
        let listener = Listener::bind(&"tcp:127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.address().clone();
        drop(listener);
        let refused = Stream::open(&address).and_then(|s| {
            wait(&mut [PollFd::new(&s, PollFlags::OUT)], soon());
            s.connected()
        });
        assert!(refused.is_err());
    }
}
