//! The datatype engine against the naive model: random nested types, and the standard's examples.

use super::model::{Recipe, Typemap};
use super::*;
use crate::abi::constants as c;
use crate::memory::Address;
use proptest::prelude::*;

/// Where a test's buffer lies.
fn address<T>(buffer: &mut [T]) -> Address {
    Address(buffer.as_mut_ptr().expose_provenance())
}

/// A buffer that covers `count` elements, with the address that displacement 0 has.
struct Memory {
    bytes: Vec<u8>,
    origin: i64,
}

impl Memory {
    fn new(map: &Typemap, count: i64, fill: impl Fn(usize) -> u8) -> Memory {
        let touched = map.bytes(count);
        let low = touched.iter().copied().min().unwrap_or(0);
        let high = touched.iter().copied().max().map_or(0, |m| m + 1);
        Memory { bytes: (0..(high - low) as usize).map(fill).collect(), origin: -low }
    }

    fn buf(&mut self) -> Address {
        address(&mut self.bytes).add(self.origin)
    }

    fn at(&self, disp: i64) -> u8 {
        self.bytes[(disp + self.origin) as usize]
    }
}

fn named() -> impl Strategy<Value = Recipe> {
    prop::sample::select(vec![
        c::MPI_CHAR,
        c::MPI_SHORT,
        c::MPI_INT,
        c::MPI_DOUBLE,
        c::MPI_C_DOUBLE_COMPLEX,
        c::MPI_LONG_DOUBLE,
        c::MPI_DOUBLE_INT,
        c::MPI_SHORT_INT,
    ])
    .prop_map(Recipe::Named)
}

fn one_level(old: impl Strategy<Value = Recipe> + Clone + 'static) -> impl Strategy<Value = Recipe> {
    let o = move || old.clone().prop_map(Box::new);
    let blocks = |disp: std::ops::Range<i64>| prop::collection::vec((0..4i64, disp), 0..5);
    let part = o().prop_flat_map(|t| (0..3i64, -40..40i64, Just(*t)));
    let sub =
        (1..5i64).prop_flat_map(|n| (Just(n), 1..=n)).prop_flat_map(|(n, s)| (Just(n), Just(s), 0..=n - s));
    let dim = (1..8i64, 1..4i32, 0..3u8, 0..3i32).prop_map(|(g, p, distrib, darg)| match distrib {
        0 => (g, 1, 0, 0),
        // A block argument must cover the dimension.
        1 if darg > 0 => (g, p, 1, (g as i32 + p - 1) / p + darg - 1),
        _ => (g, p, distrib, darg),
    });
    prop_oneof![
        o().prop_map(Recipe::Dup),
        (0..5i64, o()).prop_map(|(n, t)| Recipe::Contiguous(n, t)),
        (0..4i64, 0..4i64, -5..6i64, o()).prop_map(|(n, b, s, t)| Recipe::Vector(n, b, s, t)),
        (0..4i64, 0..4i64, -50..60i64, o()).prop_map(|(n, b, s, t)| Recipe::Hvector(n, b, s, t)),
        (blocks(-5..8), o()).prop_map(|(b, t)| Recipe::Indexed(b, t)),
        (blocks(-50..80), o()).prop_map(|(b, t)| Recipe::Hindexed(b, t)),
        (0..4i64, prop::collection::vec(-5..8i64, 0..6), o())
            .prop_map(|(b, d, t)| Recipe::IndexedBlock(b, d, t)),
        (0..4i64, prop::collection::vec(-50..80i64, 0..6), o())
            .prop_map(|(b, d, t)| Recipe::HindexedBlock(b, d, t)),
        prop::collection::vec(part, 0..4).prop_map(Recipe::Struct),
        (-20..20i64, -30..60i64, o()).prop_map(|(lb, e, t)| Recipe::Resized(lb, e, t)),
        (prop::collection::vec(sub, 1..4), any::<bool>(), o())
            .prop_map(|(d, f, t)| Recipe::Subarray(d, f, t)),
        (prop::collection::vec(dim, 1..4), any::<u16>(), any::<bool>(), o()).prop_map(|(d, r, f, t)| {
            let size: i32 = d.iter().map(|d| d.1).product();
            Recipe::Darray(d, r as i32 % size, f, t)
        }),
    ]
}

