//! How two processes of a host get hold of the same memory.
//!
//! ```text
//! higher number                                 lower number (makes the memory)
//!   connect, handshake (purpose Shm)      ⇄       accept
//!                                         ←       1, with the memfd as ancillary data; or 0 and why not. Then 1 if it has
//!                                                 the host's memory, which the lowest process sends along
//!   1: mapped, or 0; 1: has the host's memory, or 0  →
//! ```
//!
//! 1. Both sides come to the same end: connected through memory, or not at all (then another transport is used).
//! 2. A process first serves all lower ones, then waits for the higher ones: process 0 only waits, so nobody waits in a circle.
//! 3. The socket stays open: it wakes a sleeper, and its end is the end of the other process.
//!
//! Unlike everything else here this waits, with a time limit: it is part of the start of a job.

use super::segment::Segment;
use crate::error::{Error, Result};
use crate::wire::ProcessId;
use crate::wire::handshake::{Handshake, Purpose, Verdict};
use crate::wire::secret::Secret;
use crate::wire::stream::{self, Address, Listener, Stream};
use rustix::event::{PollFd, PollFlags};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A connection that does not get on in this time does not hold up the others.
const HANDSHAKE_MAX: Duration = Duration::from_secs(2);
/// So often somebody who waits asks whether there is still a reason to.
const GLANCE: Duration = Duration::from_millis(20);
const REASON_MAX: usize = 200;

/// Makes the memory for one pair of processes.
pub type Make<'a> = dyn Fn() -> Result<Arc<Segment>> + 'a;

/// What two processes share.
pub struct Met {
    pub peer: ProcessId,
    pub stream: Stream,
    pub segment: Arc<Segment>,
    /// Both have the memory of the host.
    pub together: bool,
}

/// The memory that all processes of the host share, in the hands of one of them.
#[derive(Default)]
pub struct HostMemory {
    /// Whoever is lowest has it from the start and hands it on.
    pub memory: Option<OwnedFd>,
    pub is_mine: bool,
}

fn failed(peer: ProcessId, why: String) -> Error {
    Error::Wire { what: format!("shared memory with process {peer}"), why }
}

/// What a process needs to meet the others of its host.
pub struct Meeting<'a> {
    pub me: ProcessId,
    pub secret: &'a Secret,
    pub listener: &'a Listener,
    /// The others, with the Unix-domain addresses at which they listen for this purpose.
    pub peers: &'a [(ProcessId, Address)],
    pub until: Instant,
    /// Is the job over?
    pub give_up: &'a dyn Fn() -> bool,
}

/// Meets all peers until the time is over or there is no reason to. Those with a higher number come to the listener, the
/// others listen at their address. Returns who was met, and a line for each who was not.
pub fn meet(meeting: &Meeting<'_>, make: &Make<'_>, host: &mut HostMemory) -> (Vec<Met>, Vec<String>) {
    let &Meeting { me, secret, listener, peers, until, give_up } = meeting;
    let (mut met, mut notes) = (Vec::new(), Vec::new());
    let mut lower: Vec<_> = peers.iter().filter(|(p, _)| *p < me).collect();
    lower.sort_by_key(|(p, _)| *p);
    for (peer, address) in lower {
        match visit(me, *peer, secret, address, host, until) {
            Ok(new) => met.push(new),
            Err(e) => notes.push(e.to_string()),
        }
    }
    let mut awaited: Vec<ProcessId> = peers.iter().map(|(p, _)| *p).filter(|p| *p > me).collect();
    while !awaited.is_empty() && Instant::now() < until && !give_up() {
        stream::wait(&mut [PollFd::new(listener, PollFlags::IN)], until.min(Instant::now() + GLANCE));
        match receive(me, secret, listener, &awaited, make, host, until) {
            Ok(None) => {}
            Ok(Some((peer, result))) => {
                awaited.retain(|p| *p != peer);
                match result {
                    Ok(new) => met.push(new),
                    Err(e) => notes.push(e.to_string()),
                }
            }
            Err(e) => notes.push(e.to_string()),
        }
    }
    notes.extend(awaited.iter().map(|p| failed(*p, "it did not come in time".into()).to_string()));
    (met, notes)
}

/// The higher side.
fn visit(
    me: ProcessId,
    peer: ProcessId,
    secret: &Secret,
    at: &Address,
    host: &mut HostMemory,
    until: Instant,
) -> Result<Met> {
    let failed = |why: String| failed(peer, why);
    let mut stream = loop {
        match Stream::open(at) {
            Ok(stream) => break stream,
            // its queue is full, for now
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(e) => return Err(failed(format!("{at}: {e}"))),
        }
    };
    let mut handshake = Handshake::opener(secret, Purpose::Shm, me, peer)?;
    match handshake.finish(&mut stream, until).map_err(|e| failed(e.to_string()))? {
        (Verdict::Welcome, _) => {}
        _ => return Err(failed("it refused".into())),
    }
    let (text, mut fds) = receive_fds(&stream, until).map_err(failed)?;
    if fds.is_empty() {
        return Err(failed(format!("it has none: {}", String::from_utf8_lossy(&text[1..]))));
    }
    let opened = Segment::open(fds.remove(0));
    host.memory = host.memory.take().or(fds.pop());
    say(&stream, &[opened.is_ok() as u8, host.memory.is_some() as u8], until).map_err(failed)?;
    let together = text.get(1) == Some(&1) && host.memory.is_some();
    Ok(Met { peer, stream, segment: opened?, together })
}

