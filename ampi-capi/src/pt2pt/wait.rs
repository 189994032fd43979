//! Completing operations (MPI-5.0 §3.7.3-3.7.5): wait and test, in their four forms.
//!
//! Rules:
//! 1. A request is *finished* in the call that tells the program about it: its epilogue runs there, in the rank's own
//!    context, its handle becomes null (persistent ones become inactive), and it goes back to the pool.
//! 2. A rank that waits counts the completions it needs (`waiting_for`); completing an awaited request counts down and
//!    wakes the rank at 0. Between two waits no request is `awaited`.
//! 3. A test that finds nothing lets other ranks run, so that a loop of tests makes progress.

use super::request::{Outcome, Phase, Request};
use super::status::{store, store_empty};
use crate::abi::constants as c;
use crate::abi::kinds::{Array, InOut, Out, OutTruth, StatusOut, StatusesOut};
use crate::error::{MpiError, MpiResult};
use crate::handle::Handle;
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::Cell;

pub(super) const NULL: usize = c::MPI_REQUEST_NULL;

/// Waits for one request.
#[inline(always)]
pub(crate) fn block_on(me: &'static Rank, r: &'static Request) {
    if r.is_active() {
        r.awaited.set(true);
        me.p2p.waiting_for.set(1);
        loop {
            me.p2p.pe().block();
            if !r.is_active() {
                return;
            }
        }
    }
}

/// Waits until all of them are complete.
pub(crate) fn block_on_all(me: &'static Rank, requests: impl Iterator<Item = &'static Request> + Clone) {
    let mut pending = 0;
    for r in requests.clone().filter(|r| r.is_active()) {
        r.awaited.set(true);
        pending += 1;
    }
    block_for(me, pending);
}

/// Waits until `pending` awaited requests are complete.
#[inline(always)]
fn block_for(me: &'static Rank, pending: u32) {
    if pending > 0 {
        me.p2p.waiting_for.set(pending);
        while me.p2p.waiting_for.get() > 0 {
            me.p2p.pe().block();
        }
    }
}

/// Waits until at least one is complete; all of `pending()` are active now.
fn block_on_any(me: &'static Rank, pending: impl Iterator<Item = &'static Request> + Clone) {
    let before = pending.clone().inspect(|r| r.awaited.set(true)).count();
    me.p2p.waiting_for.set(1);
    while pending.clone().count() == before {
        // a second completion before we run must not count below zero
        me.p2p.pe().block();
    }
    for r in pending {
        r.awaited.set(false);
    }
}

/// The request that `handle` names; `None` for the null request.
#[inline(always)]
pub(super) fn look_up(
    me: &'static Rank,
    handle: usize,
    what: impl Fn() -> String,
) -> MpiResult<Option<&'static Request>> {
    if handle == NULL {
        return Ok(None);
    }
    match me.p2p.requests.find(Handle(handle)) {
        Some(r) => Ok(Some(r)),
        None => mpi_err!(
            MPI_ERR_REQUEST,
            "{} is {handle:#x}, which is not a live request (completed or freed before?)",
            what()
        ),
    }
}

/// Is nothing left to do for it?
#[inline(always)]
pub(super) fn is_done(r: &Request) -> bool {
    !r.is_active() && r.also().is_none_or(|s| !s.is_active())
}

/// Waits for a request and the send joined to it.
fn block_until_done(me: &'static Rank, r: &'static Request) {
    block_on(me, r);
    if let Some(s) = r.also() {
        block_on(me, s);
    }
}

/// Tells what became of a completed request and gives it up; the handle to store back.
#[inline(always)]
fn finish(me: &'static Rank, r: &'static Request, status: StatusOut) -> (usize, MpiResult) {
    if r.is_plain() {
        if !status.is_ignored() {
            store(status, &r.outcome());
        }
        me.p2p.requests.recycle(r);
        return (NULL, Ok(()));
    }
    if r.is_shared() {
        store(status, &Outcome::EMPTY);
        return (NULL, Ok(()));
    }
    finish_with_extras(me, r, status)
}

#[inline(never)]
fn finish_with_extras(me: &'static Rank, r: &'static Request, status: StatusOut) -> (usize, MpiResult) {
    if let Some(s) = r.take_also() {
        me.p2p.requests.recycle(s);
    }
    let outcome = r.outcome();
    let mut result = super::status::check(&outcome).map_err(|e| e.on(r.comm()));
    if let Some(epilogue) = r.take_epilogue() {
        result = result.and(epilogue(me).map_err(|e| e.on(r.comm())));
    }
    let handle = if r.is_persistent() {
        r.set_phase(Phase::Inactive);
        r.handle().0
    } else {
        me.p2p.requests.recycle(r);
        NULL
    };
    store(status, &outcome);
    (handle, result)
}

