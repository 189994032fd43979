//! Probing (MPI-5.0 §3.8): looking at a message before it is received, and taking it out for a later receive.

use super::message::Message;
use super::queue::{Entry, Pattern};
use super::request::{Kind, Outcome, Target};
use super::status::store;
use crate::abi::constants as c;
use crate::abi::kinds::{InOut, InSource, OutHandle, OutTruth, StatusOut, UserBuf};
use crate::comm::Comm;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Table};
use crate::memory::Address;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

type C<'a> = &'a Rc<Comm>;

/// A message taken out of the queue by a matched probe.
pub struct Probed {
    message: &'static Message,
    comm: Handle,
}

/// The messages that matched probes have taken out.
pub fn table() -> Table<Probed> {
    Table::new(HandleKind::Message, c::MPI_MESSAGE_NULL, 0)
}

fn outcome(m: &Message) -> Outcome {
    Outcome { source: m.source(), tag: m.tag(), bytes: m.bytes.get() as u64, ..Outcome::EMPTY }
}

/// The oldest message that agrees with `p`: now, or after others were let run once.
fn look(me: &'static Rank, p: &Pattern) -> Option<&'static Message> {
    me.p2p.unexpected.find(p).or_else(|| {
        super::wait::progress(me);
        me.p2p.unexpected.find(p)
    })
}

/// Waits for a message that agrees with `p`.
fn await_message(me: &'static Rank, p: &Pattern) -> &'static Message {
    loop {
        if let Some(m) = me.p2p.unexpected.find(p) {
            me.p2p.probing.set(None);
            return m;
        }
        me.p2p.probing.set(Some(*p));
        me.p2p.pe().block();
    }
}

/// `MPI_Probe` — waits until a message could be received. MPI-5.0 §3.8.1.
pub fn probe(me: &'static Rank, source: InSource, tag: i32, comm: C, status: StatusOut) -> MpiResult {
    let outcome = match super::calls::pattern(source, tag, comm)? {
        Some(p) => outcome(await_message(me, &p)),
        None => Outcome::PROC_NULL,
    };
    store(status, &outcome);
    Ok(())
}

/// `MPI_Iprobe` — is there a message that could be received? MPI-5.0 §3.8.1.
pub fn iprobe(
    me: &'static Rank,
    source: InSource,
    tag: i32,
    comm: C,
    flag: OutTruth,
    status: StatusOut,
) -> MpiResult {
    let found = match super::calls::pattern(source, tag, comm)? {
        Some(p) => look(me, &p).map(outcome),
        None => Some(Outcome::PROC_NULL),
    };
    flag.set(found.is_some());
    if let Some(o) = found {
        store(status, &o);
    }
    Ok(())
}

fn take(me: &'static Rank, m: &'static Message, comm: C, message: OutHandle) -> MpiResult<Outcome> {
    let handle = me.messages.insert(Rc::new(Probed { message: m, comm: comm.handle() }))?;
    me.p2p.unexpected.remove(m);
    message.set(handle);
    Ok(outcome(m))
}

/// `MPI_Mprobe` — waits for a message and takes it out of matching. MPI-5.0 §3.8.2.
pub fn mprobe(
    me: &'static Rank,
    source: InSource,
    tag: i32,
    comm: C,
    message: OutHandle,
    status: StatusOut,
) -> MpiResult {
    let outcome = match super::calls::pattern(source, tag, comm)? {
        Some(p) => take(me, await_message(me, &p), comm, message)?,
        None => {
            message.set(Handle(c::MPI_MESSAGE_NO_PROC));
            Outcome::PROC_NULL
        }
    };
    store(status, &outcome);
    Ok(())
}

/// `MPI_Improbe`. MPI-5.0 §3.8.2.
pub fn improbe(
    me: &'static Rank,
    source: InSource,
    tag: i32,
    comm: C,
    flag: OutTruth,
    message: OutHandle,
    status: StatusOut,
) -> MpiResult {
    let found = match super::calls::pattern(source, tag, comm)? {
        Some(p) => match look(me, &p) {
            Some(m) => Some(take(me, m, comm, message)?),
            None => None,
        },
        None => {
            message.set(Handle(c::MPI_MESSAGE_NO_PROC));
            Some(Outcome::PROC_NULL)
        }
    };
    flag.set(found.is_some());
    if let Some(o) = found {
        store(status, &o);
    }
    Ok(())
}

/// Starts the receive of a taken message; the request completes by itself.
fn start(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: &Rc<Type>,
    message: InOut<usize>,
) -> MpiResult<&'static super::request::Request> {
    let handle = message.get();
    if handle == c::MPI_MESSAGE_NO_PROC {
        message.set(c::MPI_MESSAGE_NULL);
        return Ok(super::calls::completed(me, Kind::Receive, Outcome::PROC_NULL));
    }
    ty.check_buffer(buf, "buf", count)?;
    let Some(probed) = me.messages.remove(Handle(handle)) else {
        return mpi_err!(
            MPI_ERR_REQUEST,
            "message is {handle:#x}, which is not a message taken by a matched probe"
        );
    };
    message.set(c::MPI_MESSAGE_NULL);
    let r = me.p2p.requests.take(Kind::Receive);
    r.set_comm(probed.comm);
    r.set_pattern(&probed.message.pattern());
    r.set_target(Target::of(Address(buf.address()), count, &ty.datatype));
    super::consume(me, r, probed.message);
    Ok(r)
}

/// `MPI_Mrecv` — receives a taken message. MPI-5.0 §3.8.3.
pub fn mrecv(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: &Rc<Type>,
    message: InOut<usize>,
    status: StatusOut,
) -> MpiResult {
    let r = start(me, buf, count, ty, message)?;
    super::wait::block_on(me, r);
    let outcome = r.outcome();
    let comm = r.comm();
    me.p2p.requests.recycle(r);
    store(status, &outcome);
    super::status::check(&outcome).map_err(|e| e.on(comm))
}

/// `MPI_Imrecv`. MPI-5.0 §3.8.3.
pub fn imrecv(
    me: &'static Rank,
    buf: UserBuf,
    count: i64,
    ty: &Rc<Type>,
    message: InOut<usize>,
    request: OutHandle,
) -> MpiResult {
    let r = start(me, buf, count, ty, message)?;
    request.set(me.p2p.requests.publish(r));
    Ok(())
}

impl crate::handle::Object for Probed {
    const KIND: HandleKind = HandleKind::Message;
    const NULL: usize = c::MPI_MESSAGE_NULL;
    const NULL_NAME: &'static str = "MPI_MESSAGE_NULL";
    const ERROR: i32 = c::MPI_ERR_REQUEST;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.messages
    }
}
