//! 9.3 Error handlers of communicators.

/// Chapter of the standard.
pub const TITLE: &str = "9.3 Error handlers of communicators";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Attaches an error handler.
            small MPI_Comm_set_errhandler (comm: Comm, errhandler: Errhandler) = errhandler::set;
            /// The attached error handler.
            small MPI_Comm_get_errhandler (comm: Comm, errhandler: NewErrhandler) = errhandler::get;
            /// Calls the attached error handler.
            small MPI_Comm_call_errhandler (comm: Comm, errorcode: ErrorCode) = errhandler::call;
            /// Removed name of `MPI_Comm_set_errhandler`.
            small MPI_Errhandler_set (comm: Comm, errhandler: Errhandler) = errhandler::set;
            /// Removed name of `MPI_Comm_get_errhandler`.
            small MPI_Errhandler_get (comm: Comm, errhandler: NewErrhandler) = errhandler::get;
        }
    };
}
pub(crate) use entries;