/// Types of up to three levels with at most a few thousand bytes.
fn recipe() -> impl Strategy<Value = Recipe> {
    let small = |r: &Recipe| r.typemap().entries.len() <= 400;
    let first = one_level(named().boxed().clone()).boxed();
    let second =
        one_level(prop_oneof![named(), first.clone()].boxed()).prop_filter("too large", small).boxed();
    let third = one_level(second.clone()).prop_filter("too large", small).boxed();
    prop_oneof![named().boxed(), first, second, third]
}

/// Random cuts of `0..len`.
fn cuts(len: i64, seed: &[u16]) -> Vec<i64> {
    let mut all: Vec<i64> = seed.iter().map(|s| *s as i64 % (len + 1)).chain([0, len]).collect();
    all.sort_unstable();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn bounds_agree_with_the_typemap(r in recipe()) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        prop_assert_eq!(t.size(), map.size());
        prop_assert_eq!((t.lb(), t.ub()), (map.lb(), map.ub()));
        prop_assert_eq!((t.true_lb(), t.true_extent()), (map.true_lb(), map.true_ub() - map.true_lb()));
        prop_assert_eq!(t.signature().elements(), map.entries.len() as i64);
        let listed: Vec<_> =
            t.signature().runs(1).flat_map(|(b, n)| std::iter::repeat_n(b, n as usize)).collect();
        prop_assert_eq!(listed, map.entries.iter().map(|e| e.1).collect::<Vec<_>>());
    }

    #[test]
    fn packing_in_random_chunks_agrees_with_the_typemap(
        r in recipe(),
        count in 0..4i64,
        seed in prop::collection::vec(any::<u16>(), 0..8),
    ) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        let bytes = map.bytes(count);
        let mut memory = Memory::new(&map, count, |i| (i * 7 + i / 251) as u8);
        let mut packed = vec![0u8; bytes.len()];
        for w in cuts(bytes.len() as i64, &seed).windows(2) {
            pack(&t, memory.buf(), count, w[0]..w[1], &mut packed[w[0] as usize..w[1] as usize]).unwrap();
        }
        let expected: Vec<u8> = bytes.iter().map(|d| memory.at(*d)).collect();
        prop_assert_eq!(&packed, &expected);
        if let Some((off, len)) = t.is_contiguous(count) {
            prop_assert_eq!(len, bytes.len() as i64);
            let run: Vec<i64> = (off..off + len).collect();
            prop_assert_eq!(run, bytes);
        }
    }

    #[test]
    fn unpacking_in_random_chunks_agrees_with_the_typemap(
        r in recipe(),
        count in 0..4i64,
        seed in prop::collection::vec(any::<u16>(), 0..8),
    ) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        let bytes = map.bytes(count);
        let stream: Vec<u8> = (0..bytes.len()).map(|i| (i * 13 + 1) as u8).collect();
        let mut memory = Memory::new(&map, count, |_| 0xee);
        let mut expected = Memory::new(&map, count, |_| 0xee);
        for (i, d) in bytes.iter().enumerate() {
            let at = (d + expected.origin) as usize;
            expected.bytes[at] = stream[i];
        }
        for w in cuts(bytes.len() as i64, &seed).windows(2) {
            unpack(&t, &stream[w[0] as usize..w[1] as usize], memory.buf(), count, w[0]..w[1]).unwrap();
        }
        prop_assert_eq!(memory.bytes, expected.bytes);
    }

    #[test]
    fn typed_copies_agree_with_pack_and_unpack(a in recipe(), b in recipe(), n in 1..4i64, m in 1..4i64) {
        let (s, d) = (a.datatype(Form::Int), b.datatype(Form::Int));
        let (smap, dmap) = (a.typemap(), b.typemap());
        let bytes = (s.size() * n).min(d.size() * m);
        let mut src = Memory::new(&smap, n, |i| (i * 11 + 3) as u8);
        let mut dst = Memory::new(&dmap, m, |_| 0xee);
        let mut expected = Memory::new(&dmap, m, |_| 0xee);
        for (from, to) in smap.bytes(n).iter().zip(dmap.bytes(m)).take(bytes as usize) {
            let at = (to + expected.origin) as usize;
            expected.bytes[at] = src.at(*from);
        }
        copy(src.buf(), &s, n, dst.buf(), &d, m, bytes).unwrap();
        prop_assert_eq!(dst.bytes, expected.bytes);
    }

    #[test]
    fn runs_cover_the_packed_range(r in recipe(), count in 0..3i64, seed in prop::collection::vec(any::<u16>(), 2)) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        let bytes = map.bytes(count);
        let w = cuts(bytes.len() as i64, &seed);
        let mut seen = Vec::new();
        for_each_run(&t, count, w[1]..w[2], |off, len| seen.extend(off..off + len)).unwrap();
        prop_assert_eq!(&seen[..], &bytes[w[1] as usize..w[2] as usize]);
    }

    #[test]
    fn received_bytes_are_counted_in_elements(r in recipe(), count in 1..4i64, cut in any::<u16>()) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        let total = map.size() * count;
        let received = cut as i64 % (total + 1);
        let (mut elements, mut at) = (0, 0);
        let one: Vec<i64> = map.entries.iter().map(|e| e.1.size()).collect();
        for size in one.iter().cycle().take(one.len() * count as usize) {
            if at + size <= received {
                at += size;
                elements += 1;
            } else {
                break;
            }
        }
        prop_assert_eq!(t.elements_in(received), (at == received).then_some(elements));
        prop_assert_eq!(t.bytes_of_elements(elements), Some(at));
        if map.size() > 0 {
            prop_assert_eq!(t.count_in(received), (received % map.size() == 0).then(|| received / map.size()));
        }
    }

    #[test]
    fn a_type_made_again_from_its_envelope_is_equal(r in recipe(), large in any::<bool>()) {
        let form = if large { Form::Large } else { Form::Int };
        let t = r.datatype(form);
        t.commit();
        let again = Datatype::from_recipe(&t.to_recipe()).unwrap();
        prop_assert!(t.same_typemap(&again));
        prop_assert!(again.is_committed());
        prop_assert_eq!(again.to_recipe(), t.to_recipe());
        let e = t.envelope();
        if e.combiner != c::MPI_COMBINER_NAMED {
            let one = Datatype::from_contents(e.combiner, &e.integers, &e.addresses, &e.counts, &e.types).unwrap();
            prop_assert!(t.same_typemap(&one));
        }
    }

    #[test]
    fn broken_recipes_are_errors(r in recipe(), at in any::<u16>(), word in -3..300i64, cut in any::<u16>()) {
        let mut words = r.datatype(Form::Int).to_recipe();
        words.truncate(1 + cut as usize % words.len());
        let at = at as usize % words.len();
        words[at] = word;
        // Must return, with whatever: a broken word may still be a valid type.
        let _ = Datatype::from_recipe(&words);
    }

    #[test]
    fn signatures_fit_what_they_begin(a in recipe(), b in recipe(), n in 0..3i64, m in 0..3i64) {
        let list = |r: &Recipe, n: i64| -> Vec<Basic> {
            let one: Vec<_> = r.typemap().entries.iter().map(|e| e.1).collect();
            one.iter().copied().cycle().take(one.len() * n as usize).collect()
        };
        let (sent, wanted) = (list(&a, n), list(&b, m));
        let fits = a.datatype(Form::Int).signature().fits(n, b.datatype(Form::Int).signature(), m);
        prop_assert_eq!(fits, wanted.starts_with(&sent));
    }

    #[test]
    fn pack_and_unpack_move_the_position(r in recipe(), count in 0..3i64) {
        let (t, map) = (r.datatype(Form::Int), r.typemap());
        let mut memory = Memory::new(&map, count, |i| i as u8);
        let size = pack_size(count, &t).unwrap();
        let mut out = vec![0u8; size as usize + 5];
        let packed = address(&mut out);
        let mut position = 5;
        pack_into(memory.buf(), count, &t, packed, size + 5, &mut position).unwrap();
        prop_assert_eq!(position, size + 5);
        let expected: Vec<u8> = map.bytes(count).iter().map(|d| memory.at(*d)).collect();
        prop_assert_eq!(&out[5..], &expected[..]);
        if size > 0 {
            position = 6;
            let error = pack_into(memory.buf(), count, &t, packed, size + 5, &mut position).unwrap_err();
            prop_assert_eq!((error.class.0, position), (c::MPI_ERR_TRUNCATE, 6));
        }
    }
}

