//! Attributes on a test object, with callbacks that record what they see.

use super::*;
use crate::abi::constants as c;
use crate::abi::kinds::on_stack::{flag, inout, out};
use crate::abi::kinds::{CopyFn, DeleteFn, Kind, OldCopyFn, OldDeleteFn};
use std::cell::RefCell;
use std::rc::Rc;

struct Object(AttrSet, Handle);

impl Cached for Object {
    const KIND: HandleKind = HandleKind::Comm;
    fn attributes(&self) -> &AttrSet {
        &self.0
    }
    fn handle(&self) -> Handle {
        self.1
    }
}

fn me() -> &'static Rank {
    Box::leak(Rank::new(0, 4))
}

fn object(handle: usize) -> Rc<Object> {
    Rc::new(Object(AttrSet::default(), Handle(handle)))
}

thread_local! {
    static DELETED: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}

extern "C" fn delete(_object: usize, _keyval: i32, value: usize, extra: usize) -> i32 {
    if value == extra {
        return c::MPI_ERR_OTHER;
    }
    DELETED.with_borrow_mut(|d| d.push(value));
    c::MPI_SUCCESS
}

extern "C" fn copy_plus_extra(
    _o: usize,
    _k: i32,
    extra: usize,
    value: usize,
    new: *mut usize,
    flag: *mut i32,
) -> i32 {
    // SAFETY: the library passes places for both results.
    #[allow(unsafe_code)]
    unsafe {
        *new = value + extra;
        *flag = i32::from(value != 13);
    }
    c::MPI_SUCCESS
}

/// As the C interface makes them of function addresses.
#[allow(unsafe_code)]
fn callbacks(me: &'static Rank, copy: usize, delete: usize) -> (CopyFn, DeleteFn) {
    // SAFETY: the addresses are 0, 1 or those of the functions above.
    unsafe {
        (OldCopyFn::from_c(me, copy, "copy").unwrap(), OldDeleteFn::from_c(me, delete, "delete").unwrap())
    }
}

fn key(me: &'static Rank, copy: usize, delete_fn: usize, extra: usize) -> i32 {
    let (copy, delete) = callbacks(me, copy, delete_fn);
    let mut k = 0;
    create_keyval_comm(me, copy, delete, out(&mut k), extra).unwrap();
    k
}

fn value_of(me: &'static Rank, o: &Rc<Object>, k: i32) -> MpiResult<Option<usize>> {
    let (mut v, mut f) = (0, 0);
    get(me, o, InKeyval(k), out(&mut v), flag(&mut f))?;
    Ok((f != 0).then_some(v))
}

#[test]
fn a_freed_key_serves_its_attributes_until_they_are_deleted() {
    let (me, o) = (me(), object(0x101));
    let k = key(me, 0, delete as *const () as usize, 0);
    put(me, &o, InKeyval(k), 5).unwrap();
    let mut variable = k;
    free_keyval(me, inout(&mut variable)).unwrap();
    assert_eq!(variable, c::MPI_KEYVAL_INVALID);
    assert_eq!(free_keyval(me, inout(&mut variable)).unwrap_err().class.0, c::MPI_ERR_KEYVAL);
    // another variable with the key: still in use, so it may be freed again
    variable = k;
    free_keyval(me, inout(&mut variable)).unwrap();
    assert_eq!(value_of(me, &o, k), Ok(Some(5)));
    put(me, &o, InKeyval(k), 6).unwrap();
    let other = object(0x102);
    assert!(put(me, &other, InKeyval(k), 1).is_err(), "no new attribute with a freed key");
    delete_attr(me, &o, k).unwrap();
    assert_eq!(DELETED.take(), [5, 6]);
    assert!(value_of(me, &o, k).is_err());
    variable = k;
    assert_eq!(free_keyval(me, inout(&mut variable)).unwrap_err().class.0, c::MPI_ERR_KEYVAL);
    assert_eq!(me.attr.keyvals.live_count(), 0);
}

fn delete_attr(me: &'static Rank, o: &Rc<Object>, k: i32) -> MpiResult {
    super::delete(me, o, InKeyval(k))
}

#[test]
fn attributes_are_deleted_last_first_and_a_failing_callback_stops() {
    let (me, o) = (me(), object(0x101));
    let keys: Vec<i32> = (0..3).map(|_| key(me, 0, delete as *const () as usize, 99)).collect();
    for (i, k) in keys.iter().enumerate() {
        put(me, &o, InKeyval(*k), 10 + i).unwrap();
    }
    o.0.delete_all(me, o.1).unwrap();
    assert_eq!(DELETED.take(), [12, 11, 10]);
    put(me, &o, InKeyval(keys[0]), 99).unwrap();
    assert_eq!(o.0.delete_all(me, o.1).unwrap_err().class.0, c::MPI_ERR_OTHER);
    assert!(!o.0.is_empty());
}

#[test]
fn copies_follow_each_keys_function() {
    let (me, o) = (me(), object(0x101));
    let none = key(me, c::MPI_COMM_NULL_COPY_FN, 0, 0);
    let same = key(me, c::MPI_COMM_DUP_FN, 0, 0);
    let plus = key(me, copy_plus_extra as *const () as usize, 0, 100);
    let refuses = key(me, copy_plus_extra as *const () as usize, 0, 0);
    for (k, v) in [(none, 1), (same, 2), (plus, 3), (refuses, 13)] {
        put(me, &o, InKeyval(k), v).unwrap();
    }
    let new = object(0x102);
    o.0.copy_to(o.1, &new.0).unwrap();
    let got: Vec<_> = [none, same, plus, refuses].map(|k| value_of(me, &new, k).unwrap()).into();
    assert_eq!(got, [None, Some(2), Some(103), None]);
}

#[test]
#[allow(unsafe_code)]
fn predefined_attributes_are_addresses_of_ints_and_cannot_be_changed() {
    let (me, o) = (me(), object(0x101));
    let read = |k| {
        let address = value_of(me, &o, k).unwrap().unwrap();
        // SAFETY: the address of a predefined attribute's int, which lives as long as the rank.
        unsafe { *std::ptr::with_exposed_provenance::<i32>(address) }
    };
    assert_eq!(read(c::MPI_TAG_UB), TAG_UB);
    assert_eq!(read(c::MPI_HOST), c::MPI_PROC_NULL);
    assert_eq!(read(c::MPI_UNIVERSE_SIZE), 4);
    me.attr.values.my_wth.set(3);
    assert_eq!(read(AMPI_MY_WTH), 3);
    for k in [c::MPI_TAG_UB, AMPI_MY_WTH] {
        assert_eq!(put(me, &o, InKeyval(k), 1).unwrap_err().class.0, c::MPI_ERR_KEYVAL);
        assert_eq!(delete_attr(me, &o, k).unwrap_err().class.0, c::MPI_ERR_KEYVAL);
    }
}

#[test]
fn a_key_for_another_kind_of_object_is_refused() {
    let (me, o) = (me(), object(0x101));
    let (copy, delete) = callbacks(me, 0, 0);
    let mut k = 0;
    create_keyval_type(me, copy, delete, out(&mut k), 0).unwrap();
    let e = put(me, &o, InKeyval(k), 1).unwrap_err();
    assert_eq!(&*e.detail, format!("keyval is {k}, made for a datatype, not for a communicator"));
}
