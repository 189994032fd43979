//! 3.8 Probe.

/// Chapter of the standard.
pub const TITLE: &str = "3.8 Probe";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Waits for a message without receiving it.
            small MPI_Probe (source: Source, tag: RecvTag, comm: Comm, status: OutStatus) = pt2pt::probe;
            /// Is there a message?
            small MPI_Iprobe (source: Source, tag: RecvTag, comm: Comm, flag: OutFlag, status: OutStatus) = pt2pt::iprobe;
            /// Waits for a message and takes it out of matching.
            small MPI_Mprobe (source: Source, tag: RecvTag, comm: Comm, message: NewMessage, status: OutStatus) = pt2pt::mprobe;
            /// Takes a message out of matching if there is one.
            small MPI_Improbe (source: Source, tag: RecvTag, comm: Comm, flag: OutFlag, message: NewMessage, status: OutStatus) = pt2pt::improbe;
            /// Receives a message taken out.
            large MPI_Mrecv (buf: BufOut, count: Count, datatype: Datatype, message: MessageInOut, status: OutStatus) = pt2pt::mrecv;
            /// Nonblocking `MPI_Mrecv`.
            large MPI_Imrecv (buf: BufOut, count: Count, datatype: Datatype, message: MessageInOut, request: NewRequest) = pt2pt::imrecv;
        }
    };
}
pub(crate) use entries;
