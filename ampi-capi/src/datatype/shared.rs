//! References to datatypes that operations under way share with handles.

use super::Datatype;
use std::ops::Deref;
use std::sync::Arc;

/// A shared datatype. A predefined one lives for ever, so a reference to it costs nothing: counting those of
/// `MPI_DOUBLE` would have every PE write to one cache line at every call.
#[derive(Debug, Clone)]
pub enum DatatypeRef {
    Predefined(&'static Datatype),
    Derived(Arc<Datatype>),
}

impl DatatypeRef {
    pub fn derived(datatype: Datatype) -> DatatypeRef {
        DatatypeRef::Derived(Arc::new(datatype))
    }

    /// Its address: equal for two references to one datatype.
    pub fn address(&self) -> *const Datatype {
        std::ptr::from_ref(&**self)
    }
}

impl Deref for DatatypeRef {
    type Target = Datatype;
    #[inline(always)]
    fn deref(&self) -> &Datatype {
        match self {
            DatatypeRef::Predefined(datatype) => datatype,
            DatatypeRef::Derived(datatype) => datatype,
        }
    }
}
