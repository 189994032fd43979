//! Info objects (MPI-5.0 chapter 10): ordered lists of (key, value) pairs of bytes.
//!
//! Keys keep the order of their first `set`: `MPI_Info_get_nthkey` counts in it. Key and value lengths were checked by
//! the argument kinds ([`crate::abi::kinds::InfoKey`], [`crate::abi::kinds::InfoValue`]).

mod env;

pub use env::environment;

use crate::abi::constants as c;
use crate::abi::kinds::{HandleInOut, InOut, Out, OutHandle, OutTruth, StringOut};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::RefCell;
use std::rc::Rc;

type Pair = (Box<[u8]>, Box<[u8]>);

/// One info object.
#[derive(Debug, Default, Clone)]
pub struct Info {
    pairs: RefCell<Vec<Pair>>,
}

impl Info {
    pub fn set(&self, key: &[u8], value: &[u8]) {
        let mut pairs = self.pairs.borrow_mut();
        match pairs.iter_mut().find(|p| *p.0 == *key) {
            Some(p) => p.1 = value.into(),
            None => pairs.push((key.into(), value.into())),
        }
    }

    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<Box<[u8]>> {
        self.pairs.borrow().iter().find(|p| *p.0 == *key).map(|p| p.1.clone())
    }

    /// Removes `key`; false if it was not there.
    pub fn remove(&self, key: &[u8]) -> bool {
        let mut pairs = self.pairs.borrow_mut();
        let n = pairs.len();
        pairs.retain(|p| *p.0 != *key);
        pairs.len() != n
    }

    /// The `n`th key, 0-based, in the order of first setting.
    pub fn key(&self, n: usize) -> Option<Box<[u8]>> {
        self.pairs.borrow().get(n).map(|p| p.0.clone())
    }

