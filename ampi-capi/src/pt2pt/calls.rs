//! Blocking and nonblocking sends and receives (MPI-5.0 §3.2, §3.4, §3.7, §3.11).
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::queue::Pattern;
use super::request::{Kind, Outcome, Phase, Request, Target};
use super::{Envelope, Payload, receive, send_elements, transmit};
use crate::abi::constants as c;
use crate::abi::kinds::{From, InDest, InSource, OutHandle, StatusOut, UserBuf};
use crate::comm::Comm;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::memory::Address;
use crate::rank::Rank;
use std::rc::Rc;

type C<'a> = &'a Rc<Comm>;
type T<'a> = &'a Rc<Type>;

/// A checked send: where to; `None` to `MPI_PROC_NULL`.
#[inline(always)]
pub(super) fn envelope(
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
) -> MpiResult<Option<Envelope>> {
    let Some(dest) = dest.check(comm.size())? else { return Ok(None) };
    ty.check_buffer(buf, "buf", count)?;
    let key = (comm.rank() as u64) << 32 | tag as u32 as u64;
    Ok(Some(Envelope { to: comm.world_rank(dest), context: comm.context(), key }))
}

/// A checked receive: what it matches; `None` from `MPI_PROC_NULL`.
#[inline(always)]
pub(super) fn pattern(source: InSource, tag: i32, comm: C) -> MpiResult<Option<Pattern>> {
    let (source, source_mask) = match source.check(comm.size())? {
        From::Rank(r) => (r as u64, 0xffff_ffff << 32),
        From::Any => (0, 0),
        From::Null => return Ok(None),
    };
    let (tag, tag_mask) = if tag == c::MPI_ANY_TAG { (0, 0) } else { (tag as u32 as u64, 0xffff_ffff) };
    Ok(Some(Pattern { key: source << 32 | tag, mask: source_mask | tag_mask, context: comm.context() }))
}

#[inline(always)]
fn blocking_send(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    synchronous: bool,
) -> MpiResult {
    if let Some(e) = envelope(buf, count, ty, dest, tag, comm)?
        && let Some(r) = send_elements(me, &e, Address(buf.address()), count, &ty.datatype, synchronous, None)
    {
        r.peer.set(e.to);
        super::wait::block_on(me, r);
        me.p2p.requests.recycle(r);
    }
    Ok(())
}

/// `MPI_Send` — returns when `buf` may be used again; may wait for a matching receive. MPI-5.0 §3.2.1.
#[inline(always)]
pub fn send(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
) -> MpiResult {
    blocking_send(me, buf, count, ty, dest, tag, comm, false)
}

/// `MPI_Ssend` — returns after the receive has matched. MPI-5.0 §3.4.
pub fn ssend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
) -> MpiResult {
    blocking_send(me, buf, count, ty, dest, tag, comm, true)
}

/// `MPI_Rsend` — as `MPI_Send`; the receive has been posted. MPI-5.0 §3.4.
pub fn rsend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
) -> MpiResult {
    blocking_send(me, buf, count, ty, dest, tag, comm, false)
}

/// Starts a send; the request is published in `request`.
#[inline(always)]
fn nonblocking_send(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    synchronous: bool,
    request: OutHandle,
) -> MpiResult {
    let started = envelope(buf, count, ty, dest, tag, comm)?;
    let mut peer = u32::MAX;
    let pending = started.and_then(|e| {
        peer = e.to;
        send_elements(me, &e, Address(buf.address()), count, &ty.datatype, synchronous, None)
    });
    request.set(match pending {
        Some(r) => {
            r.peer.set(peer);
            r.set_comm(comm.handle());
            me.p2p.requests.publish(r)
        }
        None => me.p2p.requests.done_send(),
    });
    Ok(())
}

