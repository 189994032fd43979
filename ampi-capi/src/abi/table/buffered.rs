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
        }
    };
}
pub(crate) use entries;
