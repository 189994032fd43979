//! 3.9 Point-to-point: persistent.

/// Chapter of the standard.
pub const TITLE: &str = "3.9 Point-to-point: persistent";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Persistent send, standard mode.
            large MPI_Send_init (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::send_init;
            /// Persistent send, buffered.
            large MPI_Bsend_init (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::bsend_init;
            /// Persistent send, synchronous.
            large MPI_Ssend_init (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::ssend_init;
            /// Persistent send, the receive is posted.
            large MPI_Rsend_init (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::rsend_init;
            /// Persistent receive.
            large MPI_Recv_init (buf: BufOut, count: Count, datatype: Datatype, source: Source, tag: RecvTag, comm: Comm, request: NewRequest) = pt2pt::recv_init;
            /// Starts a persistent request.
            small MPI_Start (request: RequestInOut) = pt2pt::start;
            /// Starts persistent requests.
            small MPI_Startall (count: NonNegative, array_of_requests: RequestsInOut) = pt2pt::startall;
        }
    };
}
pub(crate) use entries;
