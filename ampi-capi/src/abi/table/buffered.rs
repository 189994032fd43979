//! 3.6 Buffers of buffered sends.

/// Chapter of the standard.
pub const TITLE: &str = "3.6 Buffers of buffered sends";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Gives a buffer to buffered sends.
            large MPI_Buffer_attach (buffer: BufInOut, size: Count) = pt2pt::buffer_attach;
            /// Waits until the buffer is empty and takes it back.
            large MPI_Buffer_detach (buffer_addr: OutWord, size: OutCount) = pt2pt::buffer_detach;
            /// Waits until the buffer is empty.
            small MPI_Buffer_flush () = pt2pt::buffer_flush;
            /// Nonblocking `MPI_Buffer_flush`.
            small MPI_Buffer_iflush (request: NewRequest) = pt2pt::buffer_iflush;
            /// Gives a buffer to buffered sends of a communicator.
            large MPI_Comm_attach_buffer (comm: Comm, buffer: BufInOut, size: Count) = pt2pt::comm_attach_buffer;
            /// Waits until the communicator's buffer is empty and takes it back.
            large MPI_Comm_detach_buffer (comm: Comm, buffer_addr: OutWord, size: OutCount) = pt2pt::comm_detach_buffer;
            /// Waits until the communicator's buffer is empty.
            small MPI_Comm_flush_buffer (comm: Comm) = pt2pt::comm_flush_buffer;
            /// Nonblocking `MPI_Comm_flush_buffer`.
            small MPI_Comm_iflush_buffer (comm: Comm, request: NewRequest) = pt2pt::comm_iflush_buffer;
        }
    };
}
pub(crate) use entries;
