//! Cartesian grids (MPI-5.0 §8.5): coordinates and ranks, row-major: the last coordinate varies fastest.

use crate::abi::constants as c;
use crate::error::MpiResult;
use crate::mpi_err;

/// A grid of processes: its sides, and which of them are closed to rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cart {
    dims: Box<[i32]>,
    periods: Box<[bool]>,
    size: i32,
}

impl Cart {
    /// The grid of MPI_Cart_create on a communicator of `comm_size` processes (MPI-5.0 §8.5.1). A grid without
    /// dimensions has one process.
    pub fn new(dims: &[i32], periods: &[bool], comm_size: i32) -> MpiResult<Cart> {
        if dims.len() != periods.len() {
            return mpi_err!(MPI_ERR_ARG, "periods has {} entries, ndims is {}", periods.len(), dims.len());
        }
        if let Some(i) = dims.iter().position(|d| *d < 1) {
            return mpi_err!(MPI_ERR_DIMS, "dims[{i}] is {}, must be positive", dims[i]);
        }
        let size = dims.iter().fold(1i64, |size, d| size.saturating_mul(*d as i64));
        if size > comm_size as i64 {
            return mpi_err!(MPI_ERR_DIMS, "the grid has {size} processes, the communicator has {comm_size}");
        }
        Ok(Cart { dims: dims.into(), periods: periods.into(), size: size as i32 })
    }

    /// MPI_Cartdim_get (MPI-5.0 §8.5.5).
    pub fn ndims(&self) -> usize {
        self.dims.len()
    }

    pub fn dims(&self) -> &[i32] {
        &self.dims
    }

    pub fn periods(&self) -> &[bool] {
        &self.periods
    }

    /// How many processes the grid has.
    pub fn size(&self) -> i32 {
        self.size
    }

