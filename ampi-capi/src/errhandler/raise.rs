//! From a failed call to its error handler.
//!
//! 1. The object is: the one that the error names; else the first communicator, window, file or session among the
//!    call's arguments that is alive; else `MPI_COMM_SELF`; else (before `MPI_Init`) the initial handler. Where the
//!    program has left `MPI_COMM_SELF` its initial handler, `MPI_COMM_WORLD` stands in for it: there errors without an
//!    object went until MPI-3, and programs set a handler for `MPI_COMM_WORLD` alone.
//! 2. The sentence is completed: "MPI_Send: dest is 7, must be 0..3 (communicator MPI_COMM_WORLD, rank 2)".
//! 3. The handler acts: end the job, return the code, or call the program's function and then return the code.

use super::{Action, Errhandler, Owner, abort_job, class_name};
use crate::abi::constants as c;
use crate::abi::kinds::InError;
use crate::error::{MpiError, MpiResult};
use crate::handle::Handle;
use crate::rank::Rank;
use std::rc::Rc;

/// Handles the failure of `function` and gives the code that the call returns. `arguments`: its handles, 0 for others.
#[cold]
#[inline(never)]
pub fn raise(me: &'static Rank, function: &str, error: MpiError, arguments: &[usize]) -> i32 {
    let owner = error
        .on
        .into_iter()
        .chain(arguments.iter().map(|&h| Handle(h)))
        .chain([objectless(me)])
        .find_map(|h| me.error_owner(h));
    let (handler, place) = match &owner {
        Some(o) => (o.errhandler().get(), o.describe()),
        None => (me.errhandler.initial.get(), format!("rank {}", me.world_rank)),
    };
    let code = error.class.0;
    let text = format!("{function}: {} ({place})", error.detail);
    act(me, &handler, owner.as_deref(), code, &text);
    me.errhandler.last.replace((code, text.into_boxed_str()));
    code
}

/// The communicator for errors that belong to no object (rule 1).
fn objectless(me: &'static Rank) -> Handle {
    let alone = Handle(c::MPI_COMM_SELF);
    match me.error_owner(alone) {
        Some(o) if Rc::ptr_eq(&o.errhandler().get(), &me.errhandler.initial.get()) => {
            Handle(c::MPI_COMM_WORLD)
        }
        _ => alone,
    }
}

fn act(me: &'static Rank, handler: &Rc<Errhandler>, owner: Option<&dyn Owner>, code: i32, text: &str) {
    match handler.action {
        Action::Return => {}
        Action::Fatal | Action::Abort => {
            let class = me.errhandler.codes.class_of(code).unwrap_or(code);
            abort_job(me, &format!("{text} [{}]", class_name(class)), class.clamp(1, 255))
        }
        Action::User(function, _) => {
            function.call(owner.map_or(Handle(c::MPI_COMM_SELF), |o| o.handle()), code);
        }
    }
}

/// `MPI_Comm_call_errhandler` (window, file, session alike) — runs the handler of the object with `code`.
pub fn call<O: Owner>(me: &'static Rank, owner: &Rc<O>, code: InError) -> MpiResult {
    let code = code.0;
    if me.errhandler.codes.class_of(code).is_none() {
        return crate::mpi_err!(
            MPI_ERR_ARG,
            "errorcode is {code}, which is no error class and no error code"
        );
    }
    let handler = owner.errhandler().get();
    let text = format!("the program raised error {code} ({})", owner.describe());
    act(me, &handler, Some(&**owner), code, &text);
    Ok(())
}
