//! The calls of MPI-5.0 chapter 6: each checks its arguments and becomes a [`Call`] that is pinned to a board.
//!
//! Every operation has a builder; its blocking form *executes* the call, its nonblocking form *begins* it.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::board::meet;
use super::movement::{self, Blocks, List, Movement, Who};
use super::reduction::{How, Reduction, Shape};
use super::{Call, Operation};
use crate::abi::kinds::{Array, ArrayPoly, InRoot, LateCount, LateDatatype, OutHandle, UserBuf};
use crate::comm::Comm;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::memory::Address;
use crate::mpi_err;
use crate::op::handle::Op;
use crate::pt2pt::request::Kind;
use crate::rank::Rank;
use std::rc::Rc;
use std::sync::Arc;

type C<'a> = &'a Rc<Comm>;
type T<'a> = &'a Rc<Type>;
type O<'a> = &'a Rc<Op>;

/// Takes part and waits.
#[inline(always)]
pub fn execute(me: &'static Rank, comm: &Comm, call: &Call) -> MpiResult {
    let number = comm.next_collective();
    me.meeting.set(Some((comm.handle(), number)));
    meet(me, comm.shared(), comm.rank(), number, call, None);
    me.meeting.set(None);
    call.result()
}

/// Takes part; `request` completes when the operation is over.
pub fn begin(me: &'static Rank, comm: &Comm, call: Call, request: OutHandle) -> MpiResult {
    begin_then(me, comm, Box::new(call), request, |_, call| call.result())
}

