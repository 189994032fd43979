//! 6 Collectives: blocking.

/// Chapter of the standard.
pub const TITLE: &str = "6 Collectives: blocking";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// Waits until all have come.
            small MPI_Barrier (comm: Comm) = coll::calls::barrier;
            /// The root sends to all.
            large MPI_Bcast (buffer: BufInOut, count: Count, datatype: Datatype, root: Root, comm: Comm) = coll::calls::bcast;
            /// The root collects equal blocks.
            large MPI_Gather (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm) = coll::calls::gather;
            /// The root collects blocks.
            large MPI_Gatherv (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, root: Root, comm: Comm) = coll::calls::gatherv;
            /// The root hands out equal blocks.
            large MPI_Scatter (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm) = coll::calls::scatter;
            /// The root hands out blocks.
            large MPI_Scatterv (sendbuf: BufIn, sendcounts: Counts, displs: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, root: Root, comm: Comm) = coll::calls::scatterv;
            /// All collect equal blocks.
            large MPI_Allgather (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm) = coll::calls::allgather;
            /// All collect blocks.
            large MPI_Allgatherv (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, displs: Displs, recvtype: DatatypeIfUsed, comm: Comm) = coll::calls::allgatherv;
            /// Each sends an equal block to each.
            large MPI_Alltoall (sendbuf: BufIn, sendcount: CountIfUsed, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcount: CountIfUsed, recvtype: DatatypeIfUsed, comm: Comm) = coll::calls::alltoall;
            /// Each sends a block to each.
            large MPI_Alltoallv (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtype: DatatypeIfUsed, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtype: DatatypeIfUsed, comm: Comm) = coll::calls::alltoallv;
            /// Each sends a block of its own datatype to each.
            large MPI_Alltoallw (sendbuf: BufIn, sendcounts: Counts, sdispls: Displs, sendtypes: Datatypes, recvbuf: BufOut, recvcounts: Counts, rdispls: Displs, recvtypes: Datatypes, comm: Comm) = coll::calls::alltoallw;
            /// The root gets the combination of all.
            large MPI_Reduce (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, root: Root, comm: Comm) = coll::calls::reduce;
            /// All get the combination of all.
            large MPI_Allreduce (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm) = coll::calls::allreduce;
            /// Each gets its block of the combination.
            large MPI_Reduce_scatter (sendbuf: BufIn, recvbuf: BufOut, recvcounts: Counts, datatype: Datatype, op: Op, comm: Comm) = coll::calls::reduce_scatter;
            /// Each gets its equal block of the combination.
            large MPI_Reduce_scatter_block (sendbuf: BufIn, recvbuf: BufOut, recvcount: Count, datatype: Datatype, op: Op, comm: Comm) = coll::calls::reduce_scatter_block;
            /// Combination of the ranks up to the own.
            large MPI_Scan (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm) = coll::calls::scan;
            /// Combination of the ranks below the own.
            large MPI_Exscan (sendbuf: BufIn, recvbuf: BufOut, count: Count, datatype: Datatype, op: Op, comm: Comm) = coll::calls::exscan;
            /// Combines two local buffers.
            large MPI_Reduce_local (inbuf: BufIn, inoutbuf: BufInOut, count: Count, datatype: Datatype, op: Op) = coll::calls::reduce_local;
        }
    };
}
pub(crate) use entries;