/// A request whose operation is over already.
#[inline(always)]
pub(super) fn completed(me: &'static Rank, kind: Kind, outcome: Outcome) -> &'static Request {
    let r = me.p2p.requests.take(kind);
    r.set_outcome(&outcome);
    r.set_phase(Phase::Complete);
    r
}

/// `MPI_Isend`. MPI-5.0 §3.7.2.
#[inline(always)]
pub fn isend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    nonblocking_send(me, buf, count, ty, dest, tag, comm, false, request)
}

/// `MPI_Issend`. MPI-5.0 §3.7.2.
pub fn issend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    nonblocking_send(me, buf, count, ty, dest, tag, comm, true, request)
}

/// `MPI_Irsend`. MPI-5.0 §3.7.2.
pub fn irsend(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    nonblocking_send(me, buf, count, ty, dest, tag, comm, false, request)
}

/// Starts a checked receive.
#[inline(always)]
pub(super) fn start_receive(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    pattern: Pattern,
    comm: C,
) -> &'static Request {
    let r = me.p2p.requests.take(Kind::Receive);
    r.peer.set(if pattern.mask >> 32 == 0 { u32::MAX } else { comm.world_rank((pattern.key >> 32) as u32) });
    receive(me, r, pattern, Target::of(Address(buf.address()), count, &ty.datatype));
    r
}

/// `MPI_Recv` — receives one message into `count` elements of `ty` at `buf`. MPI-5.0 §3.2.4.
#[inline(always)]
pub fn recv(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    source: InSource,
    tag: i32,
    comm: C,
    status: StatusOut,
) -> MpiResult {
    let Some(p) = pattern(source, tag, comm)? else {
        super::status::store(status, &Outcome::PROC_NULL);
        return Ok(());
    };
    ty.check_buffer(buf, "buf", count)?;
    let r = start_receive(me, buf, count, ty, p, comm);
    super::wait::block_on(me, r);
    let outcome = r.outcome();
    me.p2p.requests.recycle(r);
    super::status::store(status, &outcome);
    super::status::check(&outcome)
}

/// `MPI_Irecv`. MPI-5.0 §3.7.2.
#[inline(always)]
pub fn irecv(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    source: InSource,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let r = match pattern(source, tag, comm)? {
        Some(p) => {
            ty.check_buffer(buf, "buf", count)?;
            start_receive(me, buf, count, ty, p, comm)
        }
        None => completed(me, Kind::Receive, Outcome::PROC_NULL),
    };
    r.set_comm(comm.handle());
    request.set(me.p2p.requests.publish(r));
    Ok(())
}

/// Starts both halves of a sendrecv: the receive first, so that a message to oneself finds it.
fn start_both(
    me: &'static Rank,
    s: (UserBuf, i64, T, InDest, i32),
    r: (UserBuf, i64, T, InSource, i32),
    comm: C,
) -> MpiResult<(Option<&'static Request>, Option<&'static Request>)> {
    let p = pattern(r.3, r.4, comm)?;
    if p.is_some() {
        r.2.check_buffer(r.0, "recvbuf", r.1)?;
    }
    let sending = envelope(s.0, s.1, s.2, s.3, s.4, comm)?;
    let receiving = p.map(|p| start_receive(me, r.0, r.1, r.2, p, comm));
    let sent = sending.and_then(|e| {
        let q = send_elements(me, &e, Address(s.0.address()), s.1, &s.2.datatype, false, None)?;
        q.peer.set(e.to);
        Some(q)
    });
    Ok((sent, receiving))
}

/// `MPI_Sendrecv` — sends and receives at once. MPI-5.0 §3.11.
pub fn sendrecv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: i64,
    sendtype: T,
    dest: InDest,
    sendtag: i32,
    recvbuf: UserBuf,
    recvcount: i64,
    recvtype: T,
    source: InSource,
    recvtag: i32,
    comm: C,
    status: StatusOut,
) -> MpiResult {
    let (sent, received) = start_both(
        me,
        (sendbuf, sendcount, sendtype, dest, sendtag),
        (recvbuf, recvcount, recvtype, source, recvtag),
        comm,
    )?;
    finish_both(me, sent, received, status)
}

