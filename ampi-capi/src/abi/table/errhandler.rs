//! 9.3 Error handling.

/// Chapter of the standard.
pub const TITLE: &str = "9.3 Error handling";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// An error handler for communicators.
            small MPI_Comm_create_errhandler (comm_errhandler_fn: CommErrhandlerFn, errhandler: NewErrhandler) = errhandler::create_for_comm;
            /// Frees an error handler.
            early MPI_Errhandler_free (errhandler: ErrhandlerInOut) = errhandler::free;
            /// Class of an error code.
            early MPI_Error_class (errorcode: ErrorCode, errorclass: OutInt) = errhandler::error_class;
            /// Text of an error code.
            early MPI_Error_string (errorcode: ErrorCode, string: OutName, resultlen: OutInt) = errhandler::error_string;
            /// A new error class.
            early MPI_Add_error_class (errorclass: OutInt) = errhandler::add_error_class;
            /// A new error code.
            early MPI_Add_error_code (errorclass: ErrorCode, errorcode: OutInt) = errhandler::add_error_code;
            /// Text for an added code or class.
            early MPI_Add_error_string (errorcode: ErrorCode, string: StringIn) = errhandler::add_error_string;
            /// Removes an added class.
            early MPI_Remove_error_class (errorclass: ErrorCode) = errhandler::remove_error_class;
            /// Removes an added code.
            early MPI_Remove_error_code (errorcode: ErrorCode) = errhandler::remove_error_code;
            /// Removes an added text.
            early MPI_Remove_error_string (errorcode: ErrorCode) = errhandler::remove_error_string;
            /// Removed name of `MPI_Comm_create_errhandler`.
            small MPI_Errhandler_create (comm_errhandler_fn: CommErrhandlerFn, errhandler: NewErrhandler) = errhandler::create_for_comm;
        }
    };
}
pub(crate) use entries;
