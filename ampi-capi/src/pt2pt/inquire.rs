//! Looking at requests without completing them, and giving them up (MPI-5.0 §3.7.3, §3.7.6, §3.8.4): get_status in its
//! four forms, free, cancel.

use super::request::{Kind, Outcome, Phase, Request};
use super::status::{store, store_empty};
use super::wait::{NULL, done_soon, is_done, look_up, requests};
use crate::abi::constants as c;
use crate::abi::kinds::{Array, InOut, Out, OutTruth, StatusOut, StatusesOut};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::mpi_err;
use crate::rank::Rank;

/// `MPI_Request_free` — the program is not interested in the completion. MPI-5.0 §3.7.3.
pub fn request_free(me: &'static Rank, request: InOut<usize>) -> MpiResult {
    let Some(r) = look_up(me, request.get(), || "request".into())? else {
        return mpi_err!(MPI_ERR_REQUEST, "request is MPI_REQUEST_NULL");
    };
    request.set(NULL);
    abandon(me, r);
    Ok(())
}

/// Gives a request up: recycled now, or when its operation is over.
fn abandon(me: &'static Rank, r: &'static Request) {
    if let Some(s) = r.take_also() {
        abandon(me, s);
    }
    r.set_persistent(None);
    if r.is_active() {
        // a collective's call lives in the epilogue: it stays until completion
        r.orphan.set(true);
        me.p2p.requests.withdraw(r);
    } else {
        drop(r.take_epilogue());
        me.p2p.requests.recycle(r);
    }
}

/// `MPI_Request_get_status` — what `MPI_Test` would tell, without freeing. MPI-5.0 §3.7.6.
pub fn request_get_status(
    me: &'static Rank,
    request: Handle,
    flag: OutTruth,
    status: StatusOut,
) -> MpiResult {
    let Some(r) = look_up(me, request.0, || "request".into())? else {
        flag.set(true);
        store_empty(status);
        return Ok(());
    };
    let done = done_soon(me, || is_done(r));
    flag.set(done);
    if done {
        tell(status, r);
    }
    Ok(())
}

/// Stores what became of `r`, which is done or inactive, and leaves it as it is.
fn tell(status: StatusOut, r: &Request) {
    if r.phase() == Phase::Inactive { store_empty(status) } else { store(status, &r.outcome()) }
}

/// `MPI_Request_get_status_any`. MPI-5.0 §3.7.6.
pub fn request_get_status_any(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    index: Out<i32>,
    flag: OutTruth,
    status: StatusOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    if list.started().next().is_none() {
        flag.set(true);
        index.set(c::MPI_UNDEFINED);
        store_empty(status);
        return Ok(());
    }
    flag.set(done_soon(me, || list.first_done().is_some()));
    match list.first_done() {
        Some(i) => {
            index.set(i as i32);
            if let Some(r) = list.at(i) {
                tell(status, r);
            }
        }
        None => index.set(c::MPI_UNDEFINED),
    }
    Ok(())
}

/// `MPI_Request_get_status_all`. MPI-5.0 §3.7.6.
pub fn request_get_status_all(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    flag: OutTruth,
    statuses: StatusesOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    let done = done_soon(me, || list.started().all(|(_, r)| is_done(r)));
    flag.set(done);
    if done {
        for i in 0..list.places.len() {
            match list.at(i) {
                Some(r) => tell(statuses.at(i), r),
                None => store_empty(statuses.at(i)),
            }
        }
    }
    Ok(())
}

/// `MPI_Request_get_status_some`. MPI-5.0 §3.7.6.
pub fn request_get_status_some(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    outcount: Out<i32>,
    indices: Array<i32>,
    statuses: StatusesOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    if list.started().next().is_none() {
        outcount.set(c::MPI_UNDEFINED);
        return Ok(());
    }
    done_soon(me, || list.first_done().is_some());
    let done: Vec<_> = list.started().filter(|(_, r)| is_done(r)).collect();
    let places = indices.of(done.len())?;
    for (k, (i, r)) in done.iter().enumerate() {
        places[k].set(*i as i32);
        tell(statuses.at(k), r);
    }
    outcount.set(done.len() as i32);
    Ok(())
}

/// `MPI_Cancel` — takes a receive back that nothing has matched, or a send whose message still lies with the sender. A
/// short message has left, its send is complete and stays so. MPI-5.0 §3.8.4.
pub fn cancel(me: &'static Rank, request: InOut<usize>) -> MpiResult {
    let Some(r) = look_up(me, request.get(), || "request".into())? else {
        return mpi_err!(MPI_ERR_REQUEST, "request is MPI_REQUEST_NULL");
    };
    match r.kind() {
        Kind::Collective => {
            return mpi_err!(
                MPI_ERR_REQUEST,
                "request is that of a collective operation, which cannot be cancelled"
            );
        }
        Kind::Receive if r.is_active() && me.p2p.posted.iter().any(|p| std::ptr::eq(p, r)) => {
            me.p2p.posted.remove(r);
            r.complete(me, Outcome { cancelled: true, ..Outcome::EMPTY });
        }
        Kind::Send if r.is_active() => super::rendezvous::take_back(me, r),
        _ => {}
    }
    Ok(())
}