fn t(handle: usize) -> DatatypeRef {
    predefined(handle).unwrap().clone()
}

fn facts(t: &Datatype) -> (i64, i64, i64) {
    (t.size(), t.lb(), t.extent())
}

/// MPI-5.0 §5.1, Examples 5.1, 5.2: {(double, 0), (char, 8)} has extent 16.
#[test]
fn a_struct_is_padded_to_its_strictest_member() {
    let s = Datatype::structure(&[1, 1], &[0, 8], &[t(c::MPI_DOUBLE), t(c::MPI_CHAR)], Form::Int).unwrap();
    assert_eq!(facts(&s), (9, 0, 16));
    assert_eq!(s.true_extent(), 9);
    // Example 5.2: three of them in a row.
    let three = Datatype::contiguous(3, &s, Form::Int).unwrap();
    assert_eq!(facts(&three), (27, 0, 48));
}

/// MPI-5.0 §5.1.2, Examples 5.3 to 5.6, on oldtype = {(double, 0), (char, 8)}.
#[test]
fn the_standards_vectors_and_indexed_types() {
    let old = Datatype::structure(&[1, 1], &[0, 8], &[t(c::MPI_DOUBLE), t(c::MPI_CHAR)], Form::Int).unwrap();
    let displacements = |t: &Datatype| {
        let mut all = Vec::new();
        for_each_run(t, 1, 0..t.size(), |off, _| all.push(off)).unwrap();
        all
    };
    let v = Datatype::vector(2, 3, 4, &old, Form::Int).unwrap();
    // Double and char are adjacent, so each copy is one run of 9 bytes.
    assert_eq!(displacements(&v), [0, 16, 32, 64, 80, 96]);
    let back = Datatype::vector(3, 1, -2, &old, Form::Int).unwrap();
    assert_eq!(displacements(&back), [0, -32, -64]);
    assert_eq!((back.lb(), back.extent()), (-64, 80));
    let indexed = Datatype::indexed(&[3, 1], &[4, 0], &old, Form::Int).unwrap();
    assert_eq!(displacements(&indexed), [64, 80, 96, 0]);
}

