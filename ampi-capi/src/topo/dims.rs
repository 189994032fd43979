//! MPI_Dims_create (MPI-5.0 §8.5.2): a balanced grid for a number of processes.
//!
//! "As close to each other as possible" is taken at its word: among all factorisations the one with the smallest
//! difference between the largest and the smallest dimension; among those, as in MPICH, the one with the largest smallest
//! dimension, then the largest second smallest, and so on: 5040 = 21 x 16 x 15, not 20 x 18 x 14.

use crate::error::MpiResult;
use crate::mpi_err;

/// Fills in the entries of `dims` that are 0, in non-increasing order, so that the product of all is `nnodes`.
pub fn dims_create(nnodes: i32, dims: &mut [i32]) -> MpiResult {
    if nnodes < 1 {
        return mpi_err!(MPI_ERR_ARG, "nnodes is {nnodes}, must be positive");
    }
    if let Some(i) = dims.iter().position(|d| *d < 0) {
        return mpi_err!(MPI_ERR_DIMS, "dims[{i}] is {}, must not be negative", dims[i]);
    }
    let given = dims.iter().filter(|d| **d > 0).fold(1i64, |product, d| product.saturating_mul(*d as i64));
    if nnodes as i64 % given != 0 {
        return mpi_err!(
            MPI_ERR_DIMS,
            "nnodes is {nnodes}, not a multiple of {given}, the product of the given dims"
        );
    }
    let free = dims.iter().filter(|d| **d == 0).count();
    let left = (nnodes as i64 / given) as i32;
    if free == 0 {
        if left != 1 {
            return mpi_err!(
                MPI_ERR_DIMS,
                "all dims are given and their product is {given}, nnodes is {nnodes}"
            );
        }
        return Ok(());
    }
    let factors = balanced(left, free);
    for (dim, factor) in dims.iter_mut().filter(|d| **d == 0).zip(factors) {
        *dim = factor;
    }
    Ok(())
}

/// The best factorisation of `n` into `parts` non-increasing factors.
fn balanced(n: i32, parts: usize) -> Vec<i32> {
    let mut search =
        Search { divisors: divisors(n), chosen: Vec::new(), best: Vec::new(), best_spread: i32::MAX };
    search.extend(n, parts, i32::MAX);
    search.best
}

fn divisors(n: i32) -> Vec<i32> {
    let (mut low, mut high) = (Vec::new(), Vec::new());
    for d in (1..).take_while(|d| d * d <= n as i64) {
        if n as i64 % d == 0 {
            low.push(d as i32);
            if d * d != n as i64 {
                high.push((n as i64 / d) as i32);
            }
        }
    }
    low.extend(high.into_iter().rev());
    low
}

struct Search {
    divisors: Vec<i32>,
    chosen: Vec<i32>,
    best: Vec<i32>,
    best_spread: i32,
}

impl Search {
    /// Chooses the next factor of `left`, of `parts` still to choose, none larger than `max`.
    fn extend(&mut self, left: i32, parts: usize, max: i32) {
        if parts == 1 {
            if left > max {
                return;
            }
            let largest = *self.chosen.first().unwrap_or(&left);
            let spread = largest - left;
            self.chosen.push(left);
            if spread < self.best_spread
                || (spread == self.best_spread && self.chosen.iter().rev().gt(self.best.iter().rev()))
            {
                self.best_spread = spread;
                self.best.clone_from(&self.chosen);
            }
            self.chosen.pop();
            return;
        }
        for i in 0..self.divisors.len() {
            let d = self.divisors[i];
            if d > max || d > left {
                break;
            }
            if left % d != 0 || power_below(d, parts, left) {
                continue;
            }
            // The smallest factor is at most the root of what is left, so the spread is at least this.
            let largest = *self.chosen.first().unwrap_or(&d);
            let root = (left as f64).powf(1.0 / parts as f64) as i32 + 1;
            if largest.saturating_sub(root) > self.best_spread {
                break;
            }
            self.chosen.push(d);
            self.extend(left / d, parts - 1, d);
            self.chosen.pop();
        }
    }
}