/// As `begin`; `then` runs in the call that sees the completion.
pub fn begin_then(
    me: &'static Rank,
    comm: &Comm,
    call: Box<Call>,
    request: OutHandle,
    then: impl FnOnce(&'static Rank, Box<Call>) -> MpiResult + 'static,
) -> MpiResult {
    let r = me.p2p.requests.take(Kind::Collective);
    r.set_comm(comm.handle());
    request.set(me.p2p.requests.publish(r));
    // the request keeps the call until the completion is seen
    let call = r.keep_call(call);
    r.set_epilogue(Box::new(move |me| match r.take_call() {
        Some(call) => then(me, call),
        None => Ok(()),
    }));
    meet(me, comm.shared(), comm.rank(), comm.next_collective(), call, Some(r));
    Ok(())
}

fn at(b: UserBuf) -> Address {
    Address(b.address())
}

fn check(b: UserBuf, name: &str, count: i64, ty: &Type) -> MpiResult {
    b.check(name, count * ty.datatype.size() > 0 && !ty.is_absolute())
}

fn whole(b: UserBuf, count: i64, ty: T) -> Blocks {
    Blocks::Whole { at: at(b), count, ty: ty.datatype.clone() }
}
fn equal(b: UserBuf, count: i64, ty: T) -> Blocks {
    Blocks::Equal { at: at(b), count, ty: ty.datatype.clone() }
}

/// A program's list of `n` counts or displacements.
fn list(a: ArrayPoly, n: usize) -> MpiResult<List> {
    a.of(n)?;
    Ok(match a {
        ArrayPoly::Int(a) => List::Int(Address(a.address())),
        ArrayPoly::Large(a) => List::Large(Address(a.address())),
    })
}

fn counts(a: ArrayPoly, n: usize) -> MpiResult<List> {
    let l = list(a, n)?;
    match (0..n).find(|&i| l.get(i) < 0) {
        Some(i) => mpi_err!(MPI_ERR_COUNT, "{}[{i}] is {}, must not be negative", a.name(), l.get(i)),
        None => Ok(l),
    }
}

fn listed(b: UserBuf, name: &str, c: ArrayPoly, d: ArrayPoly, n: usize, ty: T) -> MpiResult<Blocks> {
    let counts = counts(c, n)?;
    let displs = list(d, n)?;
    b.check(name, ty.datatype.size() > 0 && !ty.is_absolute() && (0..n).any(|i| counts.get(i) > 0))?;
    Ok(Blocks::Listed { at: at(b), counts, displs, ty: ty.datatype.clone() })
}

fn typed(
    me: &'static Rank,
    b: UserBuf,
    c: ArrayPoly,
    d: ArrayPoly,
    n: usize,
    types: Array<Handle>,
) -> MpiResult<Blocks> {
    let mut found = Vec::with_capacity(n);
    for h in types.of(n)? {
        let ty = crate::datatype::handle::committed(me, h.get(), "datatype in the list")?;
        found.push(ty.datatype.clone());
    }
    Ok(Blocks::Typed { at: at(b), counts: counts(c, n)?, displs: list(d, n)?, types: Arc::from(found) })
}

fn moving(name: &'static str, what: u32, sources: Who, receivers: Who, send: Blocks, recv: Blocks) -> Call {
    Call::new(name, Operation::Move(Movement { sources, receivers, send, recv, what }))
}

// ------------------------------------------------------------------------------------------------ data movement

/// `MPI_Barrier` — returns when all members have called it. MPI-5.0 §6.3.
pub fn barrier(me: &'static Rank, comm: C) -> MpiResult {
    execute(me, comm, &Call::new("MPI_Barrier", Operation::Barrier))
}

/// `MPI_Ibarrier`. MPI-5.0 §6.12.1.
pub fn ibarrier(me: &'static Rank, comm: C, request: OutHandle) -> MpiResult {
    begin(me, comm, Call::new("MPI_Ibarrier", Operation::Barrier), request)
}

fn bcast_call(name: &'static str, buf: UserBuf, count: i64, ty: T, root: InRoot, comm: C) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    check(buf, "buffer", count, ty)?;
    let here = whole(buf, count, ty);
    let (send, recv) = if root == comm.rank() { (here, Blocks::None) } else { (Blocks::None, here) };
    Ok(moving(name, movement::BROADCAST, Who::One(root), Who::All, send, recv))
}

/// `MPI_Bcast` — `count` elements of `ty` from the root's `buf` to everybody's. MPI-5.0 §6.4.
pub fn bcast(me: &'static Rank, buf: UserBuf, count: i64, ty: T, root: InRoot, comm: C) -> MpiResult {
    execute(me, comm, &bcast_call("MPI_Bcast", buf, count, ty, root, comm)?)
}

/// `MPI_Ibcast`. MPI-5.0 §6.12.2.
pub fn ibcast(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    begin(me, comm, bcast_call("MPI_Ibcast", buf, count, ty, root, comm)?, request)
}

/// The member's own contribution to a gather: its send buffer, or nothing (in place, at the root only).
fn contribution(send: UserBuf, count: i64, ty: Option<T>, in_place_allowed: bool) -> MpiResult<Blocks> {
    if send.is_in_place() && in_place_allowed {
        return Ok(Blocks::None);
    }
    match ty {
        Some(ty) => {
            check(send, "sendbuf", count, ty)?;
            Ok(whole(send, count, ty))
        }
        None => Ok(Blocks::None),
    }
}

/// The arguments of one side: buffer, count, datatype. The datatype is looked up only where the side is significant.
#[derive(Clone, Copy)]
pub struct SideArgs {
    pub buf: UserBuf,
    pub count: LateCount,
    pub ty: LateDatatype,
}

/// The arguments of one side with lists.
#[derive(Clone, Copy)]
pub struct SideLists<'a> {
    pub buf: UserBuf,
    pub counts: ArrayPoly<'a>,
    pub displs: ArrayPoly<'a>,
    pub ty: LateDatatype,
}

fn gather_send(me: &'static Rank, s: SideArgs, is_root: bool) -> MpiResult<Blocks> {
    if is_root && s.buf.is_in_place() {
        return Ok(Blocks::None);
    }
    let ty = s.ty.get::<Type>(me)?;
    contribution(s.buf, s.count.check()?, Some(&ty), false)
}

fn same_buffer(send: UserBuf, recv: UserBuf, bytes: i64) -> MpiResult {
    if send == recv && bytes > 0 && !send.is_bottom() {
        return mpi_err!(MPI_ERR_BUFFER, "sendbuf and recvbuf are the same; use MPI_IN_PLACE");
    }
    Ok(())
}

fn gather_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideArgs,
    root: InRoot,
    comm: C,
) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    let is_root = root == comm.rank();
    let to = if is_root {
        let ty = recv.ty.get::<Type>(me)?;
        let count = recv.count.check()?;
        check(recv.buf, "recvbuf", count, &ty)?;
        same_buffer(send.buf, recv.buf, count * ty.datatype.size())?;
        equal(recv.buf, count, &ty)
    } else {
        Blocks::None
    };
    let from = gather_send(me, send, is_root)?;
    Ok(moving(name, movement::GATHER, Who::All, Who::One(root), from, to))
}

/// `MPI_Gather` — the root receives a block of `recv.count` elements from each member, in rank order. MPI-5.0 §6.5.
pub fn gather(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    execute(me, comm, &gather_call(me, "MPI_Gather", send, recv, root, comm)?)
}

