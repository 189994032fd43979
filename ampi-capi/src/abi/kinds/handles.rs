//! Handles of every kind of object, in four roles:
//!
//! | role | kind | semantic function gets |
//! |---|---|---|
//! | object that must exist | `Comm` | `&Rc<comm::Comm>` |
//! | object or null | `InfoOrNull` | `Option<&Rc<info::Info>>` |
//! | place for a new handle | `NewComm` | `OutHandle` |
//! | variable whose object is freed or replaced | `CommInOut` | `HandleInOut<comm::Comm>` |
//! | handle as such, unchecked | `CommHandle` | `Handle` |
//!
//! The kinds exist for all objects of the standard. Those that look an object up can be used in enabled table lines
//! once the object type is named in the `bind!` list at the end.

use super::out::{Held, held_handle, inout_handle, out_handle};
use super::{InOut, Kind, OutHandle, describe, plain_kind};
use crate::error::{MpiError, MpiResult};
use crate::handle::{Handle, HandleKind, Lent, Object};
use crate::rank::Rank;
use std::rc::Rc;

describe! {
    Comm, "MPI_Comm @", "&Rc<Comm>";
    /// A communicator or `MPI_COMM_NULL`.
    CommOrNull, "MPI_Comm @", "Option<&Rc<Comm>>";
    CommHandle, "MPI_Comm @", "Handle";
    CommInOut, "MPI_Comm *@", "HandleInOut<Comm>";
    NewComm, "MPI_Comm *@", "OutHandle";
    Group, "MPI_Group @", "&Rc<Group>";
    GroupHandle, "MPI_Group @", "Handle";
    GroupInOut, "MPI_Group *@", "HandleInOut<Group>";
    NewGroup, "MPI_Group *@", "OutHandle";
    /// A datatype for communication: committed.
    Datatype, "MPI_Datatype @", "&Rc<Type>";
    /// A datatype, committed or not: constructors and queries.
    AnyDatatype, "MPI_Datatype @", "&Rc<Type>";
    /// A datatype, committed or not, or `MPI_DATATYPE_NULL`.
    DatatypeOrNull, "MPI_Datatype @", "Option<&Rc<Type>>";
    DatatypeHandle, "MPI_Datatype @", "Handle";
    /// A datatype that is only significant at some processes: the semantic function looks it up where it is.
    DatatypeIfUsed, "MPI_Datatype @", "LateDatatype";
    DatatypeInOut, "MPI_Datatype *@", "HandleInOut<Type>";
    NewDatatype, "MPI_Datatype *@", "OutHandle";
    Op, "MPI_Op @", "&Rc<Op>";
    OpHandle, "MPI_Op @", "Handle";
    OpInOut, "MPI_Op *@", "HandleInOut<Op>";
    NewOp, "MPI_Op *@", "OutHandle";
    Errhandler, "MPI_Errhandler @", "&Rc<Errhandler>";
    ErrhandlerHandle, "MPI_Errhandler @", "Handle";
    ErrhandlerInOut, "MPI_Errhandler *@", "HandleInOut<Errhandler>";
    NewErrhandler, "MPI_Errhandler *@", "OutHandle";
    Info, "MPI_Info @", "&Rc<Info>";
    InfoOrNull, "MPI_Info @", "Option<&Rc<Info>>";
    InfoHandle, "MPI_Info @", "Handle";
    InfoInOut, "MPI_Info *@", "HandleInOut<Info>";
    NewInfo, "MPI_Info *@", "OutHandle";
    /// A request, looked up by point-to-point's own slab.
    RequestHandle, "MPI_Request @", "Handle";
    /// A variable with a request, which may be null.
    RequestInOut, "MPI_Request *@", "InOut<usize>";
    NewRequest, "MPI_Request *@", "OutHandle";
    MessageHandle, "MPI_Message @", "Handle";
    MessageInOut, "MPI_Message *@", "InOut<usize>";
    NewMessage, "MPI_Message *@", "OutHandle";
    Win, "MPI_Win @", "&Rc<Win>";
    WinHandle, "MPI_Win @", "Handle";
    WinInOut, "MPI_Win *@", "HandleInOut<Win>";
    NewWin, "MPI_Win *@", "OutHandle";
    File, "MPI_File @", "&Rc<File>";
    FileHandle, "MPI_File @", "Handle";
    FileInOut, "MPI_File *@", "HandleInOut<File>";
    NewFile, "MPI_File *@", "OutHandle";
    Session, "MPI_Session @", "&Rc<Session>";
    SessionHandle, "MPI_Session @", "Handle";
    SessionInOut, "MPI_Session *@", "HandleInOut<Session>";
    NewSession, "MPI_Session *@", "OutHandle";
}

