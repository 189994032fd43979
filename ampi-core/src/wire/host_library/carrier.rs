//! Messages through the host's library.
//!
//! Tags: 0 for packets; the pieces between two processes go round in the numbers from 1 to [`PIECE_TAGS`], far more than are
//! ever under way, and within what the standard promises (32767). Receives for packets are all alike, so they are met in the
//! order in which they were posted: only the first has to be tested.
//!
//! The end is a barrier, a pause and the library's own end ([`Drop`]): without them MPICH 4.0 hangs when one process
//! closes its connections while another still uses them. Each has a limit. When a process is lost there is no
//! end in good order: the library would wait for it.
#![allow(unsafe_code)]

use super::library::{Functions, Raw, Status};
use crate::wire::ProcessId;
use crate::wire::messages::PIECE_BYTES_MAX;
use crate::wire::messages::carrier::{Begun, Carrier, Done, Memory, Operation, Region, Tag, nap_after};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const RING: u32 = 32;
const PIECE_TAGS: u32 = 30_000;
/// Ends of packets that one poll takes.
const ENDS: usize = 32;
/// Each step of the end may take so long.
const END_LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(200);

/// This process's access to the host's library.
pub struct Host<H: Raw> {
    library: Functions<H>,
    processes: u32,
    /// Receives for packets, in the order in which they were posted.
    ring: VecDeque<(H, Operation)>,
    others: Vec<(H, Operation)>,
    memory: Vec<Arc<Memory>>,
    active: Instant,
    has_lost: bool,
}

// SAFETY: the library was begun for calls by several threads, one at a time, which owning this gives.
unsafe impl<H: Raw> Send for Host<H> {}

impl<H: Raw> Host<H> {
    /// Over a library that has begun.
    pub fn new(library: Functions<H>, processes: u32) -> Host<H> {
        Host {
            library,
            processes,
            ring: VecDeque::new(),
            others: Vec::new(),
            memory: Vec::new(),
            active: Instant::now(),
            has_lost: false,
        }
    }

    fn tag(tag: Tag) -> c_int {
        match tag {
            Tag::Packet => 0,
            Tag::Piece { number, .. } => 1 + (number % PIECE_TAGS) as c_int,
        }
    }

    /// Is the operation over, and how? `is_receive`: with the length of what came.
    fn test(&self, request: &mut H, is_receive: bool) -> Option<Result<usize, String>> {
        let (mut over, mut cancelled, mut count) = (0, 0, 0);
        let mut status: Status = [0; 8];
        let library = &self.library;
        // SAFETY: the standard's signatures; the request is one of ours that is not over; room for any status.
        unsafe {
            let code = (library.test)(request, &mut over, &mut status);
            if code != 0 {
                return Some(Err(library.text(code)));
            }
            if over == 0 {
                return None;
            }
            if !is_receive {
                return Some(Ok(0));
            }
            if (library.cancelled)(&status, &mut cancelled) == 0 && cancelled != 0 {
                return Some(Err("cancelled".into()));
            }
            match (library.count)(&status, library.bytes, &mut count) {
                0 => Some(Ok(count.max(0) as usize)),
                code => Some(Err(library.text(code))),
            }
        }
    }

    fn take_packets(&mut self, done: &mut Vec<Done>) {
        for _ in 0..ENDS {
            let Some((mut request, operation)) = self.ring.front().copied() else { return };
            let result = self.test(&mut request, true);
            self.ring[0].0 = request;
            let Some(result) = result else { return };
            self.ring.pop_front();
            done.push(Done { operation, result });
        }
    }

    fn take_others(&mut self, done: &mut Vec<Done>) {
        let mut at = 0;
        while let Some((mut request, operation)) = self.others.get(at).copied() {
            let is_receive = matches!(operation, Operation::PieceIn { .. } | Operation::PacketIn { .. });
            match self.test(&mut request, is_receive) {
                None => {
                    self.others[at].0 = request;
                    at += 1;
                }
                Some(result) => {
                    self.others.remove(at);
                    done.push(Done { operation, result });
                }
            }
        }
    }

    fn begun(&mut self, code: c_int, request: H, operation: Operation) -> Begun {
        if code != 0 {
            return Begun::Failed(self.library.text(code));
        }
        match operation {
            Operation::PacketIn { .. } => self.ring.push_back((request, operation)),
            _ => self.others.push((request, operation)),
        }
        self.active = Instant::now();
        Begun::Yes
    }