/// MPI-5.0 §5.1.2, Example 5.7: {(float, 0), type1, (char, 26) × 3}.
#[test]
fn the_standards_struct() {
    let type1 =
        Datatype::structure(&[1, 1], &[0, 8], &[t(c::MPI_DOUBLE), t(c::MPI_CHAR)], Form::Int).unwrap();
    let s =
        Datatype::structure(&[2, 1, 3], &[0, 16, 26], &[t(c::MPI_FLOAT), type1, t(c::MPI_CHAR)], Form::Int)
            .unwrap();
    let mut runs = Vec::new();
    for_each_run(&s, 1, 0..s.size(), |off, len| runs.push((off, len))).unwrap();
    assert_eq!(runs, [(0, 8), (16, 9), (26, 3)]);
    assert_eq!(facts(&s), (20, 0, 32));
}

/// MPI-5.0 §5.1.7: markers survive in the types made from a resized one, and win over data.
#[test]
fn markers_decide_the_bounds() {
    let type1 = Datatype::resized(&t(c::MPI_INT), -3, 9, Form::Int).unwrap();
    assert_eq!((type1.lb(), type1.extent(), type1.true_lb(), type1.true_extent()), (-3, 9, 0, 4));
    let two = Datatype::contiguous(2, &type1, Form::Int).unwrap();
    assert_eq!((two.lb(), two.extent(), two.true_extent()), (-3, 18, 13));
    let wide = Datatype::structure(&[1, 1], &[0, 200], &[type1, t(c::MPI_DOUBLE)], Form::Int).unwrap();
    assert_eq!((wide.lb(), wide.ub(), wide.true_extent()), (-3, 6, 208));
}

