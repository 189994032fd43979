//! A matching queue: posted receives, or messages that came before their receive, in order (MPI-5.0 §3.5).
//!
//! Every entry is in the *order list*, and a search begins with its [`SHORT`] oldest entries: in a stream the oldest is the
//! one. When that is in vain and there are more, the queue is *hashed* until it is empty again: entries without wildcards
//! are also in a hash chain by (context, source, tag) and those with wildcards in a list of their own, so the cost of an
//! exact search does not grow with the length; the winner is the older of the two candidates.
//!
//! Invariants (see [`MatchQueue::check_invariants`]):
//! 1. the order list is sorted by `seq`, without gaps in its links, and has `len` entries;
//! 2. while `hashed`, each entry is in exactly one chain: its bucket's (no wildcard) or `wild`; chains are sorted by seq.

use std::cell::Cell;

/// Entries that are looked at in order.
const SHORT: usize = 8;
const BUCKETS: usize = 256;

/// What is matched: `key` is source << 32 | tag; a 0 bit in `mask` means "any".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pattern {
    pub key: u64,
    pub mask: u64,
    pub context: u32,
}

/// Mask of a pattern that names source and tag.
pub const EXACT: u64 = u64::MAX;

impl Pattern {
    /// Do two patterns agree (one of them usually a message, whose mask is [`EXACT`])?
    #[inline(always)]
    pub fn matches(&self, other: &Pattern) -> bool {
        (self.key ^ other.key) & self.mask & other.mask == 0 && self.context == other.context
    }
    #[inline(always)]
    fn bucket(&self) -> usize {
        let h = (self.key ^ (self.context as u64).rotate_left(48)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (h >> 56) as usize % BUCKETS
    }
}

/// Links of one entry. An entry is in at most one queue.
pub struct Links<T: 'static> {
    prev: Cell<Option<&'static T>>,
    next: Cell<Option<&'static T>>,
    chain_prev: Cell<Option<&'static T>>,
    chain_next: Cell<Option<&'static T>>,
    seq: Cell<u64>,
}

impl<T> Default for Links<T> {
    fn default() -> Self {
        Links {
            prev: Cell::new(None),
            next: Cell::new(None),
            chain_prev: Cell::new(None),
            chain_next: Cell::new(None),
            seq: Cell::new(0),
        }
    }
}

impl<T> Links<T> {
    /// The next of a list of spare entries that are in no queue.
    #[inline(always)]
    pub(super) fn spare(&self) -> Option<&'static T> {
        self.next.get()
    }
    #[inline(always)]
    pub(super) fn set_spare(&self, next: Option<&'static T>) {
        self.next.set(next);
    }
}

/// Something that can stand in a matching queue.
pub trait Entry: Sized + 'static {
    fn links(&self) -> &Links<Self>;
    fn pattern(&self) -> Pattern;
}

struct Chain<T: 'static> {
    head: Cell<Option<&'static T>>,
    tail: Cell<Option<&'static T>>,
}

impl<T: Entry> Chain<T> {
    const fn new() -> Self {
        Chain { head: Cell::new(None), tail: Cell::new(None) }
    }
    fn push(&self, e: &'static T) {
        e.links().chain_next.set(None);
        e.links().chain_prev.set(self.tail.get());
        match self.tail.replace(Some(e)) {
            Some(last) => last.links().chain_next.set(Some(e)),
            None => self.head.set(Some(e)),
        }
    }
    fn remove(&self, e: &'static T) {
        let (prev, next) = (e.links().chain_prev.take(), e.links().chain_next.take());
        match prev {
            Some(p) => p.links().chain_next.set(next),
            None => self.head.set(next),
        }
        match next {
            Some(n) => n.links().chain_prev.set(prev),
            None => self.tail.set(prev),
        }
    }
    fn first(&self, p: &Pattern) -> Option<&'static T> {
        let mut at = self.head.get();
        while let Some(e) = at {
            if e.pattern().matches(p) {
                return Some(e);
            }
            at = e.links().chain_next.get();
        }
        None
    }
}

struct Index<T: 'static> {
    buckets: Box<[Chain<T>]>,
    wild: Chain<T>,
}

impl<T: Entry> Index<T> {
    fn chain(&self, p: &Pattern) -> &Chain<T> {
        if p.mask == EXACT { &self.buckets[p.bucket()] } else { &self.wild }
    }
}

/// The queue. See the module.
pub struct MatchQueue<T: 'static> {
    head: Cell<Option<&'static T>>,
    tail: Cell<Option<&'static T>>,
    len: Cell<usize>,
    seq: Cell<u64>,
    hashed: Cell<bool>,
    /// Made when a search first goes beyond SHORT, then kept.
    index: std::cell::OnceCell<Index<T>>,
}

impl<T: Entry> Default for MatchQueue<T> {
    fn default() -> Self {
        MatchQueue {
            head: Cell::new(None),
            tail: Cell::new(None),
            len: Cell::new(0),
            seq: Cell::new(0),
            hashed: Cell::new(false),
            index: std::cell::OnceCell::new(),
        }
    }
}

impl<T: Entry> MatchQueue<T> {
    pub fn is_empty(&self) -> bool {
        self.len.get() == 0
    }

    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Appends an entry that is in no queue.
    #[inline(always)]
    pub fn push(&self, e: &'static T) {
        let links = e.links();
        let seq = self.seq.get();
        self.seq.set(seq + 1);
        links.seq.set(seq);
        links.next.set(None);
        let last = self.tail.replace(Some(e));
        links.prev.set(last);
        match last {
            Some(last) => last.links().next.set(Some(e)),
            None => self.head.set(Some(e)),
        }
        self.len.set(self.len.get() + 1);
        if self.hashed.get() {
            self.push_indexed(e);
        }
    }