/// The lower side: the next connection, if it is one of `awaited`.
#[allow(clippy::type_complexity)]
fn receive(
    me: ProcessId,
    secret: &Secret,
    listener: &Listener,
    awaited: &[ProcessId],
    make: &Make<'_>,
    host: &HostMemory,
    until: Instant,
) -> Result<Option<(ProcessId, Result<Met>)>> {
    let taken = listener.accept().map_err(|e| failed(me, format!("accepting: {e}")))?;
    let Some((mut stream, from)) = taken else { return Ok(None) };
    let until = until.min(Instant::now() + HANDSHAKE_MAX);
    let mut handshake = Handshake::acceptor(secret, Purpose::Shm, me);
    let peer = match handshake.finish(&mut stream, until) {
        Ok((_, peer)) => peer,
        Err(e) => {
            return Err(Error::Wire {
                what: format!("a connection from {from} was dropped"),
                why: e.to_string(),
            });
        }
    };
    if !awaited.contains(&peer) {
        return Err(failed(peer, "it came twice, or is no process of this host".into()));
    }
    Ok(Some((peer, give(peer, stream, make, host, until))))
}

fn give(
    peer: ProcessId,
    mut stream: Stream,
    make: &Make<'_>,
    host: &HostMemory,
    until: Instant,
) -> Result<Met> {
    let segment = match make() {
        Ok(segment) => segment,
        Err(e) => {
            let mut text = vec![0];
            text.extend(e.to_string().bytes().take(REASON_MAX));
            say(&stream, &text, until).map_err(|e| failed(peer, e))?;
            return Err(failed(peer, e.to_string()));
        }
    };
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let mut fds = vec![segment.as_fd()];
    fds.extend(host.memory.as_ref().filter(|_| host.is_mine).map(|m| m.as_fd()));
    control.push(SendAncillaryMessage::ScmRights(&fds));
    // two bytes on a fresh socket: they fit
    let text = [1, host.memory.is_some() as u8];
    rustix::net::sendmsg(&stream, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL)
        .map_err(|e| failed(peer, format!("sending the descriptor: {e}")))?;
    let mut answer = [0; 2];
    let answered = loop {
        stream::wait(&mut [PollFd::new(&stream, PollFlags::IN)], until);
        match stream.read(&mut [IoSliceMut::new(&mut answer)]) {
            Ok(None) if Instant::now() < until => {}
            other => break other,
        }
    };
    match (answered, answer) {
        (Ok(Some(2)), [1, has]) => {
            Ok(Met { peer, stream, segment, together: has == 1 && host.memory.is_some() })
        }
        (Ok(Some(2)), _) => Err(failed(peer, "it could not map the memory".into())),
        (Ok(Some(_)), _) => Err(failed(peer, "it is gone".into())),
        (Ok(None), _) => Err(failed(peer, "it did not answer in time".into())),
        (Err(e), _) => Err(failed(peer, e.to_string())),
    }
}

/// Writes a few bytes.
fn say(stream: &Stream, bytes: &[u8], until: Instant) -> std::result::Result<(), String> {
    let mut done = 0;
    while done < bytes.len() {
        done += stream.write(&[IoSlice::new(&bytes[done..])]).map_err(|e| e.to_string())?;
        if Instant::now() >= until {
            return Err("it does not read".into());
        }
    }
    Ok(())
}

/// Status and what follows it, and the descriptors that came along.
fn receive_fds(stream: &Stream, until: Instant) -> std::result::Result<(Vec<u8>, Vec<OwnedFd>), String> {
    let mut text = [0; REASON_MAX + 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = loop {
        stream::wait(&mut [PollFd::new(stream, PollFlags::IN)], until);
        let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
        match rustix::net::recvmsg(stream, &mut [IoSliceMut::new(&mut text)], &mut control, flags) {
            Ok(received) => break received,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) if Instant::now() < until => {}
            Err(e) => return Err(format!("receiving the descriptor: {e}")),
        }
    };
    let fds = control.drain().filter_map(|m| match m {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fds: Vec<OwnedFd> = fds.flatten().collect();
    match (received.bytes, text[0]) {
        (0, _) => Err("it is gone".into()),
        (n, 1) => Ok((text[..n].to_vec(), fds)),
        (n, _) => Ok((text[..n].to_vec(), Vec::new())),
    }
}
