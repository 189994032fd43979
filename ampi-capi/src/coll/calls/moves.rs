//! Barrier and data movement: MPI-5.0 §6.3-6.8, §6.12.1-6.12.6.

use super::*;

/// `MPI_Barrier` — returns when all members have called it. MPI-5.0 §6.3.
#[inline(always)]
pub fn barrier(me: &'static Rank, comm: C) -> MpiResult {
    execute(me, comm, &Call::new("MPI_Barrier", Operation::Barrier))
}

/// `MPI_Ibarrier`. MPI-5.0 §6.12.1.
pub fn ibarrier(me: &'static Rank, comm: C, request: OutHandle) -> MpiResult {
    begin(me, comm, Call::new("MPI_Ibarrier", Operation::Barrier), request)
}

#[inline(always)]
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
#[inline(always)]
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

#[inline(always)]
fn gather_send(me: &'static Rank, s: SideArgs, is_root: bool) -> MpiResult<Blocks> {
    if is_root && s.buf.is_in_place() {
        return Ok(Blocks::None);
    }
    let ty = s.ty.get::<Type>(me)?;
    contribution(s.buf, s.count.check()?, Some(&ty), false)
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
