//! Promises of the scheduler, checked with both context switches (one test binary each).
#![allow(unsafe_code)]

use ampi_core::net::{Delivery, Head};
use ampi_core::pe::{Chain, Job, Pe, Place, Task, switch};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// A task on a fresh heap stack, sharing the thread's TLS.
fn spawn(pe: &'static Pe, id: u32, body: impl FnOnce() + 'static) -> &'static Task {
    let stack: &'static mut [u8] = Box::leak(vec![0u8; 256 << 10].into_boxed_slice());
    let low = stack.as_mut_ptr() as usize;
    let place = Place { stack_low: low, stack_top: low + stack.len(), fs_base: 0 };
    // SAFETY: a leaked, unused stack.
    let t = unsafe { Task::new(pe, id, &place, body) };
    pe.spawn(t);
    t
}

fn on_one_pe(handlers: &[(u8, ampi_core::pe::Handler)], body: impl FnOnce(&'static Pe) + Send + 'static) {
    let job = Job::new(1, 4, handlers);
    std::thread::spawn(move || body(Pe::start(job, 0))).join().unwrap();
}

pub fn tasks_run_in_the_order_of_yields() {
    on_one_pe(&[], |pe| {
        let log = Rc::new(RefCell::new(vec![]));
        for id in 0..3 {
            let log = log.clone();
            spawn(pe, id, move || {
                for round in 0..2 {
                    log.borrow_mut().push((round, id));
                    assert_eq!(Pe::current().unwrap().running().id, id);
                    Pe::current().unwrap().yield_now();
                }
            });
        }
        pe.run();
        assert_eq!(*log.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
    });
}

pub fn a_chain_wakes_all_its_members_in_order() {
    on_one_pe(&[], |pe| {
        let chain: &'static Chain = Box::leak(Box::new(Chain::new()));
        let log = Rc::new(RefCell::new(vec![]));
        for id in 0..5 {
            let log = log.clone();
            spawn(pe, id, move || {
                if id == 4 {
                    pe.wake_chain(chain);
                } else {
                    pe.block_in(chain);
                    log.borrow_mut().push(id);
                }
            });
        }
        pe.run();
        assert_eq!(*log.borrow(), [0, 1, 2, 3]);
        assert!(chain.is_empty());
    });
}

pub fn floating_point_control_belongs_to_the_task() {
    on_one_pe(&[], |pe| {
        let mxcsr = || {
            let mut v = 0u32;
            // SAFETY: stores four bytes into v.
            unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut v, options(nostack)) };
            v
        };
        for id in 0..2 {
            spawn(pe, id, move || {
                if id == 0 {
                    let v = 0x7f80u32; // round toward zero
                    // SAFETY: a valid control word.
                    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &v, options(nostack, readonly)) };
                }
                pe.yield_now();
                assert_eq!(mxcsr() & 0x6000, if id == 0 { 0x6000 } else { 0 });
            });
        }
        pe.run();
        assert_eq!(mxcsr() & 0x6000, 0);
    });
}

pub fn sleepers_let_others_run_and_wake_in_order() {
    on_one_pe(&[], |pe| {
        let log = Rc::new(RefCell::new(vec![]));
        let start = std::time::Instant::now();
        for id in 0..8u64 {
            let log = log.clone();
            spawn(pe, id as u32, move || {
                pe.sleep((40 - 4 * id) * 1_000_000);
                log.borrow_mut().push(id);
            });
        }
        pe.run();
        assert!(start.elapsed().as_millis() < 150, "sleeps ran one after the other");
        assert_eq!(*log.borrow(), [7, 6, 5, 4, 3, 2, 1, 0]);
    });
}

static SUM: AtomicU64 = AtomicU64::new(0);
static COUNT: AtomicU32 = AtomicU32::new(0);

fn add(pe: &'static Pe, chare: usize, m: &Delivery<'_>) {
    assert_eq!(chare, 128 * (m.head.dst as usize + 1));
    let value = u64::from_ne_bytes(m.payload().try_into().unwrap());
    SUM.fetch_add(value, Ordering::Relaxed);
    if COUNT.fetch_add(1, Ordering::Relaxed) + 1 == 2 * MESSAGES {
        pe.job().stop();
    }
}
const MESSAGES: u32 = 50_000;

pub fn messages_between_pes_arrive_beyond_the_rings_capacity() {
    let job = Job::new(2, 2, &[(3, add)]);
    job.place(0, 0, 128);
    job.place(1, 1, 256);
    let threads: Vec<_> = (0..2)
        .map(|id| {
            std::thread::spawn(move || {
                let pe = Pe::start(job, id);
                spawn(pe, id, move || {
                    for i in 0..MESSAGES as u64 {
                        let head = Head { dst: 1 - id, context: 0, key: i, kind: 3, inline_len: 8 };
                        pe.send_to(1 - id, &head, &i.to_ne_bytes());
                        while pe.backlog(1 - id) > 100 {
                            pe.yield_now();
                        }
                    }
                });
                pe.serve();
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(SUM.load(Ordering::Relaxed), MESSAGES as u64 * (MESSAGES as u64 - 1));
}

static STUCK: AtomicU32 = AtomicU32::new(0);
static STUCK_JOB: std::sync::OnceLock<&'static Job> = std::sync::OnceLock::new();

pub fn a_stuck_job_is_noticed_once_and_a_sleeping_one_is_not_stuck() {
    let job = Job::new(2, 2, &[]);
    STUCK_JOB.set(job).ok().unwrap();
    job.on_stuck(|| {
        STUCK.fetch_add(1, Ordering::SeqCst);
        STUCK_JOB.get().unwrap().stop();
    });
    let threads: Vec<_> = (0..2)
        .map(|id| {
            std::thread::spawn(move || {
                let pe = Pe::start(job, id);
                spawn(pe, id, move || {
                    pe.sleep(30_000_000);
                    assert_eq!(STUCK.load(Ordering::SeqCst), 0, "a sleeping job is not stuck");
                    pe.sleep(if id == 0 { 1_000_000 } else { 20_000_000 });
                    pe.block();
                });
                pe.serve();
            })
        })
        .collect();
    threads.into_iter().for_each(|t| t.join().unwrap());
    assert_eq!(STUCK.load(Ordering::SeqCst), 1);
}

/// Runs everything with one implementation of the switch.
pub fn all(reference: bool) {
    switch::use_reference(reference);
    tasks_run_in_the_order_of_yields();
    a_chain_wakes_all_its_members_in_order();
    floating_point_control_belongs_to_the_task();
    sleepers_let_others_run_and_wake_in_order();
    messages_between_pes_arrive_beyond_the_rings_capacity();
    a_stuck_job_is_noticed_once_and_a_sleeping_one_is_not_stuck();
}