/// A variable of the program with the handle of a live object.
pub struct HandleInOut<'a, T: Object> {
    place: InOut<'a, usize>,
    handle: Handle,
    object: &'a Rc<T>,
}

impl<'a, T: Object> HandleInOut<'a, T> {
    pub fn handle(&self) -> Handle {
        self.handle
    }
    pub fn object(&self) -> &'a Rc<T> {
        self.object
    }
    /// The object is gone: the variable becomes the null handle.
    pub fn set_null(self) {
        self.place.set(T::NULL);
    }
    pub fn set(self, handle: Handle) {
        self.place.set(handle.0);
    }
}

/// What must hold of an object for the kinds that are stricter than "alive".
pub trait Committed {
    fn committed(&self) -> bool;
}

/// A datatype argument that was not looked at yet.
#[derive(Debug, Clone, Copy)]
pub struct LateDatatype {
    pub handle: Handle,
    pub name: &'static str,
}

impl LateDatatype {
    /// The datatype, which must exist and be committed.
    #[inline(always)]
    pub fn get<T: Object + Committed>(self, me: &'static Rank) -> MpiResult<Rc<T>> {
        look_up_committed(me, self.handle, self.name)
    }
}

plain_kind!(DatatypeIfUsed: usize => LateDatatype, |me, v, name| Ok(LateDatatype { handle: Handle(v), name }));

/// Looks `handle` up in its table; the error says what the value is instead.
#[inline(always)]
pub fn look_up<T: Object>(me: &'static Rank, handle: Handle, name: &str) -> MpiResult<Rc<T>> {
    match T::table(me).get(handle) {
        Some(object) => Ok(object),
        None => look_up_predefined(me, handle, name),
    }
}

/// The same for the time of one call.
#[inline(always)]
fn lent<T: Object>(me: &'static Rank, handle: Handle, name: &str) -> MpiResult<Lent<T>> {
    match T::table(me).lend(handle) {
        Some(object) => Ok(object),
        None => look_up_predefined(me, handle, name).map(Lent::Counted),
    }
}

/// The first use of a predefined object, or an error.
#[cold]
#[inline(never)]
fn look_up_predefined<T: Object>(me: &'static Rank, handle: Handle, name: &str) -> MpiResult<Rc<T>> {
    match T::predefined(handle) {
        Some(object) => {
            let object = Rc::new(object);
            T::table(me).predefine(handle.0, object.clone());
            Ok(object)
        }
        None => Err(bad_handle::<T>(handle, name)),
    }
}

/// The datatype that `handle` names, which must be committed.
#[inline(always)]
pub fn look_up_committed<T: Object + Committed>(
    me: &'static Rank,
    handle: Handle,
    name: &str,
) -> MpiResult<Rc<T>> {
    let object = look_up::<T>(me, handle, name)?;
    if object.committed() { Ok(object) } else { Err(not_committed(handle, name)) }
}

#[cold]
#[inline(never)]
fn bad_handle<T: Object>(handle: Handle, name: &str) -> MpiError {
    let word = T::KIND.a_word();
    let text = if handle.0 == T::NULL {
        format!("{name} is {}", T::NULL_NAME)
    } else {
        match HandleKind::of(handle) {
            Some(kind) if kind != T::KIND => {
                format!("{name} is {handle:?}, the handle of {}, not of {word}", kind.a_word())
            }
            Some(_) => format!("{name} is {handle:?}, {word} that has been freed"),
            None => format!("{name} is {handle:?}, which is not the handle of {word}"),
        }
    };
    MpiError::new(T::ERROR, text)
}

