//! Type signatures (MPI-5.0 §5.1): the sequence of basic types of a datatype, without displacements.
//!
//! Used for counting received elements (MPI_Get_elements), for conversion (`external32`) and for comparing what was
//! sent with what is received. Kept as a tree with repetition counts, so a million-element type costs a few words.
//! Pair types count as their two members.

use super::basic::Basic;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Packed native bytes.
    bytes: i64,
    /// Basic elements.
    elements: i64,
    shape: Shape,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    /// `elements` times the same type; the empty signature is zero times any.
    Uniform(Basic),
    Repeat {
        count: i64,
        child: Arc<Signature>,
    },
    Seq(Arc<[Part]>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    end_bytes: i64,
    end_elements: i64,
    signature: Signature,
}

/// Any row will do: it is never looked at, as there are no elements.
const NOTHING: Basic = Basic::named(crate::abi::constants::MPI_BYTE);

impl Signature {
    pub(super) const EMPTY: Signature = Signature { bytes: 0, elements: 0, shape: Shape::Uniform(NOTHING) };

    /// The signature of a predefined type.
    pub(super) fn of(basic: Basic) -> Signature {
        match basic.pair() {
            Some((value, index)) => Signature::concat([Signature::of(value), Signature::of(index)]),
            None => Signature { bytes: basic.size(), elements: 1, shape: Shape::Uniform(basic) },
        }
    }

    /// `count` times this signature; the caller has checked that the bytes fit 64 bits.
    pub(super) fn repeat(&self, count: i64) -> Signature {
        if count <= 0 || self.elements == 0 {
            return Signature::EMPTY;
        }
        if count == 1 {
            return self.clone();
        }
        let shape = match &self.shape {
            Shape::Uniform(basic) => Shape::Uniform(*basic),
            Shape::Repeat { count: n, child } => Shape::Repeat { count: n * count, child: child.clone() },
            Shape::Seq(_) => Shape::Repeat { count, child: Arc::new(self.clone()) },
        };
        Signature { bytes: self.bytes * count, elements: self.elements * count, shape }
    }

    /// One signature after another.
    pub(super) fn concat(parts: impl IntoIterator<Item = Signature>) -> Signature {
        let mut list: Vec<Signature> = Vec::new();
        for s in parts.into_iter().filter(|s| s.elements > 0) {
            match list.last_mut() {
                Some(last) if last.uniform().is_some() && last.uniform() == s.uniform() => {
                    last.bytes += s.bytes;
                    last.elements += s.elements;
                }
                _ => list.push(s),
            }
        }
        if list.len() <= 1 {
            return list.pop().unwrap_or(Signature::EMPTY);
        }
        let (mut end_bytes, mut end_elements) = (0, 0);
        let parts: Arc<[Part]> = list
            .into_iter()
            .map(|signature| {
                end_bytes += signature.bytes;
                end_elements += signature.elements;
                Part { end_bytes, end_elements, signature }
            })
            .collect();
        Signature { bytes: end_bytes, elements: end_elements, shape: Shape::Seq(parts) }
    }

    pub fn bytes(&self) -> i64 {
        self.bytes
    }

    /// How many basic elements one element of the datatype has.
    pub fn elements(&self) -> i64 {
        self.elements
    }

    /// The one basic type that all elements have, if it is one.
    pub fn uniform(&self) -> Option<Basic> {
        match self.shape {
            Shape::Uniform(basic) if self.elements > 0 => Some(basic),
            _ => None,
        }
    }

    /// How many basic elements the first `bytes` packed bytes hold; `None` if they end inside one.
    pub fn elements_in(&self, bytes: i64) -> Option<i64> {
        if bytes == self.bytes {
            return Some(self.elements);
        }
        match &self.shape {
            Shape::Uniform(basic) => (bytes % basic.size() == 0).then(|| bytes / basic.size()),
            Shape::Repeat { child, .. } => {
                Some(bytes / child.bytes * child.elements + child.elements_in(bytes % child.bytes)?)
            }
            Shape::Seq(parts) => {
                let i = parts.partition_point(|p| p.end_bytes <= bytes);
                let part = parts.get(i)?;
                let before_bytes = part.end_bytes - part.signature.bytes;
                let before = part.end_elements - part.signature.elements;
                Some(before + part.signature.elements_in(bytes - before_bytes)?)
            }
        }
    }

    /// How many packed bytes the first `elements` basic elements take.
    pub fn bytes_of(&self, elements: i64) -> i64 {
        if elements >= self.elements {
            return self.bytes;
        }
        match &self.shape {
            Shape::Uniform(basic) => elements * basic.size(),
            Shape::Repeat { child, .. } => {
                elements / child.elements * child.bytes + child.bytes_of(elements % child.elements)
            }
            Shape::Seq(parts) => {
                let i = parts.partition_point(|p| p.end_elements <= elements);
                let Some(part) = parts.get(i) else { return self.bytes };
                let before = part.end_elements - part.signature.elements;
                part.end_bytes - part.signature.bytes + part.signature.bytes_of(elements - before)
            }
        }
    }

    /// The signature of `count` elements as runs `(basic type, how many)`. Equal runs may follow each other.
    pub fn runs(&self, count: i64) -> Runs<'_> {
        let count = if self.elements == 0 { 0 } else { count };
        Runs { stack: vec![Frame { signature: self, times: count, part: 0 }] }
    }

    /// Whether `count` elements of `self`, as sent, may be received as `other_count` elements of `other`: the sent
    /// sequence is a beginning of the received one (MPI-5.0 §3.3.1; a longer receive is allowed, §3.2.4).
    pub fn fits(&self, count: i64, other: &Signature, other_count: i64) -> bool {
        if self == other {
            return count <= other_count || self.elements == 0;
        }
        let (mut sent, mut wanted) = (self.runs(count), other.runs(other_count));
        let mut have: Option<(Basic, i64)> = None;
        for (basic, mut n) in sent.by_ref() {
            while n > 0 {
                let Some((b, m)) = have.take().or_else(|| wanted.next()) else { return false };
                if b != basic {
                    return false;
                }
                let step = n.min(m);
                n -= step;
                have = (m > step).then_some((b, m - step));
            }
        }
        true
    }
}

/// Iterator over the runs of a signature.
pub struct Runs<'a> {
    stack: Vec<Frame<'a>>,
}

struct Frame<'a> {
    signature: &'a Signature,
    times: i64,
    part: usize,
}

impl Iterator for Runs<'_> {
    type Item = (Basic, i64);

    fn next(&mut self) -> Option<(Basic, i64)> {
        loop {
            let top = self.stack.last_mut()?;
            if top.times <= 0 {
                self.stack.pop();
                continue;
            }
            match &top.signature.shape {
                Shape::Uniform(basic) => {
                    let n = top.signature.elements.saturating_mul(top.times);
                    top.times = 0;
                    return Some((*basic, n));
                }
                Shape::Repeat { count, child } => {
                    top.times -= 1;
                    self.stack.push(Frame { signature: child, times: *count, part: 0 });
                }
                Shape::Seq(parts) => match parts.get(top.part) {
                    Some(p) => {
                        top.part += 1;
                        self.stack.push(Frame { signature: &p.signature, times: 1, part: 0 });
                    }
                    None => {
                        top.part = 0;
                        top.times -= 1;
                    }
                },
            }
        }
    }
}
