//! 7.7 Attributes of datatypes.

/// Chapter of the standard.
pub const TITLE: &str = "7.7 Attributes of datatypes";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Caches an attribute.
            small MPI_Type_set_attr (datatype: AnyDatatype, type_keyval: Keyval, attribute_val: Word) = attr::put;
            /// A cached attribute.
            small MPI_Type_get_attr (datatype: AnyDatatype, type_keyval: Keyval, attribute_val: OutWord, flag: OutFlag) = attr::get;
            /// Deletes an attribute.
            small MPI_Type_delete_attr (datatype: AnyDatatype, type_keyval: Keyval) = attr::delete;
        }
    };
}
pub(crate) use entries;
