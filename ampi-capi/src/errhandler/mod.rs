//! Error handlers (MPI-5.0 §9.3): the objects, where they are attached, and what happens when a call fails.
//!
//! A user's handler is one object with as many references as the program holds through `create` and `get`; the handle
//! is valid while there is one. An object attached to a communicator lives on without handle, and gets a handle again
//! when the program asks for it. So `get` after `set` returns the same handle, as programs expect.

mod abort;
mod codes;
mod raise;
mod strings;

pub use abort::{JobAbort, abort_job, install_abort};
pub use codes::{
    Codes, add_error_class, add_error_code, add_error_string, error_class, error_string, remove_error_class,
    remove_error_code, remove_error_string,
};
pub use raise::{call, raise};
pub use strings::class_name;

use crate::abi::constants as c;
use crate::abi::kinds::{ErrhandlerFn, HandleInOut, OutHandle};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::mpi_err;
use crate::rank::Rank;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What a handler does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Action {
    /// `MPI_ERRORS_ARE_FATAL`: the job ends.
    Fatal,
    /// `MPI_ERRORS_ABORT`: the processes of the communicator end.
    Abort,
    /// `MPI_ERRORS_RETURN`: the call returns the code.
    Return,
    /// The program's function, for objects of one kind.
    User(ErrhandlerFn, HandleKind),
}

/// One error handler.
#[derive(Debug)]
pub struct Errhandler {
    pub action: Action,
    /// The handle, while `references` > 0.
    handle: Cell<Handle>,
    /// References that the program holds.
    references: Cell<u32>,
}

impl Errhandler {
    fn predefined(action: Action, handle: usize) -> Rc<Self> {
        Rc::new(Errhandler { action, handle: Cell::new(Handle(handle)), references: Cell::new(1) })
    }

    fn is_predefined(&self) -> bool {
        !matches!(self.action, Action::User(..))
    }

    /// A handle for the program: one more reference.
    fn refer(self: &Rc<Self>, me: &'static Rank) -> MpiResult<Handle> {
        if !self.is_predefined() {
            if self.references.get() == 0 {
                self.handle.set(me.errhandler.table.insert(self.clone())?);
            }
            self.references.set(self.references.get() + 1);
        }
        Ok(self.handle.get())
    }
}

impl Object for Errhandler {
    const KIND: HandleKind = HandleKind::Errhandler;
    const NULL: usize = c::MPI_ERRHANDLER_NULL;
    const NULL_NAME: &'static str = "MPI_ERRHANDLER_NULL";
    const ERROR: i32 = c::MPI_ERR_ERRHANDLER;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.errhandler.table
    }
}

/// The place in a communicator (window, file, session) where its handler is kept.
#[derive(Debug)]
pub struct Attached(RefCell<Rc<Errhandler>>);

impl Attached {
    pub fn new(handler: Rc<Errhandler>) -> Self {
        Attached(RefCell::new(handler))
    }
    pub fn get(&self) -> Rc<Errhandler> {
        self.0.borrow().clone()
    }
    pub fn set(&self, handler: Rc<Errhandler>) {
        self.0.replace(handler);
    }
}

/// An object on which errors can be raised.
pub trait Owner {
    fn errhandler(&self) -> &Attached;
    /// Its handle, passed to the program's handler.
    fn handle(&self) -> Handle;
    /// For error texts: "communicator MPI_COMM_WORLD, rank 2".
    fn describe(&self) -> String;
    /// The kind of handler it takes.
    fn kind(&self) -> HandleKind {
        HandleKind::Comm
    }
}

/// What a rank keeps about error handling.
pub struct State {
    pub table: Table<Errhandler>,
    pub codes: Codes,
    /// Handler for errors that belong to no object, and the initial one of `MPI_COMM_WORLD` and `MPI_COMM_SELF`
    /// (launch key `mpi_initial_errhandler`).
    pub initial: Attached,
    /// The last error that was returned to the program: its code and its sentence, for `MPI_Error_string`.
    last: RefCell<(i32, Box<str>)>,
}

