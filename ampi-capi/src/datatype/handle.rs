//! Datatypes as objects of a rank: what a handle names.
//!
//! The typemap is a [`Datatype`], shared with operations that are still under way and, for predefined types, with all
//! ranks of the process. The handle, the name and the attributes belong to one rank.
//!
//! 1. A predefined type gets its object when the rank first uses its handle: a rank pays only for types it uses.
//! 2. Freeing a type takes its handle away at once; its typemap lives as long as somebody needs it.

use super::{Basic, DatatypeRef, predefined};
use crate::abi::constants as c;
use crate::abi::kinds::{Committed, UserBuf, look_up, look_up_committed};
use crate::attr::{AttrSet, Cached};
use crate::error::MpiResult;
use crate::handle::{Handle, HandleKind, Object, Table};
use crate::rank::Rank;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A datatype of one rank.
pub struct Type {
    pub datatype: DatatypeRef,
    attributes: AttrSet,
    /// The name that the program gave, `None`: none given.
    name: RefCell<Option<Box<[u8]>>>,
    handle: Cell<Handle>,
}

impl Type {
    fn new(datatype: DatatypeRef, handle: Handle) -> Type {
        Type { datatype, attributes: AttrSet::default(), name: RefCell::new(None), handle: Cell::new(handle) }
    }

    /// A new derived datatype of the rank, with a handle of its own.
    pub fn insert(me: &'static Rank, datatype: DatatypeRef) -> MpiResult<Rc<Type>> {
        let new = Rc::new(Type::new(datatype, Handle(c::MPI_DATATYPE_NULL)));
        new.handle.set(me.types.insert(new.clone())?);
        Ok(new)
    }

    pub fn handle(&self) -> Handle {
        self.handle.get()
    }

    /// The name: the program's, else the standard's for predefined types, else empty.
    pub fn name(&self) -> Box<[u8]> {
        match (&*self.name.borrow(), self.datatype.basic()) {
            (Some(name), _) => name.clone(),
            (None, Some(basic)) => basic.name().as_bytes().into(),
            (None, None) => Box::default(),
        }
    }

    pub fn set_name(&self, name: &[u8]) {
        self.name.replace(Some(name.into()));
    }

    /// Its displacements may be addresses, to be used with `MPI_BOTTOM`: a derived type whose data do not begin at
    /// displacement 0.
    pub fn is_absolute(&self) -> bool {
        self.datatype.basic().is_none() && self.datatype.true_lb() != 0
    }

    /// Refuses a buffer argument that cannot hold `count` elements of this type: null where there is data that is not
    /// at absolute addresses, and the constants that mean something in other calls only.
    #[inline(always)]
    pub fn check_buffer(&self, buf: UserBuf, name: &str, count: i64) -> MpiResult {
        if buf.address() > c::MPI_BUFFER_AUTOMATIC { Ok(()) } else { self.check_constant(buf, name, count) }
    }

    #[cold]
    #[inline(never)]
    fn check_constant(&self, buf: UserBuf, name: &str, count: i64) -> MpiResult {
        if buf.is_bottom() && self.is_absolute() {
            return Ok(());
        }
        buf.check(name, count > 0 && self.datatype.size() > 0)
    }
}

impl Object for Type {
    const KIND: HandleKind = HandleKind::Datatype;
    const NULL: usize = c::MPI_DATATYPE_NULL;
    const NULL_NAME: &'static str = "MPI_DATATYPE_NULL";
    const ERROR: i32 = c::MPI_ERR_TYPE;
    fn table(me: &'static Rank) -> &'static Table<Self> {
        &me.types
    }
    fn predefined(handle: Handle) -> Option<Self> {
        predefined(handle.0).map(|datatype| Type::new(datatype.clone(), handle))
    }
}

impl Committed for Type {
    #[inline(always)]
    fn committed(&self) -> bool {
        self.datatype.is_committed()
    }
}

impl Cached for Type {
    const KIND: HandleKind = HandleKind::Datatype;
    fn attributes(&self) -> &AttrSet {
        &self.attributes
    }
    fn handle(&self) -> Handle {
        self.handle.get()
    }
}

/// The committed datatype that `handle` names, for handles that only the semantic function knows to be used.
#[inline(always)]
pub fn committed(me: &'static Rank, handle: Handle, name: &str) -> MpiResult<Rc<Type>> {
    look_up_committed(me, handle, name)
}

/// The datatype that `handle` names, committed or not.
#[inline(always)]
pub fn any(me: &'static Rank, handle: Handle, name: &str) -> MpiResult<Rc<Type>> {
    look_up(me, handle, name)
}

/// The handle of a predefined type.
pub fn handle_of(basic: Basic) -> Handle {
    Handle(basic.handle())
}
