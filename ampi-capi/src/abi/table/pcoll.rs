//! 6.13 Collectives: persistent.

/// Chapter of the standard.
pub const TITLE: &str = "6.13 Collectives: persistent";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Persistent `MPI_Barrier`.
            small MPI_Barrier_init (comm: Comm, info: InfoOrNull, request: NewRequest) = coll::barrier_init;
            /// Persistent `MPI_Bcast`.
            large MPI_Bcast_init (buffer: BufInOut, count: Count, datatype: Datatype, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::bcast_init;
            /// Persistent `MPI_Gather`.
            large MPI_Gather_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::gather_init;
            /// Persistent `MPI_Gatherv`.
            large MPI_Gatherv_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::gatherv_init;
            /// Persistent `MPI_Scatter`.
            large MPI_Scatter_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::scatter_init;
            /// Persistent `MPI_Scatterv`.
            large MPI_Scatterv_init (sendbuf: BufIn, sendcounts: Counts, displs: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::scatterv_init;
            /// Persistent `MPI_Allgather`.
            large MPI_Allgather_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::allgather_init;
            /// Persistent `MPI_Allgatherv`.
            large MPI_Allgatherv_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::allgatherv_init;
            /// Persistent `MPI_Alltoall`.
            large MPI_Alltoall_init (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::alltoall_init;
            /// Persistent `MPI_Alltoallv`.
            large MPI_Alltoallv_init (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtype: DatatypeIfUsed, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::alltoallv_init;
            /// Persistent `MPI_Alltoallw`.
            large MPI_Alltoallw_init (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtypes: Datatypes, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtypes: Datatypes, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::alltoallw_init;
            /// Persistent `MPI_Reduce`.
            large MPI_Reduce_init (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, root: Root, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::reduce_init;
            /// Persistent `MPI_Allreduce`.
            large MPI_Allreduce_init (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::allreduce_init;
            /// Persistent `MPI_Reduce_scatter`.
            large MPI_Reduce_scatter_init (sendbuf: BufIn, recvbuf: BufOut, recvcounts: Counts, datatype: Datatype, op: Op, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::reduce_scatter_init;
            /// Persistent `MPI_Reduce_scatter_block`.
            large MPI_Reduce_scatter_block_init (sendbuf: BufIn, recvbuf: BufOut, recvcount: Count, datatype: Datatype, op: Op, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::reduce_scatter_block_init;
            /// Persistent `MPI_Scan`.
            large MPI_Scan_init (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::scan_init;
            /// Persistent `MPI_Exscan`.
            large MPI_Exscan_init (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, info: InfoOrNull, request: NewRequest) = coll::exscan_init;
        }
    };
}
pub(crate) use entries;