/// Whether `d` to the power `parts` is less than `n`: then `d` is too small to be the largest factor.
fn power_below(d: i32, parts: usize, n: i32) -> bool {
    let mut power = 1i64;
    for _ in 0..parts {
        power = power.saturating_mul(d as i64);
        if power >= n as i64 {
            return false;
        }
        if d == 1 {
            break;
        }
    }
    power < n as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::abi::constants as c;

    fn made(nnodes: i32, dims: &[i32]) -> Vec<i32> {
        let mut dims = dims.to_vec();
        dims_create(nnodes, &mut dims).unwrap();
        dims
    }

    /// MPI-5.0 §8.5.2, Example 8.1.
    #[test]
    fn the_standards_examples() {
        assert_eq!(made(6, &[0, 0]), [3, 2]);
        assert_eq!(made(7, &[0, 0]), [7, 1]);
        assert_eq!(made(6, &[0, 3, 0]), [2, 3, 1]);
        assert_eq!(dims_create(7, &mut [0, 3, 0]).unwrap_err().class.0, c::MPI_ERR_DIMS);
    }

    #[test]
    fn grids_are_as_close_to_cubes_as_can_be() {
        assert_eq!(made(1, &[0, 0, 0]), [1, 1, 1]);
        assert_eq!(made(8, &[0, 0, 0]), [2, 2, 2]);
        assert_eq!(made(12, &[0, 0, 0]), [3, 2, 2]);
        assert_eq!(made(16, &[0, 0, 0]), [4, 2, 2]);
        assert_eq!(made(24, &[0, 0, 0]), [4, 3, 2]);
        assert_eq!(made(144, &[0, 0, 0]), [6, 6, 4]);
        assert_eq!(made(512, &[0, 0, 0]), [8, 8, 8]);
        assert_eq!(made(5040, &[0, 0, 0]), [21, 16, 15]);
        assert_eq!(made(10800, &[0, 0, 0]), [27, 20, 20]);
        assert_eq!(made(5616, &[0; 4]), [13, 9, 8, 6]);
        assert_eq!(made(134064, &[0; 5]), [19, 14, 9, 8, 7]);
        assert_eq!(made(1_000_000, &[0, 0, 0]), [100, 100, 100]);
        assert_eq!(made(i32::MAX, &[0, 0]), [i32::MAX, 1]);
        assert_eq!(made(1 << 30, &[0; 10]), [8; 10]);
        assert_eq!(made(2_095_133_040, &[0; 6]).iter().map(|d| *d as i64).product::<i64>(), 2_095_133_040);
    }

    /// Against every factorisation, for all small sizes.
    #[test]
    fn no_factorisation_has_a_smaller_spread() {
        fn all(n: i32, parts: usize, max: i32, chosen: &mut Vec<i32>, visit: &mut impl FnMut(&[i32])) {
            if parts == 0 {
                if n == 1 {
                    visit(chosen);
                }
                return;
            }
            for d in (1..=n.min(max)).filter(|d| n % d == 0) {
                chosen.push(d);
                all(n / d, parts - 1, d, chosen, visit);
                chosen.pop();
            }
        }
        for parts in 1..5 {
            for n in 1..400 {
                let got = made(n, &vec![0; parts]);
                assert!(got.windows(2).all(|w| w[0] >= w[1]), "{got:?}");
                assert_eq!(got.iter().product::<i32>(), n);
                let mut best = i32::MAX;
                all(n, parts, n, &mut Vec::new(), &mut |f| best = best.min(f[0] - f[parts - 1]));
                assert_eq!(got[0] - got[parts - 1], best, "{n} in {parts}: {got:?}");
            }
        }
    }

    #[test]
    fn wrong_arguments_are_named() {
        let class = |n, dims: &[i32]| dims_create(n, &mut dims.to_vec()).unwrap_err().class.0;
        assert_eq!(class(0, &[0]), c::MPI_ERR_ARG);
        assert_eq!(class(4, &[-1, 0]), c::MPI_ERR_DIMS);
        assert_eq!(class(4, &[2, 1]), c::MPI_ERR_DIMS);
        assert_eq!(class(4, &[]), c::MPI_ERR_DIMS);
        assert_eq!(made(1, &[]), [0; 0]);
        assert_eq!(made(4, &[2, 2]), [2, 2]);
    }
}