/// `MPI_Igather`. MPI-5.0 §6.12.3.
pub fn igather(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    begin(me, comm, gather_call(me, "MPI_Igather", send, recv, root, comm)?, request)
}

fn gatherv_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideLists,
    root: InRoot,
    comm: C,
) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    let is_root = root == comm.rank();
    let to = if is_root {
        let ty = recv.ty.get::<Type>(me)?;
        listed(recv.buf, "recvbuf", recv.counts, recv.displs, comm.size() as usize, &ty)?
    } else {
        Blocks::None
    };
    let from = gather_send(me, send, is_root)?;
    Ok(moving(name, movement::GATHER, Who::All, Who::One(root), from, to))
}

/// `MPI_Gatherv` — as gather, block i has `recv.counts[i]` elements at `recv.displs[i]·extent`. MPI-5.0 §6.5.
pub fn gatherv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    execute(me, comm, &gatherv_call(me, "MPI_Gatherv", send, recv, root, comm)?)
}

/// `MPI_Igatherv`. MPI-5.0 §6.12.3.
pub fn igatherv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    begin(me, comm, gatherv_call(me, "MPI_Igatherv", send, recv, root, comm)?, request)
}

/// The receive side of a scatter: the member's buffer, or nothing (in place, at the root only).
fn scatter_recv(me: &'static Rank, r: SideArgs, is_root: bool) -> MpiResult<Blocks> {
    if is_root && r.buf.is_in_place() {
        return Ok(Blocks::None);
    }
    let ty = r.ty.get::<Type>(me)?;
    let count = r.count.check()?;
    check(r.buf, "recvbuf", count, &ty)?;
    Ok(whole(r.buf, count, &ty))
}

fn scatter_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideArgs,
    root: InRoot,
    comm: C,
) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    let is_root = root == comm.rank();
    let from = if is_root {
        let ty = send.ty.get::<Type>(me)?;
        let count = send.count.check()?;
        check(send.buf, "sendbuf", count, &ty)?;
        same_buffer(send.buf, recv.buf, count * ty.datatype.size())?;
        equal(send.buf, count, &ty)
    } else {
        Blocks::None
    };
    let to = scatter_recv(me, recv, is_root)?;
    Ok(moving(name, movement::SCATTER, Who::One(root), Who::All, from, to))
}

/// `MPI_Scatter` — member i receives block i of the root's buffer. MPI-5.0 §6.6.
pub fn scatter(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    execute(me, comm, &scatter_call(me, "MPI_Scatter", send, recv, root, comm)?)
}

/// `MPI_Iscatter`. MPI-5.0 §6.12.4.
pub fn iscatter(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    begin(me, comm, scatter_call(me, "MPI_Iscatter", send, recv, root, comm)?, request)
}

fn scatterv_call(
    me: &'static Rank,
    name: &'static str,
    send: SideLists,
    recv: SideArgs,
    root: InRoot,
    comm: C,
) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    let is_root = root == comm.rank();
    let from = if is_root {
        let ty = send.ty.get::<Type>(me)?;
        listed(send.buf, "sendbuf", send.counts, send.displs, comm.size() as usize, &ty)?
    } else {
        Blocks::None
    };
    let to = scatter_recv(me, recv, is_root)?;
    Ok(moving(name, movement::SCATTER, Who::One(root), Who::All, from, to))
}

/// `MPI_Scatterv`. MPI-5.0 §6.6.
pub fn scatterv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
) -> MpiResult {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    execute(me, comm, &scatterv_call(me, "MPI_Scatterv", send, recv, root, comm)?)
}

/// `MPI_Iscatterv`. MPI-5.0 §6.12.4.
pub fn iscatterv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    begin(me, comm, scatterv_call(me, "MPI_Iscatterv", send, recv, root, comm)?, request)
}

fn allgather_send(me: &'static Rank, s: SideArgs) -> MpiResult<Blocks> {
    gather_send(me, s, true)
}

fn allgather_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideArgs,
) -> MpiResult<Call> {
    let ty = recv.ty.get::<Type>(me)?;
    let count = recv.count.check()?;
    check(recv.buf, "recvbuf", count, &ty)?;
    same_buffer(send.buf, recv.buf, count * ty.datatype.size())?;
    let (from, to) = (allgather_send(me, send)?, equal(recv.buf, count, &ty));
    Ok(moving(name, movement::ALLGATHER, Who::All, Who::All, from, to))
}

