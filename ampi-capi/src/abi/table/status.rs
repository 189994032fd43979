//! 3.2.5 Status.

/// Chapter of the standard.
pub const TITLE: &str = "3.2.5 Status";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Source of the message.
            small MPI_Status_get_source (status: StatusIn, source: OutInt) = status::get_source;
            /// Tag of the message.
            small MPI_Status_get_tag (status: StatusIn, tag: OutInt) = status::get_tag;
            /// Error code of the operation.
            small MPI_Status_get_error (status: StatusIn, error: OutInt) = status::get_error;
            /// Changes the source.
            small MPI_Status_set_source (status: StatusInOut, source: Int) = status::set_source;
            /// Changes the tag.
            small MPI_Status_set_tag (status: StatusInOut, tag: Int) = status::set_tag;
            /// Changes the error code.
            small MPI_Status_set_error (status: StatusInOut, error: Int) = status::set_error;
            /// Changes what `MPI_Test_cancelled` answers.
            small MPI_Status_set_cancelled (status: StatusInOut, flag: Logical) = status::set_cancelled;
            /// Was the operation cancelled?
            small MPI_Test_cancelled (status: StatusIn, flag: OutFlag) = status::test_cancelled;
        }
    };
}
pub(crate) use entries;
