//! A Rust program: statics, thread_local!, panics and threads inside a rank.
use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

thread_local! {
    static LOCAL: Cell<u32> = const { Cell::new(3) };
}
static GLOBAL: AtomicU32 = AtomicU32::new(1);

unsafe extern "C" {
    safe fn ampi_test_yield();
    safe fn ampi_test_rank() -> i32;
}

fn main() {
    let r = ampi_test_rank() as u32;
    GLOBAL.fetch_add(r, Ordering::Relaxed);
    LOCAL.set(LOCAL.get() + r);
    let v: Vec<u32> = (0..1000).collect();
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..4 {
        ampi_test_yield();
        let caught = std::panic::catch_unwind(|| {
            ampi_test_yield();
            std::panic::panic_any(ampi_test_rank())
        });
        assert_eq!(*caught.unwrap_err().downcast::<i32>().unwrap() as u32, r);
        assert_eq!((GLOBAL.load(Ordering::Relaxed), LOCAL.get()), (1 + r, 3 + r));
    }
    let n = v.len() as u32;
    assert_eq!(std::thread::spawn(move || LOCAL.get() + n).join().unwrap(), 1003);
    println!("rank {r} rust fine");
}
