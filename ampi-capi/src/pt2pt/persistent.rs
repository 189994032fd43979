//! Persistent requests (MPI-5.0 §3.9): the arguments of a call, kept, and started any number of times.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::calls::pattern;
use super::queue::Pattern;
use super::request::{Kind, Outcome, Phase, Request, Target};
use super::{Envelope, receive, send_elements};
use crate::abi::kinds::{Array, InDest, InOut, InSource, OutHandle, UserBuf};
use crate::comm::Comm;
use crate::datatype::DatatypeRef;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::memory::Address;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// How a persistent send behaves when it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Standard,
    Synchronous,
    Buffered,
}

/// The operation that a start begins; `None` as peer: `MPI_PROC_NULL`.
#[derive(Clone)]
pub enum What {
    Send(Option<Envelope>, Mode),
    Receive(Option<Pattern>),
}

/// Kept arguments.
#[derive(Clone)]
pub struct Persistent {
    buf: Address,
    count: i64,
    ty: DatatypeRef,
    what: What,
}

type C<'a> = &'a Rc<Comm>;
type T<'a> = &'a Rc<Type>;

fn keep(
    me: &'static Rank,
    kind: Kind,
    buf: UserBuf,
    count: i64,
    ty: T,
    what: What,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    ty.check_buffer(buf, "buf", count)?;
    let r = me.p2p.requests.take(kind);
    r.set_phase(Phase::Inactive);
    r.set_comm(comm.handle());
    let p = Persistent { buf: Address(buf.address()), count, ty: ty.datatype.clone(), what };
    r.set_persistent(Some(p));
    request.set(me.p2p.requests.publish(r));
    Ok(())
}

pub(super) fn keep_send(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    dest: InDest,
    tag: i32,
    comm: C,
    mode: Mode,
    request: OutHandle,
) -> MpiResult {
    let e = dest.check(comm.size())?.map(|dest| Envelope {
        to: comm.world_rank(dest),
        context: comm.context(),
        key: (comm.rank() as u64) << 32 | tag as u32 as u64,
    });
    keep(me, Kind::Send, buf, count, ty, What::Send(e, mode), comm, request)
}

macro_rules! send_inits {
    ($($(#[$doc:meta])* $name:ident $mode:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(
            me: &'static Rank,
            buf: UserBuf,
            count: i64,
            ty: T,
            dest: InDest,
            tag: i32,
            comm: C,
            request: OutHandle,
        ) -> MpiResult {
            keep_send(me, buf, count, ty, dest, tag, comm, Mode::$mode, request)
        }
    )*};
}

send_inits! {
    /// `MPI_Send_init`. MPI-5.0 §3.9.
    send_init Standard;
    /// `MPI_Ssend_init`. MPI-5.0 §3.9.
    ssend_init Synchronous;
    /// `MPI_Rsend_init`. MPI-5.0 §3.9.
    rsend_init Standard;
}

/// `MPI_Recv_init`. MPI-5.0 §3.9.
pub fn recv_init(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: T,
    source: InSource,
    tag: i32,
    comm: C,
    request: OutHandle,
) -> MpiResult {
    let p = pattern(source, tag, comm)?;
    keep(me, Kind::Receive, buf, count, ty, What::Receive(p), comm, request)
}

fn begin(me: &'static Rank, handle: usize, what: impl Fn() -> String) -> MpiResult {
    let Some(r) = me.p2p.requests.find(Handle(handle)) else {
        return mpi_err!(MPI_ERR_REQUEST, "{} is {handle:#x}, which is not a live request", what());
    };
    let Some(p) = r.persistent() else {
        return mpi_err!(MPI_ERR_REQUEST, "{} is not a persistent request", what());
    };
    if r.phase() != Phase::Inactive {
        return mpi_err!(MPI_ERR_REQUEST, "{} has been started before and is not complete", what());
    }
    run(me, r, &p)
}

fn run(me: &'static Rank, r: &'static Request, p: &Persistent) -> MpiResult {
    let finish = |outcome| {
        r.set_outcome(&outcome);
        r.set_phase(Phase::Complete);
    };
    r.set_outcome(&Outcome::EMPTY);
    match &p.what {
        What::Send(None, _) => finish(Outcome::EMPTY),
        What::Receive(None) => finish(Outcome::PROC_NULL),
        What::Send(Some(e), Mode::Buffered) => {
            super::bsend::send_buffered(me, e, p.buf, p.count, &p.ty)?;
            finish(Outcome::EMPTY);
        }
        What::Send(Some(e), mode) => {
            r.set_phase(Phase::Active);
            r.peer.set(e.to);
            let synchronous = *mode == Mode::Synchronous;
            if send_elements(me, e, p.buf, p.count, &p.ty, synchronous, Some(r)).is_none() {
                finish(Outcome::EMPTY);
            }
        }
        What::Receive(Some(pattern)) => {
            r.set_phase(Phase::Active);
            receive(me, r, *pattern, Target::of(p.buf, p.count, &p.ty));
        }
    }
    Ok(())
}

/// `MPI_Start` — begins the operation of a persistent request. MPI-5.0 §3.9.
pub fn start(me: &'static Rank, request: InOut<usize>) -> MpiResult {
    begin(me, request.get(), || "request".into())
}

/// `MPI_Startall`. MPI-5.0 §3.9.
pub fn startall(me: &'static Rank, n: i32, array: Array<Handle>) -> MpiResult {
    for (i, h) in array.of(n as usize)?.iter().enumerate() {
        begin(me, h.get().0, || format!("array_of_requests[{i}]"))?;
    }
    Ok(())
}
