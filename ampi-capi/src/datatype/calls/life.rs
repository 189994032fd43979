//! From commit to free, and names (MPI-5.0 §5.1.9, §5.1.10, §7.8).

use super::T;
use crate::abi::constants as c;
use crate::abi::kinds::{HandleInOut, Out, OutHandle, StringOut};
use crate::attr::Cached;
use crate::datatype::Datatype;
use crate::datatype::handle::Type;
use crate::error::MpiResult;
use crate::handle::{Handle, Object};
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

/// `MPI_Type_commit` — the datatype may be used in communication from now on. MPI-5.0 §5.1.9.
pub fn commit(_me: &'static Rank, datatype: HandleInOut<Type>) -> MpiResult {
    datatype.object().datatype.commit();
    Ok(())
}

/// `MPI_Type_dup` — a datatype of its own with the same typemap, committed if `oldtype` is; attributes are offered to
/// their copy callbacks. MPI-5.0 §5.1.10.
pub fn dup(me: &'static Rank, oldtype: T, newtype: OutHandle) -> MpiResult {
    let new = Type::insert(me, Datatype::dup(&oldtype.datatype))?;
    if let Err(refused) = oldtype.attributes().copy_to(oldtype.handle(), new.attributes()) {
        let undone = new.attributes().delete_all(me, new.handle());
        me.types.remove(new.handle());
        newtype.set(Handle(Type::NULL));
        return undone.and(Err(refused));
    }
    newtype.set(new.handle());
    Ok(())
}

/// `MPI_Type_free` — deletes the attributes, through their callbacks, then the handle, which becomes
/// `MPI_DATATYPE_NULL`. Communication under way and types made from this one are not affected. MPI-5.0 §5.1.9.
pub fn free(me: &'static Rank, datatype: HandleInOut<Type>) -> MpiResult {
    let ty = datatype.object();
    if let Some(basic) = ty.datatype.basic() {
        return mpi_err!(
            MPI_ERR_TYPE,
            "datatype is {}, a predefined datatype, which cannot be freed",
            basic.name()
        );
    }
    ty.attributes().delete_all(me, ty.handle())?;
    me.types.remove(ty.handle());
    datatype.set_null();
    Ok(())
}

/// `MPI_Type_set_name` — names the datatype, for people. MPI-5.0 §7.8.
pub fn set_name(_me: &'static Rank, datatype: T, type_name: &[u8]) -> MpiResult {
    datatype.set_name(type_name);
    Ok(())
}

/// `MPI_Type_get_name` — the name: by default the standard's for predefined types and `MPI_DATATYPE_NULL`, else
/// empty. MPI-5.0 §7.8.
pub fn get_name(
    _me: &'static Rank,
    datatype: Option<&Rc<Type>>,
    type_name: StringOut,
    resultlen: Out<i32>,
) -> MpiResult {
    let name = datatype.map_or_else(|| Type::NULL_NAME.as_bytes().into(), |t| t.name());
    let n = type_name.write(&name, c::MPI_MAX_OBJECT_NAME as usize);
    resultlen.set(n as i32);
    Ok(())
}
