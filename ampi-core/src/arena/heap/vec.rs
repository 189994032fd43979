//! A growable array whose elements lie in a rank's heap, so that it moves with the rank.
//!
//! # Safety
//! `ptr` is null or a block of `cap` elements of which the first `len` are initialised. Elements are `Copy`: nothing is
//! dropped. The block is obtained from and given back to the `grow`/`free` the caller passes; always the same heap.
#![allow(unsafe_code)]

/// All-zero bytes are an empty array.
#[repr(C)]
pub struct RankVec<T: Copy> {
    ptr: *mut T,
    len: usize,
    cap: usize,
}

impl<T: Copy> Default for RankVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Copy> RankVec<T> {
    pub const fn new() -> Self {
        RankVec { ptr: std::ptr::null_mut(), len: 0, cap: 0 }
    }

    pub fn as_slice(&self) -> &[T] {
        if self.ptr.is_null() {
            return &[];
        }
        // SAFETY: see the header.
        unsafe { std::slice::from_raw_parts(self.ptr, self.len) }
    }

    pub fn as_mut_slice(&mut self) -> &mut [T] {
        if self.ptr.is_null() {
            return &mut [];
        }
        // SAFETY: see the header.
        unsafe { std::slice::from_raw_parts_mut(self.ptr, self.len) }
    }

    /// Makes room for one more; false if `grow` (realloc of the owning heap) fails.
    #[must_use]
    pub fn reserve_one(&mut self, grow: impl FnOnce(*mut u8, usize) -> *mut u8) -> bool {
        if self.len == self.cap {
            let cap = (2 * self.cap).max(16);
            let p = grow(self.ptr.cast(), cap * size_of::<T>());
            if p.is_null() {
                return false;
            }
            (self.ptr, self.cap) = (p.cast(), cap);
        }
        true
    }

    /// Inserts at `i`; there must be room (reserve_one).
    pub fn insert(&mut self, i: usize, value: T) {
        assert!(i <= self.len && self.len < self.cap);
        // SAFETY: len < cap, so all of [i, len] may be written.
        unsafe {
            let at = self.ptr.add(i);
            at.copy_to(at.add(1), self.len - i);
            at.write(value);
        }
        self.len += 1;
    }

    pub fn remove(&mut self, i: usize) -> T {
        assert!(i < self.len);
        self.len -= 1;
        // SAFETY: i was an element.
        unsafe {
            let at = self.ptr.add(i);
            let v = at.read();
            at.copy_from(at.add(1), self.len - i);
            v
        }
    }

    /// Adds at the end; there must be room (reserve_one).
    pub fn push(&mut self, value: T) {
        self.insert(self.len, value);
    }

    pub fn pop(&mut self) -> Option<T> {
        self.len.checked_sub(1).map(|i| self.remove(i))
    }
}
