//! Process topologies (MPI-5.0 chapter 8), as pure functions: no communicator is needed to compute with a grid.

mod cart;
mod dims;

pub use cart::Cart;
pub use dims::dims_create;
