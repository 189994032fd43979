//! Attribute caching (MPI-5.0 §7.7): keys with copy and delete callbacks, and the attributes of an object.
//!
//! Rules:
//! 1. A key lives until the program has freed it *and* no attribute uses it; only then its number may be given again.
//! 2. Until then an attribute of a freed key can be read, replaced and deleted by the key's number.
//! 3. Copy callbacks run in the order in which the attributes were set, delete callbacks in the reverse order.
//! 4. No borrow is held while a callback runs: it may use attributes of the same object.
//! 5. A failing callback stops the operation; its return value is the error code of the call.

mod keyval;
mod predefined;
mod set;

pub use keyval::{Keyval, create_keyval_comm, create_keyval_type, create_keyval_win, free_keyval};
pub use predefined::{
    AMPI_MY_HOME_WTH, AMPI_MY_PROCESS, AMPI_MY_WTH, AMPI_NUM_PROCESSES, AMPI_NUM_WTHS, TAG_UB, Values,
};
pub use set::AttrSet;

use crate::abi::kinds::{InKeyval, Out, OutTruth};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Table};
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// What a rank keeps about attributes.
pub struct State {
    pub keyvals: Table<Keyval>,
    /// The predefined attributes of `MPI_COMM_WORLD`.
    pub values: Values,
}

impl State {
    pub fn new(world_size: u32) -> Self {
        State { keyvals: Table::new(HandleKind::Keyval, 0, 0), values: Values::new(world_size) }
    }
}

/// An object that carries attributes: communicator, datatype, window.
pub trait Cached {
    const KIND: HandleKind;
    fn attributes(&self) -> &AttrSet;
    /// Its handle, passed to callbacks.
    fn handle(&self) -> Handle;
    /// The address of a predefined attribute's value, if `keyval` is one of this object's.
    fn predefined(&self, me: &'static Rank, keyval: i32) -> Option<usize> {
        if Self::KIND == HandleKind::Comm { me.attr.values.address_of(keyval) } else { None }
    }
}

fn bad_key(me: &'static Rank, keyval: i32, kind: HandleKind) -> MpiResult {
    match keyval::find(me, keyval) {
        Some(k) if k.kind == kind => Ok(()),
        Some(k) => {
            mpi_err!(
                MPI_ERR_KEYVAL,
                "keyval is {keyval}, made for a {}, not for a {}",
                k.kind.word(),
                kind.word()
            )
        }
        None => mpi_err!(
            MPI_ERR_KEYVAL,
            "keyval is {keyval}, which is no attribute key (never created, or freed)"
        ),
    }
}

/// `MPI_Comm_set_attr`, `MPI_Type_set_attr`, `MPI_Win_set_attr`, `MPI_Attr_put` — caches `value` under `keyval`; an
/// earlier value is deleted first, through the delete callback.
pub fn put<O: Cached>(me: &'static Rank, object: &Rc<O>, keyval: InKeyval, value: usize) -> MpiResult {
    let keyval = keyval.0;
    if object.predefined(me, keyval).is_some() || predefined::is_predefined(keyval) {
        return mpi_err!(
            MPI_ERR_KEYVAL,
            "keyval is {keyval}, a predefined attribute, which cannot be changed"
        );
    }
    let set = object.attributes();
    if set.get(keyval).is_some() {
        return set.replace(object.handle(), keyval, value);
    }
    bad_key(me, keyval, O::KIND)?;
    if let Some(key) = keyval::find(me, keyval) {
        set.add(key, keyval, value);
    }
    Ok(())
}

/// `MPI_Comm_get_attr`, `MPI_Type_get_attr`, `MPI_Win_get_attr`, `MPI_Attr_get` — the cached value, if there is one.
pub fn get<O: Cached>(
    me: &'static Rank,
    object: &Rc<O>,
    keyval: InKeyval,
    value: Out<usize>,
    flag: OutTruth,
) -> MpiResult {
    let keyval = keyval.0;
    let found = object.attributes().get(keyval).or_else(|| object.predefined(me, keyval));
    match found {
        Some(v) => value.set(v),
        None if predefined::is_predefined(keyval) && O::KIND == predefined::kind_of(keyval) => {}
        None => bad_key(me, keyval, O::KIND)?,
    }
    flag.set(found.is_some());
    Ok(())
}

/// `MPI_Comm_delete_attr`, `MPI_Type_delete_attr`, `MPI_Win_delete_attr`, `MPI_Attr_delete` — deletes through the
/// callback; the attribute must be there.
pub fn delete<O: Cached>(me: &'static Rank, object: &Rc<O>, keyval: InKeyval) -> MpiResult {
    let keyval = keyval.0;
    if predefined::is_predefined(keyval) {
        return mpi_err!(
            MPI_ERR_KEYVAL,
            "keyval is {keyval}, a predefined attribute, which cannot be deleted"
        );
    }
    if object.attributes().get(keyval).is_some() {
        return object.attributes().delete(me, object.handle(), keyval);
    }
    bad_key(me, keyval, O::KIND)?;
    mpi_err!(MPI_ERR_KEYVAL, "keyval is {keyval}, for which the {} has no attribute", O::KIND.word())
}

#[cfg(test)]
mod tests;
