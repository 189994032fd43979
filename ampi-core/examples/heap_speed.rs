//! Speed of the candidates for the rank heap: `cargo run --release -p ampi-core --example heap_speed`.
//!
//! Two patterns: `churn` keeps 10 000 live blocks of 16..1024 bytes (small ones more often) and replaces a random one;
//! `stack` allocates 64 blocks of 32..95 bytes and frees them in reverse. Figures are ns per malloc+free pair, the best
//! of 7 rounds. The figures that decided are in `arena/heap.rs`.
#![allow(unsafe_code)]

use ampi_core::arena::Heap;
use std::alloc::Layout;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::time::Instant;

trait Malloc {
    fn malloc(&mut self, n: usize) -> *mut u8;
    fn free(&mut self, p: *mut u8);
}

struct Glibc;
impl Malloc for Glibc {
    fn malloc(&mut self, n: usize) -> *mut u8 {
        // SAFETY: plain malloc.
        unsafe { libc::malloc(n).cast() }
    }
    fn free(&mut self, p: *mut u8) {
        // SAFETY: from malloc above.
        unsafe { libc::free(p.cast()) }
    }
}

/// The bare dlmalloc over one growing segment.
struct Grow(Cell<usize>);
// SAFETY: hands out disjoint, consecutive parts of one reserved range.
unsafe impl dlmalloc::Allocator for Grow {
    fn alloc(&self, n: usize) -> (*mut u8, usize, u32) {
        let n = n.next_multiple_of(65536);
        let p = self.0.replace(self.0.get() + n);
        (p as *mut u8, n, 0)
    }
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
    }
    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }
    fn can_release_part(&self, _: u32) -> bool {
        false
    }
    fn allocates_zeros(&self) -> bool {
        true
    }
    fn page_size(&self) -> usize {
        4096
    }
}

struct Dl(dlmalloc::Dlmalloc<Grow>);
impl Malloc for Dl {
    fn malloc(&mut self, n: usize) -> *mut u8 {
        // SAFETY: no precondition.
        unsafe { self.0.c_malloc(n) }
    }
    fn free(&mut self, p: *mut u8) {
        // SAFETY: from c_malloc above.
        unsafe { self.0.c_free(p) }
    }
}

struct Tlsf(rlsf::Tlsf<'static, u32, u32, 28, 32>);
impl Malloc for Tlsf {
    fn malloc(&mut self, n: usize) -> *mut u8 {
        // SAFETY: 16 is a power of two and n is small.
        let l = unsafe { Layout::from_size_align_unchecked(n, 16) };
        self.0.allocate(l).map_or(std::ptr::null_mut(), NonNull::as_ptr)
    }
    fn free(&mut self, p: *mut u8) {
        // SAFETY: from allocate above with alignment 16.
        unsafe { self.0.deallocate(NonNull::new_unchecked(p), 16) }
    }
}

struct Ours(&'static Heap);
impl Malloc for Ours {
    fn malloc(&mut self, n: usize) -> *mut u8 {
        self.0.malloc(n)
    }
    fn free(&mut self, p: *mut u8) {
        // SAFETY: from malloc above.
        assert!(unsafe { self.0.free(p) }.is_ok());
    }
}

fn random(seed: &mut u64) -> usize {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    *seed as usize
}

fn churn(m: &mut dyn Malloc) -> f64 {
    let mut seed = 88172645463325252;
    let size = |s: &mut u64| 16 + ((random(s) % 1008) >> (random(s) % 6));
    let mut live: Vec<*mut u8> = (0..10_000).map(|_| m.malloc(size(&mut seed))).collect();
    let n = 1_000_000;
    let t = Instant::now();
    for _ in 0..n {
        let i = random(&mut seed) % live.len();
        m.free(live[i]);
        let p = m.malloc(size(&mut seed));
        // SAFETY: at least 16 bytes.
        unsafe { p.write(1) };
        live[i] = p;
    }
    let ns = t.elapsed().as_nanos() as f64 / n as f64;
    live.into_iter().for_each(|p| m.free(p));
    ns
}

fn stack(m: &mut dyn Malloc) -> f64 {
    let mut live = [std::ptr::null_mut(); 64];
    let n = 20_000;
    let t = Instant::now();
    for _ in 0..n {
        for (i, p) in live.iter_mut().enumerate() {
            *p = m.malloc(32 + i);
        }
        live.iter().rev().for_each(|p| m.free(*p));
    }
    t.elapsed().as_nanos() as f64 / (n * live.len()) as f64
}

fn region(len: usize) -> usize {
    // SAFETY: a fresh anonymous mapping.
    let p = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            len,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    assert_ne!(p, libc::MAP_FAILED);
    p as usize
}

fn main() {
    let len = 256 << 20;
    let pool: &'static mut [MaybeUninit<u8>] =
        // SAFETY: a fresh mapping of that length, never unmapped.
        unsafe { std::slice::from_raw_parts_mut(region(len) as *mut MaybeUninit<u8>, 64 << 20) };
    let mut tlsf = Tlsf(rlsf::Tlsf::new());
    tlsf.0.insert_free_block(pool);
    let heap: &'static mut MaybeUninit<Heap> = Box::leak(Box::new(MaybeUninit::uninit()));
    let r = region(len);
    // SAFETY: leaked, fresh mapping.
    let heap = unsafe {
        Heap::init_in_place(heap.as_mut_ptr(), r..r + len, false);
        heap.assume_init_ref()
    };
    let mut dl = Dl(dlmalloc::Dlmalloc::new_with_allocator(Grow(Cell::new(region(len)))));
    let mut all: [(&str, &mut dyn Malloc); 4] = [
        ("glibc", &mut Glibc),
        ("dlmalloc bare", &mut dl),
        ("rlsf bare", &mut tlsf),
        ("rank heap", &mut Ours(heap)),
    ];
    println!("{:14} {:>8} {:>8}   ns per malloc+free", "", "churn", "stack");
    for (name, m) in &mut all {
        let best =
            |f: fn(&mut dyn Malloc) -> f64, m: &mut dyn Malloc| (0..7).map(|_| f(m)).fold(f64::MAX, f64::min);
        println!("{name:14} {:8.1} {:8.1}", best(churn, *m), best(stack, *m));
    }
}
