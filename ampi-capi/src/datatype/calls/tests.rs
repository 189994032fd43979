//! The calls on handles; what typemaps do is tested with the engine.

use super::*;
use crate::abi::constants as c;
use crate::abi::kinds::on_stack::{array, flag, handle, inout, out, string, variable};
use crate::abi::kinds::{
    ArrayPoly, CopyFn, DeleteFn, Formed, InKeyval, InOutPoly, Kind, OutPoly, Status, TypeCopyFn,
    TypeDeleteFn, UserBuf,
};
use crate::attr;
use crate::datatype::Form;
use crate::datatype::handle::{any, committed};
use crate::error::MpiResult;
use crate::handle::Handle;
use crate::rank::Rank;
use std::cell::Cell;

const NULL: Handle = Handle(c::MPI_DATATYPE_NULL);

fn me() -> &'static Rank {
    Box::leak(Rank::new(0, 4))
}

fn int(value: i64) -> Formed {
    Formed { value, form: Form::Int }
}

fn named(me: &'static Rank, handle: usize) -> Rc<Type> {
    any(me, Handle(handle), "datatype").unwrap()
}

/// The type that a constructor stored.
fn made(me: &'static Rank, call: impl FnOnce(crate::abi::kinds::OutHandle) -> MpiResult) -> Rc<Type> {
    let mut new = NULL;
    call(handle(&mut new)).unwrap();
    assert!(new.0 >= crate::handle::FIRST_DYNAMIC);
    any(me, new, "newtype").unwrap()
}

fn pair_of_ints(me: &'static Rank) -> Rc<Type> {
    made(me, |new| constructors::contiguous(me, int(2), &named(me, c::MPI_INT), new))
}

fn free(me: &'static Rank, ty: &Rc<Type>) -> MpiResult<Handle> {
    let mut place = ty.handle();
    life::free(me, variable(&mut place, ty))?;
    Ok(place)
}

fn text<T>(result: MpiResult<T>) -> (i32, String) {
    let e = result.err().unwrap();
    (e.class.0, e.to_string())
}

#[test]
fn predefined_types_appear_when_they_are_used_and_cannot_be_freed() {
    let me = me();
    assert!(me.types.get(Handle(c::MPI_DOUBLE)).is_none());
    let double = named(me, c::MPI_DOUBLE);
    assert!(Rc::ptr_eq(&double, &named(me, c::MPI_DOUBLE)));
    assert!(committed(me, Handle(c::MPI_DOUBLE), "datatype").is_ok());
    assert_eq!(
        text(free(me, &double)),
        (c::MPI_ERR_TYPE, "datatype is MPI_DOUBLE, a predefined datatype, which cannot be freed".into())
    );
    assert_eq!(text(any(me, NULL, "oldtype")).1, "oldtype is MPI_DATATYPE_NULL");
    assert_eq!(
        text(any(me, Handle(0x204), "datatype")),
        (c::MPI_ERR_TYPE, "datatype is 0x204, a datatype that has been freed".into())
    );
    assert_eq!(me.types.live_count(), 0);
}

#[test]
fn a_new_type_must_be_committed_and_is_gone_when_freed() {
    let me = me();
    let ty = pair_of_ints(me);
    let h = ty.handle();
    let (class, sentence) = text(committed(me, h, "datatype"));
    assert_eq!(class, c::MPI_ERR_TYPE);
    assert_eq!(
        sentence,
        format!("datatype is {h:?}, a datatype that is not committed: call MPI_Type_commit first")
    );
    let mut place = h;
    life::commit(me, variable(&mut place, &ty)).unwrap();
    assert_eq!(place, h);
    assert!(committed(me, h, "datatype").is_ok());
    let outer = made(me, |new| constructors::contiguous(me, int(3), &ty, new));
    assert_eq!(free(me, &ty), Ok(NULL));
    assert_eq!(text(any(me, h, "datatype")).1, format!("datatype is {h:?}, a datatype that has been freed"));
    assert_eq!(outer.datatype.size(), 24);
    assert_eq!(free(me, &outer), Ok(NULL));
    assert_eq!(me.types.live_count(), 0);
}