/// `MPI_Allgather` — everybody receives everybody's block. MPI-5.0 §6.7.
pub fn allgather(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    execute(me, comm, &allgather_call(me, "MPI_Allgather", send, recv)?)
}

/// `MPI_Iallgather`. MPI-5.0 §6.12.5.
pub fn iallgather(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    begin(me, comm, allgather_call(me, "MPI_Iallgather", send, recv)?, request)
}

fn allgatherv_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideLists,
    comm: C,
) -> MpiResult<Call> {
    let ty = recv.ty.get::<Type>(me)?;
    let to = listed(recv.buf, "recvbuf", recv.counts, recv.displs, comm.size() as usize, &ty)?;
    let from = allgather_send(me, send)?;
    Ok(moving(name, movement::ALLGATHER, Who::All, Who::All, from, to))
}

/// `MPI_Allgatherv`. MPI-5.0 §6.7.
pub fn allgatherv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    execute(me, comm, &allgatherv_call(me, "MPI_Allgatherv", send, recv, comm)?)
}

/// `MPI_Iallgatherv`. MPI-5.0 §6.12.5.
pub fn iallgatherv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    begin(me, comm, allgatherv_call(me, "MPI_Iallgatherv", send, recv, comm)?, request)
}

fn exchange(name: &'static str, send: Option<Blocks>, recv: Blocks, comm: C) -> Call {
    // in place: the blocks to send lie where those received will be written
    let send = send.unwrap_or_else(|| recv.save(comm.size() as usize));
    moving(name, movement::ALLTOALL, Who::All, Who::All, send, recv)
}

fn alltoall_call(
    me: &'static Rank,
    name: &'static str,
    send: SideArgs,
    recv: SideArgs,
    comm: C,
) -> MpiResult<Call> {
    let ty = recv.ty.get::<Type>(me)?;
    let count = recv.count.check()?;
    check(recv.buf, "recvbuf", count, &ty)?;
    same_buffer(send.buf, recv.buf, count * ty.datatype.size())?;
    let from = if send.buf.is_in_place() {
        None
    } else {
        let ty = send.ty.get::<Type>(me)?;
        let count = send.count.check()?;
        check(send.buf, "sendbuf", count, &ty)?;
        Some(equal(send.buf, count, &ty))
    };
    Ok(exchange(name, from, equal(recv.buf, count, &ty), comm))
}

/// `MPI_Alltoall` — block j of member i becomes block i of member j. MPI-5.0 §6.8.
pub fn alltoall(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    comm: C,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    execute(me, comm, &alltoall_call(me, "MPI_Alltoall", send, recv, comm)?)
}

/// `MPI_Ialltoall`. MPI-5.0 §6.12.6.
pub fn ialltoall(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcount: LateCount,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcount: LateCount,
    recvtype: LateDatatype,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
    begin(me, comm, alltoall_call(me, "MPI_Ialltoall", send, recv, comm)?, request)
}

fn alltoallv_call(
    me: &'static Rank,
    name: &'static str,
    send: SideLists,
    recv: SideLists,
    comm: C,
) -> MpiResult<Call> {
    let n = comm.size() as usize;
    let ty = recv.ty.get::<Type>(me)?;
    let to = listed(recv.buf, "recvbuf", recv.counts, recv.displs, n, &ty)?;
    let from = if send.buf.is_in_place() {
        None
    } else {
        let ty = send.ty.get::<Type>(me)?;
        Some(listed(send.buf, "sendbuf", send.counts, send.displs, n, &ty)?)
    };
    Ok(exchange(name, from, to, comm))
}

/// `MPI_Alltoallv`. MPI-5.0 §6.8.
pub fn alltoallv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    comm: C,
) -> MpiResult {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    execute(me, comm, &alltoallv_call(me, "MPI_Alltoallv", send, recv, comm)?)
}

/// `MPI_Ialltoallv`. MPI-5.0 §6.12.6.
pub fn ialltoallv(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtype: LateDatatype,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtype: LateDatatype,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
    begin(me, comm, alltoallv_call(me, "MPI_Ialltoallv", send, recv, comm)?, request)
}

/// The arguments of one side of an alltoallw.
#[derive(Clone, Copy)]
pub struct SideTypes<'a> {
    pub buf: UserBuf,
    pub counts: ArrayPoly<'a>,
    pub displs: ArrayPoly<'a>,
    pub types: Array<'a, Handle>,
}

