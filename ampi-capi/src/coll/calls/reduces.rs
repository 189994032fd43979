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

collective! {
    /// `MPI_Reduce` — element by element over all members, to the root. MPI-5.0 §6.9.1.
    reduce "MPI_Reduce", ireduce "MPI_Ireduce" ("6.12.7"),
    |me, comm, name, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O, root: InRoot| {
    let a = ReduceArgs { send, recv, ty, op };
        reduce_call(name, &a, count, root, comm)?
    }
}

collective! {
    /// `MPI_Allreduce` — as reduce, to everybody. MPI-5.0 §6.9.6.
    allreduce "MPI_Allreduce", iallreduce "MPI_Iallreduce" ("6.12.8"),
    |me, comm, name, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O| {
    let a = ReduceArgs { send, recv, ty, op };
        reduction(name, &a, Shape::All, count, Err(count), true)?
    }
}

fn block_call(name: &'static str, a: &ReduceArgs, part: i64, comm: C) -> MpiResult<Call> {
    let Some(count) = part.checked_mul(comm.size() as i64) else {
        return mpi_err!(MPI_ERR_COUNT, "recvcount is {part}: times {} members it does not fit", comm.size());
    };
    reduction(name, a, Shape::Scatter, count, Err(part), true)
}

collective! {
    /// `MPI_Reduce_scatter_block` — reduces `part`·size elements; member i gets the i-th `part`. MPI-5.0 §6.10.1.
    reduce_scatter_block "MPI_Reduce_scatter_block", ireduce_scatter_block "MPI_Ireduce_scatter_block" ("6.12.9"),
    |me, comm, name, send: UserBuf, recv: UserBuf, part: i64, ty: T, op: O| {
    let a = ReduceArgs { send, recv, ty, op };
        block_call(name, &a, part, comm)?
    }
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

collective! {
    /// `MPI_Reduce_scatter` — as the block form, parts of listed lengths. MPI-5.0 §6.10.2.
    reduce_scatter "MPI_Reduce_scatter", ireduce_scatter "MPI_Ireduce_scatter" ("6.12.10"),
    |me, comm, name, send: UserBuf, recv: UserBuf, parts: ArrayPoly, ty: T, op: O| {
    let a = ReduceArgs { send, recv, ty, op };
        scatter_reduce_call(name, &a, parts, comm)?
    }
}

collective! {
    /// `MPI_Scan` — member r gets the reduction over members 0..=r. MPI-5.0 §6.11.1.
    scan "MPI_Scan", iscan "MPI_Iscan" ("6.12.11"),
    |me, comm, name, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O| {
    let a = ReduceArgs { send, recv, ty, op };
        reduction(name, &a, Shape::Scan, count, Err(count), true)?
    }
}

/// On member 0 the receive buffer of an exclusive scan is not significant, unless it holds the contribution.
fn exscan_call(name: &'static str, a: &ReduceArgs, count: i64, comm: C) -> MpiResult<Call> {
    reduction(name, a, Shape::Exscan, count, Err(count), comm.rank() > 0 || a.send.is_in_place())
}

collective! {
    /// `MPI_Exscan` — member r > 0 gets the reduction over members 0..r. MPI-5.0 §6.11.2.
    exscan "MPI_Exscan", iexscan "MPI_Iexscan" ("6.12.12"),
    |me, comm, name, send: UserBuf, recv: UserBuf, count: i64, ty: T, op: O| {
    let a = ReduceArgs { send, recv, ty, op };
        exscan_call(name, &a, count, comm)?
    }
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
