//! 7.7 Attributes of communicators.

/// Chapter of the standard.
pub const TITLE: &str = "7.7 Attributes of communicators";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Caches an attribute.
            small MPI_Comm_set_attr (comm: Comm, comm_keyval: Keyval, attribute_val: Word) = attr::put;
            /// A cached attribute.
            small MPI_Comm_get_attr (comm: Comm, comm_keyval: Keyval, attribute_val: OutWord, flag: OutFlag) = attr::get;
            /// Deletes an attribute.
            small MPI_Comm_delete_attr (comm: Comm, comm_keyval: Keyval) = attr::delete;
            /// Deprecated name of `MPI_Comm_set_attr`.
            small MPI_Attr_put (comm: Comm, keyval: Keyval, attribute_val: Word) = attr::put;
            /// Deprecated name of `MPI_Comm_get_attr`.
            small MPI_Attr_get (comm: Comm, keyval: Keyval, attribute_val: OutWord, flag: OutFlag) = attr::get;
            /// Deprecated name of `MPI_Comm_delete_attr`.
            small MPI_Attr_delete (comm: Comm, keyval: Keyval) = attr::delete;
        }
    };
}
pub(crate) use entries;
