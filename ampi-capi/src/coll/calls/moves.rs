//! Barrier and data movement: MPI-5.0 §6.3-6.8, §6.12.1-6.12.6.

use super::*;

collective! {
    /// `MPI_Barrier` — returns when all members have called it. MPI-5.0 §6.3.
    barrier "MPI_Barrier", ibarrier "MPI_Ibarrier" ("6.12.1"),
    |me, comm, name| Call::new(name, Operation::Barrier)
}

#[inline(always)]
fn bcast_call(name: &'static str, buf: UserBuf, count: i64, ty: T, root: InRoot, comm: C) -> MpiResult<Call> {
    let root = root.check(comm.size())?;
    check(buf, "buffer", count, ty)?;
    let here = whole(buf, count, ty);
    let (send, recv) = if root == comm.rank() { (here, Blocks::None) } else { (Blocks::None, here) };
    Ok(moving(name, movement::BROADCAST, Who::One(root), Who::All, send, recv))
}

collective! {
    /// `MPI_Bcast` — `count` elements of `ty` from the root's `buf` to everybody's. MPI-5.0 §6.4.
    bcast "MPI_Bcast", ibcast "MPI_Ibcast" ("6.12.2"),
    |me, comm, name, buf: UserBuf, count: i64, ty: T, root: InRoot| bcast_call(name, buf, count, ty, root, comm)?
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

/// The member's own contribution to a gather: its send buffer, or nothing (in place, at the root only).
#[inline(always)]
fn gather_send(me: &'static Rank, s: SideArgs, is_root: bool) -> MpiResult<Blocks> {
    if is_root && s.buf.is_in_place() {
        return Ok(Blocks::None);
    }
    let ty = s.ty.get::<Type>(me)?;
    let count = s.count.check()?;
    check(s.buf, "sendbuf", count, &ty)?;
    Ok(whole(s.buf, count, &ty))
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

collective! {
    /// `MPI_Gather` — the root receives a block of `recv.count` elements from each member, in rank order. MPI-5.0 §6.5.
    gather "MPI_Gather", igather "MPI_Igather" ("6.12.3"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcount: LateCount, recvtype: LateDatatype, root: InRoot| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
        gather_call(me, name, send, recv, root, comm)?
    }
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

collective! {
    /// `MPI_Gatherv` — as gather, block i has `recv.counts[i]` elements at `recv.displs[i]·extent`. MPI-5.0 §6.5.
    gatherv "MPI_Gatherv", igatherv "MPI_Igatherv" ("6.12.3"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcounts: ArrayPoly, recvdispls: ArrayPoly, recvtype: LateDatatype, root: InRoot| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
        gatherv_call(me, name, send, recv, root, comm)?
    }
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

collective! {
    /// `MPI_Scatter` — member i receives block i of the root's buffer. MPI-5.0 §6.6.
    scatter "MPI_Scatter", iscatter "MPI_Iscatter" ("6.12.4"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcount: LateCount, recvtype: LateDatatype, root: InRoot| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
        scatter_call(me, name, send, recv, root, comm)?
    }
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

collective! {
    /// `MPI_Scatterv`. MPI-5.0 §6.6.
    scatterv "MPI_Scatterv", iscatterv "MPI_Iscatterv" ("6.12.4"),
    |me, comm, name, sendbuf: UserBuf, sendcounts: ArrayPoly, senddispls: ArrayPoly, sendtype: LateDatatype, recvbuf: UserBuf, recvcount: LateCount, recvtype: LateDatatype, root: InRoot| {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
        scatterv_call(me, name, send, recv, root, comm)?
    }
}

#[inline(always)]
fn allgather_send(me: &'static Rank, s: SideArgs) -> MpiResult<Blocks> {
    gather_send(me, s, true)
}

#[inline(always)]
fn allgather_call(me: &'static Rank, name: &'static str, send: SideArgs, recv: SideArgs) -> MpiResult<Call> {
    let ty = recv.ty.get::<Type>(me)?;
    let count = recv.count.check()?;
    check(recv.buf, "recvbuf", count, &ty)?;
    same_buffer(send.buf, recv.buf, count * ty.datatype.size())?;
    let (from, to) = (allgather_send(me, send)?, equal(recv.buf, count, &ty));
    Ok(moving(name, movement::ALLGATHER, Who::All, Who::All, from, to))
}

collective! {
    /// `MPI_Allgather` — everybody receives everybody's block. MPI-5.0 §6.7.
    allgather "MPI_Allgather", iallgather "MPI_Iallgather" ("6.12.5"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcount: LateCount, recvtype: LateDatatype| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
        allgather_call(me, name, send, recv)?
    }
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

collective! {
    /// `MPI_Allgatherv`. MPI-5.0 §6.7.
    allgatherv "MPI_Allgatherv", iallgatherv "MPI_Iallgatherv" ("6.12.5"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcounts: ArrayPoly, recvdispls: ArrayPoly, recvtype: LateDatatype| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
        allgatherv_call(me, name, send, recv, comm)?
    }
}

#[inline(always)]
fn exchange(name: &'static str, send: Option<Blocks>, recv: Blocks, comm: C) -> Call {
    // in place: the blocks to send lie where those received will be written
    let send = send.unwrap_or_else(|| recv.save(comm.size() as usize));
    moving(name, movement::ALLTOALL, Who::All, Who::All, send, recv)
}

#[inline(always)]
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

collective! {
    /// `MPI_Alltoall` — block j of member i becomes block i of member j. MPI-5.0 §6.8.
    alltoall "MPI_Alltoall", ialltoall "MPI_Ialltoall" ("6.12.6"),
    |me, comm, name, sendbuf: UserBuf, sendcount: LateCount, sendtype: LateDatatype, recvbuf: UserBuf, recvcount: LateCount, recvtype: LateDatatype| {
    let send = SideArgs { buf: sendbuf, count: sendcount, ty: sendtype };
    let recv = SideArgs { buf: recvbuf, count: recvcount, ty: recvtype };
        alltoall_call(me, name, send, recv, comm)?
    }
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

collective! {
    /// `MPI_Alltoallv`. MPI-5.0 §6.8.
    alltoallv "MPI_Alltoallv", ialltoallv "MPI_Ialltoallv" ("6.12.6"),
    |me, comm, name, sendbuf: UserBuf, sendcounts: ArrayPoly, senddispls: ArrayPoly, sendtype: LateDatatype, recvbuf: UserBuf, recvcounts: ArrayPoly, recvdispls: ArrayPoly, recvtype: LateDatatype| {
    let send = SideLists { buf: sendbuf, counts: sendcounts, displs: senddispls, ty: sendtype };
    let recv = SideLists { buf: recvbuf, counts: recvcounts, displs: recvdispls, ty: recvtype };
        alltoallv_call(me, name, send, recv, comm)?
    }
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

collective! {
    /// `MPI_Alltoallw` — as alltoallv, a datatype for each block, displacements in bytes. MPI-5.0 §6.8.
    alltoallw "MPI_Alltoallw", ialltoallw "MPI_Ialltoallw" ("6.12.6"),
    |me, comm, name, sendbuf: UserBuf, sendcounts: ArrayPoly, senddispls: ArrayPoly, sendtypes: Array<Handle>, recvbuf: UserBuf, recvcounts: ArrayPoly, recvdispls: ArrayPoly, recvtypes: Array<Handle>| {
    let send = SideTypes { buf: sendbuf, counts: sendcounts, displs: senddispls, types: sendtypes };
    let recv = SideTypes { buf: recvbuf, counts: recvcounts, displs: recvdispls, types: recvtypes };
        alltoallw_call(me, name, send, recv, comm)?
    }
}
