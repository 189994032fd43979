//! 5.2 Pack and unpack.

/// Chapter of the standard.
pub const TITLE: &str = "5.2 Pack and unpack";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Packs data into a buffer.
            large MPI_Pack (inbuf: BufIn, incount: Count, datatype: Datatype, outbuf: BufOut, outsize: Count, position: Position, comm: Comm) = datatype::calls::packing::pack;
            /// Unpacks data from a buffer.
            large MPI_Unpack (inbuf: BufIn, insize: Count, position: Position, outbuf: BufOut, outcount: Count, datatype: Datatype, comm: Comm) = datatype::calls::packing::unpack;
            /// Room that packing needs.
            large MPI_Pack_size (incount: Count, datatype: AnyDatatype, comm: Comm, size: OutCount) = datatype::calls::packing::pack_size;
            /// Packs in the portable format external32.
            large MPI_Pack_external (datarep: StringIn, inbuf: BufIn, incount: Count, datatype: Datatype, outbuf: BufOut, outsize: ByteCount, position: BytePosition) = datatype::calls::packing::pack_external;
            /// Unpacks the portable format external32.
            large MPI_Unpack_external (datarep: StringIn, inbuf: BufIn, insize: ByteCount, position: BytePosition, outbuf: BufOut, outcount: Count, datatype: Datatype) = datatype::calls::packing::unpack_external;
            /// Room that external packing needs.
            large MPI_Pack_external_size (datarep: StringIn, incount: Count, datatype: AnyDatatype, size: OutBytes) = datatype::calls::packing::pack_external_size;
        }
    };
}
pub(crate) use entries;
