//! Messages that came before their receive was posted, and the pools their bytes wait in.
//!
//! Both belong to a PE (all ranks of it share the pools). A message to another PE travels in a buffer of the sender's
//! pool; whoever has received it gives the buffer back, so one-way streams need no allocation either.
//!
//! # Safety
//! Pool buffers are raw allocations handed from PE to PE inside cells: each has exactly one owner, a [`Buffer`] value
//! or a cell in flight.
#![allow(unsafe_code)]

use super::afar::Offer;
use super::queue::{EXACT, Entry, Links, Pattern};
use super::rendezvous::Transfer;
use crate::memory::{self, Address};
use ampi_core::arena::commons;
use ampi_core::net::INLINE;
use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, Ordering};

/// Size classes of eager buffers; the last is the largest eager message.
const CLASSES: [usize; 5] = [128, 512, 2048, 4096, 16384];
/// Longer messages wait at the sender (rendezvous).
pub const EAGER_BYTES_MAX: usize = CLASSES[CLASSES.len() - 1];

/// What stands in front of a buffer's bytes, in a cache line of its own.
///
/// ```text
/// -64  Header { next, owner, class } | 0  bytes of the message …
/// ```
#[repr(C, align(64))]
struct Header {
    /// Next in a list of free buffers.
    next: *mut Header,
    /// The PE whose pool it came from and goes back to.
    owner: *const Returned,
    class: u8,
}

/// Free buffers that other PEs have given back to one PE: one list per class, pushed by others, taken whole by the owner.
#[derive(Default)]
#[repr(align(128))]
struct Returned {
    lists: [AtomicPtr<Header>; CLASSES.len()],
}

/// A pooled buffer, owned.
pub struct Buffer(*mut Header);

impl Buffer {
    /// For a cell, which owns the buffer from now on.
    pub fn into_word(self) -> u64 {
        self.0 as u64
    }
    /// From the cell that carried it; exactly once.
    pub fn from_word(word: u64) -> Buffer {
        Buffer(word as *mut Header)
    }
    #[inline(always)]
    pub fn address(&self) -> Address {
        Address(self.0 as usize + size_of::<Header>())
    }
}

/// Where the bytes of an unexpected message are.
pub enum Body {
    Inline([u8; INLINE]),
    Pooled(Buffer),
    /// Still at the sender, who waits.
    Remote(&'static Transfer),
    /// Still at the sender, in another process.
    Afar(Offer),
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
    /// Where the bytes are, if they are in another process.
    pub fn offer(&self) -> Option<Offer> {
        match &*self.body.borrow() {
            Body::Afar(offer) => Some(*offer),
            _ => None,
        }
    }
    /// Lets `f` see the bytes of a message that has them here.
    #[inline(always)]
    pub fn with_bytes(&self, f: impl FnOnce(Address)) {
        match &*self.body.borrow() {
            Body::Inline(data) => f(Address(data.as_ptr() as usize)),
            Body::Pooled(b) => f(b.address()),
            Body::Remote(_) | Body::Afar(_) => unreachable!("the bytes are at the sender"),
        }
    }
}

/// Free messages and buffers of one PE. Never freed: other PEs hold buffers that belong to it.
#[derive(Default)]
pub struct Pools {
    messages: RefCell<Vec<&'static Message>>,
    free: [Cell<Option<NonNull<Header>>>; CLASSES.len()],
    returned: Returned,
    /// Free large buffers, by the power of two of their size.
    large: RefCell<BTreeMap<u32, Vec<Large>>>,
}

/// A buffer for the bytes of one long message, in memory that all processes of the host see.
pub struct Large {
    at: Address,
    power: u32,
}

impl Large {
    pub fn address(&self) -> Address {
        self.at
    }
}

impl Pools {
    /// A large buffer of at least `bytes`.
    pub fn large(&self, bytes: usize) -> Large {
        let power = bytes.next_power_of_two().trailing_zeros();
        let free = self.large.borrow_mut().get_mut(&power).and_then(Vec::pop);
        free.unwrap_or_else(|| {
            let layout = Layout::from_size_align(1 << power, 64).expect("a valid layout");
            Large { at: Address(commons::take(layout) as usize), power }
        })
    }

    pub fn give_back_large(&self, buffer: Large) {
        self.large.borrow_mut().entry(buffer.power).or_default().push(buffer);
    }

    /// A buffer of at least `bytes` (at most [`EAGER_BYTES_MAX`]).
    #[inline(always)]
    pub fn buffer(&'static self, bytes: usize) -> Buffer {
        let class = CLASSES.iter().position(|&c| bytes <= c).expect("an eager message fits a class");
        let first = match self.free[class].take() {
            Some(first) => first,
            None => self.refill(class),
        };
        // SAFETY: buffers in the free list are ours; `next` is null or the next of them.
        self.free[class].set(NonNull::new(unsafe { (*first.as_ptr()).next }));
        Buffer(first.as_ptr())
    }

    /// Free buffers of a class: what others have given back, or a new one.
    #[cold]
    #[inline(never)]
    fn refill(&'static self, class: usize) -> NonNull<Header> {
        if let Some(list) =
            NonNull::new(self.returned.lists[class].swap(std::ptr::null_mut(), Ordering::Acquire))
        {
            return list;
        }
        let layout =
            Layout::from_size_align(size_of::<Header>() + CLASSES[class], 64).expect("a valid layout");
        // SAFETY: the layout has a non-zero size; the header is written before anybody reads it.
        unsafe {
            let at = NonNull::new_unchecked(commons::take(layout).cast::<Header>());
            at.write(Header { next: std::ptr::null_mut(), owner: &self.returned, class: class as u8 });
            at
        }
    }

    /// The buffer is not needed any more: back to its owner, here or on another PE.
    #[inline(always)]
    pub fn give_back(&self, b: Buffer) {
        // SAFETY: `b` is the only owner of a live buffer; its header was written by `refill`. A list of returned buffers
        // is only ever pushed to or taken whole, so the compare-and-swap cannot mistake a list for another.
        unsafe {
            let class = (*b.0).class as usize;
            if std::ptr::eq((*b.0).owner, &self.returned) {
                (*b.0).next = self.free[class].get().map_or(std::ptr::null_mut(), NonNull::as_ptr);
                self.free[class].set(NonNull::new(b.0));
                return;
            }
            let list = &(*(*b.0).owner).lists[class];
            let mut head = list.load(Ordering::Relaxed);
            loop {
                (*b.0).next = head;
                match list.compare_exchange_weak(head, b.0, Ordering::Release, Ordering::Relaxed) {
                    Ok(_) => return,
                    Err(now) => head = now,
                }
            }
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
    pub fn message_of(
        &'static self,
        key: u64,
        context: u32,
        from: Address,
        bytes: usize,
    ) -> &'static Message {
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
