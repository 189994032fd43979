//! The heap against a model: a list of blocks, each filled with its own byte.

use super::*;
use proptest::prelude::*;

struct Area {
    heap: Box<std::mem::MaybeUninit<Heap>>,
    start: usize,
    len: usize,
}

impl Area {
    fn new(len: usize, shared: bool) -> Self {
        let flags = libc::MAP_ANONYMOUS
            | libc::MAP_NORESERVE
            | if shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        // SAFETY: a fresh mapping.
        let p = unsafe { libc::mmap(null_mut(), len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
        assert_ne!(p, libc::MAP_FAILED);
        let mut heap = Box::new(std::mem::MaybeUninit::uninit());
        // SAFETY: boxed, so it does not move; the mapping is ours.
        unsafe { Heap::init_in_place(heap.as_mut_ptr(), p as usize..p as usize + len, shared) };
        Area { heap, start: p as usize, len }
    }
    fn heap(&self) -> &Heap {
        // SAFETY: initialised in new.
        unsafe { self.heap.assume_init_ref() }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: our own mapping.
        unsafe { libc::munmap(self.start as *mut _, self.len) };
    }
}

#[derive(Debug, Clone)]
enum Op {
    Malloc(usize),
    Calloc(usize),
    Memalign(u32, usize),
    Realloc(usize, usize),
    Free(usize),
    FreeRemote(usize),
    Map(usize),
    Unmap(usize, usize, usize),
    Trim,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![8 => 0usize..600, 3 => 600usize..40_000, 1 => 200_000usize..1_500_000]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => size().prop_map(Op::Malloc),
        2 => size().prop_map(Op::Calloc),
        2 => (4u32..17, size()).prop_map(|(a, n)| Op::Memalign(a, n)),
        4 => (any::<usize>(), size()).prop_map(|(i, n)| Op::Realloc(i, n)),
        8 => any::<usize>().prop_map(Op::Free),
        1 => any::<usize>().prop_map(Op::FreeRemote),
        1 => (1usize..300_000).prop_map(Op::Map),
        1 => (any::<usize>(), 0usize..40, 1usize..40).prop_map(|(i, a, n)| Op::Unmap(i, a, n)),
        1 => Just(Op::Trim),
    ]
}

struct Block {
    at: *mut u8,
    len: usize,
    fill: u8,
}

impl Block {
    fn new(at: *mut u8, len: usize, fill: u8) -> Self {
        // SAFETY: a fresh block of that length.
        unsafe { at.write_bytes(fill, len) };
        Block { at, len, fill }
    }
    fn bytes(&self) -> &[u8] {
        // SAFETY: live.
        unsafe { std::slice::from_raw_parts(self.at, self.len) }
    }
}

fn run(ops: &[Op], shared: bool) {
    let area = Area::new(64 << 20, shared);
    let heap = area.heap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut maps: Vec<Block> = Vec::new();
    for (k, op) in ops.iter().enumerate() {
        let fill = (k % 255) as u8 + 1;
        let mut add = |p: *mut u8, n: usize, align: usize| {
            assert!(!p.is_null(), "64 MiB suffice for {op:?}");
            assert!((p as usize).is_multiple_of(align) && heap.contains(p as usize));
            // SAFETY: live block.
            assert!(unsafe { heap.usable_size(p) }.unwrap() >= n);
            blocks.push(Block::new(p, n, fill));
        };
        match *op {
            Op::Malloc(n) => add(heap.malloc(n), n, 16),
            Op::Calloc(n) => {
                let p = heap.calloc(1, n);
                // SAFETY: n bytes.
                assert!(unsafe { std::slice::from_raw_parts(p, n) }.iter().all(|b| *b == 0), "calloc({n})");
                add(p, n, 16);
            }
            Op::Memalign(a, n) => add(heap.memalign(1 << a, n), n, 1 << a),
            Op::Realloc(i, n) if !blocks.is_empty() => {
                let b = blocks.swap_remove(i % blocks.len());
                // SAFETY: live block.
                let p = unsafe { heap.realloc(b.at, n) }.unwrap();
                // SAFETY: the new block has n bytes.
                let kept = unsafe { std::slice::from_raw_parts(p, n.min(b.len)) };
                assert!(kept.iter().all(|x| *x == b.fill), "realloc to {n} lost bytes");
                blocks.push(Block::new(p, n, fill));
            }
            Op::Free(i) | Op::FreeRemote(i) if !blocks.is_empty() => {
                let b = blocks.swap_remove(i % blocks.len());
                assert!(b.bytes().iter().all(|x| *x == b.fill), "somebody wrote into a live block");
                // SAFETY: live, no longer used.
                unsafe {
                    if matches!(op, Op::FreeRemote(_)) { heap.free_remote(b.at) } else { heap.free(b.at) }
                        .unwrap();
                }
            }
            Op::Map(n) => {
                let p = heap.map(n).unwrap() as *mut u8;
                // SAFETY: n bytes.
                assert!(unsafe { std::slice::from_raw_parts(p, n) }.iter().all(|b| *b == 0), "map({n})");
                maps.push(Block::new(p, n.next_multiple_of(PAGE), fill));
            }
            Op::Unmap(i, from, pages) if !maps.is_empty() => {
                let m = maps.swap_remove(i % maps.len());
                let start = m.at as usize + (from * PAGE).min(m.len - PAGE);
                let end = (start + pages * PAGE).min(m.at as usize + m.len);
                assert!(heap.is_mapped(start..end) && heap.unmap(start..end) && !heap.is_mapped(start..end));
                let head = start - m.at as usize;
                if head > 0 {
                    maps.push(Block { at: m.at, len: head, fill: m.fill });
                }
                let tail = m.at as usize + m.len - end;
                if tail > 0 {
                    maps.push(Block { at: end as *mut u8, len: tail, fill: m.fill });
                }
            }
            Op::Trim => {
                heap.trim();
            }
            _ => {}
        }
        if k % 16 == 0 {
            heap.check_invariants().unwrap();
        }
    }
    let mut all: Vec<&Block> = blocks.iter().chain(&maps).collect();
    all.sort_by_key(|b| b.at as usize);
    for w in all.windows(2) {
        assert!(w[0].at as usize + w[0].len <= w[1].at as usize, "blocks overlap");
    }
    for b in &all {
        assert!(b.bytes().iter().all(|x| *x == b.fill), "somebody wrote into a live block");
        assert!(heap.live_ranges().iter().any(|r| r.contains(&(b.at as usize))), "block outside live_ranges");
    }
    for m in &maps {
        assert!(heap.unmap(m.at as usize..m.at as usize + m.len));
    }
    for b in &blocks {
        // SAFETY: live.
        unsafe { heap.free(b.at) }.unwrap();
    }
    heap.trim();
    heap.check_invariants().unwrap();
    assert_eq!(heap.footprint().1, 0, "page regions remain");
    assert!(heap.footprint().0 <= 256 << 10, "small blocks' segment stays at {} bytes", heap.footprint().0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn agrees_with_a_model(ops in prop::collection::vec(op(), 1..400)) {
        run(&ops, false);
    }
    #[test]
    fn agrees_with_a_model_in_shared_memory(ops in prop::collection::vec(op(), 1..200)) {
        run(&ops, true);
    }
}

#[test]
fn wrong_pointers_are_refused() {
    let area = Area::new(16 << 20, false);
    let heap = area.heap();
    let (a, b, c) = (heap.malloc(100), heap.malloc(100), heap.malloc(100));
    let big = heap.malloc(1 << 20);
    // SAFETY: the heap only looks at headers inside its own area.
    unsafe {
        assert_eq!(heap.free(b.add(8)), Err(BadPointer::Invalid));
        heap.free(b).unwrap();
        assert_eq!(heap.free(b), Err(BadPointer::AlreadyFree));
        heap.free(a).unwrap();
        assert_eq!(heap.free(b), Err(BadPointer::AlreadyFree), "also after merging with its neighbour");
        assert_eq!(heap.free(big.add(4096)), Err(BadPointer::Invalid));
        heap.free(big).unwrap();
        assert_eq!(heap.free(big), Err(BadPointer::Invalid));
        assert_eq!(heap.realloc(big, 10), Err(BadPointer::Invalid));
        heap.free(c).unwrap();
    }
    heap.check_invariants().unwrap();
}

#[test]
fn exhaustion_returns_null_and_the_heap_stays_usable() {
    let area = Area::new(1 << 20, false);
    let heap = area.heap();
    assert!(heap.malloc(2 << 20).is_null() && heap.malloc(usize::MAX - 4096).is_null());
    assert!(heap.calloc(usize::MAX, 2).is_null() && heap.map(usize::MAX).is_none());
    let mut v = Vec::new();
    loop {
        let p = heap.malloc(10_000);
        if p.is_null() {
            break;
        }
        v.push(p);
    }
    assert!(v.len() > 80, "{} blocks of 10 kB in 1 MiB", v.len());
    assert!(heap.map(300 << 10).is_none());
    // SAFETY: live blocks.
    v.iter().for_each(|p| unsafe { heap.free(*p) }.unwrap());
    heap.trim();
    assert!(heap.map(600 << 10).is_some());
    heap.check_invariants().unwrap();
}

#[test]
fn freed_memory_goes_back_to_the_system() {
    let area = Area::new(256 << 20, false);
    let heap = area.heap();
    let resident = || {
        let mut v = vec![0u8; area.len / PAGE];
        // SAFETY: v has one byte per page of the mapping.
        assert_eq!(unsafe { libc::mincore(area.start as *mut _, area.len, v.as_mut_ptr()) }, 0);
        v.iter().filter(|b| **b & 1 == 1).count() * PAGE
    };
    let p = heap.malloc(64 << 20);
    // SAFETY: a live block.
    unsafe { p.write_bytes(1, 64 << 20) };
    assert!(resident() >= 64 << 20);
    // SAFETY: a live block.
    unsafe { heap.free(p) }.unwrap();
    assert!(resident() < 1 << 20, "a big block is given back at once");
    let v: Vec<_> = (0..4000).map(|_| heap.malloc(10_000)).collect();
    // SAFETY: live blocks.
    v.iter().for_each(|p| unsafe { p.write_bytes(1, 10_000) });
    assert!(resident() >= 38 << 20);
    // SAFETY: live blocks.
    v.iter().for_each(|p| unsafe { heap.free(*p) }.unwrap());
    assert!(resident() < 8 << 20, "a large free tail is given back, {} remain", resident());
}

#[test]
fn threads_share_a_heap() {
    let area = Area::new(64 << 20, false);
    let heap = area.heap();
    heap.share();
    std::thread::scope(|s| {
        for t in 1..5u8 {
            s.spawn(move || {
                let mut live: Vec<Block> = Vec::new();
                for i in 0..20_000usize {
                    if live.len() > 50 {
                        let b = live.swap_remove(i * 7 % 50);
                        assert!(b.bytes().iter().all(|x| *x == t));
                        // SAFETY: live.
                        unsafe { heap.free(b.at) }.unwrap();
                    }
                    let n = i * 37 % 3000;
                    live.push(Block::new(heap.malloc(n), n, t));
                }
            });
        }
    });
    heap.check_invariants().unwrap();
}

#[test]
fn remote_frees_come_back() {
    let area = Area::new(16 << 20, false);
    let heap = area.heap();
    let v: Vec<usize> = (0..1000).map(|_| heap.malloc(1000) as usize).collect();
    let before = heap.footprint().0;
    std::thread::scope(|s| {
        for part in v.chunks(250) {
            // SAFETY: live blocks that nobody uses.
            s.spawn(move || part.iter().for_each(|p| unsafe { heap.free_remote(*p as *mut u8) }.unwrap()));
        }
    });
    heap.trim();
    assert!(heap.footprint().0 < before / 4, "{} of {before} remain", heap.footprint().0);
    heap.check_invariants().unwrap();
}

#[test]
fn the_program_break_moves_both_ways() {
    let area = Area::new(16 << 20, false);
    let heap = area.heap();
    let start = heap.sbrk(0).unwrap();
    assert_eq!(heap.sbrk(10_000), Some(start));
    // SAFETY: 10 000 bytes below the break.
    unsafe { (start as *mut u8).write_bytes(1, 10_000) };
    assert_eq!(heap.sbrk(-10_000), Some(start + 10_000));
    assert_eq!(heap.sbrk(-1), None);
    assert_eq!(heap.sbrk(1 << 40), None);
    assert_eq!(heap.sbrk(0), Some(start));
}
