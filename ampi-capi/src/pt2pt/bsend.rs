//! Buffered sends (MPI-5.0 §3.6): the message is copied into the attached buffer and the call returns at once.
//!
//! The buffer is divided first-fit; a part is free again when its message has left. Each message takes its packed size
//! plus `MPI_BSEND_OVERHEAD`, as the standard's model says, so that programs that attach just enough have enough.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::persistent::{Mode, keep_send};
use super::request::Request;
use super::{Envelope, Payload, transmit};
use crate::abi::constants as c;
use crate::abi::kinds::{InDest, Out, OutHandle, OutPoly, UserBuf};
use crate::comm::Comm;
use crate::datatype::DatatypeRef;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::memory::{self, Address};
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Where buffered messages are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attached {
    Nothing,
    /// `MPI_BUFFER_AUTOMATIC`: as much as needed, ours.
    Automatic,
    Buffer(Address, usize),
}

/// A message that has not left yet, and the part of the buffer it occupies.
struct Part {
    first: usize,
    bytes: usize,
    request: &'static Request,
}

/// The rank's attached buffer.
pub struct State {
    attached: Cell<Attached>,
    parts: RefCell<Vec<Part>>,
}

impl Default for State {
    fn default() -> Self {
        State { attached: Cell::new(Attached::Nothing), parts: RefCell::new(Vec::new()) }
    }
}

impl State {
    /// Forgets messages that have left.
    fn reclaim(&self, me: &'static Rank) {
        self.parts.borrow_mut().retain(|p| {
            if p.request.is_active() {
                return true;
            }
            me.p2p.requests.recycle(p.request);
            false
        });
    }

    /// A free range of `bytes` in a buffer of `size`, first fit; the parts are sorted by `first`.
    fn room(&self, bytes: usize, size: usize) -> Option<usize> {
        let mut at = 0;
        for p in self.parts.borrow().iter() {
            if at + bytes <= p.first {
                return Some(at);
            }
            at = p.first + p.bytes;
        }
        (at + bytes <= size).then_some(at)
    }

    fn occupy(&self, part: Part) {
        let mut parts = self.parts.borrow_mut();
        let i = parts.partition_point(|p| p.first < part.first);
        parts.insert(i, part);
    }

    /// Waits until every buffered message has left.
    fn drain(&self, me: &'static Rank) {
        loop {
            self.reclaim(me);
            let Some(r) = self.parts.borrow().first().map(|p| p.request) else { return };
            super::wait::block_on(me, r);
        }
    }
}

/// Copies the message into the buffer and sends it from there.
pub(super) fn send_buffered(
    me: &'static Rank,
    e: &Envelope,
    buf: Address,
    count: i64,
    ty: &DatatypeRef,
) -> MpiResult {
    let state = &me.p2p.bsend;
    state.reclaim(me);
    let bytes = (ty.size() * count) as usize;
    let needed = bytes + c::MPI_BSEND_OVERHEAD as usize;
    let (first, payload) = match state.attached.get() {
        Attached::Buffer(at, size) => match state.room(needed, size) {
            Some(first) => {
                let to = at.add(first as i64);
                memory::pack(ty, buf, 0, to, bytes);
                (first, Payload::Place(to, bytes))
            }
            None => {
                return mpi_err!(
                    MPI_ERR_BUFFER,
                    "the attached buffer of {size} bytes has no room for {bytes} bytes plus MPI_BSEND_OVERHEAD"
                );
            }
        },
        Attached::Automatic => {
            let mut copy = vec![0u8; bytes].into_boxed_slice();
            memory::pack(ty, buf, 0, Address(copy.as_mut_ptr() as usize), bytes);
            (usize::MAX, Payload::Heap(copy))
        }
        Attached::Nothing => {
            return mpi_err!(MPI_ERR_BUFFER, "no buffer is attached: call MPI_Buffer_attach first");
        }
    };
    if let Some(request) = transmit(me, e, payload, false, None) {
        request.peer.set(e.to);
        state.occupy(Part { first, bytes: needed.min(usize::MAX - first), request });
    }
    Ok(())
}

type C<'a> = &'a Rc<Comm>;
type T<'a> = &'a Rc<Type>;

/// `MPI_Bsend` — copies the message to the attached buffer and returns. MPI-5.0 §3.4.
pub fn bsend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
) -> MpiResult {
    let Some(dest) = dest.check(comm.size())? else { return Ok(()) };
    ty.check_buffer(buf, "buf", count)?;
    let key = (comm.rank() as u64) << 32 | tag as u32 as u64;
    let e = Envelope { to: comm.world_rank(dest), context: comm.context(), key };
    send_buffered(me, &e, Address(buf.address()), count, &ty.datatype)
}

/// `MPI_Ibsend`. MPI-5.0 §3.7.2.
pub fn ibsend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    bsend(me, buf, count, ty, dest, tag, comm)?;
    request.set(me.p2p.requests.done_send());
    Ok(())
}

/// `MPI_Bsend_init`. MPI-5.0 §3.9.
pub fn bsend_init(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    keep_send(me, buf, count, ty, dest, tag, comm, Mode::Buffered, request)
}

/// `MPI_Buffer_attach` — gives `size` bytes at `buffer` to buffered sends. MPI-5.0 §3.6.
pub fn buffer_attach(me: &'static Rank, buffer: UserBuf, size: i64) -> MpiResult {
    let state = &me.p2p.bsend;
    if state.attached.get() != Attached::Nothing {
        return mpi_err!(MPI_ERR_BUFFER, "a buffer is attached already: call MPI_Buffer_detach first");
    }
    if buffer.address() == c::MPI_BUFFER_AUTOMATIC {
        state.attached.set(Attached::Automatic);
        return Ok(());
    }
    buffer.check("buffer", size > 0)?;
    state.attached.set(Attached::Buffer(Address(buffer.address()), size as usize));
    Ok(())
}

/// `MPI_Buffer_detach` — waits until all buffered messages have left; returns the buffer. MPI-5.0 §3.6.
pub fn buffer_detach(me: &'static Rank, buffer: Out<usize>, size: OutPoly) -> MpiResult {
    let state = &me.p2p.bsend;
    state.drain(me);
    match state.attached.replace(Attached::Nothing) {
        Attached::Nothing => mpi_err!(MPI_ERR_BUFFER, "no buffer is attached"),
        Attached::Automatic => {
            buffer.set(c::MPI_BUFFER_AUTOMATIC);
            size.set(0);
            Ok(())
        }
        Attached::Buffer(at, n) => {
            buffer.set(at.0);
            size.set(n as i64);
            Ok(())
        }
    }
}

/// `MPI_Buffer_flush` — waits until all buffered messages have left. MPI-5.0 §3.6.
pub fn buffer_flush(me: &'static Rank) -> MpiResult {
    me.p2p.bsend.drain(me);
    Ok(())
}

/// At the end of MPI: waits for what is still in the buffer.
pub(crate) fn finish(me: &'static Rank) {
    me.p2p.bsend.drain(me);
}
