//! Process topologies (MPI-5.0 chapter 8), as pure functions (no communicator is needed to compute with a grid), and the calls on top of them.

pub mod calls;
mod cart;
mod dims;

pub use calls::*;
pub use cart::Cart;
