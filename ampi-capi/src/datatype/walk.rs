//! Walking a layout: which runs of bytes a range of the packed stream stands for. Safe code: displacements, no pointers.
//!
//! A [`Sink`] receives the runs in packed order. [`full`] hands over a whole block; [`part`] only the packed bytes
//! `from..to` of it, found by division in loops and by binary search in lists, so that any message can be taken up
//! at any byte in logarithmic time. [`elements`] does this for `count` elements of a datatype.

use super::layout::{Block, Layout, RunAt, Shape};

/// The outer of two nested loops.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub count: i64,
    pub stride: i64,
}

/// Takes runs of bytes. The grouped forms exist because their loops are where the time goes.
pub(super) trait Sink {
    fn run(&mut self, off: i64, len: i64);

    fn strided(&mut self, off: i64, count: i64, stride: i64, len: i64) {
        for i in 0..count {
            self.run(off.wrapping_add(i.wrapping_mul(stride)), len);
        }
    }

    fn rows(&mut self, off: i64, rows: Rows, count: i64, stride: i64, len: i64) {
        for i in 0..rows.count {
            self.strided(off.wrapping_add(i.wrapping_mul(rows.stride)), count, stride, len);
        }
    }

    fn offsets(&mut self, off: i64, offs: &[i64], len: i64) {
        for o in offs {
            self.run(off.wrapping_add(*o), len);
        }
    }
}

impl<F: FnMut(i64, i64)> Sink for F {
    fn run(&mut self, off: i64, len: i64) {
        self(off, len)
    }
}

/// Every run of `block` placed at `off`, in packed order.
pub(super) fn runs(block: &Block, off: i64, visit: &mut dyn FnMut(i64, i64)) {
    let mut sink = |o: i64, l: i64| visit(o, l);
    full(&mut sink, off, block);
}

/// Hands over all of `block` at displacement `off`.
pub(super) fn full<S: Sink>(sink: &mut S, off: i64, block: &Block) {
    match &block.shape {
        Shape::Run => {
            if block.size > 0 {
                sink.run(off, block.size)
            }
        }
        Shape::Strided { count, stride, len } => sink.strided(off, *count, *stride, *len),
        Shape::Offsets { len, offs } => sink.offsets(off, offs, *len),
        Shape::Runs(list) => whole_runs(sink, off, list, 0),
        Shape::Loop { count, stride, child } => {
            whole(sink, off, Rows { count: *count, stride: *stride }, child)
        }
        Shape::Seq(parts) => {
            for p in parts.iter() {
                full(sink, off.wrapping_add(p.off), &p.block);
            }
        }
    }
}

/// All of the blocks of a loop.
fn whole<S: Sink>(sink: &mut S, off: i64, rows: Rows, child: &Block) {
    match &child.shape {
        Shape::Strided { count, stride, len } => sink.rows(off, rows, *count, *stride, *len),
        _ => {
            for i in 0..rows.count {
                full(sink, off.wrapping_add(i.wrapping_mul(rows.stride)), child);
            }
        }
    }
}

/// `list[..]` whole, where the packed stream begins at `start`.
fn whole_runs<S: Sink>(sink: &mut S, off: i64, list: &[RunAt], start: i64) {
    let mut from = start;
    for r in list {
        sink.run(off.wrapping_add(r.off), r.end - from);
        from = r.end;
    }
}

/// A packed range over equal pieces of `size` bytes: a part of one, some whole ones, a part of the last.
struct Split {
    /// Index of the first touched piece.
    first: i64,
    /// Bytes of the first piece, if it is not whole: `(from, to)` within it.
    head: Option<(i64, i64)>,
    /// How many whole pieces follow (from `first`, or `first + 1` after a head).
    whole: i64,
    /// Leading bytes of the piece after those.
    tail: i64,
}

fn split(from: i64, to: i64, size: i64) -> Split {
    let (first, skip) = (from / size, from % size);
    if skip == 0 {
        return Split { first, head: None, whole: (to - from) / size, tail: (to - from) % size };
    }
    let stop = size.min(skip + (to - from));
    let left = to - from - (stop - skip);
    Split { first, head: Some((skip, stop)), whole: left / size, tail: left % size }
}