#[test]
fn null_buffers_are_refused_unless_displacements_may_be_addresses() {
    let me = me();
    let ty = pair_of_ints(me);
    let (null, in_place) = (UserBuf(c::MPI_BOTTOM), UserBuf(c::MPI_IN_PLACE));
    assert_eq!(
        text(ty.check_buffer(null, "sendbuf", 1)),
        (c::MPI_ERR_BUFFER, "sendbuf is a null pointer, but there is data to transfer".into())
    );
    assert!(ty.check_buffer(null, "sendbuf", 0).is_ok());
    assert!(ty.check_buffer(UserBuf(4096), "sendbuf", 1).is_ok());
    let mut displacements = [4096i64];
    let absolute = made(me, |new| {
        let displacements = ArrayPoly::Large(array(&mut displacements));
        constructors::create_hindexed_block(me, int(1), 1, displacements, &ty, new)
    });
    assert!(absolute.check_buffer(null, "sendbuf", 1).is_ok());
    assert!(text(absolute.check_buffer(in_place, "sendbuf", 1)).1.starts_with("sendbuf is MPI_IN_PLACE"));
    let empty = made(me, |new| constructors::contiguous(me, int(0), &ty, new));
    assert!(empty.check_buffer(null, "sendbuf", 5).is_ok());
}

#[test]
fn contents_come_back_as_they_went_in_with_new_handles_for_derived_types() {
    let me = me();
    let pair = pair_of_ints(me);
    let (mut lengths, mut displacements) = ([1, 2], [0i64, 16]);
    let mut types = [Handle(c::MPI_DOUBLE), pair.handle()];
    let ty = made(me, |new| {
        let lengths = ArrayPoly::Int(array(&mut lengths));
        let displacements = ArrayPoly::Large(array(&mut displacements));
        constructors::create_struct(me, int(2), lengths, displacements, array(&mut types), new)
    });
    let (mut ni, mut na, mut nt, mut combiner) = (0, 0, 0, 0);
    contents::get_envelope(me, &ty, out(&mut ni), out(&mut na), out(&mut nt), out(&mut combiner)).unwrap();
    assert_eq!((ni, na, nt, combiner), (3, 2, 2, c::MPI_COMBINER_STRUCT));
    let live = me.types.live_count();
    let (mut i, mut a, mut t) = ([0; 3], [0; 2], [NULL; 2]);
    contents::get_contents(me, &ty, 3, 2, 2, array(&mut i), array(&mut a), array(&mut t)).unwrap();
    assert_eq!((i, a, t[0]), ([2, 1, 2], [0, 16], Handle(c::MPI_DOUBLE)));
    assert_eq!(me.types.live_count(), live + 1);
    let again = any(me, t[1], "datatype").unwrap();
    assert!(t[1] != pair.handle() && again.datatype.same_typemap(&pair.datatype));
    assert_eq!(free(me, &again), Ok(NULL));
    assert!(any(me, pair.handle(), "datatype").is_ok());
    let short = contents::get_contents(me, &ty, 2, 2, 2, array(&mut i), array(&mut a), array(&mut t));
    assert_eq!(text(short), (c::MPI_ERR_ARG, "max_integers is 2, the datatype has 3 of them".into()));
    let none = named(me, c::MPI_INT);
    let none = contents::get_contents(me, &none, 0, 0, 0, array(&mut []), array(&mut []), array(&mut []));
    assert_eq!(text(none).0, c::MPI_ERR_TYPE);
}

#[test]
fn a_bad_entry_in_a_list_of_types_is_named_by_its_index() {
    let me = me();
    let (mut lengths, mut displacements) = ([1, 1], [0i64, 8]);
    let mut types = [Handle(c::MPI_INT), NULL];
    let mut new = NULL;
    let result = constructors::create_struct(
        me,
        int(2),
        ArrayPoly::Int(array(&mut lengths)),
        ArrayPoly::Large(array(&mut displacements)),
        array(&mut types),
        handle(&mut new),
    );
    assert_eq!(text(result), (c::MPI_ERR_TYPE, "array_of_types[1] is MPI_DATATYPE_NULL".into()));
}