fn finish_both(
    me: &'static Rank,
    sent: Option<&'static Request>,
    received: Option<&'static Request>,
    status: StatusOut,
) -> MpiResult {
    super::wait::block_on_all(me, [sent, received].into_iter().flatten());
    if let Some(s) = sent {
        me.p2p.requests.recycle(s);
    }
    let outcome = match received {
        Some(r) => {
            let o = r.outcome();
            me.p2p.requests.recycle(r);
            o
        }
        None => Outcome::PROC_NULL,
    };
    super::status::store(status, &outcome);
    super::status::check(&outcome)
}

/// The bytes to send of a replace call, copied out so that the receive may overwrite the buffer.
fn copied_out(me: &'static Rank, buf: UserBuf, count: i64, ty: T) -> Payload {
    let _ = me;
    let bytes = (ty.datatype.size() * count) as usize;
    let mut copy = vec![0u8; bytes].into_boxed_slice();
    let at = Address(copy.as_mut_ptr() as usize);
    crate::memory::pack(&ty.datatype, Address(buf.address()), 0, at, bytes);
    Payload::Heap(copy)
}

fn start_replace(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    sendtag: i32,
    source: InSource,
    recvtag: i32,
    comm: C,
) -> MpiResult<(Option<&'static Request>, Option<&'static Request>)> {
    let dest = dest.check(comm.size())?;
    let p = pattern(source, recvtag, comm)?;
    ty.check_buffer(buf, "buf", count)?;
    let payload = dest.map(|d| (d, copied_out(me, buf, count, ty)));
    let receiving = p.map(|p| start_receive(me, buf, count, ty, p, comm));
    let sent = payload.and_then(|(dest, payload)| {
        let e = Envelope {
            to: comm.world_rank(dest),
            context: comm.context(),
            key: (comm.rank() as u64) << 32 | sendtag as u32 as u64,
        };
        let q = transmit(me, &e, payload, false, None)?;
        q.peer.set(e.to);
        Some(q)
    });
    Ok((sent, receiving))
}

/// `MPI_Sendrecv_replace` — one buffer for both. MPI-5.0 §3.11.
pub fn sendrecv_replace(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    sendtag: i32,
    source: InSource,
    recvtag: i32,
    comm: C,
    status: StatusOut,
) -> MpiResult {
    let (sent, received) = start_replace(me, buf, count, ty, dest, sendtag, source, recvtag, comm)?;
    finish_both(me, sent, received, status)
}

/// One request for two operations: complete when both are; tells what the receive tells.
fn joined(
    me: &'static Rank,
    sent: Option<&'static Request>,
    received: Option<&'static Request>,
    comm: C,
    request: OutHandle,
) {
    let r = match received {
        Some(r) => r,
        None => completed(me, Kind::Receive, Outcome::PROC_NULL),
    };
    r.set_also(sent);
    r.set_comm(comm.handle());
    request.set(me.p2p.requests.publish(r));
}

/// `MPI_Isendrecv`. MPI-5.0 §3.11.
pub fn isendrecv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: i64,
    sendtype: T,
    dest: InDest,
    sendtag: i32,
    recvbuf: UserBuf,
    recvcount: i64,
    recvtype: T,
    source: InSource,
    recvtag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let (sent, received) = start_both(
        me,
        (sendbuf, sendcount, sendtype, dest, sendtag),
        (recvbuf, recvcount, recvtype, source, recvtag),
        comm,
    )?;
    joined(me, sent, received, comm, request);
    Ok(())
}

/// `MPI_Isendrecv_replace`. MPI-5.0 §3.11.
pub fn isendrecv_replace(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    sendtag: i32,
    source: InSource,
    recvtag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let (sent, received) = start_replace(me, buf, count, ty, dest, sendtag, source, recvtag, comm)?;
    joined(me, sent, received, comm, request);
    Ok(())
}
