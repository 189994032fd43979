//! Attribute keys: two callbacks and a word for them.

use crate::abi::constants as c;
use crate::abi::kinds::{CopyFn, DeleteFn, InOut, Out};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind};
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::Cell;
use std::rc::Rc;

/// One attribute key. Its number in the program is its handle as an `int`.
#[derive(Debug)]
pub struct Keyval {
    /// Objects it is for.
    pub kind: HandleKind,
    pub copy: CopyFn,
    pub delete: DeleteFn,
    /// The program's word, handed to the callbacks.
    pub extra_state: usize,
    /// Attributes that use the key now.
    pub(super) uses: Cell<u32>,
    /// `MPI_*_free_keyval` was called.
    pub(super) freed: Cell<bool>,
}

/// The live key of number `keyval`: freed ones are not found.
pub(super) fn find(me: &'static Rank, keyval: i32) -> Option<Rc<Keyval>> {
    me.attr.keyvals.get(Handle::from_int(keyval)).filter(|k| !k.freed.get())
}

/// Gives the number back when nothing uses the key any more (rule 1).
pub(super) fn release(me: &'static Rank, key: &Keyval, keyval: i32) {
    if key.freed.get() && key.uses.get() == 0 {
        me.attr.keyvals.remove(Handle::from_int(keyval));
    }
}

fn create(
    me: &'static Rank,
    kind: HandleKind,
    copy: CopyFn,
    delete: DeleteFn,
    keyval: Out<i32>,
    extra_state: usize,
) -> MpiResult {
    let key = Keyval { kind, copy, delete, extra_state, uses: Cell::new(0), freed: Cell::new(false) };
    keyval.set(me.attr.keyvals.insert(Rc::new(key))?.to_int());
    Ok(())
}

/// `MPI_Comm_create_keyval`, `MPI_Keyval_create` — a key for attributes of communicators.
pub fn create_keyval_comm(
    me: &'static Rank,
    copy: CopyFn,
    delete: DeleteFn,
    keyval: Out<i32>,
    extra: usize,
) -> MpiResult {
    create(me, HandleKind::Comm, copy, delete, keyval, extra)
}

/// `MPI_Type_create_keyval` — a key for attributes of datatypes.
pub fn create_keyval_type(
    me: &'static Rank,
    copy: CopyFn,
    delete: DeleteFn,
    keyval: Out<i32>,
    extra: usize,
) -> MpiResult {
    create(me, HandleKind::Datatype, copy, delete, keyval, extra)
}

/// `MPI_Win_create_keyval` — a key for attributes of windows.
pub fn create_keyval_win(
    me: &'static Rank,
    copy: CopyFn,
    delete: DeleteFn,
    keyval: Out<i32>,
    extra: usize,
) -> MpiResult {
    create(me, HandleKind::Win, copy, delete, keyval, extra)
}

/// `MPI_*_free_keyval`, `MPI_Keyval_free` — no new attribute can use the key; existing ones go on. The variable becomes
/// `MPI_KEYVAL_INVALID`. A key that was freed through another variable and still has attributes may be freed again,
/// for instance by its delete callback.
pub fn free_keyval(me: &'static Rank, keyval: InOut<i32>) -> MpiResult {
    let number = keyval.get();
    if number == c::MPI_KEYVAL_INVALID {
        return mpi_err!(MPI_ERR_KEYVAL, "keyval is MPI_KEYVAL_INVALID (freed before?)");
    }
    let Some(key) = me.attr.keyvals.get(Handle::from_int(number)) else {
        return mpi_err!(MPI_ERR_KEYVAL, "keyval is {number}, which is no attribute key that can be freed");
    };
    key.freed.set(true);
    release(me, &key, number);
    keyval.set(c::MPI_KEYVAL_INVALID);
    Ok(())
}
