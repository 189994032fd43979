//! From copies of old types to a new one: the typemap arithmetic of every constructor (MPI-5.0 §5.1, §5.1.6).
//!
//! A constructor is a list of [`Assembler::place`] calls: "copies of this type at this displacement, in these nested
//! loops". The assembler computes bounds exactly, in 128 bits, and refuses what does not fit 64; only then are layout
//! and signature put together, whose arithmetic may then be plain.
//!
//! ```text
//!  markers anywhere in the typemap:  lb = min lb_marker            ub = max ub_marker
//!  none:                             lb = min disp                 ub = max (disp + sizeof) + ε
//! ```

use super::Datatype;
use super::DatatypeRef;
use super::basic::Basic;
use super::envelope::Envelope;
use super::layout::{Block, Layout};
use super::signature::Signature;
use crate::error::MpiResult;
use crate::mpi_err;
use std::sync::atomic::AtomicBool;

/// A loop around copies of an old type: how many, how many bytes apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copies {
    pub count: i64,
    pub stride: i128,
}

/// A range of displacements, empty at first.
#[derive(Debug, Clone, Copy, Default)]
struct Span(Option<(i128, i128)>);

impl Span {
    fn include(&mut self, low: i128, high: i128) {
        self.0 = Some(match self.0 {
            None => (low, high),
            Some((l, h)) => (l.min(low), h.max(high)),
        });
    }
}

/// Collects the parts of a new datatype.
pub(super) struct Assembler {
    size: i128,
    data: Span,
    markers: Span,
    align: i64,
    layouts: Vec<Layout>,
    /// Signatures with repetition counts; runs of the same old type are one entry.
    signatures: Vec<(Signature, i64)>,
    last_old: *const Datatype,
}

impl Assembler {
    pub fn new() -> Assembler {
        Assembler {
            size: 0,
            data: Span(None),
            markers: Span(None),
            align: 1,
            layouts: Vec::new(),
            signatures: Vec::new(),
            last_old: std::ptr::null(),
        }
    }

    /// Adds copies of `old` at displacement `disp` (bytes), in nested loops, outermost first.
    pub fn place(&mut self, disp: i128, loops: &[Copies], old: &Datatype) -> MpiResult {
        if loops.iter().any(|l| l.count == 0) {
            return Ok(());
        }
        let (mut low, mut high, mut copies) = (disp, disp, 1i128);
        for l in loops {
            let reach = l.stride.saturating_mul(l.count as i128 - 1);
            low = low.saturating_add(reach.min(0));
            high = high.saturating_add(reach.max(0));
            copies = copies.saturating_mul(l.count as i128);
        }
        if old.marked {
            self.markers.include(low.saturating_add(old.lb as i128), high.saturating_add(old.ub as i128));
        }
        if old.size == 0 {
            return self.check_bounds();
        }
        self.align = self.align.max(old.align);
        self.size = self.size.saturating_add(copies.saturating_mul(old.size as i128));
        self.data.include(low.saturating_add(old.true_lb as i128), high.saturating_add(old.true_ub as i128));
        self.check_bounds()?;

        let mut layout = old.layout.clone();
        for l in loops.iter().rev() {
            // A stride that does not fit 64 bits belongs to a loop of one: anything longer was refused above.
            layout = layout.repeat(l.count, l.stride as i64);
        }
        // Likewise a displacement that does not fit would have put the data out of bounds, or is the standard's
        // absolute address, which wraps consistently.
        self.layouts.push(layout.at(disp as i64));
        match self.signatures.last_mut() {
            Some((_, n)) if std::ptr::eq(self.last_old, old) => *n += copies as i64,
            _ => self.signatures.push((old.signature.clone(), copies as i64)),
        }
        self.last_old = old;
        Ok(())
    }

