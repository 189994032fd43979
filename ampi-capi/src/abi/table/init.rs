//! 11 Process initialization.

/// Chapter of the standard.
pub const TITLE: &str = "11 Process initialization";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Starts MPI in this rank.
            early MPI_Init (argc: ArgcInOut, argv: ArgvInOut) = init::init;
            /// Starts MPI with a level of thread support.
            early MPI_Init_thread (argc: ArgcInOut, argv: ArgvInOut, required: Int, provided: OutInt) = init::init_thread;
            /// Was `MPI_Init` called?
            early MPI_Initialized (flag: OutFlag) = init::initialized;
            /// Ends MPI in this rank.
            small MPI_Finalize () = init::finalize;
            /// Was `MPI_Finalize` called?
            early MPI_Finalized (flag: OutFlag) = init::finalized;
            /// Is this the thread that called `MPI_Init`?
            small MPI_Is_thread_main (flag: OutFlag) = init::is_thread_main;
            /// The provided level of thread support.
            small MPI_Query_thread (provided: OutInt) = init::query_thread;
            /// Ends the processes of a communicator.
            early MPI_Abort (comm: Comm, errorcode: Int) = init::abort;
            /// The communicator with those who spawned this process; none here.
            small MPI_Comm_get_parent (parent: NewComm) = comm::get_parent;
            /// Frees a communicator when all communication in it is over.
            small MPI_Comm_disconnect (comm: CommInOut) = comm::disconnect;
        }
    };
}
pub(crate) use entries;
