//! 6.12 Collectives: nonblocking.

/// Chapter of the standard.
pub const TITLE: &str = "6.12 Collectives: nonblocking";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Nonblocking `MPI_Barrier`.
            small MPI_Ibarrier (comm: Comm, request: NewRequest) = coll::calls::ibarrier;
            /// Nonblocking `MPI_Bcast`.
            large MPI_Ibcast (buffer: BufInOut, count: Count, datatype: Datatype, root: Root, comm: Comm, request: NewRequest) = coll::calls::ibcast;
            /// Nonblocking `MPI_Gather`.
            large MPI_Igather (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, request: NewRequest) = coll::calls::igather;
            /// Nonblocking `MPI_Gatherv`.
            large MPI_Igatherv (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, root: Root, comm: Comm, request: NewRequest) = coll::calls::igatherv;
            /// Nonblocking `MPI_Scatter`.
            large MPI_Iscatter (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, request: NewRequest) = coll::calls::iscatter;
            /// Nonblocking `MPI_Scatterv`.
            large MPI_Iscatterv (sendbuf: BufIn, sendcounts: Counts, displs: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm, request: NewRequest) = coll::calls::iscatterv;
            /// Nonblocking `MPI_Allgather`.
            large MPI_Iallgather (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm, request: NewRequest) = coll::calls::iallgather;
            /// Nonblocking `MPI_Allgatherv`.
            large MPI_Iallgatherv (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, comm: Comm, request: NewRequest) = coll::calls::iallgatherv;
            /// Nonblocking `MPI_Alltoall`.
            large MPI_Ialltoall (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm, request: NewRequest) = coll::calls::ialltoall;
            /// Nonblocking `MPI_Alltoallv`.
            large MPI_Ialltoallv (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtype: DatatypeIfUsed, comm: Comm, request: NewRequest) = coll::calls::ialltoallv;
            /// Nonblocking `MPI_Alltoallw`.
            large MPI_Ialltoallw (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtypes: Datatypes, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtypes: Datatypes, comm: Comm, request: NewRequest) = coll::calls::ialltoallw;
            /// Nonblocking `MPI_Reduce`.
            large MPI_Ireduce (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, root: Root, comm: Comm, request: NewRequest) = coll::calls::ireduce;
            /// Nonblocking `MPI_Allreduce`.
            large MPI_Iallreduce (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, request: NewRequest) = coll::calls::iallreduce;
            /// Nonblocking `MPI_Reduce_scatter`.
            large MPI_Ireduce_scatter (sendbuf: BufIn, recvbuf: BufOut, recvcounts: Counts, datatype: Datatype, op: Op, comm: Comm, request: NewRequest) = coll::calls::ireduce_scatter;
            /// Nonblocking `MPI_Reduce_scatter_block`.
            large MPI_Ireduce_scatter_block (sendbuf: BufIn, recvbuf: BufOut, recvcount: Count, datatype: Datatype, op: Op, comm: Comm, request: NewRequest) = coll::calls::ireduce_scatter_block;
            /// Nonblocking `MPI_Scan`.
            large MPI_Iscan (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, request: NewRequest) = coll::calls::iscan;
            /// Nonblocking `MPI_Exscan`.
            large MPI_Iexscan (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm, request: NewRequest) = coll::calls::iexscan;
        }
    };
}
pub(crate) use entries;
