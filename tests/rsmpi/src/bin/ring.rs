//! A token goes round twice, while globals, thread-locals and lazily made values stay the rank's own.

use mpi::traits::*;
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

static PASSED: AtomicI32 = AtomicI32::new(0);
static NAME: OnceLock<String> = OnceLock::new();
thread_local! {
    static LAST: Cell<i32> = const { Cell::new(-1) };
}

fn main() {
    let universe = mpi::initialize().expect("the first initialization");
    let world = universe.world();
    let (rank, size) = (world.rank(), world.size());
    NAME.set(format!("rank {rank}")).expect("a rank has its own OnceLock");
    let next = world.process_at_rank((rank + 1) % size);
    let before = world.process_at_rank((rank + size - 1) % size);
    for round in 0..2 {
        let start = round * 1000;
        let token = if rank == 0 {
            mpi::request::scope(|scope| {
                let sent = next.immediate_send(scope, &start);
                let (token, status) = before.receive::<i32>();
                assert_eq!(status.source_rank(), size - 1);
                sent.wait();
                token
            })
        } else {
            let (token, _) = before.receive::<i32>();
            next.send(&(token + 1));
            token
        };
        PASSED.fetch_add(1, Ordering::Relaxed);
        LAST.set(token);
        world.barrier();
        assert_eq!(LAST.get(), start + if rank == 0 { size - 1 } else { rank - 1 });
    }
    assert_eq!(PASSED.load(Ordering::Relaxed), 2);
    assert_eq!(NAME.get(), Some(&format!("rank {rank}")));
    println!("rank {rank} of {size} is content");
}
