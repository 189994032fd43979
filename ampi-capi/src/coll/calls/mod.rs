//! The calls of MPI-5.0 chapter 6: each checks its arguments and becomes a [`Call`] that is pinned to a board.
//!
//! Every operation has a builder; its blocking form *executes* the call, its nonblocking form *begins* it. Data movement
//! is in [`moves`], reductions in [`reduces`]; here is what they share.
#![allow(clippy::too_many_arguments)] // they are the standard's

use super::meeting::meet;
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

/// The blocking and the nonblocking form of a collective. The expression makes the [`Call`] of either; `name` is the
/// function's.
macro_rules! collective {
    ($(#[$doc:meta])* $blocking:ident $function:literal, $nonblocking:ident $ifunction:literal ($section:literal),
     |$me:ident, $comm:ident, $name:ident $(, $arg:ident: $ty:ty)* $(,)?| $call:expr) => {
        $(#[$doc])*
        #[inline(always)]
        pub fn $blocking($me: &'static Rank, $($arg: $ty,)* $comm: C) -> MpiResult {
            let $name = $function;
            execute($me, $comm, &$call)
        }

        #[doc = concat!("`", $ifunction, "` — [`", stringify!($blocking), "`], nonblocking. MPI-5.0 §", $section, ".")]
        pub fn $nonblocking($me: &'static Rank, $($arg: $ty,)* $comm: C, request: OutHandle) -> MpiResult {
            let $name = $ifunction;
            begin($me, $comm, $call, request)
        }
    };
}

mod moves;
mod reduces;

pub use moves::*;
pub use reduces::*;

pub(super) type C<'a> = &'a Rc<Comm>;
pub(super) type T<'a> = &'a Rc<Type>;
pub(super) type O<'a> = &'a Rc<Op>;

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

pub(super) fn at(b: UserBuf) -> Address {
    Address(b.address())
}

#[inline(always)]
pub(super) fn check(b: UserBuf, name: &str, count: i64, ty: &Type) -> MpiResult {
    b.check(name, count * ty.datatype.size() > 0 && !ty.is_absolute())
}

#[inline(always)]
pub(super) fn whole(b: UserBuf, count: i64, ty: T) -> Blocks {
    Blocks::Whole { at: at(b), count, ty: ty.datatype.clone() }
}
#[inline(always)]
pub(super) fn equal(b: UserBuf, count: i64, ty: T) -> Blocks {
    Blocks::Equal { at: at(b), count, ty: ty.datatype.clone() }
}

/// A program's list of `n` counts or displacements.
pub(super) fn list(a: ArrayPoly, n: usize) -> MpiResult<List> {
    a.of(n)?;
    Ok(match a {
        ArrayPoly::Int(a) => List::Int(Address(a.address())),
        ArrayPoly::Large(a) => List::Large(Address(a.address())),
    })
}

pub(super) fn counts(a: ArrayPoly, n: usize) -> MpiResult<List> {
    let l = list(a, n)?;
    match (0..n).find(|&i| l.get(i) < 0) {
        Some(i) => mpi_err!(MPI_ERR_COUNT, "{}[{i}] is {}, must not be negative", a.name(), l.get(i)),
        None => Ok(l),
    }
}

pub(super) fn listed(
    b: UserBuf,
    name: &str,
    c: ArrayPoly,
    d: ArrayPoly,
    n: usize,
    ty: T,
) -> MpiResult<Blocks> {
    let counts = counts(c, n)?;
    let displs = list(d, n)?;
    b.check(name, ty.datatype.size() > 0 && !ty.is_absolute() && (0..n).any(|i| counts.get(i) > 0))?;
    Ok(Blocks::Listed { at: at(b), counts, displs, ty: ty.datatype.clone() })
}

pub(super) fn typed(
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

#[inline(always)]
pub(super) fn moving(
    name: &'static str,
    what: u32,
    sources: Who,
    receivers: Who,
    send: Blocks,
    recv: Blocks,
) -> Call {
    Call::new(name, Operation::Move(Movement { sources, receivers, send, recv, what }))
}

/// Buffers that the standard wants to be distinct.
#[inline(always)]
pub(super) fn same_buffer(send: UserBuf, recv: UserBuf, bytes: i64) -> MpiResult {
    if send == recv && bytes > 0 && !send.is_bottom() {
        return mpi_err!(MPI_ERR_BUFFER, "sendbuf and recvbuf are the same; use MPI_IN_PLACE");
    }
    Ok(())
}
