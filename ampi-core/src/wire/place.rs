//! Memory that a link reads from or writes to while nobody else is looking: the sender's lent payload, the receiver's
//! named place. So that a long payload is copied once, between the user's memory and the kernel or the shared ring.
//!
//! # Safety
//! Both are made from raw addresses only by an `unsafe` constructor, whose caller promises that the memory stays valid
//! and unused by others until the link gives the value or its token back. A link that is dropped gives nothing back and
//! does not touch the memory any more.
#![allow(unsafe_code)]

use std::io::IoSlice;

/// Where the bytes of one long payload go.
#[derive(Debug)]
pub struct Place(Target);

#[derive(Debug)]
enum Target {
    Owned(Vec<u8>),
    Raw(*mut u8, usize),
}

// SAFETY: the promise of `Place::at` holds for whichever thread polls the link.
unsafe impl Send for Place {}

impl Place {
    /// New memory, which [`Place::into_bytes`] hands out.
    pub fn owned(len_bytes: usize) -> Place {
        Place(Target::Owned(vec![0; len_bytes]))
    }

    /// Nowhere: the payload is read and forgotten.
    pub fn nowhere() -> Place {
        Place::owned(0)
    }

    /// The `len_bytes` bytes at `address`. A payload that is longer loses its end.
    ///
    /// # Safety
    /// They are valid for writes, and nobody else reads or writes them, until [`Sink::placed`](super::link::Sink::placed)
    /// or [`Sink::lost`](super::link::Sink::lost) gives the place back or the link is dropped.
    pub unsafe fn at(address: *mut u8, len_bytes: usize) -> Place {
        Place(Target::Raw(address, len_bytes))
    }

    /// Room in bytes.
    pub fn len(&self) -> usize {
        match &self.0 {
            Target::Owned(bytes) => bytes.len(),
            Target::Raw(_, len) => *len,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was written into memory of its own; empty when the place was given by address.
    pub fn into_bytes(self) -> Vec<u8> {
        match self.0 {
            Target::Owned(bytes) => bytes,
            Target::Raw(..) => Vec::new(),
        }
    }

    /// The room from `done` on.
    pub(super) fn rest(&mut self, done: usize) -> &mut [u8] {
        let whole = match &mut self.0 {
            Target::Owned(bytes) => bytes.as_mut_slice(),
            Target::Raw(_, 0) => &mut [],
            // SAFETY: promised by the caller of `at`.
            Target::Raw(address, len) => unsafe { std::slice::from_raw_parts_mut(*address, *len) },
        };
        let done = done.min(whole.len());
        &mut whole[done..]
    }
}

/// A payload that stays where it is until it is gone.
#[derive(Debug)]
pub struct Lent {
    source: Source,
    len_bytes: usize,
    /// What [`Sink::released`](super::link::Sink::released) says.
    pub token: u64,
}

#[derive(Debug)]
enum Source {
    Owned(Vec<u8>),
    Raw(Vec<(*const u8, usize)>),
}

// SAFETY: the promise of `Lent::pieces` holds for whichever thread uses the link.
unsafe impl Send for Lent {}

impl Lent {
    /// Bytes that the link shall keep.
    pub fn owned(bytes: Vec<u8>, token: u64) -> Lent {
        Lent { len_bytes: bytes.len(), source: Source::Owned(bytes), token }
    }

    /// Pieces of memory, each an address and a length in bytes, one after the other.
    ///
    /// # Safety
    /// They are valid for reads, and nobody writes to them, until [`Sink::released`](super::link::Sink::released) names
    /// `token` or the link is dropped.
    pub unsafe fn pieces(pieces: Vec<(*const u8, usize)>, token: u64) -> Lent {
        Lent { len_bytes: pieces.iter().map(|p| p.1).sum(), source: Source::Raw(pieces), token }
    }

    /// Length of the payload in bytes.
    pub fn len(&self) -> usize {
        self.len_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.len_bytes == 0
    }

    /// Adds the bytes from `done` on to `slices`, at most `max_slices` of them.
    pub(super) fn slices_from<'a>(&'a self, done: usize, slices: &mut Vec<IoSlice<'a>>, max_slices: usize) {
        match &self.source {
            Source::Owned(bytes) => slices.push(IoSlice::new(&bytes[done.min(bytes.len())..])),
            Source::Raw(pieces) => {
                let mut skip = done;
                for &(address, len) in pieces {
                    if slices.len() >= max_slices {
                        return;
                    }
                    if skip >= len {
                        skip -= len;
                        continue;
                    }
                    // SAFETY: promised by the caller of `pieces`; `len` is not 0.
                    let piece = unsafe { std::slice::from_raw_parts(address, len) };
                    slices.push(IoSlice::new(&piece[skip..]));
                    skip = 0;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_pieces_from_any_position() {
        let (a, b) = (vec![1u8, 2, 3], vec![4u8, 5]);
        let pieces = vec![(a.as_ptr(), 3), (std::ptr::null(), 0), (b.as_ptr(), 2)];
        // SAFETY: both vectors live to the end of the test.
        let lent = unsafe { Lent::pieces(pieces, 7) };
        assert_eq!((lent.len(), lent.token), (5, 7));
        for done in 0..=5 {
            let mut slices = Vec::new();
            lent.slices_from(done, &mut slices, 8);
            let rest: Vec<u8> = slices.iter().flat_map(|s| s.to_vec()).collect();
            assert_eq!(rest, [1, 2, 3, 4, 5][done..]);
        }
        let mut one = Vec::new();
        lent.slices_from(0, &mut one, 1);
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn a_place_is_filled_from_any_position_and_ends() {
        let mut bytes = [0u8; 4];
        // SAFETY: the array lives to the end of the test.
        let mut place = unsafe { Place::at(bytes.as_mut_ptr(), 4) };
        place.rest(1).fill(7);
        assert!(place.rest(9).is_empty());
        assert!(place.into_bytes().is_empty());
        assert_eq!(bytes, [0, 7, 7, 7]);
        assert!(Place::nowhere().is_empty());
        let mut own = Place::owned(2);
        own.rest(0).copy_from_slice(&[1, 2]);
        assert_eq!(own.into_bytes(), [1, 2]);
    }
}
