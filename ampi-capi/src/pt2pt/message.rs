//! Messages that came before their receive was posted, and the pools their bytes wait in.
//!
//! Both belong to a PE (all ranks of it share the pools); a message that came from another PE in a pooled buffer keeps
//! that buffer, which joins the receiving PE's pool afterwards.
//!
//! # Safety
//! Pool buffers are raw allocations handed from PE to PE inside cells: each has exactly one owner, a [`Buffer`] value
//! or a cell in flight.
#![allow(unsafe_code)]

use super::queue::{EXACT, Entry, Links, Pattern};
use super::rendezvous::Transfer;
use crate::memory::{self, Address};
use ampi_core::net::INLINE;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};

/// Size classes of eager buffers; the last is the largest eager message.
const CLASSES: [usize; 5] = [128, 512, 2048, 4096, 16384];
/// Longer messages wait at the sender (rendezvous).
pub const EAGER_BYTES_MAX: usize = CLASSES[CLASSES.len() - 1];
/// Buffers of a class kept by a PE; more go back to the allocator.
const KEPT: usize = 256;

/// A pooled buffer, owned.
pub struct Buffer {
    at: usize,
    class: u8,
}

impl Buffer {
    /// For a cell: address and class. The cell owns the buffer from now on.
    pub fn into_words(self) -> (u64, u64) {
        let words = (self.at as u64, self.class as u64);
        std::mem::forget(self);
        words
    }
    /// From the cell that carried it; exactly once.
    pub fn from_words(at: u64, class: u64) -> Buffer {
        Buffer { at: at as usize, class: class as u8 }
    }
    pub fn address(&self) -> Address {
        Address(self.at)
    }
    fn layout(class: u8) -> Layout {
        Layout::from_size_align(CLASSES[class as usize], 64).expect("size classes are valid layouts")
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: `at` was allocated with this layout and the value is the only owner.
        unsafe { dealloc(self.at as *mut u8, Buffer::layout(self.class)) };
    }
}

/// Where the bytes of an unexpected message are.
pub enum Body {
    Inline([u8; INLINE]),
    Pooled(Buffer),
    /// Still at the sender, who waits.
    Remote(&'static Transfer),
}

/// A message without a receive.
pub struct Message {
    links: Links<Message>,
    pattern: Cell<Pattern>,
    pub bytes: Cell<usize>,
    body: RefCell<Body>,
}

impl Entry for Message {
    #[inline(always)]
    fn links(&self) -> &Links<Message> {
        &self.links
    }
    #[inline(always)]
    fn pattern(&self) -> Pattern {
        self.pattern.get()
    }
}

impl Message {
    /// Source within the communicator.
    pub fn source(&self) -> i32 {
        (self.pattern.get().key >> 32) as i32
    }
    pub fn tag(&self) -> i32 {
        self.pattern.get().key as i32
    }
    /// The sender's transfer, if the bytes are still there.
    pub fn transfer(&self) -> Option<&'static Transfer> {
        match &*self.body.borrow() {
            Body::Remote(t) => Some(t),
            _ => None,
        }
    }
    /// Lets `f` see the bytes of a message that has them here.
    #[inline(always)]
    pub fn with_bytes(&self, f: impl FnOnce(Address)) {
        match &*self.body.borrow() {
            Body::Inline(data) => f(Address(data.as_ptr() as usize)),
            Body::Pooled(b) => f(b.address()),
            Body::Remote(_) => unreachable!("the bytes are at the sender"),
        }
    }
}

/// Free messages and buffers of one PE.
#[derive(Default)]
pub struct Pools {
    messages: RefCell<Vec<&'static Message>>,
    buffers: [RefCell<Vec<Buffer>>; CLASSES.len()],
}

impl Pools {
    /// A buffer of at least `bytes` (at most [`EAGER_BYTES_MAX`]).
    #[inline(always)]
    pub fn buffer(&self, bytes: usize) -> Buffer {
        let class = CLASSES.iter().position(|&c| bytes <= c).expect("an eager message fits a class");
        match self.buffers[class].borrow_mut().pop() {
            Some(b) => b,
            None => Self::fresh(class),
        }
    }

    #[cold]
    fn fresh(class: usize) -> Buffer {
        let layout = Buffer::layout(class as u8);
        // SAFETY: the layout has a non-zero size.
        let at = unsafe { alloc(layout) } as usize;
        if at == 0 {
            handle_alloc_error(layout);
        }
        Buffer { at, class: class as u8 }
    }

    #[inline(always)]
    pub fn give_back(&self, b: Buffer) {
        let mut kept = self.buffers[b.class as usize].borrow_mut();
        if kept.len() < KEPT {
            kept.push(b);
        }
    }

    /// A message node for bytes that are wherever `body` says.
    #[inline(always)]
    pub fn message(&self, key: u64, context: u32, bytes: usize, body: Body) -> &'static Message {
        let pattern = Pattern { key, mask: EXACT, context };
        match self.messages.borrow_mut().pop() {
            Some(m) => {
                m.pattern.set(pattern);
                m.bytes.set(bytes);
                *m.body.borrow_mut() = body;
                m
            }
            None => Box::leak(Box::new(Message {
                links: Links::default(),
                pattern: Cell::new(pattern),
                bytes: Cell::new(bytes),
                body: RefCell::new(body),
            })),
        }
    }

    /// A message that keeps a copy of the bytes at `from`.
    #[inline(always)]
    pub fn message_of(&self, key: u64, context: u32, from: Address, bytes: usize) -> &'static Message {
        let body = if bytes <= INLINE {
            let mut data = [0; INLINE];
            memory::copy(Address(data.as_mut_ptr() as usize), from, bytes);
            Body::Inline(data)
        } else {
            let b = self.buffer(bytes);
            memory::copy(b.address(), from, bytes);
            Body::Pooled(b)
        };
        self.message(key, context, bytes, body)
    }

    /// The message has been received.
    #[inline(always)]
    pub fn recycle(&self, m: &'static Message) {
        let pooled = matches!(&*m.body.borrow(), Body::Pooled(_));
        if pooled && let Body::Pooled(b) = m.body.replace(Body::Inline([0; INLINE])) {
            self.give_back(b);
        }
        self.messages.borrow_mut().push(m);
    }
}
