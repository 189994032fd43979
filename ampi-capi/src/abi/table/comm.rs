//! 7.4 Communicators.

/// Chapter of the standard.
pub const TITLE: &str = "7.4 Communicators";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Number of processes.
            small MPI_Comm_size (comm: Comm, size: OutInt) = comm::size;
            /// Rank of the caller.
            small MPI_Comm_rank (comm: Comm, rank: OutInt) = comm::rank;
            /// Same group, same context?
            small MPI_Comm_compare (comm1: Comm, comm2: Comm, result: OutInt) = comm::compare;
            /// A copy with another context.
            small MPI_Comm_dup (comm: Comm, newcomm: NewComm) = comm::dup;
            /// A copy with another context and other hints.
            small MPI_Comm_dup_with_info (comm: Comm, info: InfoOrNull, newcomm: NewComm) = comm::dup_with_info;
            /// Nonblocking `MPI_Comm_dup`.
            small MPI_Comm_idup (comm: Comm, newcomm: NewComm, request: NewRequest) = comm::idup;
            /// Nonblocking `MPI_Comm_dup_with_info`.
            small MPI_Comm_idup_with_info (comm: Comm, info: InfoOrNull, newcomm: NewComm, request: NewRequest) = comm::idup_with_info;
            /// A communicator for a subgroup; all processes call.
            small MPI_Comm_create (comm: Comm, group: Group, newcomm: NewComm) = comm::create;
            /// A communicator for a subgroup; its processes call.
            small MPI_Comm_create_group (comm: Comm, group: Group, tag: SendTag, newcomm: NewComm) = comm::create_group;
            /// One communicator per color.
            small MPI_Comm_split (comm: Comm, color: Color, key: Int, newcomm: NewComm) = comm::split;
            /// One communicator per kind of neighbourhood.
            small MPI_Comm_split_type (comm: Comm, split_type: Int, key: Int, info: InfoOrNull, newcomm: NewComm) = comm::split_type;
            /// Frees a communicator.
            small MPI_Comm_free (comm: CommInOut) = comm::free;
            /// The group of a communicator.
            small MPI_Comm_group (comm: Comm, group: NewGroup) = comm::group;
            /// Names a communicator.
            small MPI_Comm_set_name (comm: Comm, comm_name: ObjectName) = comm::set_name;
            /// The name of a communicator.
            small MPI_Comm_get_name (comm: CommOrNull, comm_name: OutName, resultlen: OutInt) = comm::get_name;
            /// Is it an intercommunicator?
            small MPI_Comm_test_inter (comm: Comm, flag: OutFlag) = comm::test_inter;
            /// Sets hints.
            small MPI_Comm_set_info (comm: Comm, info: InfoOrNull) = comm::set_info;
            /// The hints in use.
            small MPI_Comm_get_info (comm: Comm, info_used: NewInfo) = comm::get_info;
        }
    };
}
pub(crate) use entries;