fn alltoallw_call(
    me: &'static Rank,
    name: &'static str,
    send: SideTypes,
    recv: SideTypes,
    comm: C,
) -> MpiResult<Call> {
    let n = comm.size() as usize;
    let to = typed(me, recv.buf, recv.counts, recv.displs, n, recv.types)?;
    let from = if send.buf.is_in_place() {
        None
    } else {
        Some(typed(me, send.buf, send.counts, send.displs, n, send.types)?)
    };
    Ok(exchange(name, from, to, comm))
}

/// `MPI_Alltoallw` — as alltoallv, a datatype for each block, displacements in bytes. MPI-5.0 §6.8.
pub fn alltoallw(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtypes: Array<Handle>,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtypes: Array<Handle>,
    comm: C,
) -> MpiResult {
    let send = SideTypes { buf: sendbuf, counts: sendcounts, displs: senddispls, types: sendtypes };
    let recv = SideTypes { buf: recvbuf, counts: recvcounts, displs: recvdispls, types: recvtypes };
    execute(me, comm, &alltoallw_call(me, "MPI_Alltoallw", send, recv, comm)?)
}

/// `MPI_Ialltoallw`. MPI-5.0 §6.12.6.
pub fn ialltoallw(
    me: &'static Rank,
    sendbuf: UserBuf,
    sendcounts: ArrayPoly,
    senddispls: ArrayPoly,
    sendtypes: Array<Handle>,
    recvbuf: UserBuf,
    recvcounts: ArrayPoly,
    recvdispls: ArrayPoly,
    recvtypes: Array<Handle>,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let send = SideTypes { buf: sendbuf, counts: sendcounts, displs: senddispls, types: sendtypes };
    let recv = SideTypes { buf: recvbuf, counts: recvcounts, displs: recvdispls, types: recvtypes };
    begin(me, comm, alltoallw_call(me, "MPI_Ialltoallw", send, recv, comm)?, request)
}

// ---------------------------------------------------------------------------------------------------- reductions

/// The arguments that all reductions have.
#[derive(Clone, Copy)]
pub struct ReduceArgs<'a> {
    pub send: UserBuf,
    pub recv: UserBuf,
    pub ty: T<'a>,
    pub op: O<'a>,
}

fn how(a: &ReduceArgs) -> MpiResult<How> {
    a.op.on(a.ty)
}

fn reduction(
    name: &'static str,
    a: &ReduceArgs,
    shape: Shape,
    count: i64,
    parts: Result<List, i64>,
    recv_matters: bool,
) -> MpiResult<Call> {
    let how = how(a)?;
    let bytes = count * a.ty.datatype.size();
    if recv_matters {
        check(a.recv, "recvbuf", count, a.ty)?;
    }
    let send = if a.send.is_in_place() && recv_matters {
        None
    } else {
        check(a.send, "sendbuf", count, a.ty)?;
        if recv_matters {
            same_buffer(a.send, a.recv, bytes)?;
        }
        Some(at(a.send))
    };
    let ty = a.ty.datatype.clone();
    Ok(Call::new(name, Operation::Reduce(Reduction { shape, send, recv: at(a.recv), count, parts, how, ty })))
}

fn reduce_call(name: &'static str, a: &ReduceArgs, count: i64, root: InRoot, comm: C) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    reduction(name, a, Shape::Reduce(root), count, Err(count), root == comm.rank())
}

/// `MPI_Reduce` — element by element over all members, to the root. MPI-5.0 §6.9.1.
pub fn reduce(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    root: InRoot,
    comm: C,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &reduce_call("MPI_Reduce", &a, count, root, comm)?)
}

/// `MPI_Ireduce`. MPI-5.0 §6.12.7.
pub fn ireduce(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    root: InRoot,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, reduce_call("MPI_Ireduce", &a, count, root, comm)?, request)
}

/// `MPI_Allreduce` — as reduce, to everybody. MPI-5.0 §6.9.6.
pub fn allreduce(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    comm: C,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &reduction("MPI_Allreduce", &a, Shape::All, count, Err(count), true)?)
}

/// `MPI_Iallreduce`. MPI-5.0 §6.12.8.
pub fn iallreduce(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, reduction("MPI_Iallreduce", &a, Shape::All, count, Err(count), true)?, request)
}

fn block_call(name: &'static str, a: &ReduceArgs, part: i64, comm: C) -> MpiResult<Call> {
    let Some(count) = part.checked_mul(comm.size() as i64) else {
        return mpi_err!(MPI_ERR_COUNT, "recvcount is {part}: times {} members it does not fit", comm.size());
    };
    reduction(name, a, Shape::Scatter, count, Err(part), true)
}