    /// Refuses a type whose size, bounds or spans leave 64 bits.
    fn check_bounds(&self) -> MpiResult {
        let fits = |x: i128| i64::try_from(x).is_ok();
        if !fits(self.size) {
            return mpi_err!(
                MPI_ERR_COUNT,
                "the new datatype would have {} bytes, more than an MPI_Count can hold",
                self.size
            );
        }
        for (low, high) in [self.data.0, self.markers.0].into_iter().flatten() {
            if !(fits(low) && fits(high) && fits(high - low)) {
                return mpi_err!(
                    MPI_ERR_ARG,
                    "the new datatype would reach from byte {low} to byte {high}, outside what an MPI_Count can hold"
                );
            }
        }
        Ok(())
    }

    /// The new datatype, with the bounds that follow from its parts.
    pub fn finish(self, envelope: Envelope) -> MpiResult<DatatypeRef> {
        let markers = self.markers.0;
        self.finish_with(markers, envelope)
    }

    /// The new datatype with lb and ub markers at the given places, in place of those of its parts.
    pub fn finish_marked(self, lb: i128, ub: i128, envelope: Envelope) -> MpiResult<DatatypeRef> {
        self.finish_with(Some((lb, ub)), envelope)
    }

    fn finish_with(mut self, markers: Option<(i128, i128)>, envelope: Envelope) -> MpiResult<DatatypeRef> {
        self.markers = Span(markers);
        let (true_lb, true_ub) = self.data.0.unwrap_or((0, 0));
        let (lb, ub) = markers.unwrap_or_else(|| {
            let align = self.align as i128;
            let padded = (true_ub - true_lb + align - 1) / align * align;
            (true_lb, true_lb + padded)
        });
        self.markers.include(lb, ub);
        self.check_bounds()?;
        let layout = match self.layouts.len() {
            1 => self.layouts.pop().unwrap_or(Layout::EMPTY),
            _ => Layout::concat(self.layouts),
        };
        let signature = Signature::concat(self.signatures.iter().map(|(s, n)| s.repeat(*n)));
        debug_assert_eq!(layout.block.size as i128, self.size);
        debug_assert_eq!(signature.bytes() as i128, self.size);
        Ok(DatatypeRef::derived(Datatype {
            size: self.size as i64,
            lb: lb as i64,
            ub: ub as i64,
            true_lb: true_lb as i64,
            true_ub: true_ub as i64,
            align: self.align,
            marked: markers.is_some(),
            committed: AtomicBool::new(false),
            basic: None,
            layout,
            signature,
            envelope,
        }))
    }
}

impl Datatype {
    /// The datatype of a row of the predefined table.
    pub(super) fn of_basic(basic: Basic) -> Datatype {
        let repr = basic.repr();
        let layout = match basic.pair() {
            None => Layout::run(repr.size()),
            Some((value, index)) => {
                Layout::concat([Layout::run(value.size()), Layout::run(index.size()).at(repr.index_offset())])
            }
        };
        let true_ub = match basic.pair() {
            None => repr.size(),
            Some((_, index)) => repr.index_offset() + index.size(),
        };
        let align = repr.align();
        Datatype {
            size: repr.size(),
            lb: 0,
            ub: (true_ub + align - 1) / align * align,
            true_lb: 0,
            true_ub,
            align,
            marked: false,
            committed: AtomicBool::new(true),
            basic: Some(basic),
            layout,
            signature: Signature::of(basic),
            envelope: Envelope::named(),
        }
    }

    /// Same typemap, other envelope (MPI_Type_dup), keeping the committed state.
    pub(super) fn duplicate(&self, envelope: Envelope) -> Datatype {
        Datatype {
            size: self.size,
            lb: self.lb,
            ub: self.ub,
            true_lb: self.true_lb,
            true_ub: self.true_ub,
            align: self.align,
            marked: self.marked,
            committed: AtomicBool::new(self.is_committed()),
            basic: None,
            layout: Layout { off: self.layout.off, block: Block::clone(&self.layout.block) },
            signature: self.signature.clone(),
            envelope,
        }
    }
}
