//! The predefined datatypes as objects, by handle.

use super::basic::Basic;
use super::{Datatype, DatatypeRef};
use std::sync::LazyLock;

static TABLE: LazyLock<Box<[Option<DatatypeRef>]>> = LazyLock::new(|| {
    let mut table = vec![None; 256];
    for basic in Basic::all() {
        table[basic.index()] = Some(DatatypeRef::Predefined(Box::leak(Box::new(Datatype::of_basic(basic)))));
    }
    table.into_boxed_slice()
});

/// The predefined datatype of an ABI handle (MPI-5.0 §20): a table look-up, for the message path. `None` for
/// MPI_DATATYPE_NULL, unassigned values and handles of derived types.
#[inline]
pub fn predefined(handle: usize) -> Option<&'static DatatypeRef> {
    TABLE.get(handle.wrapping_sub(crate::abi::constants::MPI_DATATYPE_NULL))?.as_ref()
}

/// The datatype object of a basic type.
#[inline]
pub fn predefined_by_index(basic: Basic) -> &'static DatatypeRef {
    match &TABLE[basic.index()] {
        Some(datatype) => datatype,
        // Every Basic has its row (basic.rs).
        None => unreachable!("basic type without a datatype"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::constants as c;

    #[test]
    fn pair_types_have_the_layout_of_the_c_struct() {
        let facts = |h| {
            let t = predefined(h).unwrap();
            (t.size(), t.extent(), t.true_extent())
        };
        assert_eq!(facts(c::MPI_FLOAT_INT), (8, 8, 8));
        assert_eq!(facts(c::MPI_DOUBLE_INT), (12, 16, 12));
        assert_eq!(facts(c::MPI_LONG_INT), (12, 16, 12));
        assert_eq!(facts(c::MPI_2INT), (8, 8, 8));
        assert_eq!(facts(c::MPI_SHORT_INT), (6, 8, 8));
        assert_eq!(facts(c::MPI_LONG_DOUBLE_INT), (20, 32, 20));
        assert_eq!(facts(c::MPI_2DOUBLE_PRECISION), (16, 16, 16));
    }

    #[test]
    fn every_other_predefined_type_is_one_aligned_run() {
        for basic in Basic::all().filter(|b| b.pair().is_none()) {
            let t = predefined(basic.handle()).unwrap();
            assert_eq!(t.is_contiguous(7), Some((0, 7 * basic.size())));
            assert_eq!((t.lb(), t.extent(), t.true_extent()), (0, t.size(), t.size()));
            assert_eq!(t.extent() % t.align(), 0);
            assert!(t.is_committed());
            assert_eq!(t.predefined_handle(), Some(basic.handle()));
        }
    }

    #[test]
    fn null_and_derived_handles_are_not_predefined() {
        assert!(predefined(c::MPI_DATATYPE_NULL).is_none());
        assert!(predefined(0x300).is_none());
        assert!(predefined(0).is_none());
    }
}
