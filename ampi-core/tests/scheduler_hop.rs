//! The scheduler's promises with the hop context switch.
mod scheduler;

#[test]
fn the_scheduler_keeps_its_promises() {
    scheduler::all(false);
}
