//! Communicators: split, duplicates with attributes, groups, grids, names; threads beside MPI; a panic caught in a rank.

use mpi::environment::Threading;
use mpi::topology::{Color, SimpleCommunicator};
use mpi::traits::*;
use std::panic::catch_unwind;

#[derive(Debug, Clone, PartialEq)]
struct Label(String);

impl CommAttribute for Label {
    const CLONE_ON_DUP: bool = true;
}

fn main() {
    let (universe, threading) = mpi::initialize_with_threading(Threading::Funneled).expect("the first one");
    assert!(threading >= Threading::Single);
    let mut world = universe.world();
    let (rank, size) = (world.rank(), world.size());

    let half = world.split_by_color_with_key(Color::with_value(rank % 2), -rank).expect("a color was given");
    let members = (size + 1 - rank % 2) / 2;
    assert_eq!((half.size(), half.rank()), (members, members - 1 - rank / 2));
    let mut least = 0;
    half.all_reduce_into(&rank, &mut least, mpi::collective::SystemOperation::min());
    assert_eq!(least, rank % 2);
    assert!(world.split_by_color(Color::undefined()).is_none());

    world.set_attr(Label(format!("of rank {rank}")));
    let copy = world.duplicate();
    assert_eq!(copy.get_attr::<Label>(), Some(&Label(format!("of rank {rank}"))));
    copy.set_name("the copy");
    assert_eq!(copy.get_name(), "the copy");

    let even = world.group().include(&(0..size).step_by(2).collect::<Vec<_>>());
    assert_eq!(even.size(), (size + 1) / 2);
    let of_even: Option<SimpleCommunicator> = world.split_by_subgroup_collective(&even);
    assert_eq!(of_even.map(|c| c.rank()), (rank % 2 == 0).then_some(rank / 2));

    let line =
        world.create_cartesian_communicator(&[size], &[false], false).expect("every rank is in the grid");
    let (left, right) = line.shift(0, 1);
    assert_eq!(left, (rank > 0).then_some(rank - 1));
    assert_eq!(right, (rank + 1 < size).then_some(rank + 1));

    // A thread of the rank computes while its rank is in MPI.
    let worker = std::thread::spawn(move || (0..=1000).map(|i| i + rank).sum::<i32>());
    world.barrier();
    assert_eq!(worker.join().expect("the thread ends well"), 500_500 + 1001 * rank);

    std::panic::set_hook(Box::new(|_| {}));
    let caught = catch_unwind(|| {
        world.barrier();
        panic!("in rank {}", world.rank());
    });
    let why = caught.expect_err("it panicked");
    assert_eq!(why.downcast_ref::<String>(), Some(&format!("in rank {rank}")));
    drop(std::panic::take_hook());
    println!("rank {rank} of {size} is content");
}