#[cold]
#[inline(never)]
fn not_committed(handle: Handle, name: &str) -> MpiError {
    MpiError::new(
        crate::abi::constants::MPI_ERR_TYPE,
        format!("{name} is {handle:?}, a datatype that is not committed: call MPI_Type_commit first"),
    )
}

/// The handle in `place`, or 0 for a null pointer.
fn peek(place: *mut usize) -> usize {
    if place.is_null() { 0 } else { super::out::read_handle(place) }
}

/// `bind!(Comm, CommInOut => crate::comm::Comm)`: these kinds look up objects of that type.
macro_rules! bind {
    ($name:ident, $inout:ident => $object:ty) => {
        bind!(@object $name => $object, |object, handle, name| Ok(object));
        impl Kind for $inout {
            type C = *mut usize;
            type Large = *mut usize;
            type Held = (Held<usize>, Lent<$object>);
            type Rust<'a> = HandleInOut<'a, $object>;
            #[inline(always)]
            unsafe fn from_c(me: &'static Rank, place: *mut usize, name: &'static str) -> MpiResult<Self::Held> {
                let held = held_handle(place, name)?;
                let object = lent(me, Handle(inout_handle(&held).get()), name)?;
                Ok((held, object))
            }
            #[inline(always)]
            unsafe fn from_large(me: &'static Rank, place: *mut usize, name: &'static str) -> MpiResult<Self::Held> {
                // SAFETY: same contract.
                unsafe { Self::from_c(me, place, name) }
            }
            #[inline(always)]
            fn lend(held: &Self::Held) -> HandleInOut<'_, $object> {
                let place = inout_handle(&held.0);
                HandleInOut { place, handle: Handle(place.get()), object: &held.1 }
            }
            fn blame(place: *mut usize) -> usize {
                peek(place)
            }
            fn blame_large(place: *mut usize) -> usize {
                peek(place)
            }
        }
    };
    (@object $name:ident => $object:ty, |$o:ident, $handle:ident, $arg:ident| $check:expr) => {
        impl Kind for $name {
            type C = usize;
            type Large = usize;
            type Held = Lent<$object>;
            type Rust<'a> = &'a Rc<$object>;
            #[inline(always)]
            unsafe fn from_c(me: &'static Rank, value: usize, $arg: &'static str) -> MpiResult<Lent<$object>> {
                let $handle = Handle(value);
                let $o = lent::<$object>(me, $handle, $arg)?;
                let _ = $handle;
                $check
            }
            #[inline(always)]
            unsafe fn from_large(me: &'static Rank, value: usize, name: &'static str) -> MpiResult<Lent<$object>> {
                // SAFETY: same contract.
                unsafe { Self::from_c(me, value, name) }
            }
            #[inline(always)]
            fn lend(held: &Lent<$object>) -> &Rc<$object> {
                held
            }
            fn blame(value: usize) -> usize {
                value
            }
            fn blame_large(value: usize) -> usize {
                value
            }
        }
    };
    (@or_null $name:ident => $object:ty) => {
        impl Kind for $name {
            type C = usize;
            type Large = usize;
            type Held = Option<Lent<$object>>;
            type Rust<'a> = Option<&'a Rc<$object>>;
            #[inline(always)]
            unsafe fn from_c(me: &'static Rank, value: usize, name: &'static str) -> MpiResult<Option<Lent<$object>>> {
                if value == <$object as Object>::NULL { Ok(None) } else { lent(me, Handle(value), name).map(Some) }
            }
            #[inline(always)]
            unsafe fn from_large(me: &'static Rank, value: usize, name: &'static str) -> MpiResult<Option<Lent<$object>>> {
                // SAFETY: same contract.
                unsafe { Self::from_c(me, value, name) }
            }
            #[inline(always)]
            fn lend(held: &Option<Lent<$object>>) -> Option<&Rc<$object>> {
                held.as_deref()
            }
        }
    };
    (@datatypes $committed:ident, $any:ident, $inout:ident => $object:ty) => {
        bind!($any, $inout => $object);
        bind!(@object $committed => $object, |object, handle, name| {
            if Committed::committed(&**object) { Ok(object) } else { Err(not_committed(handle, name)) }
        });
    };
}