    /// The receives that are open end; true when nothing is under way any more.
    fn clear(&mut self) -> bool {
        let end = Instant::now() + END_LIMIT;
        for (request, _) in &mut self.ring {
            // SAFETY: a request of ours that is not over.
            let _ = unsafe { (self.library.cancel)(request) };
        }
        self.others.extend(self.ring.drain(..));
        let mut done = Vec::new();
        while !self.others.is_empty() && Instant::now() < end {
            self.take_others(&mut done);
            std::thread::yield_now();
        }
        self.others.is_empty()
    }

    /// True when all processes are here.
    fn barrier(&self) -> bool {
        let end = Instant::now() + END_LIMIT;
        let mut request = self.library.no_request;
        // SAFETY: the standard's signature.
        if unsafe { (self.library.ibarrier)(self.library.world, &mut request) } != 0 {
            return false;
        }
        loop {
            match self.test(&mut request, false) {
                Some(result) => return result.is_ok(),
                None if Instant::now() >= end => return false,
                None => std::thread::yield_now(),
            }
        }
    }
}

impl<H: Raw> Drop for Host<H> {
    fn drop(&mut self) {
        let good = !self.has_lost && self.clear() && self.barrier();
        if !good {
            // what is still under way may be written to until the process ends
            std::mem::take(&mut self.memory).into_iter().for_each(std::mem::forget);
            return;
        }
        std::thread::sleep(PAUSE);
        let finalize = self.library.finalize;
        let (say, over) = channel();
        // a library that does not come to its end does not keep us from ours
        std::thread::spawn(move || {
            // SAFETY: the standard's signature; nothing is under way.
            let _ = unsafe { finalize() };
            let _ = say.send(());
        });
        let _ = over.recv_timeout(END_LIMIT);
    }
}

impl<H: Raw> Carrier for Host<H> {
    fn message_max(&self) -> usize {
        PIECE_BYTES_MAX
    }

    fn inject_max(&self) -> usize {
        0
    }

    fn ring(&self) -> u32 {
        RING
    }

    fn reach(&mut self, peer: ProcessId) -> Result<(), String> {
        match peer < self.processes {
            true => Ok(()),
            false => Err(format!("the host's library knows {} processes", self.processes)),
        }
    }

    fn register(&mut self, memory: Arc<Memory>) -> Result<Region, String> {
        self.memory.push(memory);
        Ok(Region(self.memory.len() - 1))
    }

    unsafe fn send(
        &mut self,
        to: ProcessId,
        tag: Tag,
        at: *const u8,
        len: usize,
        _: Option<Region>,
        operation: Operation,
    ) -> Begun {
        let (library, mut request) = (&self.library, self.library.no_request);
        let (len, to, tag) = (len as c_int, to as c_int, Self::tag(tag));
        // SAFETY: the standard's signature; the memory is the caller's promise.
        let code =
            unsafe { (library.isend)(at.cast(), len, library.bytes, to, tag, library.world, &mut request) };
        self.begun(code, request, operation)
    }

    fn inject(&mut self, _: ProcessId, _: Tag, _: &[u8]) -> Begun {
        Begun::Failed("the host's library has no such sends".into())
    }

    unsafe fn receive(
        &mut self,
        from: Option<ProcessId>,
        tag: Tag,
        at: *mut u8,
        len: usize,
        _: Option<Region>,
        operation: Operation,
    ) -> Begun {
        let (library, mut request) = (&self.library, self.library.no_request);
        let from = from.map_or(library.any_source, |p| p as c_int);
        let (len, tag) = (len as c_int, Self::tag(tag));
        // SAFETY: the standard's signature; the memory is the caller's promise.
        let code =
            unsafe { (library.irecv)(at.cast(), len, library.bytes, from, tag, library.world, &mut request) };
        self.begun(code, request, operation)
    }

    fn cancel(&mut self, operation: Operation) {
        if let Some((request, _)) = self.others.iter_mut().find(|(_, o)| *o == operation) {
            // SAFETY: a request of ours that is not over.
            let _ = unsafe { (self.library.cancel)(request) };
        }
    }

    fn peer_is_lost(&mut self, _: ProcessId) {
        self.has_lost = true;
    }

    fn poll(&mut self, done: &mut Vec<Done>) -> Result<(), String> {
        let before = done.len();
        self.take_packets(done);
        self.take_others(done);
        if done.len() > before {
            self.active = Instant::now();
        }
        Ok(())
    }

    fn may_sleep(&mut self) -> bool {
        true
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn nap(&self) -> Option<Duration> {
        Some(nap_after(self.active.elapsed()))
    }
}
