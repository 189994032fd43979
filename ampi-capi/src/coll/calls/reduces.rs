//! Reductions: MPI-5.0 §6.9-6.11, §6.12.7-6.12.12.

use super::*;

/// The arguments that all reductions have.
#[derive(Clone, Copy)]
pub struct ReduceArgs<'a> {
    pub send: UserBuf,
    pub recv: UserBuf,
    pub ty: T<'a>,
    pub op: O<'a>,
}

#[inline(always)]
fn how(a: &ReduceArgs) -> MpiResult<How> {
    a.op.on(a.ty)
}

#[inline(always)]
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