macro_rules! unbound {
    ($($raw:ident)*; $($new:ident)*; $($place:ident)*) => {
        $(plain_kind!($raw: usize => Handle, |me, v, name| Ok(Handle(v)));)*
        $(unbound!(@place $new: 'a OutHandle<'a>, out_handle);)*
        $(unbound!(@place $place: 'a InOut<'a, usize>, inout_handle);)*
    };
    (@place $name:ident: $life:lifetime $rust:ty, $lend:ident) => {
        impl Kind for $name {
            type C = *mut usize;
            type Large = *mut usize;
            type Held = Held<usize>;
            type Rust<$life> = $rust;
            #[inline(always)]
            unsafe fn from_c(_me: &'static Rank, value: *mut usize, name: &'static str) -> MpiResult<Held<usize>> {
                held_handle(value, name)
            }
            #[inline(always)]
            unsafe fn from_large(_me: &'static Rank, value: *mut usize, name: &'static str) -> MpiResult<Held<usize>> {
                held_handle(value, name)
            }
            #[inline(always)]
            fn lend<$life>(held: &$life Held<usize>) -> $rust {
                $lend(held)
            }
        }
    };
}

unbound! {
    CommHandle GroupHandle DatatypeHandle OpHandle ErrhandlerHandle InfoHandle RequestHandle MessageHandle WinHandle
    FileHandle SessionHandle;
    NewComm NewGroup NewDatatype NewOp NewErrhandler NewInfo NewRequest NewMessage NewWin NewFile NewSession;
    RequestInOut MessageInOut
}

// The objects that exist. One line each:
bind!(Comm, CommInOut => crate::comm::Comm);
bind!(Info, InfoInOut => crate::info::Info);
bind!(@or_null InfoOrNull => crate::info::Info);
bind!(@or_null CommOrNull => crate::comm::Comm);
bind!(@or_null DatatypeOrNull => crate::datatype::handle::Type);
bind!(Errhandler, ErrhandlerInOut => crate::errhandler::Errhandler);
bind!(@datatypes Datatype, AnyDatatype, DatatypeInOut => crate::datatype::handle::Type);
bind!(Op, OpInOut => crate::op::handle::Op);
bind!(Group, GroupInOut => crate::group::calls::GroupObject);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::constants as c;

    #[test]
    fn a_bad_handle_is_told_what_it_is() {
        let me: &'static Rank = Box::leak(Rank::new(0, 1));
        let said = |h| look_up::<crate::info::Info>(me, Handle(h), "info").err().map(|e| e.to_string());
        assert_eq!(said(c::MPI_INFO_ENV), None);
        assert_eq!(said(c::MPI_INFO_NULL).unwrap(), "info is MPI_INFO_NULL");
        assert_eq!(
            said(c::MPI_INT).unwrap(),
            "info is 0x209, the handle of a datatype, not of an info object"
        );
        assert_eq!(said(7).unwrap(), "info is 0x7, which is not the handle of an info object");
        let h = me.info.insert(Rc::new(crate::info::Info::default())).unwrap();
        me.info.remove(h);
        assert_eq!(said(h.0).unwrap(), format!("info is {h:?}, an info object that has been freed"));
    }
}

#[cfg(test)]
pub mod variables {
    //! Handle variables for unit tests of semantic functions.
    use super::super::out::places::inout;
    use super::*;

    /// The variable `place` with the handle of `object`.
    pub fn variable<'a, T: Object>(place: &'a mut Handle, object: &'a Rc<T>) -> HandleInOut<'a, T> {
        let handle = *place;
        HandleInOut { place: inout(&mut place.0), handle, object }
    }
}