/// `MPI_Reduce_scatter_block` — reduces `part`·size elements; member i gets the i-th `part`. MPI-5.0 §6.10.1.
pub fn reduce_scatter_block(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    part: i64,
    ty: T,
    op: O,
    comm: C,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &block_call("MPI_Reduce_scatter_block", &a, part, comm)?)
}

/// `MPI_Ireduce_scatter_block`. MPI-5.0 §6.12.9.
pub fn ireduce_scatter_block(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    part: i64,
    ty: T,
    op: O,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, block_call("MPI_Ireduce_scatter_block", &a, part, comm)?, request)
}

fn scatter_reduce_call(name: &'static str, a: &ReduceArgs, parts: ArrayPoly, comm: C) -> MpiResult<Call> {
    let n = comm.size() as usize;
    let parts = counts(parts, n)?;
    let total = (0..n).map(|i| parts.get(i)).sum();
    // a member whose part is empty may pass no receive buffer
    let mine = parts.get(comm.rank() as usize);
    let needs_recv = mine > 0 || a.send.is_in_place();
    let how = how(a)?;
    if needs_recv {
        check(a.recv, "recvbuf", mine, a.ty)?;
    }
    let send = if a.send.is_in_place() {
        None
    } else {
        check(a.send, "sendbuf", total, a.ty)?;
        same_buffer(a.send, a.recv, mine * a.ty.datatype.size())?;
        Some(at(a.send))
    };
    let ty = a.ty.datatype.clone();
    let r =
        Reduction { shape: Shape::Scatter, send, recv: at(a.recv), count: total, parts: Ok(parts), how, ty };
    Ok(Call::new(name, Operation::Reduce(r)))
}

/// `MPI_Reduce_scatter` — as the block form, parts of listed lengths. MPI-5.0 §6.10.2.
pub fn reduce_scatter(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    parts: ArrayPoly,
    ty: T,
    op: O,
    comm: C,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &scatter_reduce_call("MPI_Reduce_scatter", &a, parts, comm)?)
}

/// `MPI_Ireduce_scatter`. MPI-5.0 §6.12.10.
pub fn ireduce_scatter(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    parts: ArrayPoly,
    ty: T,
    op: O,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, scatter_reduce_call("MPI_Ireduce_scatter", &a, parts, comm)?, request)
}

/// `MPI_Scan` — member r gets the reduction over members 0..=r. MPI-5.0 §6.11.1.
pub fn scan(me: &'static Rank, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O, comm: C) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &reduction("MPI_Scan", &a, Shape::Scan, count, Err(count), true)?)
}

/// `MPI_Iscan`. MPI-5.0 §6.12.11.
pub fn iscan(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, reduction("MPI_Iscan", &a, Shape::Scan, count, Err(count), true)?, request)
}

/// On member 0 the receive buffer of an exclusive scan is not significant, unless it holds the contribution.
fn exscan_call(name: &'static str, a: &ReduceArgs, count: i64, comm: C) -> MpiResult<Call> {
    reduction(name, a, Shape::Exscan, count, Err(count), comm.rank() > 0 || a.send.is_in_place())
}

/// `MPI_Exscan` — member r > 0 gets the reduction over members 0..r. MPI-5.0 §6.11.2.
pub fn exscan(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    comm: C,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    execute(me, comm, &exscan_call("MPI_Exscan", &a, count, comm)?)
}

/// `MPI_Iexscan`. MPI-5.0 §6.12.12.
pub fn iexscan(
    me: &'static Rank,
    send: UserBuf,
    recv: UserBuf,
    count: i64,
    ty: T,
    op: O,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    begin(me, comm, exscan_call("MPI_Iexscan", &a, count, comm)?, request)
}

/// `MPI_Reduce_local` — `recv[i] = send[i] op recv[i]` in this rank alone. MPI-5.0 §6.9.7.
pub fn reduce_local(_: &'static Rank, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O) -> MpiResult {
    let a = ReduceArgs { send, recv, ty, op };
    let how = how(&a)?;
    check(a.send, "inbuf", count, a.ty)?;
    check(a.recv, "inoutbuf", count, a.ty)?;
    match how {
        How::Kernel(k) => k.apply(at(a.send), at(a.recv), count as usize),
        How::User(f, h) => f.call(a.send.address(), a.recv.address(), count, h, a.ty.datatype.extent()),
    }
    Ok(())
}