/// MPI-5.0 §5.1.3, and Example 5.10's column: neighbours of one type continue each other.
#[test]
fn columns_resized_to_one_element_interleave() {
    let column = Datatype::vector(4, 1, 4, &t(c::MPI_DOUBLE), Form::Int).unwrap();
    assert_eq!(column.extent(), 104);
    let column = Datatype::resized(&column, 0, 8, Form::Int).unwrap();
    let mut matrix: Vec<f64> = (0..16).map(f64::from).collect();
    let mut transposed = [0f64; 16];
    let (src, dst) = (address(&mut matrix), address(&mut transposed));
    copy(src, &column, 4, dst, &t(c::MPI_DOUBLE), 16, 128).unwrap();
    let expected: Vec<f64> = (0..16).map(|i| f64::from(i % 4 * 4 + i / 4)).collect();
    assert_eq!(transposed.to_vec(), expected);
}

#[test]
fn empty_types_have_no_bounds() {
    let empty = Datatype::contiguous(0, &t(c::MPI_INT), Form::Int).unwrap();
    assert_eq!(facts(&empty), (0, 0, 0));
    assert_eq!(empty.is_contiguous(5), Some((0, 0)));
    let far = Datatype::hindexed(&[0, 1], &[1000, 8], &t(c::MPI_INT), Form::Int).unwrap();
    assert_eq!((far.lb(), far.extent()), (8, 4));
    assert_eq!((empty.count_in(0), empty.count_in(4), empty.elements_in(0)), (Some(0), None, Some(0)));
}

#[test]
fn wrong_arguments_are_named() {
    let int = t(c::MPI_INT);
    let check = |r: crate::error::MpiResult<DatatypeRef>, class: i32, words: &str| {
        let e = r.unwrap_err();
        assert_eq!(e.class.0, class, "{e}");
        assert!(e.detail.contains(words), "{e}");
    };
    check(Datatype::contiguous(-1, &int, Form::Int), c::MPI_ERR_COUNT, "count is -1");
    check(Datatype::vector(1, -2, 0, &int, Form::Int), c::MPI_ERR_ARG, "blocklength is -2");
    check(
        Datatype::indexed(&[1, -7], &[0, 0], &int, Form::Int),
        c::MPI_ERR_ARG,
        "array_of_blocklengths[1] is -7",
    );
    check(Datatype::contiguous(i64::MAX, &int, Form::Large), c::MPI_ERR_COUNT, "more than an MPI_Count");
    check(Datatype::hvector(3, 1, i64::MAX, &int, Form::Large), c::MPI_ERR_ARG, "outside what");
    check(Datatype::vector(2, 1, i64::MIN, &int, Form::Large), c::MPI_ERR_ARG, "outside what");
    check(Datatype::resized(&int, i64::MAX, 2, Form::Large), c::MPI_ERR_ARG, "outside what");
    check(Datatype::contiguous(1 << 40, &int, Form::Int), c::MPI_ERR_ARG, "does not fit an int");
    let sub = |sizes: &[i64], subsizes: &[i64], starts: &[i64], order| {
        Datatype::subarray(Subarray { sizes, subsizes, starts, order }, &t(c::MPI_INT), Form::Int)
    };
    check(sub(&[4], &[5], &[0], c::MPI_ORDER_C), c::MPI_ERR_ARG, "array_of_subsizes[0] is 5");
    check(sub(&[4], &[2], &[3], c::MPI_ORDER_C), c::MPI_ERR_ARG, "array_of_starts[0] is 3");
    check(sub(&[4], &[2], &[1], 5), c::MPI_ERR_ARG, "order is 5");
    check(sub(&[], &[], &[], c::MPI_ORDER_C), c::MPI_ERR_ARG, "ndims is 0");
    assert!(Datatype::hvector(1, 1, i64::MIN, &int, Form::Large).is_ok());
}

