//! Collective operations, blocking and immediate, with counts that differ, and reductions by closures.

use mpi::Count;
use mpi::collective::{SystemOperation, UserOperation};
use mpi::datatype::{Partition, PartitionMut};
use mpi::traits::*;

fn main() {
    let universe = mpi::initialize().expect("the first initialization");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let n = size as usize;
    let root = world.process_at_rank(size - 1);

    let mut word = if rank == size - 1 { [3.5f64, -1.0] } else { [0.0; 2] };
    root.broadcast_into(&mut word[..]);
    assert_eq!(word, [3.5, -1.0]);

    let mut all = vec![0u64; n];
    world.all_gather_into(&(rank as u64 * 7), &mut all[..]);
    assert!(all.iter().enumerate().all(|(i, &v)| v == i as u64 * 7));

    let out: Vec<i32> = (0..size).map(|to| rank * 1000 + to).collect();
    let mut back = vec![0i32; n];
    world.all_to_all_into(&out[..], &mut back[..]);
    assert!((0..size).all(|from| back[from as usize] == from * 1000 + rank));

    varying(&world);
    reductions(&world);

    let (mine, mut sum) = (i64::from(rank), 0i64);
    mpi::request::scope(|scope| {
        let barrier = world.immediate_barrier();
        let reduce = world.immediate_all_reduce_into(scope, &mine, &mut sum, SystemOperation::sum());
        reduce.wait();
        barrier.wait();
    });
    assert_eq!(sum, i64::from(size) * i64::from(size - 1) / 2);
    println!("rank {rank} of {size} is content");
}

/// Rank r has r + 1 numbers.
fn varying(world: &impl Communicator) {
    let (rank, size) = (world.rank(), world.size());
    let mine = vec![rank; rank as usize + 1];
    let counts: Vec<Count> = (1..=size).collect();
    let displacements: Vec<Count> =
        counts.iter().scan(0, |at, &c| Some(std::mem::replace(at, *at + c))).collect();
    let mut all = vec![-1i32; counts.iter().sum::<Count>() as usize];
    {
        let mut parts = PartitionMut::new(&mut all[..], counts.clone(), &displacements[..]);
        world.all_gather_varcount_into(&mine[..], &mut parts);
    }
    let expected: Vec<i32> = (0..size).flat_map(|r| std::iter::repeat_n(r, r as usize + 1)).collect();
    assert_eq!(all, expected);

    let root = world.process_at_rank(0);
    let mut part = vec![-1i32; rank as usize + 1];
    if rank == 0 {
        let parts = Partition::new(&all[..], &counts[..], &displacements[..]);
        root.scatter_varcount_into_root(&parts, &mut part[..]);
    } else {
        root.scatter_varcount_into(&mut part[..]);
    }
    assert_eq!(part, mine);
}

fn reductions(world: &impl Communicator) {
    let (rank, size) = (world.rank(), world.size());
    let root = world.process_at_rank(0);
    if rank == 0 {
        let mut most = [0i32; 2];
        root.reduce_into_root(&[rank, -rank][..], &mut most[..], SystemOperation::max());
        assert_eq!(most, [size - 1, 0]);
    } else {
        root.reduce_into(&[rank, -rank][..], SystemOperation::max());
    }

    let mut before = 0;
    world.scan_into(&1, &mut before, SystemOperation::sum());
    assert_eq!(before, rank + 1);

    // A closure that uses a variable of its surroundings: each rank has its own.
    let bias = rank;
    let operation = UserOperation::associative(|x, y| {
        let (x, y): (&[i32], &mut [i32]) = (x.downcast().unwrap(), y.downcast().unwrap());
        assert!(bias < 1 << 20);
        for (x, y) in x.iter().zip(y) {
            *y += *x;
        }
    });
    let mut sum = 0;
    world.all_reduce_into(&(rank + 1), &mut sum, &operation);
    assert_eq!(sum, size * (size + 1) / 2);

    // An operation that does not commute: the first and the last rank of a range that must fit together.
    let chain = UserOperation::associative(|x, y| {
        let (x, y): (&[i32], &mut [i32]) = (x.downcast().unwrap(), y.downcast().unwrap());
        for (x, y) in x.chunks_exact(2).zip(y.chunks_exact_mut(2)) {
            *y.first_mut().unwrap() = if x[1] + 1 == y[0] { x[0] } else { -1_000_000 };
        }
    });
    let mut range = [0i32; 2];
    let whole = [rank, rank];
    world.all_reduce_into(&whole[..], &mut range[..], &chain);
    assert_eq!(range[1], size - 1);
}