impl State {
    pub fn new() -> Self {
        let table = Table::new(HandleKind::Errhandler, c::MPI_ERRHANDLER_NULL, 8);
        let fatal = Errhandler::predefined(Action::Fatal, c::MPI_ERRORS_ARE_FATAL);
        table.predefine(c::MPI_ERRORS_ARE_FATAL, fatal.clone());
        table.predefine(c::MPI_ERRORS_ABORT, Errhandler::predefined(Action::Abort, c::MPI_ERRORS_ABORT));
        table.predefine(c::MPI_ERRORS_RETURN, Errhandler::predefined(Action::Return, c::MPI_ERRORS_RETURN));
        State {
            table,
            codes: Codes::default(),
            initial: Attached::new(fatal),
            last: RefCell::new((0, "".into())),
        }
    }

    /// Chooses the initial handler by the value of the launch key `mpi_initial_errhandler`; false: no such name.
    pub fn set_initial(&self, name: &str) -> bool {
        let handle = match name {
            "mpi_errors_are_fatal" => c::MPI_ERRORS_ARE_FATAL,
            "mpi_errors_abort" => c::MPI_ERRORS_ABORT,
            "mpi_errors_return" => c::MPI_ERRORS_RETURN,
            _ => return false,
        };
        if let Some(handler) = self.table.get(Handle(handle)) {
            self.initial.set(handler);
        }
        true
    }
}

impl Default for State {
    fn default() -> Self {
        State::new()
    }
}

fn create(me: &'static Rank, function: ErrhandlerFn, kind: HandleKind, errhandler: OutHandle) -> MpiResult {
    let object = Rc::new(Errhandler {
        action: Action::User(function, kind),
        handle: Cell::new(Handle(c::MPI_ERRHANDLER_NULL)),
        references: Cell::new(0),
    });
    errhandler.set(object.refer(me)?);
    Ok(())
}

/// `MPI_Comm_create_errhandler` — a handler for communicators that calls `function(&comm, &code)`.
pub fn create_for_comm(me: &'static Rank, function: ErrhandlerFn, errhandler: OutHandle) -> MpiResult {
    create(me, function, HandleKind::Comm, errhandler)
}

/// `MPI_Win_create_errhandler` — the same for windows.
pub fn create_for_win(me: &'static Rank, function: ErrhandlerFn, errhandler: OutHandle) -> MpiResult {
    create(me, function, HandleKind::Win, errhandler)
}

/// `MPI_File_create_errhandler` — the same for files.
pub fn create_for_file(me: &'static Rank, function: ErrhandlerFn, errhandler: OutHandle) -> MpiResult {
    create(me, function, HandleKind::File, errhandler)
}

/// `MPI_Session_create_errhandler` — the same for sessions.
pub fn create_for_session(me: &'static Rank, function: ErrhandlerFn, errhandler: OutHandle) -> MpiResult {
    create(me, function, HandleKind::Session, errhandler)
}

/// `MPI_Errhandler_free` — gives one reference back; objects that use the handler keep it.
pub fn free(me: &'static Rank, errhandler: HandleInOut<Errhandler>) -> MpiResult {
    let object = errhandler.object();
    if !object.is_predefined() {
        object.references.set(object.references.get() - 1);
        if object.references.get() == 0 {
            me.errhandler.table.remove(errhandler.handle());
        }
    }
    errhandler.set_null();
    Ok(())
}

/// `MPI_Comm_set_errhandler` (window, file, session alike) — attaches the handler.
pub fn set<O: Owner>(_me: &'static Rank, owner: &Rc<O>, errhandler: &Rc<Errhandler>) -> MpiResult {
    if let Action::User(_, kind) = errhandler.action
        && kind != owner.kind()
    {
        return mpi_err!(
            MPI_ERR_ERRHANDLER,
            "errhandler was created for a {}, not for a {}",
            kind.word(),
            owner.kind().word()
        );
    }
    owner.errhandler().set(errhandler.clone());
    Ok(())
}

/// `MPI_Comm_get_errhandler` (window, file, session alike) — the attached handler; free it when it is not needed.
pub fn get<O: Owner>(me: &'static Rank, owner: &Rc<O>, errhandler: OutHandle) -> MpiResult {
    errhandler.set(owner.errhandler().get().refer(me)?);
    Ok(())
}

#[cfg(test)]
mod tests;
