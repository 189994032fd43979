//! Where the bytes of one element lie, as a compact program: the normal form of a typemap (MPI-5.0 §5.1).
//!
//! The typemap of a datatype is an ordered list of basic elements. For moving bytes only the runs of adjacent bytes
//! count, in typemap order. A [`Block`] describes them as loops and lists:
//!
//! ```text
//!  Run                 ████████                         size bytes in a row
//!  Strided             ██··██··██··██                   count runs of len bytes, stride apart
//!  Offsets             ██·██···██··██                   runs of one length at listed places
//!  Runs                ██·████···█··██                  runs of any length
//!  Loop                [child]··[child]··[child]        count children, stride apart
//!  Seq                 [block a]·[block b]···[block c]  unlike blocks at listed places
//! ```
//!
//! Rules that every `Block` keeps:
//!  1. the first packed byte of a block lies at displacement 0: where it really lies is in [`Layout::off`]. So equal
//!     shapes at different places compare equal, and a shift costs nothing;
//!  2. neighbours are merged: a run that begins where the one before it ends makes that one longer (but for lists of
//!     short blocks of one length of which most stand alone, which are faster as they are);
//!  3. what can be a `Run` is a `Run`; what can be `Strided` is no list; counts are at least 2 and sizes positive
//!     (the empty block is a `Run` of size 0);
//!  4. packed order is typemap order, also where displacements fall or overlap.
//!
//! All displacements lie within the bounds that the constructor has checked to fit 64 bits (`assemble.rs`), so the
//! arithmetic here needs no checks.

use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// Displacement of the first packed byte.
    pub off: i64,
    pub block: Block,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// Packed bytes.
    pub size: i64,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shape {
    Run,
    Strided { count: i64, stride: i64, len: i64 },
    Offsets { len: i64, offs: Arc<[i64]> },
    Runs(Arc<[RunAt]>),
    Loop { count: i64, stride: i64, child: Arc<Block> },
    Seq(Arc<[Part]>),
}

/// One run of a list: its displacement and where it ends in the packed stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunAt {
    pub off: i64,
    pub end: i64,
}

/// One block of a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub off: i64,
    pub end: i64,
    pub block: Block,
}

/// Sequences with no more runs than this are written out as run lists, whose inner loop is the simplest.
const FLATTEN_RUNS: i64 = 64;
/// … and so are those whose blocks have few runs each.
const FLATTEN_RUNS_PER_BLOCK: i64 = 8;

/// Blocks up to this size are not merged at any price (see [`hardly_merged`]).
const FEW_BYTES: i64 = 32;

impl Block {
    pub const EMPTY: Block = Block { size: 0, shape: Shape::Run };

    /// How many runs of bytes it has (saturating).
    pub fn runs(&self) -> i64 {
        match &self.shape {
            Shape::Run => (self.size > 0) as i64,
            Shape::Strided { count, .. } => *count,
            Shape::Offsets { offs, .. } => offs.len() as i64,
            Shape::Runs(runs) => runs.len() as i64,
            Shape::Loop { count, child, .. } => child.runs().saturating_mul(*count),
            Shape::Seq(parts) => parts.iter().fold(0, |n, p| n.saturating_add(p.block.runs())),
        }
    }
}

impl Layout {
    pub const EMPTY: Layout = Layout { off: 0, block: Block::EMPTY };

    /// `len` bytes in a row at displacement 0.
    pub fn run(len: i64) -> Layout {
        Layout { off: 0, block: Block { size: len, shape: Shape::Run } }
    }

    /// The same bytes `disp` further.
    pub fn at(mut self, disp: i64) -> Layout {
        if self.block.size > 0 {
            self.off = self.off.wrapping_add(disp);
        }
        self
    }

    /// `count` copies, `stride` bytes from each to the next.
    pub fn repeat(self, count: i64, stride: i64) -> Layout {
        if count <= 0 || self.block.size == 0 {
            return Layout::EMPTY;
        }
        if count == 1 {
            return self;
        }
        let continues = |n: i64, s: i64| s.checked_mul(n) == Some(stride);
        let Block { size, shape } = self.block;
        let shape = match shape {
            Shape::Run if stride == size => Shape::Run,
            Shape::Run => Shape::Strided { count, stride, len: size },
            Shape::Strided { count: n, stride: s, len } if continues(n, s) => {
                Shape::Strided { count: n * count, stride: s, len }
            }
            Shape::Loop { count: n, stride: s, child } if continues(n, s) => {
                Shape::Loop { count: n * count, stride: s, child }
            }
            other => Shape::Loop { count, stride, child: Arc::new(Block { size, shape: other }) },
        };
        Layout { off: self.off, block: Block { size: size * count, shape } }
    }

