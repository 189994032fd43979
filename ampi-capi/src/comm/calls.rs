//! The calls of MPI-5.0 §7.4 and §7.8.

use super::create::{Agreement, Wish};
use super::{Comm, Shared, making};
use crate::abi::constants as c;
use crate::abi::kinds::{HandleInOut, Out, OutHandle, OutTruth, StringOut};
use crate::coll::calls::{begin_then, execute};
use crate::coll::{Call, Operation};
use crate::error::MpiResult;
use crate::group::calls::GroupObject;
use crate::group::{Comparison, Group};
use crate::handle::{Handle, Object, Table};
use crate::info::Info;
use crate::mpi_err;
use crate::processes;
use crate::rank::Rank;
use crate::topo::Cart;
use std::rc::Rc;
use std::sync::Arc;

type C<'a> = &'a Rc<Comm>;

/// `MPI_Comm_size`. MPI-5.0 §7.4.1.
pub fn size(_: &'static Rank, comm: C, size: Out<i32>) -> MpiResult {
    size.set(comm.size() as i32);
    Ok(())
}

/// `MPI_Comm_rank`. MPI-5.0 §7.4.1.
pub fn rank(_: &'static Rank, comm: C, rank: Out<i32>) -> MpiResult {
    rank.set(comm.rank() as i32);
    Ok(())
}

/// `MPI_Comm_compare`. MPI-5.0 §7.4.1.
pub fn compare(_: &'static Rank, a: C, b: C, result: Out<i32>) -> MpiResult {
    result.set(if a.context() == b.context() && a.handle() == b.handle() {
        c::MPI_IDENT
    } else {
        match a.group().compare(b.group()) {
            Comparison::Ident => c::MPI_CONGRUENT,
            other => other.value(),
        }
    });
    Ok(())
}

/// Takes part in an agreement and waits for what was decided.
pub(crate) fn agree(
    me: &'static Rank,
    comm: &Comm,
    name: &'static str,
    wish: Wish,
) -> MpiResult<Option<Arc<Shared>>> {
    let call = Call::new(name, Operation::Agree(Agreement::new(wish)));
    execute(me, comm, &call)?;
    Ok(outcome(&call))
}

fn outcome(call: &Call) -> Option<Arc<Shared>> {
    match &call.operation {
        Operation::Agree(a) => a.outcome.take(),
        _ => None,
    }
}

/// The new communicator in the caller's table, or `MPI_COMM_NULL` for those who are in none.
pub(crate) fn hand_out(
    me: &'static Rank,
    old: &Comm,
    shared: Option<Arc<Shared>>,
    cart: Option<Rc<Cart>>,
    newcomm: OutHandle,
) -> MpiResult {
    newcomm.set(match shared {
        Some(shared) => Comm::new(me, shared, old.errhandler.get(), cart).publish(me)?,
        None => Handle(Comm::NULL),
    });
    Ok(())
}

/// What a duplicate gets from the original: attributes through their copy callbacks, info, topology.
fn duplicate(me: &'static Rank, old: C, shared: Arc<Shared>, info: Option<&Info>) -> MpiResult<Comm> {
    let new = Comm::new(me, shared, old.errhandler.get(), old.cart.clone());
    new.info.replace(info.cloned().unwrap_or_else(|| old.info.borrow().clone()));
    old.attributes.copy_to(old.handle(), &new.attributes)?;
    Ok(new)
}

fn dup_as(
    me: &'static Rank,
    comm: C,
    name: &'static str,
    info: Option<&Info>,
    newcomm: OutHandle,
) -> MpiResult {
    let Some(shared) = agree(me, comm, name, Wish::Same)? else {
        return mpi_err!(MPI_ERR_INTERN, "no communicator was agreed on");
    };
    newcomm.set(Handle(Comm::NULL));
    newcomm.set(duplicate(me, comm, shared, info)?.publish(me)?);
    Ok(())
}

/// `MPI_Comm_dup` — same group and attributes, new context. MPI-5.0 §7.4.2.
pub fn dup(me: &'static Rank, comm: C, newcomm: OutHandle) -> MpiResult {
    dup_as(me, comm, "MPI_Comm_dup", None, newcomm)
}

/// `MPI_Comm_dup_with_info`. MPI-5.0 §7.4.2.
pub fn dup_with_info(me: &'static Rank, comm: C, info: Option<&Rc<Info>>, newcomm: OutHandle) -> MpiResult {
    let info = hints(info);
    dup_as(me, comm, "MPI_Comm_dup_with_info", Some(&info), newcomm)
}