    pub fn len(&self) -> usize {
        self.pairs.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Object for Info {
    const KIND: HandleKind = HandleKind::Info;
    const NULL: usize = c::MPI_INFO_NULL;
    const NULL_NAME: &'static str = "MPI_INFO_NULL";
    const ERROR: i32 = c::MPI_ERR_INFO;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.info
    }
    fn predefined(handle: Handle) -> Option<Self> {
        (handle.0 == c::MPI_INFO_ENV).then(|| {
            let (rank, size) = Rank::current().map_or((0, 1), |me| (me.world_rank, me.world_size));
            environment(rank, size)
        })
    }
}

/// Bytes as error texts show them.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `MPI_INFO_ENV` belongs to the runtime.
fn writable(me: &'static Rank, info: &Rc<Info>) -> MpiResult {
    match me.info.get(Handle(c::MPI_INFO_ENV)) {
        Some(env) if Rc::ptr_eq(&env, info) => {
            mpi_err!(MPI_ERR_INFO, "info is MPI_INFO_ENV, which is read-only: use MPI_Info_dup")
        }
        _ => Ok(()),
    }
}

/// `MPI_Info_create` — a new, empty info object.
pub fn create(me: &'static Rank, info: OutHandle) -> MpiResult {
    info.set(me.info.insert(Rc::new(Info::default()))?);
    Ok(())
}

/// `MPI_Info_create_env` — a new info object with what `MPI_INFO_ENV` has. The arguments of `main` are not needed.
pub fn create_env(me: &'static Rank, _argc: i32, _argv: usize, info: OutHandle) -> MpiResult {
    info.set(me.info.insert(Rc::new(environment(me.world_rank, me.world_size)))?);
    Ok(())
}

/// `MPI_Info_dup` — a new object with the same pairs in the same order.
pub fn dup(me: &'static Rank, info: &Rc<Info>, newinfo: OutHandle) -> MpiResult {
    newinfo.set(me.info.insert(Rc::new(Info::clone(info)))?);
    Ok(())
}

/// `MPI_Info_free` — the handle becomes `MPI_INFO_NULL`; copies that the runtime took are not affected.
pub fn free(me: &'static Rank, info: HandleInOut<Info>) -> MpiResult {
    writable(me, info.object())?;
    me.info.remove(info.handle());
    info.set_null();
    Ok(())
}

/// `MPI_Info_set` — adds the pair, or replaces the key's value.
pub fn set(me: &'static Rank, info: &Rc<Info>, key: &[u8], value: &[u8]) -> MpiResult {
    writable(me, info)?;
    info.set(key, value);
    Ok(())
}

/// `MPI_Info_delete` — removes the key, which must be there.
pub fn delete(me: &'static Rank, info: &Rc<Info>, key: &[u8]) -> MpiResult {
    writable(me, info)?;
    if info.remove(key) {
        Ok(())
    } else {
        mpi_err!(MPI_ERR_INFO_NOKEY, "key is \"{}\", which the info object does not have", shown(key))
    }
}

/// `MPI_Info_get` — the first `valuelen` bytes of the key's value, 0-terminated (deprecated: no way to see truncation).
pub fn get(
    _me: &'static Rank,
    info: &Rc<Info>,
    key: &[u8],
    valuelen: i32,
    value: StringOut,
    flag: OutTruth,
) -> MpiResult {
    if valuelen < 0 {
        return mpi_err!(MPI_ERR_ARG, "valuelen is {valuelen}, must not be negative");
    }
    let found = info.get(key);
    if let Some(v) = &found {
        value.write(v, valuelen as usize + 1);
    }
    flag.set(found.is_some());
    Ok(())
}

/// `MPI_Info_get_valuelen` — length of the key's value in bytes, without the terminating 0 (deprecated).
pub fn get_valuelen(
    _me: &'static Rank,
    info: &Rc<Info>,
    key: &[u8],
    valuelen: Out<i32>,
    flag: OutTruth,
) -> MpiResult {
    let found = info.get(key);
    if let Some(v) = &found {
        valuelen.set(v.len() as i32);
    }
    flag.set(found.is_some());
    Ok(())
}

/// `MPI_Info_get_string` — the value cut to `buflen − 1` bytes; `buflen` becomes the bytes needed with the final 0.
pub fn get_string(
    _me: &'static Rank,
    info: &Rc<Info>,
    key: &[u8],
    buflen: InOut<i32>,
    value: StringOut,
    flag: OutTruth,
) -> MpiResult {
    let room = buflen.get();
    if room < 0 {
        return mpi_err!(MPI_ERR_ARG, "buflen is {room}, must not be negative");
    }
    let found = info.get(key);
    if let Some(v) = &found {
        if room > 0 {
            value.write(v, room as usize);
        }
        buflen.set(v.len() as i32 + 1);
    }
    flag.set(found.is_some());
    Ok(())
}

/// `MPI_Info_get_nkeys` — the number of keys.
pub fn get_nkeys(_me: &'static Rank, info: &Rc<Info>, nkeys: Out<i32>) -> MpiResult {
    nkeys.set(info.len() as i32);
    Ok(())
}

/// `MPI_Info_get_nthkey` — key `n` of 0..nkeys; needs room for `MPI_MAX_INFO_KEY` bytes.
pub fn get_nthkey(_me: &'static Rank, info: &Rc<Info>, n: i32, key: StringOut) -> MpiResult {
    match usize::try_from(n).ok().and_then(|n| info.key(n)) {
        Some(k) => {
            key.write(&k, c::MPI_MAX_INFO_KEY as usize);
            Ok(())
        }
        None => mpi_err!(MPI_ERR_ARG, "n is {n}, the info object has {} keys", info.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_keep_the_order_of_their_first_setting() {
        let i = Info::default();
        for (k, v) in [("b", "1"), ("a", "2"), ("b", "3")] {
            i.set(k.as_bytes(), v.as_bytes());
        }
        assert_eq!(i.len(), 2);
        assert_eq!(i.key(0).as_deref(), Some(&b"b"[..]));
        assert_eq!(i.get(b"b").as_deref(), Some(&b"3"[..]));
        assert!(i.remove(b"b") && !i.remove(b"b"));
        assert_eq!(i.key(0).as_deref(), Some(&b"a"[..]));
    }
}
