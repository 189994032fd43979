//! 8.5 Cartesian topologies.

/// Chapter of the standard.
pub const TITLE: &str = "8.5 Cartesian topologies";

macro_rules! entries {
    ($($emit:tt)*) => {
        $($emit)*! {
            /// A communicator with a Cartesian topology.
            small MPI_Cart_create (comm_old: Comm, ndims: NonNegative, dims: Ints, periods: Ints, reorder: Logical, comm_cart: NewComm) = topo::cart_create;
            /// A balanced distribution over dimensions.
            small MPI_Dims_create (nnodes: NonNegative, ndims: NonNegative, dims: InOutInts) = topo::dims_create;
            /// Kind of topology.
            small MPI_Topo_test (comm: Comm, status: OutInt) = topo::topo_test;
            /// Number of dimensions.
            small MPI_Cartdim_get (comm: Comm, ndims: OutInt) = topo::cartdim_get;
            /// Extents, periods and own coordinates.
            small MPI_Cart_get (comm: Comm, maxdims: NonNegative, dims: OutInts, periods: OutInts, coords: OutInts) = topo::cart_get;
            /// Rank of a process at coordinates.
            small MPI_Cart_rank (comm: Comm, coords: Ints, rank: OutInt) = topo::cart_rank;
            /// Coordinates of a rank.
            small MPI_Cart_coords (comm: Comm, rank: Int, maxdims: NonNegative, coords: OutInts) = topo::cart_coords;
            /// Neighbours in a direction.
            small MPI_Cart_shift (comm: Comm, direction: Int, disp: Int, rank_source: OutInt, rank_dest: OutInt) = topo::cart_shift;
            /// Communicators of subgrids.
            small MPI_Cart_sub (comm: Comm, remain_dims: Ints, newcomm: NewComm) = topo::cart_sub;
            /// A good rank for the caller in a grid.
            small MPI_Cart_map (comm: Comm, ndims: NonNegative, dims: Ints, periods: Ints, newrank: OutInt) = topo::cart_map;
        }
    };
}
pub(crate) use entries;