fn idup_as(
    me: &'static Rank,
    comm: C,
    name: &'static str,
    info: Option<Info>,
    newcomm: OutHandle,
    request: OutHandle,
) -> MpiResult {
    // the handle is given out at once and names the communicator from the completion on
    let handle = me.comms.reserve()?;
    newcomm.set(handle);
    let old = comm.clone();
    let call = Box::new(Call::new(name, Operation::Agree(Agreement::new(Wish::Same))));
    begin_then(me, comm, call, request, move |me, call| {
        call.result()?;
        let Some(shared) = outcome(&call) else {
            return mpi_err!(MPI_ERR_INTERN, "no communicator was agreed on");
        };
        let new = Rc::new(duplicate(me, &old, shared, info.as_ref())?);
        new.handle.set(handle);
        me.comms.fill(handle, new);
        Ok(())
    })
}

/// `MPI_Comm_idup`. MPI-5.0 §7.4.2.
pub fn idup(me: &'static Rank, comm: C, newcomm: OutHandle, request: OutHandle) -> MpiResult {
    idup_as(me, comm, "MPI_Comm_idup", None, newcomm, request)
}

/// `MPI_Comm_idup_with_info`. MPI-5.0 §7.4.2.
pub fn idup_with_info(
    me: &'static Rank,
    comm: C,
    info: Option<&Rc<Info>>,
    newcomm: OutHandle,
    request: OutHandle,
) -> MpiResult {
    let info = hints(info);
    idup_as(me, comm, "MPI_Comm_idup_with_info", Some(info), newcomm, request)
}

/// `MPI_Comm_create` — a communicator of `group`, a subset of `comm`'s; collective over `comm`. MPI-5.0 §7.4.2.
pub fn create(me: &'static Rank, comm: C, group: &Rc<GroupObject>, newcomm: OutHandle) -> MpiResult {
    subset(comm, &group.group)?;
    let shared = agree(me, comm, "MPI_Comm_create", Wish::Group(group.group.clone()))?;
    hand_out(me, comm, shared, None, newcomm)
}

fn subset(comm: &Comm, group: &Group) -> MpiResult {
    match group.iter().find(|&w| !comm.group().contains(w)) {
        Some(w) => {
            mpi_err!(MPI_ERR_GROUP, "group has a process (world rank {w}) that is not in the communicator")
        }
        None => Ok(()),
    }
}

/// `MPI_Comm_create_group` — as create, collective over `group` only. MPI-5.0 §7.4.2.
pub fn create_group(
    me: &'static Rank,
    comm: C,
    group: &Rc<GroupObject>,
    tag: i32,
    newcomm: OutHandle,
) -> MpiResult {
    subset(comm, &group.group)?;
    if group.group.rank_of(me.world_rank).is_none() {
        newcomm.set(Handle(Comm::NULL));
        return Ok(());
    }
    let shared = making::take_part(me, comm.context(), tag, &group.group);
    hand_out(me, comm, Some(shared), None, newcomm)
}

/// `MPI_Comm_split` — members of equal color together, ordered by key. MPI-5.0 §7.4.2.
pub fn split(me: &'static Rank, comm: C, color: Option<i32>, key: i32, newcomm: OutHandle) -> MpiResult {
    let shared = agree(me, comm, "MPI_Comm_split", Wish::Color(color, key))?;
    hand_out(me, comm, shared, None, newcomm)
}

/// `MPI_Comm_split_type` — members that share something of the hardware together. MPI-5.0 §7.4.2.
///
/// All ranks of a process share its memory, so `MPI_COMM_TYPE_SHARED` keeps the members of a host together; no deeper
/// level of the hardware divides ranks that may move between PEs.
pub fn split_type(
    me: &'static Rank,
    comm: C,
    split_type: i32,
    key: i32,
    info: Option<&Rc<Info>>,
    newcomm: OutHandle,
) -> MpiResult {
    let resource = info.and_then(|i| i.get(b"mpi_hw_resource_type"));
    let color = match split_type {
        c::MPI_UNDEFINED | c::MPI_COMM_TYPE_HW_UNGUIDED => None,
        c::MPI_COMM_TYPE_SHARED => Some(processes::host()),
        c::MPI_COMM_TYPE_HW_GUIDED | c::MPI_COMM_TYPE_RESOURCE_GUIDED => match resource.as_deref() {
            Some(b"mpi_shared_memory") => Some(processes::host()),
            _ => None,
        },
        other => return mpi_err!(MPI_ERR_ARG, "split_type is {other}, which is no MPI_COMM_TYPE_ constant"),
    };
    let shared = agree(me, comm, "MPI_Comm_split_type", Wish::Color(color, key))?;
    hand_out(me, comm, shared, None, newcomm)
}