/// `MPI_Wait` — returns when the operation is complete. MPI-5.0 §3.7.3.
#[inline(always)]
pub fn wait(me: &'static Rank, request: InOut<usize>, status: StatusOut) -> MpiResult {
    let Some(r) = look_up(me, request.get(), || "request".into())? else {
        store_empty(status);
        return Ok(());
    };
    if r.phase() == Phase::Inactive {
        store_empty(status);
        return Ok(());
    }
    block_until_done(me, r);
    let (handle, result) = finish(me, r, status);
    request.set(handle);
    result
}

/// Lets others run once: what a test does that found nothing (rule 3).
#[inline(always)]
pub(super) fn progress(me: &'static Rank) {
    let pe = me.p2p.pe();
    if pe.progress(16) == 0 && pe.others_ready() || pe.has_timers() {
        pe.yield_now();
    }
}

/// Done now, or after others were let run once?
#[inline(always)]
pub(super) fn done_soon(me: &'static Rank, done: impl Fn() -> bool) -> bool {
    if done() {
        return true;
    }
    progress(me);
    done()
}

/// `MPI_Test`. MPI-5.0 §3.7.3.
pub fn test(me: &'static Rank, request: InOut<usize>, flag: OutTruth, status: StatusOut) -> MpiResult {
    let Some(r) = look_up(me, request.get(), || "request".into())? else {
        flag.set(true);
        store_empty(status);
        return Ok(());
    };
    let done = done_soon(me, || is_done(r));
    flag.set(done);
    if !done {
        return Ok(());
    }
    if r.phase() == Phase::Inactive {
        store_empty(status);
        return Ok(());
    }
    let (handle, result) = finish(me, r, status);
    request.set(handle);
    result
}

/// The requests of an array argument. Looked up anew at every pass: that costs less than a list of them.
pub(super) struct List<'a> {
    me: &'static Rank,
    pub(super) places: &'a [Cell<Handle>],
}

pub(super) fn requests<'a>(me: &'static Rank, n: i32, array: Array<'a, Handle>) -> MpiResult<List<'a>> {
    let list = List { me, places: array.of(n as usize)? };
    for (i, p) in list.places.iter().enumerate() {
        look_up(me, p.get().0, || format!("array_of_requests[{i}]"))?;
    }
    Ok(list)
}

impl List<'_> {
    /// Request `i`; `None` for the null request.
    #[inline(always)]
    pub(super) fn at(&self, i: usize) -> Option<&'static Request> {
        let handle = self.places[i].get();
        if handle.0 == NULL { None } else { self.me.p2p.requests.find(handle) }
    }

    /// Requests that are started and not null.
    pub(super) fn started(&self) -> impl Iterator<Item = (usize, &'static Request)> + Clone + '_ {
        (0..self.places.len())
            .filter_map(|i| self.at(i).filter(|r| r.phase() != Phase::Inactive).map(|r| (i, r)))
    }

    /// Their operations that are not over.
    fn pending(&self) -> impl Iterator<Item = &'static Request> + Clone + '_ {
        self.started().flat_map(|(_, r)| [Some(r), r.also()]).flatten().filter(|r| r.is_active())
    }

    /// Waits for all of them; a handle that names no request is noticed before.
    #[inline(always)]
    fn await_all(&self) -> MpiResult {
        let mut pending = 0;
        let mut await_one = |r: &Request| {
            if r.is_active() {
                r.awaited.set(true);
                pending += 1;
            }
        };
        for i in 0..self.places.len() {
            match self.at(i) {
                Some(r) => {
                    await_one(r);
                    if let Some(send) = r.also() {
                        await_one(send);
                    }
                }
                None if self.places[i].get().0 == NULL => {}
                None => return self.refuse(i),
            }
        }
        block_for(self.me, pending);
        Ok(())
    }

    /// Request `i` is none; nothing is waited for.
    #[cold]
    fn refuse(&self, i: usize) -> MpiResult {
        for r in self.pending() {
            r.awaited.set(false);
        }
        look_up(self.me, self.places[i].get().0, || format!("array_of_requests[{i}]")).map(|_| ())
    }

    pub(super) fn first_done(&self) -> Option<usize> {
        self.started().find(|(_, r)| is_done(r)).map(|(i, _)| i)
    }

    #[inline(always)]
    fn finish(&self, i: usize, status: StatusOut) -> MpiResult {
        match self.at(i) {
            Some(r) if r.phase() != Phase::Inactive => {
                let (handle, result) = finish(self.me, r, status);
                self.places[i].set(Handle(handle));
                result
            }
            _ => {
                store_empty(status);
                Ok(())
            }
        }
    }

    fn wait_for_one(&self) -> Option<usize> {
        loop {
            if let Some(i) = self.first_done() {
                return Some(i);
            }
            self.pending().next()?;
            block_on_any(self.me, self.pending());
        }
    }

    /// Finishes those in `which`; statuses in the order of `which`. An error in any makes the call fail with
    /// `MPI_ERR_IN_STATUS`, and every status then says what became of its operation.
    #[inline(always)]
    fn finish_all(&self, which: impl Iterator<Item = usize>, statuses: StatusesOut) -> MpiResult {
        let mut failed = Failed::default();
        let mut told = 0;
        for i in which {
            if let Err(e) = self.finish(i, statuses.at(told)) {
                failed.add(told, i, e);
            }
            told += 1;
        }
        failed.result(told, statuses)
    }
}

