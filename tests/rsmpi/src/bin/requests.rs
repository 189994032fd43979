//! Requests in their scopes: guards, tests, wait for any and for all, matched probes, cancelling, every send mode.

use mpi::request::{CancelGuard, WaitGuard};
use mpi::traits::*;

const MESSAGES: usize = 64;

fn main() {
    let mut universe = mpi::initialize().expect("the first initialization");
    universe.set_buffer_size(1 << 20);
    assert_eq!(universe.buffer_size(), 1 << 20);
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    let next = world.process_at_rank((rank + 1) % size);
    let before_rank = (rank + size - 1) % size;
    let before = world.process_at_rank(before_rank);

    let mut got = 0.0f64;
    let sent = f64::from(rank) + 0.5;
    mpi::request::scope(|scope| {
        let mut request = next.immediate_synchronous_send(scope, &sent);
        let _guard = WaitGuard::from(before.immediate_receive_into(scope, &mut got));
        loop {
            match request.test() {
                Ok(_) => break,
                Err(again) => request = again,
            }
        }
    });
    assert_eq!(got, f64::from(before_rank) + 0.5);

    // Many at once; every receive of one source gets its messages in order.
    let values: Vec<i32> = (0..MESSAGES as i32).map(|i| rank * 1000 + i).collect();
    let mut received = vec![-1i32; MESSAGES];
    mpi::request::multiple_scope(2 * MESSAGES, |scope, requests| {
        for value in &values {
            requests.add(next.immediate_send_with_tag(scope, value, 7));
        }
        for place in &mut received {
            requests.add(before.immediate_receive_into_with_tag(scope, place, 7));
        }
        let mut done = 0;
        while requests.incomplete() > 0 {
            requests.wait_any().expect("an incomplete request");
            done += 1;
        }
        assert_eq!(done, 2 * MESSAGES);
    });
    assert!((0..MESSAGES as i32).all(|i| received[i as usize] == before_rank * 1000 + i));

    // A message taken by its probe, from whoever sent it; its length was not known.
    next.buffered_send(&values[..rank as usize % 5 + 1]);
    let (message, status) = world.any_process().matched_probe();
    assert_eq!(status.source_rank(), before_rank);
    assert_eq!(status.count(i32::equivalent_datatype()), before_rank % 5 + 1);
    let mut numbers = vec![-1i32; before_rank as usize % 5 + 1];
    message.matched_receive_into(&mut numbers[..]);
    assert_eq!(numbers, (0..before_rank % 5 + 1).map(|i| before_rank * 1000 + i).collect::<Vec<_>>());

    // Nobody sends this; leaving the scope cancels it.
    let mut never = 0u8;
    mpi::request::scope(|scope| {
        let _guard = CancelGuard::from(before.immediate_receive_into_with_tag(scope, &mut never, 99));
    });
    world.barrier();
    assert!(world.any_process().immediate_probe().is_none());
    world.barrier();

    let future = before.immediate_receive::<u16>();
    next.send(&(rank as u16));
    assert_eq!(future.get().0, before_rank as u16);
    println!("rank {rank} of {size} is content");
}