#[test]
fn counts_that_overflow_are_errors_and_never_wrap() {
    let big = Datatype::contiguous(1 << 60, &t(c::MPI_INT), Form::Large).unwrap();
    assert_eq!(big.packed_size(1).unwrap(), 1 << 62);
    assert_eq!(big.packed_size(2).unwrap_err().class.0, c::MPI_ERR_COUNT);
    assert_eq!(big.packed_size(-1).unwrap_err().class.0, c::MPI_ERR_COUNT);
    assert_eq!(big.is_contiguous(2), None);
    assert_eq!(big.touched(3), None);
}

#[test]
fn contents_need_room_and_the_right_form() {
    let v = Datatype::vector(2, 3, 4, &t(c::MPI_INT), Form::Int).unwrap();
    let e = v.envelope();
    assert_eq!((e.combiner, &*e.integers, e.types.len()), (c::MPI_COMBINER_VECTOR, &[2, 3, 4][..], 1));
    assert_eq!(e.types[0].predefined_handle(), Some(c::MPI_INT));
    assert!(e.contents(Form::Int, 3, 0, 0, 1).is_ok());
    assert_eq!(e.contents(Form::Int, 2, 0, 0, 1).unwrap_err().class.0, c::MPI_ERR_ARG);
    let large = Datatype::vector(2, 3, 4, &t(c::MPI_INT), Form::Large).unwrap();
    assert_eq!(large.envelope().readable_as(Form::Int).unwrap_err().class.0, c::MPI_ERR_TYPE);
    assert_eq!(&*large.envelope().counts, &[2, 3, 4]);
    assert_eq!(
        t(c::MPI_INT).envelope().contents(Form::Int, 9, 9, 9, 9).unwrap_err().class.0,
        c::MPI_ERR_TYPE
    );
    let s = Datatype::subarray(
        Subarray { sizes: &[4, 5], subsizes: &[2, 2], starts: &[1, 1], order: c::MPI_ORDER_C },
        &t(c::MPI_INT),
        Form::Large,
    )
    .unwrap();
    assert_eq!((s.envelope().integers.len(), s.envelope().counts.len()), (2, 6));
}

#[test]
fn duplicates_share_the_typemap_and_the_committed_state() {
    let v = Datatype::vector(2, 1, 2, &t(c::MPI_INT), Form::Int).unwrap();
    assert!(!Datatype::dup(&v).is_committed());
    v.commit();
    let d = Datatype::dup(&v);
    assert!(d.is_committed() && d.same_typemap(&v));
    assert_eq!(Datatype::dup(&t(c::MPI_INT)).basic(), None);
}

#[test]
fn large_scattered_copies_go_through_both_ways() {
    // Long runs on one side, short on the other, and short on both sides with more than one bounce buffer.
    let short = Datatype::vector(3000, 1, 2, &t(c::MPI_INT), Form::Int).unwrap();
    let long = Datatype::vector(3, 1000, 1100, &t(c::MPI_INT), Form::Int).unwrap();
    let other = Datatype::vector(1500, 2, 3, &t(c::MPI_INT), Form::Int).unwrap();
    for (s, d) in [(&short, &long), (&long, &short), (&short, &other)] {
        let mut src: Vec<i32> = (0..6000).collect();
        let mut dst = vec![-1i32; 6000];
        let (a, b) = (address(&mut src), address(&mut dst));
        copy(a, s, 1, b, d, 1, 12000).unwrap();
        let places = |t: &Datatype| {
            let mut all = Vec::new();
            for_each_run(t, 1, 0..12000, |o, l| all.extend((o..o + l).step_by(4).map(|b| b as usize / 4)))
                .unwrap();
            all
        };
        let mut expected = vec![-1i32; 6000];
        for (from, to) in places(s).into_iter().zip(places(d)) {
            expected[to] = src[from];
        }
        assert_eq!(dst, expected);
    }
}
