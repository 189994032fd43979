//! Derived and user-made datatypes: structs with gaps, vectors, structures by hand, packing.

use mpi::datatype::{MutView, UserDatatype, View};
use mpi::traits::*;
use mpi::{Address, point_to_point as p2p};

#[derive(Equivalence, Debug, Clone, Copy, PartialEq, Default)]
struct Particle {
    alive: bool,
    place: [f64; 3],
    kind: (u8, i16),
    charge: f32,
}

fn particle(seed: i32) -> Particle {
    let s = f64::from(seed);
    Particle {
        alive: seed % 2 == 0,
        place: [s, s / 2.0, -s],
        kind: (seed as u8, -(seed as i16)),
        charge: seed as f32,
    }
}

fn main() {
    let universe = mpi::initialize().expect("the first initialization");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let next = world.process_at_rank((rank + 1) % size);
    let before_rank = (rank + size - 1) % size;
    let before = world.process_at_rank(before_rank);

    let mine: Vec<Particle> = (0..5).map(|i| particle(rank * 10 + i)).collect();
    let mut theirs = vec![Particle::default(); 5];
    p2p::send_receive_into(&mine[..], &next, &mut theirs[..], &before);
    assert!((0..5).all(|i| theirs[i as usize] == particle(before_rank * 10 + i)));

    // Each third number of a row, into another row's first places.
    let row: Vec<i32> = (0..12).map(|i| rank * 100 + i).collect();
    let every_third = UserDatatype::vector(4, 1, 3, &i32::equivalent_datatype());
    let mut picked = [0i32; 4];
    // SAFETY: the vector reaches from the first to the tenth of the twelve numbers.
    let view = unsafe { View::with_count_and_datatype(&row[..], 1, &every_third) };
    p2p::send_receive_into(&view, &next, &mut picked[..], &before);
    assert!((0..4).all(|i| picked[i as usize] == before_rank * 100 + 3 * i));

    // A structure made by hand of the last two of three doubles.
    let tail = UserDatatype::structured(&[2], &[8 as Address], &[f64::equivalent_datatype()]);
    let from = [f64::from(rank), 1.5, f64::from(rank) + 0.25];
    let mut to = [-1.0f64; 3];
    {
        // SAFETY: bytes 8 to 24 of 24.
        let out = unsafe { View::with_count_and_datatype(&from[..], 1, &tail) };
        // SAFETY: the same.
        let mut into = unsafe { MutView::with_count_and_datatype(&mut to[..], 1, &tail) };
        p2p::send_receive_into(&out, &next, &mut into, &before);
    }
    assert_eq!(to, [-1.0, 1.5, f64::from(before_rank) + 0.25]);

    // A broadcast of which the root has a structure in reverse order, the others an array.
    let root = world.process_at_rank(0);
    let mut numbers = if rank == 0 { [3i32, 2, 1] } else { [0; 3] };
    if rank == 0 {
        let reverse = UserDatatype::structured(&[1, 1, 1], &[8, 4, 0], &[i32::equivalent_datatype(); 3]);
        // SAFETY: the structure has the twelve bytes of the three numbers.
        root.broadcast_into(&mut unsafe { MutView::with_count_and_datatype(&mut numbers[..], 1, &reverse) });
        assert_eq!(numbers, [3, 2, 1]);
    } else {
        root.broadcast_into(&mut numbers[..]);
        assert_eq!(numbers, [1, 2, 3]);
    }

    let packed = world.pack(&mine[..]);
    let mut unpacked = vec![Particle::default(); 5];
    // SAFETY: packed above from as many values of the same type.
    unsafe { world.unpack_into(&packed, &mut unpacked[..], 0) };
    assert_eq!(unpacked, mine);
    println!("rank {rank} of {size} is content");
}