/// Hands over the packed bytes `from..to` of `block`; `0 <= from <= to <= block.size`.
pub(super) fn part<S: Sink>(sink: &mut S, off: i64, block: &Block, from: i64, to: i64) {
    debug_assert!(0 <= from && from <= to && to <= block.size);
    if from >= to {
        return;
    }
    if from == 0 && to == block.size {
        return full(sink, off, block);
    }
    match &block.shape {
        Shape::Run => sink.run(off + from, to - from),
        Shape::Strided { count: _, stride, len } => {
            let s = split(from, to, *len);
            let at = |i: i64| off.wrapping_add(i.wrapping_mul(*stride));
            let mut i = s.first;
            if let Some((a, b)) = s.head {
                sink.run(at(i) + a, b - a);
                i += 1;
            }
            if s.whole > 0 {
                sink.strided(at(i), s.whole, *stride, *len);
            }
            if s.tail > 0 {
                sink.run(at(i + s.whole), s.tail);
            }
        }
        Shape::Offsets { len, offs } => {
            let s = split(from, to, *len);
            let mut i = s.first as usize;
            if let Some((a, b)) = s.head {
                sink.run(off + offs[i] + a, b - a);
                i += 1;
            }
            let stop = i + s.whole as usize;
            sink.offsets(off, &offs[i..stop], *len);
            if s.tail > 0 {
                sink.run(off + offs[stop], s.tail);
            }
        }
        Shape::Runs(list) => {
            let mut i = list.partition_point(|r| r.end <= from);
            let mut pos = from;
            while pos < to {
                let begin = if i == 0 { 0 } else { list[i - 1].end };
                let stop = list[i].end.min(to);
                sink.run(off + list[i].off + (pos - begin), stop - pos);
                pos = stop;
                i += 1;
            }
        }
        Shape::Loop { count: _, stride, child } => {
            repeated(sink, off, child, *stride, from, to);
        }
        Shape::Seq(parts) => {
            let mut i = parts.partition_point(|p| p.end <= from);
            let mut pos = from;
            while pos < to {
                let p = &parts[i];
                let begin = p.end - p.block.size;
                let stop = p.end.min(to);
                part(sink, off.wrapping_add(p.off), &p.block, pos - begin, stop - begin);
                pos = stop;
                i += 1;
            }
        }
    }
}

/// The packed bytes `from..to` of equal blocks that lie `stride` apart.
fn repeated<S: Sink>(sink: &mut S, off: i64, child: &Block, stride: i64, from: i64, to: i64) {
    let s = split(from, to, child.size);
    let at = |i: i64| off.wrapping_add(i.wrapping_mul(stride));
    let mut i = s.first;
    if let Some((a, b)) = s.head {
        part(sink, at(i), child, a, b);
        i += 1;
    }
    if s.whole > 0 {
        whole(sink, at(i), Rows { count: s.whole, stride }, child);
        i += s.whole;
    }
    if s.tail > 0 {
        part(sink, at(i), child, 0, s.tail);
    }
}

/// The packed bytes `from..to` of elements of a datatype, `extent` bytes apart.
#[inline]
pub(super) fn elements<S: Sink>(sink: &mut S, layout: &Layout, extent: i64, from: i64, to: i64) {
    if from >= to {
        return;
    }
    let Layout { off, block } = layout;
    match &block.shape {
        Shape::Run if extent == block.size => sink.run(off + from, to - from),
        // Elements that continue each other are one long strided block: vector types resized to interleave, and
        // single blocks with a gap behind them.
        Shape::Run => {
            let all = Shape::Strided { count: i64::MAX, stride: extent, len: block.size };
            part(sink, *off, &Block { size: i64::MAX, shape: all }, from, to);
        }
        Shape::Strided { count, stride, len } if stride.checked_mul(*count) == Some(extent) => {
            let all = Shape::Strided { count: i64::MAX, stride: *stride, len: *len };
            part(sink, *off, &Block { size: i64::MAX, shape: all }, from, to);
        }
        _ if to <= block.size => part(sink, *off, block, from, to),
        _ => repeated(sink, *off, block, extent, from, to),
    }
}
