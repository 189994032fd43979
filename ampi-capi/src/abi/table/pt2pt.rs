//! 3 Point-to-point: blocking.

/// Chapter of the standard.
pub const TITLE: &str = "3 Point-to-point: blocking";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Blocking send, standard mode.
            large MPI_Send (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm) = pt2pt::send;
            /// Blocking send, buffered.
            large MPI_Bsend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm) = pt2pt::bsend;
            /// Blocking send, synchronous.
            large MPI_Ssend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm) = pt2pt::ssend;
            /// Blocking send, the receive is posted.
            large MPI_Rsend (buf: BufIn, count: Count, datatype: Datatype, dest: Dest, tag: SendTag, comm: Comm) = pt2pt::rsend;
            /// Blocking receive.
            large MPI_Recv (buf: BufOut, count: Count, datatype: Datatype, source: Source, tag: RecvTag, comm: Comm, status: OutStatus) = pt2pt::recv;
            /// Send and receive at once.
            large MPI_Sendrecv (sendbuf: BufIn, sendcount: Count, sendtype: Datatype, dest: Dest, sendtag: SendTag, recvbuf: BufOut, recvcount: Count, recvtype: Datatype, source: Source, recvtag: RecvTag, comm: Comm, status: OutStatus) = pt2pt::sendrecv;
            /// Send and receive in the same buffer.
            large MPI_Sendrecv_replace (buf: BufInOut, count: Count, datatype: Datatype, dest: Dest, sendtag: SendTag, source: Source, recvtag: RecvTag, comm: Comm, status: OutStatus) = pt2pt::sendrecv_replace;
        }
    };
}
pub(crate) use entries;