    /// The blocks one after another in packed order.
    pub fn concat(blocks: impl IntoIterator<Item = Layout>) -> Layout {
        let blocks: Vec<Layout> = blocks.into_iter().filter(|l| l.block.size > 0).collect();
        let mut list: Vec<Layout> = Vec::new();
        for block in &blocks {
            push_merged(&mut list, block.clone());
        }
        if list.iter().all(|l| l.block.shape == Shape::Run) {
            return if hardly_merged(&blocks, &list) { of_runs(blocks) } else { of_runs(list) };
        }
        if let Some(regular) = as_loop(&list) {
            return regular;
        }
        let runs = list.iter().fold(0i64, |n, l| n.saturating_add(l.block.runs()));
        if runs <= FLATTEN_RUNS.max(list.len() as i64 * FLATTEN_RUNS_PER_BLOCK) {
            let mut flat = Vec::with_capacity(runs as usize);
            for l in &list {
                super::walk::runs(&l.block, l.off, &mut |off, len| {
                    push_merged(&mut flat, Layout::run(len).at(off))
                });
            }
            return of_runs(flat);
        }
        let first = list[0].off;
        let mut end = 0;
        let parts: Arc<[Part]> = list
            .into_iter()
            .map(|l| {
                end += l.block.size;
                Part { off: l.off - first, end, block: l.block }
            })
            .collect();
        Layout { off: first, block: Block { size: end, shape: Shape::Seq(parts) } }
    }
}

/// Short blocks of one length of which only some few touch: as a list of equal blocks they are copied faster than as
/// fewer runs of differing lengths.
fn hardly_merged(blocks: &[Layout], merged: &[Layout]) -> bool {
    let Some(len) = blocks.first().map(|l| l.block.size) else { return false };
    len <= FEW_BYTES
        && merged.len() < blocks.len()
        && merged.len() > blocks.len() / 2
        && blocks.iter().all(|l| l.block.size == len && l.block.shape == Shape::Run)
}

/// Appends a block; one that continues the run before it makes that run longer instead (rule 2).
fn push_merged(list: &mut Vec<Layout>, block: Layout) {
    if block.block.size == 0 {
        return;
    }
    if let Some(last) = list.last_mut()
        && last.block.shape == Shape::Run
        && block.block.shape == Shape::Run
        && last.off.checked_add(last.block.size) == Some(block.off)
    {
        last.block.size += block.block.size;
        return;
    }
    list.push(block);
}

/// Equal blocks at equal distances are a loop.
fn as_loop(list: &[Layout]) -> Option<Layout> {
    let [first, second, ..] = list else { return list.first().cloned() };
    let stride = second.off - first.off;
    let equal = list.iter().all(|l| l.block.size == first.block.size)
        && list.windows(2).all(|w| w[1].off - w[0].off == stride)
        && list.iter().all(|l| l.block == first.block);
    equal.then(|| first.clone().repeat(list.len() as i64, stride))
}

/// The tightest shape for a list of merged runs.
fn of_runs(list: Vec<Layout>) -> Layout {
    let Some(first) = list.first() else { return Layout::EMPTY };
    if let Some(regular) = as_loop(&list) {
        return regular;
    }
    let (base, len) = (first.off, first.block.size);
    if list.iter().all(|l| l.block.size == len) {
        let offs: Arc<[i64]> = list.iter().map(|l| l.off - base).collect();
        let size = len * offs.len() as i64;
        return Layout { off: base, block: Block { size, shape: Shape::Offsets { len, offs } } };
    }
    let mut end = 0;
    let runs: Arc<[RunAt]> = list
        .iter()
        .map(|l| {
            end += l.block.size;
            RunAt { off: l.off - base, end }
        })
        .collect();
    Layout { off: base, block: Block { size: end, shape: Shape::Runs(runs) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(off: i64, len: i64) -> Layout {
        Layout::run(len).at(off)
    }

    #[test]
    fn adjacent_blocks_become_one_run() {
        assert_eq!(Layout::run(4).repeat(10, 4), Layout::run(40));
        assert_eq!(Layout::concat([run(0, 4), run(4, 8), run(12, 1)]), Layout::run(13));
        assert_eq!(Layout::concat([run(0, 0), run(99, 0)]), Layout::EMPTY);
    }

    #[test]
    fn lists_with_equal_steps_become_strided_loops() {
        let listed = Layout::concat((0..5).map(|i| run(7 + 12 * i, 4)));
        assert_eq!(listed, run(7, 4).repeat(5, 12));
        assert_eq!(listed.block.shape, Shape::Strided { count: 5, stride: 12, len: 4 });
    }

    #[test]
    fn loops_that_continue_collapse() {
        let row = Layout::run(8).repeat(3, 16);
        assert_eq!(row.clone().repeat(4, 48), Layout::run(8).repeat(12, 16));
        let plane = row.repeat(4, 100);
        assert_eq!(plane.clone().repeat(2, 400), Layout::run(8).repeat(3, 16).repeat(8, 100));
        assert!(matches!(plane.repeat(2, 1000).block.shape, Shape::Loop { count: 2, stride: 1000, .. }));
    }

    #[test]
    fn irregular_lists_keep_their_order() {
        let down = Layout::concat([run(40, 4), run(20, 4), run(28, 4)]);
        assert_eq!(down.off, 40);
        assert_eq!(down.block.shape, Shape::Offsets { len: 4, offs: [0, -20, -12].into() });
        let mixed = Layout::concat([run(0, 4), run(8, 2)]);
        assert_eq!(
            mixed.block.shape,
            Shape::Runs([RunAt { off: 0, end: 4 }, RunAt { off: 8, end: 6 }].into())
        );
    }
}
