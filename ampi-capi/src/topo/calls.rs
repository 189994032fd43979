//! The calls of MPI-5.0 §8.5 for Cartesian topologies.

use super::Cart;
use crate::abi::constants as c;
use crate::abi::kinds::{Array, Out, OutHandle};
use crate::comm::create::Wish;
use crate::comm::{Comm, agree, hand_out};
use crate::error::MpiResult;
use crate::mpi_err;
use crate::rank::Rank;
use std::rc::Rc;

type C<'a> = &'a Rc<Comm>;

fn grid(comm: &Comm) -> MpiResult<&Rc<Cart>> {
    match comm.cart() {
        Some(cart) => Ok(cart),
        None => mpi_err!(MPI_ERR_TOPOLOGY, "comm has no Cartesian topology"),
    }
}

fn described(ndims: i32, dims: Array<i32>, periods: Array<i32>, comm: &Comm) -> MpiResult<Cart> {
    let n = ndims as usize;
    let dims = dims.to_vec(n)?;
    let periods: Vec<bool> = periods.to_vec(n)?.into_iter().map(|p| p != 0).collect();
    Cart::new(&dims, &periods, comm.size() as i32)
}

/// `MPI_Cart_create` — a communicator whose members form a grid; the others get `MPI_COMM_NULL`. MPI-5.0 §8.5.1.
pub fn cart_create(
    me: &'static Rank,
    comm: C,
    ndims: i32,
    dims: Array<i32>,
    periods: Array<i32>,
    _reorder: bool,
    newcomm: OutHandle,
) -> MpiResult {
    let cart = described(ndims, dims, periods, comm)?;
    let inside = (comm.rank() as i32) < cart.size();
    let wish = Wish::Color(inside.then_some(0), comm.rank() as i32);
    let shared = agree(me, comm, "MPI_Cart_create", wish)?;
    hand_out(me, comm, shared, Some(Rc::new(cart)), newcomm)
}

/// `MPI_Dims_create` — a balanced grid for `nnodes` processes. MPI-5.0 §8.5.2.
pub fn dims_create(_: &'static Rank, nnodes: i32, ndims: i32, dims: Array<i32>) -> MpiResult {
    let mut values = dims.to_vec(ndims as usize)?;
    super::dims::dims_create(nnodes, &mut values)?;
    for (place, v) in dims.of(ndims as usize)?.iter().zip(values) {
        place.set(v);
    }
    Ok(())
}

/// `MPI_Topo_test`. MPI-5.0 §8.5.5.
pub fn topo_test(_: &'static Rank, comm: C, status: Out<i32>) -> MpiResult {
    status.set(if comm.cart().is_some() { c::MPI_CART } else { c::MPI_UNDEFINED });
    Ok(())
}

/// `MPI_Cartdim_get`. MPI-5.0 §8.5.5.
pub fn cartdim_get(_: &'static Rank, comm: C, ndims: Out<i32>) -> MpiResult {
    ndims.set(grid(comm)?.ndims() as i32);
    Ok(())
}

fn fill(to: Array<i32>, values: impl ExactSizeIterator<Item = i32>) -> MpiResult {
    for (place, v) in to.of(values.len())?.iter().zip(values) {
        place.set(v);
    }
    Ok(())
}

/// `MPI_Cart_get` — up to `maxdims` values each. MPI-5.0 §8.5.5.
pub fn cart_get(
    _: &'static Rank,
    comm: C,
    maxdims: i32,
    dims: Array<i32>,
    periods: Array<i32>,
    coords: Array<i32>,
) -> MpiResult {
    let cart = grid(comm)?;
    let n = cart.ndims().min(maxdims as usize);
    let mine = cart.coords(comm.rank() as i32)?;
    fill(dims, cart.dims()[..n].iter().copied())?;
    fill(periods, cart.periods()[..n].iter().map(|&p| i32::from(p)))?;
    fill(coords, mine[..n].iter().copied())
}

/// `MPI_Cart_rank`. MPI-5.0 §8.5.5.
pub fn cart_rank(_: &'static Rank, comm: C, coords: Array<i32>, rank: Out<i32>) -> MpiResult {
    let cart = grid(comm)?;
    rank.set(cart.rank(&coords.to_vec(cart.ndims())?)?);
    Ok(())
}

/// `MPI_Cart_coords`. MPI-5.0 §8.5.5.
pub fn cart_coords(_: &'static Rank, comm: C, rank: i32, maxdims: i32, coords: Array<i32>) -> MpiResult {
    let all = grid(comm)?.coords(rank)?;
    if (maxdims as usize) < all.len() {
        return mpi_err!(MPI_ERR_ARG, "maxdims is {maxdims}, the grid has {} dimensions", all.len());
    }
    fill(coords, all.iter().copied())
}

/// `MPI_Cart_shift`. MPI-5.0 §8.5.6.
pub fn cart_shift(
    _: &'static Rank,
    comm: C,
    direction: i32,
    disp: i32,
    source: Out<i32>,
    dest: Out<i32>,
) -> MpiResult {
    let (s, d) = grid(comm)?.shift(comm.rank() as i32, direction, disp)?;
    source.set(s);
    dest.set(d);
    Ok(())
}

/// `MPI_Cart_sub` — the grid divided along the dimensions that remain. MPI-5.0 §8.5.7.
pub fn cart_sub(me: &'static Rank, comm: C, remain: Array<i32>, newcomm: OutHandle) -> MpiResult {
    let cart = grid(comm)?;
    let remain: Vec<bool> = remain.to_vec(cart.ndims())?.into_iter().map(|r| r != 0).collect();
    let (color, key, part) = cart.sub(comm.rank() as i32, &remain)?;
    let shared = agree(me, comm, "MPI_Cart_sub", Wish::Color(Some(color), key))?;
    hand_out(me, comm, shared, Some(Rc::new(part)), newcomm)
}

/// `MPI_Cart_map` — the rank this process would have in the grid. MPI-5.0 §8.5.8.
pub fn cart_map(
    _: &'static Rank,
    comm: C,
    ndims: i32,
    dims: Array<i32>,
    periods: Array<i32>,
    newrank: Out<i32>,
) -> MpiResult {
    newrank.set(described(ndims, dims, periods, comm)?.map(comm.rank() as i32));
    Ok(())
}