#[test]
fn types_of_large_constructors_are_described_by_the_large_form_only() {
    let me = me();
    let count = Formed { value: 1 << 33, form: Form::Large };
    let ty = made(me, |new| constructors::contiguous(me, count, &named(me, c::MPI_INT), new));
    let (mut n, mut m, mut t, mut combiner) = (0, 0, 0, 0);
    let small = contents::get_envelope(me, &ty, out(&mut n), out(&mut m), out(&mut t), out(&mut combiner));
    assert_eq!(text(small).0, c::MPI_ERR_TYPE);
    let (mut counts, mut types) = ([0], [NULL]);
    contents::get_contents_c(
        me,
        &ty,
        0,
        0,
        1,
        1,
        array(&mut []),
        array(&mut []),
        array(&mut counts),
        array(&mut types),
    )
    .unwrap();
    assert_eq!((counts, types), ([1 << 33], [Handle(c::MPI_INT)]));
    let (mut small, mut large) = (0, 0);
    queries::size(me, &ty, OutPoly::Int(out(&mut small))).unwrap();
    queries::size(me, &ty, OutPoly::Large(out(&mut large))).unwrap();
    assert_eq!((small, large), (c::MPI_UNDEFINED, 1 << 35));
}

#[test]
fn names_are_the_standards_until_the_program_gives_others() {
    let me = me();
    let name = |ty: &Rc<Type>| {
        let (mut room, mut n) = ([b'x'; c::MPI_MAX_OBJECT_NAME as usize], -1);
        life::get_name(me, Some(ty), string(&mut room), out(&mut n)).unwrap();
        assert_eq!(room[n as usize], 0);
        String::from_utf8_lossy(&room[..n as usize]).into_owned()
    };
    let (int, pair) = (named(me, c::MPI_INT), pair_of_ints(me));
    assert_eq!((name(&int), name(&pair)), ("MPI_INT".into(), String::new()));
    life::set_name(me, &int, b"whole number").unwrap();
    life::set_name(me, &pair, b"edge").unwrap();
    assert_eq!((name(&int), name(&pair)), ("whole number".into(), "edge".into()));
    // of two names for one type the one that is no synonym
    assert_eq!(name(&named(me, c::MPI_C_FLOAT_COMPLEX)), "MPI_C_COMPLEX");
    assert_eq!(name(&named(me, c::MPI_LONG_LONG)), "MPI_LONG_LONG_INT");
}

thread_local! {
    static DELETED: Cell<usize> = const { Cell::new(0) };
}

extern "C" fn delete(_ty: usize, _keyval: i32, value: usize, _extra: usize) -> i32 {
    DELETED.set(DELETED.get() * 10 + value);
    c::MPI_SUCCESS
}

extern "C" fn refuse(
    _o: usize,
    _k: i32,
    _extra: usize,
    _value: usize,
    _new: *mut usize,
    _flag: *mut i32,
) -> i32 {
    c::MPI_ERR_OTHER
}

#[allow(unsafe_code)]
fn key(me: &'static Rank, copy: usize) -> InKeyval {
    // SAFETY: predefined values or functions of this file, which have the callbacks' types.
    let (copy, delete): (CopyFn, DeleteFn) = unsafe {
        let delete = delete as *const () as usize;
        (TypeCopyFn::from_c(me, copy, "copy").unwrap(), TypeDeleteFn::from_c(me, delete, "delete").unwrap())
    };
    let mut k = 0;
    attr::create_keyval_type(me, copy, delete, out(&mut k), 0).unwrap();
    InKeyval(k)
}

#[test]
fn duplicates_get_copies_of_attributes_and_free_deletes_them() {
    let me = me();
    let (ty, keep) = (pair_of_ints(me), key(me, c::MPI_TYPE_DUP_FN));
    attr::put(me, &ty, keep, 7).unwrap();
    let copy = made(me, |new| life::dup(me, &ty, new));
    let (mut value, mut found) = (0, 0);
    attr::get(me, &copy, keep, out(&mut value), flag(&mut found)).unwrap();
    assert_eq!((value, found), (7, 1));
    attr::put(me, &copy, keep, 8).unwrap();
    assert_eq!(DELETED.take(), 7);
    free(me, &copy).unwrap();
    assert_eq!(DELETED.take(), 8);
    // A copy callback that fails: no duplicate, and the copy made before is deleted again.
    attr::put(me, &ty, key(me, refuse as *const () as usize), 1).unwrap();
    let (live, mut new) = (me.types.live_count(), NULL);
    assert_eq!(text(life::dup(me, &ty, handle(&mut new))).0, c::MPI_ERR_OTHER);
    assert_eq!((me.types.live_count(), new, DELETED.take()), (live, NULL, 7));
    free(me, &ty).unwrap();
    assert_eq!(DELETED.take(), 17);
}

