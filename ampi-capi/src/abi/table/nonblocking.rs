//! 3.7 Point-to-point: nonblocking.

/// Chapter of the standard.
pub const TITLE: &str = "3.7 Point-to-point: nonblocking";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Nonblocking send, standard mode.
            large MPI_Isend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::isend;
            /// Nonblocking send, buffered.
            large MPI_Ibsend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::ibsend;
            /// Nonblocking send, synchronous.
            large MPI_Issend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::issend;
            /// Nonblocking send, the receive is posted.
            large MPI_Irsend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm, request: NewRequest) = pt2pt::irsend;
            /// Nonblocking receive.
            large MPI_Irecv (buf: BufOut, count: Count, datatype: Datatype, source: Source, tag: RecvTag, comm: Comm, request: NewRequest) = pt2pt::irecv;
            /// Nonblocking send and receive.
            large MPI_Isendrecv (sendbuf: BufIn, sendcount: Count, sendtype: Datatype, dest: Dest, sendtag: SendTag, recvbuf: BufOut, recvcount: Count, recvtype: Datatype, source: Source, recvtag: RecvTag, comm: Comm, request: NewRequest) = pt2pt::isendrecv;
            /// Nonblocking send and receive in the same buffer.
            large MPI_Isendrecv_replace (buf: BufInOut, count: Count, datatype: Datatype, dest: Dest, sendtag: SendTag, source: Source, recvtag: RecvTag, comm: Comm, request: NewRequest) = pt2pt::isendrecv_replace;
        }
    };
}
pub(crate) use entries;
