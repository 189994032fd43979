//! 7.7 Attribute keys.

/// Chapter of the standard.
pub const TITLE: &str = "7.7 Attribute keys";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// A key for attributes of communicators.
            small MPI_Comm_create_keyval (comm_copy_attr_fn: CommCopyFn, comm_delete_attr_fn: CommDeleteFn, comm_keyval: OutInt, extra_state: Word) = attr::create_keyval_comm;
            /// Frees a key.
            small MPI_Comm_free_keyval (comm_keyval: InOutInt) = attr::free_keyval;
            /// A key for attributes of datatypes.
            small MPI_Type_create_keyval (type_copy_attr_fn: TypeCopyFn, type_delete_attr_fn: TypeDeleteFn, type_keyval: OutInt, extra_state: Word) = attr::create_keyval_type;
            /// Frees a key.
            small MPI_Type_free_keyval (type_keyval: InOutInt) = attr::free_keyval;
            /// Deprecated name of `MPI_Comm_create_keyval`.
            small MPI_Keyval_create (copy_fn: OldCopyFn, delete_fn: OldDeleteFn, keyval: OutInt, extra_state: Word) = attr::create_keyval_comm;
            /// Deprecated name of `MPI_Comm_free_keyval`.
            small MPI_Keyval_free (keyval: InOutInt) = attr::free_keyval;
        }
    };
}
pub(crate) use entries;
