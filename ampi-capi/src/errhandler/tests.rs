//! Error handlers on a test object, and added codes.

use super::*;
use crate::abi::kinds::on_stack::{handle, out, string};
use crate::abi::kinds::{CommErrhandlerFn, InError, Kind};
use crate::error::MpiError;
use std::cell::Cell as StdCell;

struct Object(Attached, Handle);

impl Owner for Object {
    fn errhandler(&self) -> &Attached {
        &self.0
    }
    fn handle(&self) -> Handle {
        self.1
    }
    fn describe(&self) -> String {
        "communicator TEST, rank 0".into()
    }
}

fn me() -> &'static Rank {
    Box::leak(Rank::new(0, 1))
}

fn object(me: &'static Rank) -> Rc<Object> {
    Rc::new(Object(Attached::new(me.errhandler.initial.get()), Handle(c::MPI_COMM_WORLD)))
}

thread_local! {
    static SEEN: StdCell<(usize, i32)> = const { StdCell::new((0, 0)) };
}

extern "C" fn seen(object: *mut usize, code: *mut i32) {
    // SAFETY: the library passes places for both.
    #[allow(unsafe_code)]
    SEEN.set(unsafe { (*object, *code) });
}

fn new_handler(me: &'static Rank) -> Handle {
    // SAFETY: `seen` has the handlers' type for the arguments it uses.
    #[allow(unsafe_code)]
    let function = unsafe { CommErrhandlerFn::from_c(me, seen as *const () as usize, "f").unwrap() };
    let mut h = Handle(0);
    create_for_comm(me, function, handle(&mut h)).unwrap();
    h
}

fn free_handle(me: &'static Rank, h: &mut Handle) -> MpiResult {
    // SAFETY: a variable of this test.
    #[allow(unsafe_code)]
    let held = unsafe { crate::abi::kinds::ErrhandlerInOut::from_c(me, &raw mut h.0, "errhandler")? };
    free(me, crate::abi::kinds::ErrhandlerInOut::lend(&held))
}

#[test]
fn get_after_set_gives_the_same_handle_and_one_more_reference() {
    let (me, mut h) = (me(), Handle(0));
    let o = object(me);
    let mut mine = new_handler(me);
    let original = mine;
    set(me, &o, &me.errhandler.table.get(mine).unwrap()).unwrap();
    get(me, &o, handle(&mut h)).unwrap();
    assert_eq!(h, original);
    free_handle(me, &mut mine).unwrap();
    assert_eq!(mine, Handle(c::MPI_ERRHANDLER_NULL));
    assert!(me.errhandler.table.get(original).is_some(), "the second reference is alive");
    free_handle(me, &mut h).unwrap();
    assert!(me.errhandler.table.get(original).is_none());
    call(me, &o, InError(c::MPI_ERR_TAG)).unwrap();
    assert_eq!(SEEN.get(), (c::MPI_COMM_WORLD, c::MPI_ERR_TAG), "attached handlers live without a handle");
    get(me, &o, handle(&mut h)).unwrap();
    assert!(me.errhandler.table.get(h).is_some(), "and get a handle again");
}

#[test]
fn predefined_handlers_can_be_got_and_freed() {
    let (me, mut h) = (me(), Handle(0));
    let o = object(me);
    get(me, &o, handle(&mut h)).unwrap();
    assert_eq!(h.0, c::MPI_ERRORS_ARE_FATAL);
    free_handle(me, &mut h).unwrap();
    assert!(me.errhandler.table.get(Handle(c::MPI_ERRORS_ARE_FATAL)).is_some());
    assert!(me.errhandler.set_initial("mpi_errors_return"));
    assert!(!me.errhandler.set_initial("mpi_errors_explode"));
}

#[test]
fn a_returned_error_keeps_its_sentence() {
    let me = me();
    me.errhandler.set_initial("mpi_errors_return");
    let e = MpiError::new(c::MPI_ERR_RANK, "dest is 7, must be 0..3");
    assert_eq!(raise(me, "MPI_Send", e, &[0]), c::MPI_ERR_RANK);
    let (mut text, mut len) = ([0u8; c::MPI_MAX_ERROR_STRING as usize], 0);
    error_string(me, InError(c::MPI_ERR_RANK), string(&mut text), out(&mut len)).unwrap();
    assert_eq!(
        std::str::from_utf8(&text[..len as usize]).unwrap(),
        "MPI_ERR_RANK: invalid rank; MPI_Send: dest is 7, must be 0..3 (rank 0)"
    );
}

#[test]
fn added_classes_and_codes_come_and_go() {
    let (me, mut class, mut code, mut got) = (me(), 0, 0, 0);
    add_error_class(me, out(&mut class)).unwrap();
    add_error_code(me, InError(class), out(&mut code)).unwrap();
    assert!(class > c::MPI_ERR_LASTCODE && code > class);
    assert_eq!(me.attr.values.last_used_code.get(), code);
    error_class(me, InError(code), out(&mut got)).unwrap();
    assert_eq!(got, class);
    add_error_string(me, InError(code), b"too hot").unwrap();
    let (mut text, mut len) = ([0u8; c::MPI_MAX_ERROR_STRING as usize], 0);
    error_string(me, InError(code), string(&mut text), out(&mut len)).unwrap();
    assert_eq!(&text[..len as usize], b"too hot");
    assert_eq!(remove_error_class(me, InError(class)).unwrap_err().class.0, c::MPI_ERR_OTHER);
    remove_error_string(me, InError(code)).unwrap();
    assert!(remove_error_string(me, InError(code)).is_err());
    remove_error_code(me, InError(code)).unwrap();
    remove_error_class(me, InError(class)).unwrap();
    assert!(error_class(me, InError(class), out(&mut got)).is_err());
    assert!(add_error_string(me, InError(c::MPI_ERR_TAG), b"mine").is_err(), "predefined texts stay");
    add_error_class(me, out(&mut got)).unwrap();
    assert!(got > code, "numbers are never given twice");
}