    /// MPI_Cart_rank (MPI-5.0 §8.5.5): coordinates outside the grid wrap in periodic dimensions, and are errors in
    /// others.
    pub fn rank(&self, coords: &[i32]) -> MpiResult<i32> {
        if coords.len() < self.ndims() {
            return mpi_err!(
                MPI_ERR_ARG,
                "coords has {} entries, the grid has {} dimensions",
                coords.len(),
                self.ndims()
            );
        }
        let mut rank = 0;
        for (i, (coord, dim)) in coords.iter().zip(&self.dims).enumerate() {
            if !self.periods[i] && (*coord < 0 || coord >= dim) {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "coords[{i}] is {coord}, must be 0 to {} as the dimension is not periodic",
                    dim - 1
                );
            }
            rank = rank * dim + coord.rem_euclid(*dim);
        }
        Ok(rank)
    }

    /// MPI_Cart_coords (MPI-5.0 §8.5.5).
    pub fn coords(&self, rank: i32) -> MpiResult<Vec<i32>> {
        self.check_rank(rank)?;
        let mut coords = vec![0; self.ndims()];
        let mut rest = rank;
        for (coord, dim) in coords.iter_mut().zip(&self.dims).rev() {
            *coord = rest % dim;
            rest /= dim;
        }
        Ok(coords)
    }

    /// MPI_Cart_shift (MPI-5.0 §8.5.6): (source, destination) of `rank` for a shift by `disp` along `direction`;
    /// MPI_PROC_NULL beyond the end of a dimension that is not periodic.
    pub fn shift(&self, rank: i32, direction: i32, disp: i32) -> MpiResult<(i32, i32)> {
        let Some(dim) = usize::try_from(direction).ok().and_then(|d| self.dims.get(d)) else {
            return mpi_err!(
                MPI_ERR_DIMS,
                "direction is {direction}, the grid's dimensions are 0 to {}",
                self.ndims() as i64 - 1
            );
        };
        self.check_rank(rank)?;
        let direction = direction as usize;
        // Ranks from one coordinate to the next along this dimension.
        let step: i32 = self.dims[direction + 1..].iter().product();
        let coord = rank / step % dim;
        let at = |other: i64| {
            if !self.periods[direction] && (other < 0 || other >= *dim as i64) {
                return c::MPI_PROC_NULL;
            }
            rank + (other.rem_euclid(*dim as i64) as i32 - coord) * step
        };
        Ok((at(coord as i64 - disp as i64), at(coord as i64 + disp as i64)))
    }

    /// The neighbours of `rank` in the order of the neighbourhood collectives (MPI-5.0 §8.6): for each dimension
    /// first the one before, then the one after.
    pub fn neighbors(&self, rank: i32) -> MpiResult<Vec<i32>> {
        let mut all = Vec::with_capacity(2 * self.ndims());
        for direction in 0..self.ndims() {
            let (before, after) = self.shift(rank, direction as i32, 1)?;
            all.extend([before, after]);
        }
        Ok(all)
    }

    /// MPI_Cart_sub (MPI-5.0 §8.5.7): for `rank`, the number of its subgrid (ranks with the same one belong
    /// together), its rank in it, and the subgrid of the dimensions that `remain`.
    pub fn sub(&self, rank: i32, remain: &[bool]) -> MpiResult<(i32, i32, Cart)> {
        if remain.len() != self.ndims() {
            return mpi_err!(
                MPI_ERR_ARG,
                "remain_dims has {} entries, the grid has {} dimensions",
                remain.len(),
                self.ndims()
            );
        }
        let coords = self.coords(rank)?;
        let (mut color, mut key) = (0, 0);
        let (mut dims, mut periods) = (Vec::new(), Vec::new());
        for i in 0..self.ndims() {
            if remain[i] {
                key = key * self.dims[i] + coords[i];
                dims.push(self.dims[i]);
                periods.push(self.periods[i]);
            } else {
                color = color * self.dims[i] + coords[i];
            }
        }
        Ok((color, key, Cart::new(&dims, &periods, self.size)?))
    }

    /// MPI_Cart_map (MPI-5.0 §8.5.8): the place in the grid of a process of the communicator; MPI_UNDEFINED if the
    /// grid has none for it. Ranks keep their number.
    pub fn map(&self, rank: i32) -> i32 {
        if rank < self.size { rank } else { c::MPI_UNDEFINED }
    }

    fn check_rank(&self, rank: i32) -> MpiResult {
        if rank < 0 || rank >= self.size {
            return mpi_err!(MPI_ERR_RANK, "rank is {rank}, the grid's ranks are 0 to {}", self.size - 1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn grid() -> impl Strategy<Value = Cart> {
        prop::collection::vec((1..5i32, any::<bool>()), 0..4).prop_map(|d| {
            let (dims, periods): (Vec<_>, Vec<_>) = d.into_iter().unzip();
            Cart::new(&dims, &periods, 1000).unwrap()
        })
    }

    proptest! {
        #[test]
        fn ranks_and_coordinates_are_inverse(g in grid()) {
            let mut last = None;
            for rank in 0..g.size() {
                let coords = g.coords(rank).unwrap();
                prop_assert_eq!(g.rank(&coords).unwrap(), rank);
                // Row-major: coordinates grow lexicographically with the rank.
                prop_assert!(last.as_ref() < Some(&coords));
                last = Some(coords);
            }
        }

        #[test]
        fn a_shift_is_a_step_of_the_coordinate(g in grid(), disp in -7..8i32) {
            for rank in 0..g.size() {
                for d in 0..g.ndims() {
                    let (source, dest) = g.shift(rank, d as i32, disp).unwrap();
                    for (other, by) in [(source, -disp), (dest, disp)] {
                        let mut coords = g.coords(rank).unwrap();
                        coords[d] += by;
                        prop_assert_eq!(other, g.rank(&coords).unwrap_or(c::MPI_PROC_NULL));
                    }
                    if dest != c::MPI_PROC_NULL {
                        prop_assert_eq!(g.shift(dest, d as i32, disp).unwrap().0, rank);
                    }
                }
            }
        }

        #[test]
        fn subgrids_split_the_grid(g in grid(), pick in any::<u8>()) {
            let remain: Vec<bool> = (0..g.ndims()).map(|i| pick >> i & 1 == 1).collect();
            let mut parts: HashMap<i32, Vec<i32>> = HashMap::new();
            for rank in 0..g.size() {
                let (color, key, sub) = g.sub(rank, &remain).unwrap();
                let kept: Vec<i32> =
                    g.coords(rank).unwrap().into_iter().zip(&remain).filter(|(_, r)| **r).map(|(c, _)| c).collect();
                prop_assert_eq!(sub.coords(key).unwrap(), kept);
                parts.entry(color).or_default().push(key);
                prop_assert_eq!(sub.size() as usize * parts.len() <= g.size() as usize, true);
            }
            for keys in parts.values() {
                prop_assert_eq!(keys, &(0..keys.len() as i32).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let g = Cart::new(&[2, 3], &[true, false], 6).unwrap();
        assert_eq!(g.rank(&[-1, 2]).unwrap(), 5);
        assert_eq!(g.rank(&[0, 3]).unwrap_err().class.0, c::MPI_ERR_ARG);
        assert_eq!(g.coords(6).unwrap_err().class.0, c::MPI_ERR_RANK);
        assert_eq!(g.shift(0, 2, 1).unwrap_err().class.0, c::MPI_ERR_DIMS);
        assert_eq!(g.shift(0, 1, i32::MAX).unwrap(), (c::MPI_PROC_NULL, c::MPI_PROC_NULL));
        assert_eq!(g.neighbors(4).unwrap(), [1, 1, 3, 5]);
        assert_eq!(Cart::new(&[2, 4], &[false, false], 6).unwrap_err().class.0, c::MPI_ERR_DIMS);
        assert_eq!(Cart::new(&[2, 0], &[false, false], 6).unwrap_err().class.0, c::MPI_ERR_DIMS);
        let point = Cart::new(&[], &[], 1).unwrap();
        assert_eq!((point.size(), point.rank(&[]).unwrap(), point.map(1)), (1, 0, c::MPI_UNDEFINED));
    }
}