/// `MPI_Comm_free` — gives the handle up; pending operations go on. MPI-5.0 §7.4.3.
pub fn free(me: &'static Rank, comm: HandleInOut<Comm>) -> MpiResult {
    let handle = comm.handle();
    if handle.0 == c::MPI_COMM_WORLD || handle.0 == c::MPI_COMM_SELF {
        return mpi_err!(MPI_ERR_COMM, "comm is {}, which cannot be freed", comm.object().label());
    }
    comm.object().attributes.delete_all(me, handle)?;
    me.comms.remove(handle);
    comm.set_null();
    Ok(())
}

/// `MPI_Comm_disconnect` — as `MPI_Comm_free`, once every member is here: nobody still communicates in it then, since
/// the members have completed their requests. MPI-5.0 §11.10.4.
pub fn disconnect(me: &'static Rank, comm: HandleInOut<Comm>) -> MpiResult {
    if comm.handle().0 != c::MPI_COMM_WORLD && comm.handle().0 != c::MPI_COMM_SELF {
        execute(me, comm.object(), &Call::new("MPI_Comm_disconnect", Operation::Barrier))?;
    }
    free(me, comm)
}

/// `MPI_Comm_get_parent` — none: no rank has been spawned. MPI-5.0 §11.8.2.
pub fn get_parent(_: &'static Rank, parent: OutHandle) -> MpiResult {
    parent.set(Handle(Comm::NULL));
    Ok(())
}

/// `MPI_Comm_group`. MPI-5.0 §7.3.2.
pub fn group(me: &'static Rank, comm: C, group: OutHandle) -> MpiResult {
    group.set(crate::group::calls::publish(me, comm.group().clone())?);
    Ok(())
}

/// `MPI_Comm_set_name`. MPI-5.0 §7.8.
pub fn set_name(_: &'static Rank, comm: C, name: &[u8]) -> MpiResult {
    comm.name.replace(name.into());
    Ok(())
}

/// `MPI_Comm_get_name` — `MPI_COMM_NULL` has a name, too. MPI-5.0 §7.8.
pub fn get_name(_: &'static Rank, comm: Option<&Rc<Comm>>, name: StringOut, length: Out<i32>) -> MpiResult {
    let text = comm.map_or_else(|| Comm::NULL_NAME.as_bytes().into(), |c| c.name.borrow().clone());
    length.set(name.write(&text, c::MPI_MAX_OBJECT_NAME as usize) as i32);
    Ok(())
}

/// `MPI_Comm_test_inter`. MPI-5.0 §7.6.1.
pub fn test_inter(_: &'static Rank, _: C, flag: OutTruth) -> MpiResult {
    flag.set(false);
    Ok(())
}

/// The hints about communicators that the standard defines; others are ignored. MPI-5.0 §7.4.4, §11.4.3.
const HINTS: [&[u8]; 5] = [
    b"mpi_assert_no_any_tag",
    b"mpi_assert_no_any_source",
    b"mpi_assert_exact_length",
    b"mpi_assert_allow_overtaking",
    b"mpi_memory_alloc_kinds",
];

/// Of `info` what is a hint about communicators.
fn hints(info: Option<&Rc<Info>>) -> Info {
    let kept = Info::default();
    for key in HINTS {
        if let Some(value) = info.and_then(|i| i.get(key)) {
            kept.set(key, &value);
        }
    }
    kept
}

/// `MPI_Comm_set_info` — hints; those that `info` does not name stay. MPI-5.0 §7.4.4.
pub fn set_info(_: &'static Rank, comm: C, info: Option<&Rc<Info>>) -> MpiResult {
    let (new, kept) = (hints(info), comm.info.borrow());
    for key in HINTS {
        if let Some(value) = new.get(key) {
            kept.set(key, &value);
        }
    }
    Ok(())
}

/// `MPI_Comm_get_info`. MPI-5.0 §7.4.4.
pub fn get_info(me: &'static Rank, comm: C, info: OutHandle) -> MpiResult {
    let copy = comm.info.borrow().clone();
    info.set(Info::table(me).insert(Rc::new(copy))?);
    Ok(())
}

/// The table of a rank's communicators.
pub fn table() -> Table<Comm> {
    Table::new(crate::handle::HandleKind::Comm, c::MPI_COMM_NULL, 8)
}