/// What went wrong with some of many requests.
#[derive(Default)]
struct Failed {
    first: Option<(usize, MpiError)>,
    /// Place among the statuses, and error class.
    classes: Vec<(usize, i32)>,
}

impl Failed {
    #[cold]
    fn add(&mut self, place: usize, i: usize, e: MpiError) {
        self.classes.push((place, e.class.0));
        self.first.get_or_insert((i, e));
    }

    #[inline(always)]
    fn result(self, told: usize, statuses: StatusesOut) -> MpiResult {
        if self.first.is_none() { Ok(()) } else { self.tell(told, statuses) }
    }

    #[cold]
    fn tell(self, told: usize, statuses: StatusesOut) -> MpiResult {
        let Some((i, e)) = self.first else { return Ok(()) };
        for k in 0..told {
            let class = self.classes.iter().find(|(place, _)| *place == k).map_or(c::MPI_SUCCESS, |c| c.1);
            statuses.at(k).set_error(class);
        }
        let text = format!("array_of_requests[{i}]: {} (see MPI_ERROR of the statuses)", e.detail);
        let all = MpiError::new(c::MPI_ERR_IN_STATUS, text);
        Err(match e.on {
            Some(comm) => all.on(comm),
            None => all,
        })
    }
}

/// `MPI_Waitall` — waits for all. MPI-5.0 §3.7.5.
pub fn waitall(me: &'static Rank, n: i32, array: Array<Handle>, statuses: StatusesOut) -> MpiResult {
    let list = List { me, places: array.of(n as usize)? };
    list.await_all()?;
    list.finish_all(0..list.places.len(), statuses)
}

/// `MPI_Testall`. MPI-5.0 §3.7.5.
pub fn testall(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    flag: OutTruth,
    statuses: StatusesOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    let done = done_soon(me, || list.started().all(|(_, r)| is_done(r)));
    flag.set(done);
    if done { list.finish_all(0..list.places.len(), statuses) } else { Ok(()) }
}

fn tell_one(list: &List, i: usize, index: Out<i32>, status: StatusOut) -> MpiResult {
    index.set(i as i32);
    list.finish(i, status)
}

/// `MPI_Waitany` — waits for one of them; `index` says which. MPI-5.0 §3.7.5.
pub fn waitany(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    index: Out<i32>,
    status: StatusOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    match list.wait_for_one() {
        Some(i) => tell_one(&list, i, index, status),
        None => {
            index.set(c::MPI_UNDEFINED);
            store_empty(status);
            Ok(())
        }
    }
}

/// `MPI_Testany`. MPI-5.0 §3.7.5.
pub fn testany(
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
    let done = done_soon(me, || list.first_done().is_some());
    flag.set(done);
    match list.first_done() {
        Some(i) => tell_one(&list, i, index, status),
        None => {
            index.set(c::MPI_UNDEFINED);
            Ok(())
        }
    }
}

fn tell_some(list: &List, outcount: Out<i32>, indices: Array<i32>, statuses: StatusesOut) -> MpiResult {
    let done: Vec<usize> = list.started().filter(|(_, r)| is_done(r)).map(|(i, _)| i).collect();
    let places = indices.of(done.len())?;
    for (place, &i) in places.iter().zip(&done) {
        place.set(i as i32);
    }
    outcount.set(done.len() as i32);
    list.finish_all(done.into_iter(), statuses)
}

/// `MPI_Waitsome` — waits for at least one, tells about all that are complete. MPI-5.0 §3.7.5.
pub fn waitsome(
    me: &'static Rank,
    n: i32,
    array: Array<Handle>,
    outcount: Out<i32>,
    indices: Array<i32>,
    statuses: StatusesOut,
) -> MpiResult {
    let list = requests(me, n, array)?;
    if list.wait_for_one().is_none() {
        outcount.set(c::MPI_UNDEFINED);
        return Ok(());
    }
    tell_some(&list, outcount, indices, statuses)
}

/// `MPI_Testsome`. MPI-5.0 §3.7.5.
pub fn testsome(
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
    if !done_soon(me, || list.first_done().is_some()) {
        outcount.set(0);
        return Ok(());
    }
    tell_some(&list, outcount, indices, statuses)
}
