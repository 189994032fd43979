//! 5.2 Pack and unpack.

/// Chapter of the standard.
pub const TITLE: &str = "5.2 Pack and unpack";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Packs data into a buffer.
            large MPI_Pack (inbuf: BufIn, incount: Count, datatype: Datatype, outbuf: BufOut, outsize: Count, position: Position, comm: Comm) = datatype::pack;
            /// Unpacks data from a buffer.
            large MPI_Unpack (inbuf: BufIn, insize: Count, position: Position, outbuf: BufOut, outcount: Count, datatype: Datatype, comm: Comm) = datatype::unpack;
            /// Room that packing needs.
            large MPI_Pack_size (incount: Count, datatype: AnyDatatype, comm: Comm, size: OutCount) = datatype::pack_size;
            /// Packs in the portable format external32.
            large MPI_Pack_external (datarep: StringIn, inbuf: BufIn, incount: Count, datatype: Datatype, outbuf: BufOut, outsize: ByteCount, position: BytePosition) = datatype::pack_external;
            /// Unpacks the portable format external32.
            large MPI_Unpack_external (datarep: StringIn, inbuf: BufIn, insize: ByteCount, position: BytePosition, outbuf: BufOut, outcount: Count, datatype: Datatype) = datatype::unpack_external;
            /// Room that external packing needs.
            large MPI_Pack_external_size (datarep: StringIn, incount: Count, datatype: AnyDatatype, size: OutBytes) = datatype::pack_external_size;
        }
    };
}
pub(crate) use entries;