    #[inline(never)]
    fn push_indexed(&self, e: &'static T) {
        if let Some(index) = self.index.get() {
            index.chain(&e.pattern()).push(e);
        }
    }

    /// The oldest entry that agrees with `p`; it stays in the queue.
    #[inline(always)]
    pub fn find(&self, p: &Pattern) -> Option<&'static T> {
        let mut at = self.head.get();
        for _ in 0..SHORT {
            let e = at?;
            if e.pattern().matches(p) {
                return Some(e);
            }
            at = e.links().next.get();
        }
        at.and_then(|rest| self.find_beyond(rest, p))
    }

    /// Nothing before `rest` agrees with `p`.
    #[inline(never)]
    fn find_beyond(&self, rest: &'static T, p: &Pattern) -> Option<&'static T> {
        if p.mask != EXACT {
            return std::iter::successors(Some(rest), |e| e.links().next.get())
                .find(|e| e.pattern().matches(p));
        }
        let index = self.index.get_or_init(|| Index {
            buckets: (0..BUCKETS).map(|_| Chain::new()).collect(),
            wild: Chain::new(),
        });
        if !self.hashed.replace(true) {
            self.iter().for_each(|e| index.chain(&e.pattern()).push(e));
        }
        match (index.chain(p).first(p), index.wild.first(p)) {
            (Some(a), Some(b)) => Some(if a.links().seq.get() < b.links().seq.get() { a } else { b }),
            (a, b) => a.or(b),
        }
    }

    /// Takes `e`, which is in this queue, out.
    #[inline(always)]
    pub fn remove(&self, e: &'static T) {
        let (prev, next) = (e.links().prev.take(), e.links().next.take());
        match prev {
            Some(p) => p.links().next.set(next),
            None => self.head.set(next),
        }
        match next {
            Some(n) => n.links().prev.set(prev),
            None => self.tail.set(prev),
        }
        let len = self.len.get() - 1;
        self.len.set(len);
        if self.hashed.get() {
            self.remove_indexed(e, len);
        }
    }

    #[inline(never)]
    fn remove_indexed(&self, e: &'static T, len: usize) {
        if let Some(index) = self.index.get() {
            index.chain(&e.pattern()).remove(e);
        }
        if len == 0 {
            self.hashed.set(false);
        }
    }

    /// Finds and removes.
    #[inline(always)]
    pub fn take(&self, p: &Pattern) -> Option<&'static T> {
        let e = self.find(p)?;
        self.remove(e);
        Some(e)
    }

    /// All entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &'static T> {
        std::iter::successors(self.head.get(), |e| e.links().next.get())
    }

    /// Panics where an invariant of the module does not hold.
    pub fn check_invariants(&self) {
        let all: Vec<&T> = self.iter().collect();
        assert_eq!(all.len(), self.len.get(), "length");
        assert!(all.is_sorted_by_key(|e| e.links().seq.get()), "order");
        if let Some(index) = self.index.get() {
            let chains = index.buckets.iter().chain(std::iter::once(&index.wild));
            let mut chained = 0;
            for c in chains {
                let mut last = None;
                for e in std::iter::successors(c.head.get(), |e| e.links().chain_next.get()) {
                    assert!(self.hashed.get(), "chained while not hashed");
                    assert!(last < Some(e.links().seq.get()), "chain order");
                    last = Some(e.links().seq.get());
                    chained += 1;
                }
            }
            assert!(!self.hashed.get() || chained == all.len(), "every entry is in one chain");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    struct Item {
        links: Links<Item>,
        pattern: Pattern,
        id: usize,
    }

    impl Entry for Item {
        fn links(&self) -> &Links<Item> {
            &self.links
        }
        fn pattern(&self) -> Pattern {
            self.pattern
        }
    }

    fn item(id: usize, source: Option<u32>, tag: Option<u32>, context: u32) -> &'static Item {
        let mask = source.map_or(0, |_| 0xffff_ffff << 32) | tag.map_or(0, |_| 0xffff_ffff);
        let key = (source.unwrap_or(0) as u64) << 32 | tag.unwrap_or(0) as u64;
        Box::leak(Box::new(Item { links: Links::default(), pattern: Pattern { key, mask, context }, id }))
    }

    proptest! {
        /// Push, take by pattern, remove by identity: same as a plain vector that is searched from the front.
        #[test]
        fn behaves_like_a_vector(steps in prop::collection::vec(
            (0u8..4, prop::option::of(0u32..4), prop::option::of(0u32..3), 0u32..2), 1..300)) {
            let queue = MatchQueue::default();
            let mut model: Vec<&'static Item> = vec![];
            for (id, (what, source, tag, context)) in steps.into_iter().enumerate() {
                let it = item(id, source, tag, context);
                match what {
                    0 | 1 => { queue.push(it); model.push(it); }
                    2 => {
                        let at = model.iter().position(|m| m.pattern.matches(&it.pattern));
                        let want = at.map(|i| model.remove(i).id);
                        prop_assert_eq!(queue.take(&it.pattern).map(|e| e.id), want);
                    }
                    _ if !model.is_empty() => { let e = model.remove(id % model.len()); queue.remove(e); }
                    _ => {}
                }
                queue.check_invariants();
                prop_assert_eq!(queue.iter().map(|e| e.id).collect::<Vec<_>>(), model.iter().map(|e| e.id).collect::<Vec<_>>());
            }
        }
    }
}