#[test]
fn a_status_counts_in_units_of_a_datatype() {
    let me = me();
    let (pair, status) = (pair_of_ints(me), Cell::new(Status::new(0, 0, 12)));
    let count = |of: &Rc<Type>| {
        let (mut whole, mut basic) = (0, 0);
        received::get_count(me, &status, of, OutPoly::Int(out(&mut whole))).unwrap();
        received::get_elements(me, &status, of, OutPoly::Int(out(&mut basic))).unwrap();
        (whole, basic)
    };
    assert_eq!(count(&pair), (c::MPI_UNDEFINED, 3));
    assert_eq!(count(&named(me, c::MPI_INT)), (3, 3));
    received::status_set_elements(me, &status, &pair, 4).unwrap();
    assert_eq!(count(&pair), (2, 4));
    let negative = received::status_set_elements(me, &status, &pair, -1);
    assert_eq!(text(negative), (c::MPI_ERR_COUNT, "count is -1, must not be negative".into()));
}

#[test]
fn packing_moves_the_position_and_says_what_does_not_fit() {
    let me = me();
    let pair = pair_of_ints(me);
    let (values, mut packed, mut back) = ([1i32, 2, 3, 4], [0u8; 20], [0i32; 4]);
    let address = |at: *const u8| UserBuf(at.expose_provenance());
    let from = address(values.as_ptr().cast());
    let (middle, to) = (address(packed.as_mut_ptr()), address(back.as_mut_ptr().cast()));
    let anything = &named(me, c::MPI_BYTE); // stands in for a communicator
    let mut position = 4;
    let mut pack = |n: i64| {
        packing::pack(me, from, n, &pair, middle, 20, InOutPoly::Int(inout(&mut position)), anything)
    };
    pack(2).unwrap();
    let full = pack(1);
    assert_eq!(
        text(full),
        (c::MPI_ERR_TRUNCATE, "8 bytes at position 20 do not fit the pack buffer: outsize is 20".into())
    );
    assert_eq!(position, 20);
    position = 4;
    let place = InOutPoly::Int(inout(&mut position));
    packing::unpack(me, middle, 20, place, to, 2, &pair, anything).unwrap();
    assert_eq!((back, position), (values, 20));
    let place = InOutPoly::Int(inout(&mut position));
    let null = packing::unpack(me, UserBuf(0), 20, place, to, 2, &pair, anything);
    assert_eq!(text(null).1, "inbuf is a null pointer, but there is data to transfer");
    let place = InOutPoly::Int(inout(&mut position));
    let native = packing::pack_external(me, b"native", from, 1, &pair, middle, 20, place);
    assert_eq!(text(native).1, "datarep is \"native\", must be \"external32\"");
}

#[test]
fn predefined_types_are_found_by_class_size_and_members() {
    let me = me();
    let mut found = NULL;
    queries::match_size(me, c::MPI_TYPECLASS_REAL, 8, handle(&mut found)).unwrap();
    assert_eq!(found, Handle(c::MPI_REAL8));
    let none = queries::match_size(me, c::MPI_TYPECLASS_REAL, 3, handle(&mut found));
    assert_eq!(text(none).1, "size is 3, a size that no datatype of MPI_TYPECLASS_REAL has");
    let mut pair = |value, index| {
        queries::get_value_index(me, &named(me, value), &named(me, index), handle(&mut found)).unwrap();
        found
    };
    assert_eq!(pair(c::MPI_DOUBLE, c::MPI_INT), Handle(c::MPI_DOUBLE_INT));
    assert_eq!(pair(c::MPI_DOUBLE, c::MPI_DOUBLE), NULL);
}

#[test]
fn removed_constructors_make_the_same_types() {
    let me = me();
    let pair = pair_of_ints(me);
    let old = made(me, |new| removed::hvector(me, 3, 2, 40, &pair, new));
    let new = made(me, |new| constructors::create_hvector(me, int(3), 2, 40, &pair, new));
    assert!(old.datatype.same_typemap(&new.datatype));
    let (mut lengths, mut displacements, mut types) =
        ([1, 2], [8i64, 24], [Handle(c::MPI_CHAR), pair.handle()]);
    let old = made(me, |new| {
        removed::structure(me, 2, array(&mut lengths), array(&mut displacements), array(&mut types), new)
    });
    let (mut lb, mut ub, mut extent) = (0, 0, 0);
    removed::lb(me, &old, out(&mut lb)).unwrap();
    removed::ub(me, &old, out(&mut ub)).unwrap();
    removed::extent(me, &old, out(&mut extent)).unwrap();
    assert_eq!((lb, ub, extent), (8, 40, 32));
}
